// Live curves by uPlot: colours from the style sheet, a line that is dashed as well as coloured, and a sentence for screen readers.

import { fitsLog, smoothed } from "./curve_view.js";
import { significant } from "./figures.js";
import { _, sentences } from "./messages.js";
import { Series, spoken } from "./series.js";

const HEIGHT = 200;
const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3]];
const FAINT = 0.4; // of a raw line behind its smoothed one
const LEAST_DRAG = 8; // pixels
const dark = matchMedia("(prefers-color-scheme: dark)");

const colour = (element, name) => {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.color = `var(${name})`;
  element.append(probe);
  const computed = getComputedStyle(probe).color;
  probe.remove();
  return computed;
};

class Plot {
  constructor(figure, curves) {
    this.figure = figure;
    this.curves = curves;
    this.box = figure.querySelector("[data-canvas]");
    this.series = new Series(figure.dataset.series.split(" "));
    this.legend = [...figure.querySelectorAll(".legend [data-label]")];
    this.reading = figure.querySelector("[data-read]");
    this.chart = null;
    this.details = figure.querySelector(".figures");
    this.details.addEventListener("toggle", () => this.#tabulate());
    this.box.addEventListener("dblclick", () => curves.stretch(null, null));
  }

  add(points) {
    if (this.series.add(points)) this.draw();
  }

  draw() {
    if (this.chart) this.chart.setData(this.#data());
    else this.#create(this.#data());
    this.#zoom();
    this.#tell();
    this.#tabulate();
  }

  /** Steps, each line as it is drawn, and each as it is: faint behind it where it is smoothed. */
  #data() {
    const { values, steps } = this.series;
    const weight = this.curves.view.smoothing;
    return [steps, ...(weight ? values.map((column) => smoothed(column, weight)) : values), ...values];
  }

  #zoom() {
    const { from, to } = this.curves.view;
    const { steps } = this.series;
    if (from === null && to === null) return;
    this.chart.setScale("x", { min: from ?? steps[0], max: to ?? steps.at(-1) });
  }

  #create(data) {
    this.box.querySelector("[data-placeholder]")?.remove();
    const { view } = this.curves;
    const log = view.log && fitsLog(this.series.values);
    this.figure.querySelector("[data-no-log]").hidden = log || !view.log;
    const grid = { stroke: colour(this.figure, "--line"), width: 1 };
    const axis = { stroke: colour(this.figure, "--ink-soft"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
    const upright = { range: this.figure.dataset.share ? [0, 1] : undefined };
    this.chart = new window.uPlot(
      {
        width: Math.max(200, this.box.clientWidth),
        height: HEIGHT,
        cursor: {
          y: false,
          drag: { x: true, y: false, setScale: false },
          sync: { key: "curves", scales: ["x", null] },
        },
        hooks: { setCursor: [(chart) => this.#read(chart.cursor.idx)], setSelect: [(chart) => this.#select(chart)] },
        legend: { show: false },
        scales: { x: { time: false }, y: log ? { distr: 3 } : upright },
        axes: [
          { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
          {
            ...axis,
            size: 56,
            values: (_chart, ticks) => ticks.map((tick) => (tick === null ? "" : significant(tick))),
          },
        ],
        series: [{ label: _("Step") }, ...this.#lines(data[0].length < 20), ...this.#rawLines()],
      },
      data,
      this.box,
    );
  }

  #lines(dotted) {
    return this.legend.map((item, index) => ({
      label: item.dataset.label,
      stroke: colour(item, "--line-color"),
      width: 2,
      dash: DASHES[index],
      spanGaps: true,
      points: { show: dotted, size: 5 },
    }));
  }

  #rawLines() {
    const show = this.curves.view.smoothing > 0;
    const faint = { width: 1, alpha: FAINT, spanGaps: true, points: { show: false } };
    return this.legend.map((item) => ({
      ...faint,
      label: item.dataset.label,
      stroke: colour(item, "--line-color"),
      show,
    }));
  }

  /** The stretch over which somebody dragged. */
  #select(chart) {
    const { left, width } = chart.select;
    if (width < LEAST_DRAG) return;
    chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    const [from, to] = [left, left + width].map((place) => Math.round(chart.posToVal(place, "x")));
    this.curves.stretch(from, to);
  }

  /** The values at a point of the lines; of none, the latest. */
  #read(at) {
    const step = at == null ? null : this.series.steps[at];
    this.reading.hidden = step === null;
    this.reading.textContent = step === null ? "" : _("Step {step}", { step });
    for (const [index, item] of this.legend.entries()) {
      const value = step === null ? this.series.latest(index) : significant(this.series.values[index][at]);
      item.querySelector("[data-latest]").textContent = value;
    }
    this.curves.hasRead(step);
  }

  /** Puts the cursor to a step, or takes it away. */
  point(step) {
    if (!this.chart) return;
    this.chart.setCursor(step === null ? { left: -10, top: -10 } : { left: this.chart.valToPos(step, "x"), top: 1 });
  }

  /** The values at the step, or at the nearest that this plot has. */
  sentence(step) {
    const { steps, values } = this.series;
    if (!steps.length) return "";
    const at = steps.reduce(
      (best, each, index) => (Math.abs(each - step) < Math.abs(steps[best] - step) ? index : best),
      0,
    );
    const labels = this.legend.map((item) => item.dataset.label);
    return spoken(
      this.figure.dataset.title,
      labels,
      labels.map((_label, index) => significant(values[index][at])),
    );
  }

  #tell() {
    const said = this.legend.map((item, index) => {
      if (this.chart.cursor.idx == null) item.querySelector("[data-latest]").textContent = this.series.latest(index);
      return this.series.sentence(index, item.dataset.sentence, item.dataset.noValues);
    });
    this.figure.querySelector("[data-summary]").textContent = sentences(...said);
  }

