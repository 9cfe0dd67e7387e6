// The form of the playground: ways to ask, turns, sliders with their numbers, presets, and the sentences on what is wrong.

import { make } from "./elements.js";
import { _ } from "./messages.js";
import { askedOf, nextRole } from "./playground_address.js";
import { changedFrom, fittingPreset } from "./presets.js";

const TEXTS = ["prompt", "system", "stop"];

export class PlaygroundForm {
  #presets;
  #left = null; // the preset that was left last

  /** `onChange` is told each change of what is asked. */
  constructor(element, onChange) {
    this.element = element;
    this.onChange = onChange;
    this.turns = element.querySelector("#turns");
    this.#presets = [...element.querySelectorAll("[data-values]")].map((button) => ({
      name: button.value,
      label: button.textContent.trim(),
      values: JSON.parse(button.dataset.values),
      button,
    }));
    element.addEventListener("input", (event) => this.#onInput(event.target));
    element.addEventListener("click", (event) => this.#onClick(event));
    this.#left = fittingPreset(this.#presets, this.asked().values);
  }

  asked() {
    return askedOf(this.entries());
  }

  /** As they stand in the fields, whatever they mean. */
  entries() {
    return new FormData(this.element);
  }

  get mode() {
    return this.#modeField.value;
  }

  get #modeField() {
    return this.element.querySelector("input[name=mode]");
  }

  /** Puts a request into the fields. */
  fill(asked) {
    const { elements } = this.element;
    for (const name of TEXTS) elements[name].value = asked[name];
    elements.n.value = asked.n;
    elements.seed.value = asked.seed ?? "";
    for (const [name, value] of Object.entries(asked.values)) this.#setNumber(name, value);
    this.element.querySelectorAll("[name=version]").forEach((select, place) => {
      select.value = String(asked.versions[place] ?? "");
    });
    this.#setTurns(asked.turns);
    this.showMode(asked.mode);
    this.clearWrong();
    this.#tellPreset();
  }

  setSeed(seed) {
    this.element.elements.seed.value = seed;
  }

  focusPrompt() {
    const field = this.mode === "conversation" ? this.turns.querySelector("li:last-child textarea") : null;
    (field ?? this.element.elements.prompt).focus();
  }

  get isWrong() {
    return this.element.querySelector("[aria-invalid]") !== null;
  }

  /** The fields whose browser took no number at all; the server would be told nothing of what was typed. */
  unreadable() {
    const fields = this.#numbers().filter((field) => field.validity.badInput);
    return Object.fromEntries(fields.map((field) => [field.name, _("This is no number.")]));
  }

  /** Whether a number is out of its range: the server says what is wrong, and the nearest one. */
  hasWrongNumber() {
    return this.#numbers().some((field) => !numberFits(field));
  }

  #numbers() {
    return [...this.element.querySelectorAll("input.number")];
  }

  /** A sentence for each field; those whose value could not be taken get the nearest one. */
  showWrong(wrong, values = {}) {
    this.clearWrong();
    for (const [name, sentence] of Object.entries(wrong)) {
      const place =
        this.element.querySelector(`[data-wrong="${name}"]`) ?? this.element.querySelector("[data-wrong=prompt]");
      place.textContent = sentence;
      place.hidden = false;
      for (const field of this.#fieldsOf(name)) field.setAttribute("aria-invalid", "true");
      if (name in values) this.#setNumber(name, values[name]);
    }
    this.#tellPreset();
    const [first] = Object.keys(wrong);
    const field = first && this.#fieldsOf(first).find((each) => each.checkVisibility());
    field?.focus();
  }

  clearWrong() {
    for (const place of this.element.querySelectorAll("[data-wrong]")) {
      place.hidden = true;
      place.textContent = "";
    }
    for (const field of this.element.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  }

  showMode(mode) {
    this.#modeField.value = mode;
    for (const button of this.element.querySelectorAll(".mode")) {
      button.setAttribute("aria-pressed", String(button.value === mode));
    }
    for (const part of this.element.querySelectorAll("[data-part]")) {
      part.hidden = !part.dataset.part.split(" ").includes(mode);
    }
  }

  #fieldsOf(name) {
    return [...this.element.querySelectorAll(`[aria-describedby~="wrong-${name}"]`)];
  }

  #onInput(field) {
    if (field.dataset.slider) return this.#enter(field.dataset.slider, field.value);
    if (field.classList.contains("dial-number")) this.#moveSlider(field);
    this.#clearWrongOf(field);
    this.#tellPreset();
    this.onChange();
  }

  #clearWrongOf(field) {
    const name = field.getAttribute("aria-describedby")?.match(/wrong-(\w+)/)?.[1];
    const place = name && this.element.querySelector(`[data-wrong="${name}"]`);
    if (place) place.hidden = true;
    for (const each of name ? this.#fieldsOf(name) : []) each.removeAttribute("aria-invalid");
  }

  #onClick(event) {
    const button = event.target.closest("button");
    if (button?.type !== "submit" || button.name === "write") return;
    event.preventDefault();
    if (button.name === "preset") this.#choose(button.value);
    else if (button.name === "mode") this.#changeMode(button.value);
    else if (button.name === "add") this.#addTurn({ role: nextRole(this.asked().turns), text: "" }).focus();
    else if (button.name === "remove") this.#removeTurn(button.closest("li"));
    this.onChange();
  }

  #choose(name) {
    const preset = this.#presets.find((each) => each.name === name);
    for (const [setting, value] of Object.entries(preset.values)) this.#enter(setting, value);
    this.clearWrong();
  }

  /** As if it had been typed, so that whoever follows the page (the dice of a token) follows. */
  #enter(name, value) {
    const field = this.element.elements[name];
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #setNumber(name, value) {
    const field = this.element.elements[name];
    field.value = value;
    this.#moveSlider(field);
  }

  #moveSlider(field) {
    const slider = this.element.querySelector(`[data-slider="${field.name}"]`);
    if (slider && field.value !== "") slider.value = field.value;
  }

  #tellPreset() {
    const { values } = this.asked();
    const fitting = fittingPreset(this.#presets, values);
    for (const { name, button } of this.#presets) button.setAttribute("aria-pressed", String(name === fitting?.name));
    const state = this.element.querySelector("[data-preset-state]");
    if (fitting) this.#left = fitting;
    const sentence = fitting ? "" : this.#changedSentence(values);
    if (state.textContent !== sentence) state.textContent = sentence;
  }

  #changedSentence(values) {
    if (!this.#left) return _("Settings of your own.");
    const labels = changedFrom(this.#left, values).map((name) => this.element.elements[name].labels[0].textContent);
    return _("No longer “{preset}”. Changed: {settings}", { preset: this.#left.label, settings: labels.join(", ") });
  }

  /** What stands in one box goes along into the other, where that one is empty. */
  #changeMode(mode) {
    const { prompt } = this.element.elements;
    const [first, ...more] = this.turns.querySelectorAll("textarea");
    if (mode === "conversation" && first && !first.value.trim() && !more.length) first.value = prompt.value;
    if (mode !== "conversation" && !prompt.value.trim() && first) prompt.value = first.value;
    this.showMode(mode);
    this.clearWrong();
    this.focusPrompt();
  }

  #setTurns(turns) {
    this.turns.replaceChildren();
    for (const turn of turns.length ? turns : [{ role: "user", text: "" }]) this.#addTurn(turn);
  }

  #addTurn({ role, text }) {
    const area = make("textarea", {
      name: role,
      className: "input asked-text",
      rows: 2,
      dir: "auto",
      value: text,
      "aria-describedby": "wrong-prompt",
    });
    const label = make("label", {}, role === "user" ? _("You") : _("Model"));
    const button = make("button", { type: "submit", name: "remove", className: "button quiet" });
    const item = make("li", { className: "asked-turn" }, label, area, button);
    this.turns.append(item);
    this.#number();
    return area;
  }

  #removeTurn(item) {
    const near = item.previousElementSibling ?? item.nextElementSibling;
    item.remove();
    if (!near) this.#addTurn({ role: "user", text: "" });
    this.#number();
    (near ?? this.turns).querySelector("textarea").focus();
  }

  #number() {
    [...this.turns.children].forEach((item, place) => {
      const [label, area, button] = item.children;
      label.htmlFor = area.id = `turn-${place + 1}`;
      const which = make("span", { className: "visually-hidden" }, " ", _("turn {n}", { n: place + 1 }));
      button.value = place;
      button.replaceChildren(_("Remove"), which);
    });
  }
}

function numberFits(field) {
  const value = field.value.trim();
  if (value === "") return field.name === "seed";
  const number = Number(value);
  const [least, most] = field.name === "seed" ? [0, 2 ** 31 - 1] : [Number(field.min), Number(field.max)];
  const whole = field.name === "seed" || (Number.isInteger(Number(field.step)) && Number(field.step) === 1);
  return number >= least && number <= most && (!whole || Number.isInteger(number));
}
