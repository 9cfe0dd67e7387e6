// Live curves by uPlot: colours from the style sheet, a line that is dashed as well as coloured, and a sentence for screen readers.

import { significant } from "./figures.js";

const HEIGHT = 200;
const DASHES = [[], [6, 4], [2, 3]];
const dark = matchMedia("(prefers-color-scheme: dark)");

const colour = (element, name) => {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.color = `var(${name})`;
  element.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

class Plot {
  constructor(figure) {
    this.figure = figure;
    this.box = figure.querySelector("[data-canvas]");
    this.metrics = figure.dataset.series.split(" ");
    this.legend = [...figure.querySelectorAll(".legend li")];
    this.steps = [];
    this.values = this.metrics.map(() => []);
    this.chart = null;
    this.details = figure.querySelector(".figures");
    this.details.addEventListener("toggle", () => this.#tabulate());
  }

  add(points) {
    let changed = false;
    for (const point of points) {
      if (!this.metrics.some((name) => name in point.values)) continue;
      changed = true;
      this.#addPoint(point);
    }
    if (changed) this.draw();
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
    this.metrics.forEach((name, index) => (this.values[index][at] = point.values[name] ?? this.values[index][at]));
  }

  draw() {
    const data = [this.steps, ...this.values];
    if (this.chart) this.chart.setData(data);
    else this.#create(data);
    this.#tell();
    this.#tabulate();
  }

  #create(data) {
    this.box.querySelector("[data-placeholder]")?.remove();
    const ink = colour(this.figure, "--ink-soft");
    const grid = { stroke: colour(this.figure, "--line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif" };
    const series = this.legend.map((item, index) => ({
      label: item.dataset.label,
      stroke: colour(item, "--line-color"),
      width: 2,
      dash: DASHES[index],
      spanGaps: true,
      points: { show: data[0].length < 20, size: 5 },
    }));
    this.chart = new window.uPlot(
      {
        width: Math.max(200, this.box.clientWidth),
        height: HEIGHT,
        cursor: { drag: { setScale: false } },
        legend: { show: false },
        scales: { x: { time: false }, y: this.figure.dataset.share ? { range: [0, 1] } : {} },
        axes: [
          { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
          { ...axis, size: 56, values: (_chart, ticks) => ticks.map((tick) => significant(tick)) },
        ],
        series: [{ label: "Step" }, ...series],
      },
      data,
      this.box,
    );
  }

  #tell() {
    const sentences = this.legend.map((item, index) => {
      const known = this.values[index].map((value, at) => [this.steps[at], value]).filter(([, value]) => value != null);
      const last = known.at(-1);
      item.querySelector("[data-latest]").textContent = significant(last?.[1]);
      if (!last) return `No values of ${item.dataset.label} yet.`;
      return `${item.dataset.label}: ${significant(known[0][1])} at step ${known[0][0]}, ${significant(last[1])} at step ${last[0]}.`;
    });
    this.figure.querySelector("[data-summary]").textContent = sentences.join(" ");
  }

  /** The table of the figures, while somebody reads it. */
  #tabulate() {
    if (!this.steps.length) return; // what the server wrote stands
    this.details.hidden = false;
    if (!this.details.open) return;
    const rows = this.steps.map((step, at) => {
      const row = document.createElement("tr");
      const head = row.appendChild(document.createElement("th"));
      Object.assign(head, { scope: "row", className: "number", textContent: step });
      for (const column of this.values) Object.assign(row.insertCell(), { className: "figure", textContent: significant(column[at]) });
      return row;
    });
    this.details.querySelector("tbody").replaceChildren(...rows);
  }

  resize() {
    this.chart?.setSize({ width: Math.max(200, this.box.clientWidth), height: HEIGHT });
  }

  recolour() {
    this.chart?.destroy();
    this.chart = null;
    if (this.steps.length) this.draw();
  }

  /** No more points will come. */
  end() {
    const placeholder = this.box.querySelector("[data-placeholder]");
    if (placeholder) placeholder.textContent = "No points were recorded.";
  }

  destroy() {
    this.chart?.destroy();
  }
}

/** All plots of one job's section. */
export class Curves {
  constructor(section) {
    this.plots = [...section.querySelectorAll("[data-plot]")].map((figure) => new Plot(figure));
    this.observer = new ResizeObserver(() => this.plots.forEach((plot) => plot.resize()));
    this.recolour = () => this.plots.forEach((plot) => plot.recolour());
    this.observer.observe(section);
    dark.addEventListener("change", this.recolour);
  }

  add(points) {
    for (const plot of this.plots) plot.add(points);
  }

  end() {
    for (const plot of this.plots) plot.end();
  }

  destroy() {
    this.observer.disconnect();
    dark.removeEventListener("change", this.recolour);
    for (const plot of this.plots) plot.destroy();
  }
}