  /** The table of the figures, while somebody reads it. */
  #tabulate() {
    if (!this.series.steps.length) return; // what the server wrote stands
    this.details.hidden = false;
    if (!this.details.open) return;
    const rows = this.series.steps.map((step, at) => {
      const row = document.createElement("tr");
      const head = row.appendChild(document.createElement("th"));
      Object.assign(head, { scope: "row", className: "number", textContent: step });
      for (const column of this.series.values)
        Object.assign(row.insertCell(), { className: "figure", textContent: significant(column[at]) });
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
    if (this.series.steps.length) this.draw();
  }

  /** No more points will come. */
  end() {
    const placeholder = this.box.querySelector("[data-placeholder]");
    if (!placeholder?.dataset.ended) return;
    placeholder.textContent = placeholder.dataset.ended;
    this.figure.querySelector("[data-summary]").textContent = placeholder.dataset.ended;
  }

  destroy() {
    this.chart?.destroy();
  }
}

/** All plots of one section, looked at in the same way. */
export class Curves {
  onStretch = () => {};
  onSteps = () => {};
  onRead = () => {};

  constructor(section) {
    this.view = { smoothing: 0, log: false, from: null, to: null };
    this.step = null;
    this.plots = [...section.querySelectorAll("[data-plot]")].map((figure) => new Plot(figure, this));
    this.observer = new ResizeObserver(() => {
      for (const plot of this.plots) plot.resize();
    });
    this.recolour = () => {
      for (const plot of this.plots) plot.recolour();
    };
    this.observer.observe(section);
    dark.addEventListener("change", this.recolour);
  }

  add(points) {
    for (const plot of this.plots) plot.add(points);
    const steps = this.plots
      .flatMap((plot) => [plot.series.steps[0], plot.series.steps.at(-1)])
      .filter(Number.isFinite);
    if (steps.length) this.onSteps(Math.min(...steps), Math.max(...steps));
  }

  /** Another view of the same points. */
  show(view) {
    this.view = { ...view };
    this.recolour();
  }

  stretch(from, to) {
    if (from === null || from < to) this.onStretch({ from, to });
  }

  /** All plots show their values at this step; null: the latest ones. */
  read(step) {
    for (const plot of this.plots) plot.point(step);
    this.hasRead(step);
  }

  hasRead(step) {
    if (step === this.step) return;
    this.step = step;
    this.onRead(step);
  }

  /** What all plots say at a step. */
  sentence(step) {
    const said = this.plots.map((plot) => plot.sentence(step)).filter(Boolean);
    return _("Step {step}: {values}", { step, values: said.join("; ") });
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
