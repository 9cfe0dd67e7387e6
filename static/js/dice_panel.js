// The dice of one place of an answer: what the model thought, what was rolled, the bars, the settings; opened below the answer.

import { askForPlace, placeBody } from "./branching.js";
import { glossary } from "./dice_glossary.js";
import { DiceLine } from "./dice_line.js";
import { DiceRows, diceTable, tokensOfRows } from "./dice_rows.js";
import { DiceSliders } from "./dice_sliders.js";
import { troubleNotice } from "./dice_trouble.js";
import { cast, keptWords, rolled, thought, wouldCome } from "./dice_words.js";
import { floatsOf, Place } from "./distribution.js";
import { button, make, write } from "./elements.js";
import { _, sentences } from "./messages.js";
import { announce } from "./say.js";
import { nameOf } from "./token_text.js";
import { tumble } from "./tumble.js";

const REMEMBERED = 24; // places; each holds four bytes for every token of the vocabulary
const still = matchMedia("(prefers-reduced-motion: reduce)");

const places = new Map();

/** The place behind these tokens, from the server or from memory: {place, known}. */
async function placeOf(answer, ids, signal) {
  const body = placeBody(answer, ids);
  const { temperature, top_k, top_p, min_p, repetition_penalty, ...asked } = body;
  const name = JSON.stringify(asked);
  let held = places.get(name);
  if (!held) {
    const told = await askForPlace(body, signal);
    const place = new Place(floatsOf(told.all_logprobs), told.log_normalizer, [...told.prompt_token_ids, ...ids]);
    held = { place, known: new Map(told.tokens.map((token) => [token.token_id, token])) };
  }
  places.delete(name);
  places.set(name, held);
  if (places.size > REMEMBERED) places.delete(places.keys().next().value);
  return held;
}

/** Tells `onTake(index, token)` when another token is taken, `onMove(index)` to look at a neighbour, and `onClose()`. */
export class DicePanel {
  #asking = null;
  #shown = null;
  #drawing = 0;

