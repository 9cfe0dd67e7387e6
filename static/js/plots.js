// Live curves by uPlot: colours from the style sheet, a line that is dashed as well as coloured, and a sentence for screen readers.

import { significant } from "./figures.js";
import { _ } from "./messages.js";
import { Series } from "./series.js";

const HEIGHT = 200;
const DASHES = [[], [6, 4], [2, 3]];
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
  constructor(figure) {
    this.figure = figure;
    this.box = figure.querySelector("[data-canvas]");
    this.series = new Series(figure.dataset.series.split(" "));
    this.legend = [...figure.querySelectorAll(".legend li")];
    this.chart = null;
    this.details = figure.querySelector(".figures");
    this.details.addEventListener("toggle", () => this.#tabulate());
  }

  add(points) {
    if (this.series.add(points)) this.draw();
  }

  draw() {
    const data = [this.series.steps, ...this.series.values];
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
        series: [{ label: _("Step") }, ...series],
      },
      data,
      this.box,
    );
  }

  #tell() {
    const sentences = this.legend.map((item, index) => {
      item.querySelector("[data-latest]").textContent = this.series.latest(index);
      return this.series.sentence(index, item.dataset.sentence, item.dataset.noValues);
    });
    this.figure.querySelector("[data-summary]").textContent = sentences.join(" ");
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
    if (placeholder) placeholder.textContent = placeholder.dataset.ended;
  }

  destroy() {
    this.chart?.destroy();
  }
}

/** All plots of one job's section. */
export class Curves {
  constructor(section) {
    this.plots = [...section.querySelectorAll("[data-plot]")].map((figure) => new Plot(figure));
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
