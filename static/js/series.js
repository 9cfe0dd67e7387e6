// The points of one plot's lines: by step, each step once, whatever order they come in. Pure, knows no page.

import { significant } from "./figures.js";

/** One plot's values in words, under its name: "Loss: train 0.3, held-out 0.5"; no name twice. */
export function spoken(title, labels, values) {
  if (labels.length === 1 && labels[0] === title) return `${title} ${values[0]}`;
  return `${title}: ${labels.map((label, index) => `${label} ${values[index]}`).join(", ")}`;
}

export class Series {
  /** @param {string[]} metrics one line each */
  constructor(metrics) {
    this.metrics = metrics;
    this.steps = [];
    this.values = metrics.map(() => []);
  }

  /** Takes {step, values} of some metrics; those of other plots are left out. True where a line has changed. */
  add(points) {
    const own = points.filter((point) => this.metrics.some((name) => name in point.values));
    for (const point of own) this.#addPoint(point);
    return own.length > 0;
  }

  #addPoint(point) {
    // a resumed attempt reports steps again: the later report counts
    let at = this.steps.indexOf(point.step);
    if (at < 0) {
      at = this.steps.findIndex((step) => step > point.step);
      if (at < 0) at = this.steps.length;
      this.steps.splice(at, 0, point.step);
      for (const column of this.values) column.splice(at, 0, null);
    }
    for (const [index, name] of this.metrics.entries()) {
      this.values[index][at] = point.values[name] ?? this.values[index][at];
    }
  }

  /** The last known value of a line, in words; "–" before there is one. */
  latest(index) {
    return significant(this.#known(index).at(-1)?.[1]);
  }

  /**
   * Where a line began and where it is, in the words of the server (app/web/plots.py).
   *
   * @param {string} words with {first}, {first_step}, {last} and {last_step}
   * @param {string} unknown said while the line has no values
   */
  sentence(index, words, unknown) {
    const known = this.#known(index);
    if (!known.length) return unknown;
    const [[firstStep, first], [lastStep, last]] = [known[0], known.at(-1)];
    const values = { first: significant(first), first_step: firstStep, last: significant(last), last_step: lastStep };
    return words.replace(/\{(\w+)\}/g, (_whole, name) => values[name]);
  }

  #known(index) {
    return this.values[index].map((value, at) => [this.steps[at], value]).filter(([, value]) => value != null);
  }
}