  constructor(answer, { onTake, onMove, onClose }) {
    Object.assign(this, { answer, onTake, onMove, onClose });
    this.unfolded = false;
    this.heading = make("h3", { tabIndex: -1 });
    this.previous = button("‹", () => this.#move(-1), "button quiet dice-step", { "aria-label": _("Previous token") });
    this.next = button("›", () => this.#move(1), "button quiet dice-step", { "aria-label": _("Next token") });
    const close = button(_("Close"), () => onClose(), "button quiet");
    this.sentence = make("p", { className: "dice-sentence" });
    this.roll = make("div", { className: "dice-cast" });
    this.trouble = make("div");
    this.sliders = new DiceSliders(answer.body, {
      onChange: () => this.#redrawSoon(),
      onBack: () => this.heading.focus({ preventScroll: true }),
    });
    this.kept = make("p", { className: "small soft" });
    this.rows = make("ol", { className: "dice-rows", "aria-label": _("The likeliest tokens here") });
    this.drawnRows = new DiceRows(this.rows);
    this.line = new DiceLine();
    this.die = make("span", { className: "die number", "aria-hidden": "true" });
    this.figures = make("details", { className: "dice-figures" }, make("summary", {}, _("The figures as a table")));
    this.table = make("div", {
      className: "dice-table-box",
      tabIndex: 0,
      role: "region",
      "aria-label": _("The figures"),
    });
    this.figures.append(this.table);
    this.figures.addEventListener("toggle", () => this.#tabulate());
    this.bars = make(
      "div",
      { className: "dice-bars", hidden: true },
      this.#heads(),
      this.rows,
      this.kept,
      this.figures,
    );
    this.element = make("section", { className: "dice panel", "aria-label": _("The dice of a token") });
    this.element.append(
      make("div", { className: "dice-head" }, this.previous, this.heading, this.next, close),
      this.sentence,
      this.roll,
      this.trouble,
      make("div", { className: "dice-columns" }, this.bars, make("div", {}, this.sliders.element, glossary())),
    );
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
  }

  #heads() {
    this.heat = make("span", { className: "stage-2" });
    return make(
      "div",
      {},
      make(
        "p",
        { className: "small soft" },
        _("Choose a bar, and the answer goes on from here with that token instead."),
      ),
      make(
        "div",
        { className: "dice-stages small", "aria-hidden": "true" },
        make("span", {}, _("Token")),
        make("span", { className: "stage-1" }, _("The model")),
        this.heat,
        make("span", { className: "stage-3" }, _("In the roll")),
      ),
    );
  }

  /**
   * Opens at token `index` of `tokens`; one behind the last is the place that is rolled next. `taken` says that a person
   * took the token there, `animate` that it was rolled by hand just now: it is not told before the dice lie still, of
   * which `onLanded` hears.
   */
  async open(tokens, index, { taken = false, animate = false, onLanded = () => {} } = {}) {
    this.#asking?.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const token = tokens[index];
    const tumbles = animate && token?.uniform != null && !still.matches;
    this.#shown = { tokens, index, token: tumbles ? undefined : token, taken, place: null, known: null };
    this.#tellPlace();
    this.#tell();
    this.roll.replaceChildren();
    this.trouble.replaceChildren();
    this.element.setAttribute("aria-busy", "true");
    if (tumbles) {
      await tumble(this.roll, token.uniform, signal);
      if (signal.aborted) return;
      this.#shown.token = token;
      this.#tellPlace();
      this.#tell();
    }
    onLanded();
    try {
      const ids = tokens.slice(0, index).map((each) => each.token_id);
      const held = await placeOf(this.answer, ids, signal);
      if (signal.aborted) return;
      Object.assign(this.#shown, held);
      this.bars.hidden = false;
      this.redraw();
      announce(this.sentence.textContent);
    } catch (error) {
      if (signal.aborted) return;
      this.bars.hidden = true;
      this.trouble.replaceChildren(troubleNotice(error, () => this.open(tokens, index, { taken })));
    } finally {
      if (!signal.aborted) this.element.removeAttribute("aria-busy");
    }
  }

  /** By number: its name and bytes, as far as they are known. */
  #known = (id) => {
    const { token, known } = this.#shown;
    if (token?.token_id === id) return token;
    return known.get(id) ?? { token_id: id, text: _("token {id}", { id }), bytes: [] };
  };

  #redrawSoon() {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(() => this.redraw());
  }

  redraw() {
    const { place, token, taken } = this.#shown;
    if (!place) return;
    const dice = place.at(this.sliders.settings);
    const number = token?.uniform ?? null;
    const landing = this.#landing(dice, number);
    const tokens = tokensOfRows(place, this.#known, [token, landing]);
    Object.assign(this.#shown, { dice, drawn: tokens });
    const onTake = (each) => this.#take(each);
    this.drawnRows.draw({
      ...{ place, dice, tokens, token, taken, landing, onTake },
      unfolded: this.unfolded,
      onUnfold: () => this.#unfold(),
    });
    const { temperature } = this.sliders.settings;
    write(this.heat, dice.greedy ? _("Before the choice") : _("At temperature {temperature}", { temperature }));
    write(this.kept, keptWords(dice.kept, place.size));
    const shownNumber = dice.greedy ? null : number;
    this.line.draw({ tokens, dice, number: shownNumber, landing });
    if (shownNumber != null) write(this.die, rolled(shownNumber));
    const thrown = shownNumber == null ? [this.line.element] : [this.die, this.line.element];
    if (thrown.some((each, at) => each !== this.roll.children[at])) this.roll.replaceChildren(...thrown);
    this.#tell(dice, landing);
    this.#tabulate();
  }

  #unfold() {
    this.unfolded = true;
    const first = this.rows.querySelector("li:has(> .unfold)");
    const at = [...this.rows.children].indexOf(first);
    this.redraw();
    this.rows.children[at]?.querySelector("button")?.focus();
  }

  /** The token that the number falls on. At the answer's own settings that is the one that stands there: the sampler
   * adds up in 32 bits, and where a number lies on an edge its word counts. */
  #landing(dice, number) {
    const { token, taken } = this.#shown;
    if (number == null && !dice.greedy) return null;
    if (this.sliders.isOwn && token && !taken) return token;
    return this.#known(dice.tokenAt(number ?? 0));
  }

  #tell(dice = null, landing = null) {
    const { token, taken, place } = this.#shown;
    if (!token) {
      this.sentence.textContent = _("The model has an idea of every token that could come here. The dice decide.");
      return;
    }
    const own = dice === null || this.sliders.isOwn;
    const greedy = this.sliders.own.temperature < 0.001;
    const parts = [thought(token, place)];
    if (own) parts.push(cast({ token, taken, greedy, landing }));
    else if (landing) parts.push(wouldCome({ number: token.uniform, landing, token, greedy: dice.greedy }));
    write(this.sentence, sentences(...parts));
  }

  #tellPlace() {
    const { tokens, index, token } = this.#shown;
    this.previous.disabled = index === 0;
    this.next.disabled = index >= tokens.length - 1;
    const values = { n: index + 1, count: tokens.length, token: token && nameOf(token) };
    this.heading.textContent = token
      ? _("Token {n} of {count}: {token}", values)
      : _("Token {n}: not rolled yet", values);
  }

  /** More tokens stand behind the one that is shown. */
  grew(tokens) {
    if (!this.#shown?.token || tokens.length <= this.#shown.index) return;
    this.#shown.tokens = tokens;
    this.#tellPlace();
  }

  #tabulate() {
    const { place, dice, drawn } = this.#shown ?? {};
    if (this.figures.open && dice) this.table.replaceChildren(diceTable({ place, dice, tokens: drawn }));
  }

  #take(token) {
    const logprob = this.#shown.place.logprobs[token.token_id];
    const number = this.#shown.token?.uniform;
    this.onTake(this.#shown.index, { ...token, logprob, uniform: number });
  }

  #move(step) {
    const index = this.#shown.index + step;
    if (index >= 0 && index < this.#shown.tokens.length) this.onMove(index);
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") this.onClose();
    else if (event.key === "ArrowRight" && event.target === this.heading) this.#move(1);
    else if (event.key === "ArrowLeft" && event.target === this.heading) this.#move(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  focus() {
    this.heading.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.#asking?.abort();
    cancelAnimationFrame(this.#drawing);
    this.sliders.close();
    this.element.remove();
  }
}
