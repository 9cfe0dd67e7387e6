// The five settings of the dice as sliders beside the bars: what they would do to this place, at once and without the server.

import { settingsOf } from "./branching.js";
import { button, make } from "./elements.js";
import { _ } from "./messages.js";

const OFF = { top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1 };
const RANGES = {
  temperature: { min: 0, max: 2, step: 0.05 },
  top_k: { min: 0, max: 100, step: 1 },
  top_p: { min: 0.05, max: 1, step: 0.05 },
  min_p: { min: 0, max: 0.5, step: 0.01 },
  repetition_penalty: { min: 0.5, max: 2, step: 0.05 },
};
const labels = () => ({
  temperature: _("Temperature"),
  top_k: _("Top-k"),
  top_p: _("Top-p"),
  min_p: _("Min-p"),
  repetition_penalty: _("Repetition penalty"),
});
const hints = () => ({
  temperature: _("Below 1 the likely become likelier, above 1 the unlikely get their chance; at 0 nothing is rolled."),
  top_k: _("Only so many of the likeliest stay in the roll."),
  top_p: _("Only the likeliest stay, until their shares add up to this."),
  min_p: _("Only those stay that have at least this share of the likeliest token's."),
  repetition_penalty: _("Above 1, tokens that stood there already become less likely."),
});

const wide = matchMedia("(min-width: 60rem)");
let count = 0;

/** Tells `onChange(settings)` of each move, and `onBack()` when they stand as they were: the button for it is gone then. */
export class DiceSliders {
  #inputs = {};

  constructor(body, { onChange, onBack }) {
    this.own = settingsOf(body);
    this.settings = { ...this.own };
    Object.assign(this, { onChange, onBack });
    this.back = button(_("As it was rolled"), () => this.#goBack(), "button quiet");
    this.element = make(
      "details",
      { className: "dice-sliders", open: wide.matches },
      make("summary", {}, _("Try other settings")),
    );
    this.element.append(...Object.keys(RANGES).map((name) => this.#field(name)), this.back);
    this.#show();
    this.follow = (event) => this.#followPage(event.target);
    document.addEventListener("input", this.follow);
  }

  /** Whether they stand as the answer was made. */
  get isOwn() {
    return Object.keys(this.own).every((name) => this.own[name] === this.settings[name]);
  }

  #field(name) {
    count += 1;
    const ids = { input: `dice-${name}-${count}`, hint: `dice-${name}-hint-${count}` };
    const range = RANGES[name];
    const max = Math.max(range.max, this.own[name]);
    const min = Math.min(range.min, this.own[name]);
    const input = make("input", { type: "range", id: ids.input, min, max, step: "any", "aria-describedby": ids.hint });
    const output = make("output", { className: "number", htmlFor: ids.input });
    input.addEventListener("input", () => {
      this.settings[name] = this.#snapped(name, input.valueAsNumber);
      this.#changed();
    });
    input.addEventListener("keydown", (event) => this.#step(event, name));
    this.#inputs[name] = { input, output };
    return make(
      "div",
      { className: "dice-slider" },
      make("label", { htmlFor: ids.input }, labels()[name]),
      output,
      input,
      make("p", { className: "small soft", id: ids.hint }, hints()[name]),
    );
  }

  /** The nearest step; the answer's own value stays where it is, between steps too. */
  #snapped(name, value) {
    const { step } = RANGES[name];
    return Number((Math.round(value / step) * step).toFixed(4));
  }

  #step(event, name) {
    const direction = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!direction) return;
    event.preventDefault();
    const { input } = this.#inputs[name];
    const next = this.#snapped(name, this.settings[name] + direction * RANGES[name].step);
    this.settings[name] = Math.min(Number(input.max), Math.max(Number(input.min), next));
    this.#changed();
  }

  #changed() {
    this.#show();
    this.onChange(this.settings);
  }

  #goBack() {
    this.settings = { ...this.own };
    this.#changed();
    this.onBack();
  }

  #show() {
    for (const [name, { input, output }] of Object.entries(this.#inputs)) {
      const value = this.settings[name];
      if (input.valueAsNumber !== value) input.value = value;
      const text = value === OFF[name] ? _("off") : String(value);
      if (output.textContent === text) continue;
      output.textContent = text;
      input.setAttribute("aria-valuetext", text);
    }
    this.back.hidden = this.isOwn;
  }

  /** The page's own sliders move these, too. */
  #followPage(element) {
    const name = element.dataset.slider ?? element.name;
    if (!(name in RANGES) || this.element.contains(element)) return;
    const value = Number(element.value);
    if (element.value === "" || !Number.isFinite(value)) return;
    this.settings[name] = value;
    this.#changed();
  }

  close() {
    document.removeEventListener("input", this.follow);
  }
}
