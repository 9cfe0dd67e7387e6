// One card in the page: its rank buttons, taps, dragging and the bar below it. The form's radio buttons hold the truth; without
// scripts they rank by themselves.

import { draftOf, keepDraft } from "./drafts.js";
import { makeDraggable } from "./dragging.js";
import { waitingFor } from "./kept.js";
import { _, sentences } from "./messages.js";
import { OWN, OwnAnswer } from "./own_answer.js";
import { notation, ordinal, Ranking, rankText, spoken } from "./ranking.js";
import { announce } from "./say.js";
import { followTaps } from "./taps.js";

const LONGEST_MS = 86_400_000;
const isTouched = () => matchMedia("(hover: none) and (pointer: coarse)").matches;
const isNarrow = () => matchMedia("(max-width: 30rem)").matches;

/** How to begin anew where a whole order was given. */
function beginAnew() {
  return isTouched() ? _("Tap the best answer to begin a new order.") : _("A letter begins a new order.");
}

/** What to do with a card that nobody has begun: as short as the room for it. */
function firstStep() {
  if (isTouched()) return _("Tap the answers, best first.");
  if (isNarrow()) return _("Rank the answers, best first.");
  return _("Best first: press a letter, use the rank buttons, or drag.");
}

export class Card {
  constructor(element) {
    this.element = element;
    this.form = element.querySelector("#ranking-form");
    this.list = element.querySelector("#answers");
    this.submit = element.querySelector("#submit-ranking");
    this.order = element.querySelector("[data-order]");
    this.clearButton = element.querySelector("[data-clear]");
    this.group = this.form.dataset.where;
    this.shownAt = performance.now();
    this.letters = new Map([...this.list.children].map((item) => [item.dataset.answer, item.dataset.letter]));
    this.own = new OwnAnswer(element, () => this.#onOwn());
    this.ranking = this.#rankingSoFar();
    this.form.noValidate = true; // this page says better than the browser what is missing
    this.#listen();
    this.show();
  }

  #listen() {
    this.list.addEventListener("change", (event) => this.#onRadio(event));
    this.list.addEventListener("click", (event) => {
      const item = event.target.closest("[data-tie]")?.closest("[data-answer]");
      if (item) this.pick(item.dataset.letter, true);
    });
    this.form.addEventListener("submit", (event) => this.#onSubmit(event), { capture: true });
    this.form.elements.comment.addEventListener("input", () => this.#keep());
    this.clearButton.addEventListener("click", () => this.clear());
    followTaps(this.list, (item) => this.tap(item.dataset.answer));
    makeDraggable(this.list, () => this.#orderFromPage());
  }

  item(id) {
    return this.list.querySelector(`[data-answer="${id}"]`);
  }

  idOf(letter) {
    return [...this.letters].find(([, other]) => other === letter)?.[0];
  }

  #letterOf = (id) => this.letters.get(id);

  /** What waits to be sent stands here again after a reload; else what was half made; else what the server knows. */
  #rankingSoFar() {
    const kept = waitingFor(this.form.getAttribute("action"));
    const draft = kept ? null : draftOf(this.group);
    if (kept) this.#showKept(kept);
    if (draft !== null) {
      this.form.elements.comment.value = draft.comment ?? "";
      this.own.fill(draft.own ?? "");
    }
    const ids = this.#ids();
    if (draft === null) return new Ranking(ids, this.#checkedRanks(ids), { given: kept === null });
    const ranks = Object.entries(draft.ranks ?? {}).filter(([id, rank]) => ids.includes(id) && rank >= 1);
    return new Ranking(ids, new Map(ranks), { implied: draft.implied });
  }

  /** What is ranked: the answers, and an own one as soon as it says something. */
  #ids() {
    return [...this.letters.keys()].filter((id) => id !== OWN || this.own.isThere);
  }

  #onOwn() {
    if (this.own.isThere !== this.ranking.ids.includes(OWN)) this.ranking.setAnswers(this.#ids());
    this.#changed();
  }

  #showKept(kept) {
    this.element.classList.add("is-waiting");
    for (const [name, value] of kept.fields) {
      if (name === "comment") this.form.elements.comment.value = value;
      if (name === "own_answer") this.own.fill(value);
      const chosen = name.startsWith("rank-") && this.list.querySelector(`input[name="${name}"][value="${value}"]`);
      if (chosen) chosen.checked = true;
    }
  }

  #checkedRanks(ids) {
    const ranks = new Map();
    for (const id of ids) {
      const checked = this.list.querySelector(`input[name="rank-${id}"]:checked`);
      if (checked) ranks.set(id, Number(checked.value));
    }
    return ranks;
  }

  /** Keeps what is half made in the browser. */
  #keep() {
    const comment = this.form.elements.comment.value;
    const { ranks, implied, started } = this.ranking;
    const values = { ranks: Object.fromEntries(ranks), implied, comment, own: this.own.text };
    keepDraft(this.group, started || comment || values.own ? values : null);
  }

  /** While its ranking waits to be sent nothing can be changed: it may have arrived, and only its answer is lost. */
  get #locked() {
    if (!this.element.classList.contains("is-waiting")) return false;
    announce(_("This card is waiting to be sent. Change it with Undo after that."));
    return true;
  }

  /** Ranks the answer next; says what came of it. */
  pick(letter, tie) {
    if (this.#locked) return;
    const id = this.idOf(letter);
    if (!this.ranking.ids.includes(id)) return;
    const anew = this.ranking.given;
    if (!this.ranking.pick(id, { tie })) {
      announce(
        _("{letter} is already {rank}. Backspace takes the last step back.", {
          letter,
          rank: rankText(this.ranking, id),
        }),
      );
      return;
    }
    this.#changed();
    this.#tell(id, anew);
  }

  /** A tap ranks the answer next, or takes it back with all that came after it. */
  tap(id) {
    if (this.#locked || !this.ranking.ids.includes(id)) return;
    const anew = this.ranking.given;
    if (!this.ranking.pick(id)) this.ranking.takeBack(id);
    this.#changed();
    this.#tell(id, anew);
  }

  join() {
    if (this.#locked) return;
    if (!this.ranking.joinNext()) return announce(_("Pick an answer first; then = ties the next one with it."));
    this.show();
    announce(this.ranking.tieNext ? _("The next pick is a tie.") : _("No tie."));
  }

  back() {
    if (this.#locked) return;
    if (this.ranking.back()) this.#changed(_("Last step undone."));
  }

  clear() {
    if (this.#locked) return;
    if (!this.ranking.clear()) return;
    if (document.activeElement === this.clearButton) this.element.querySelector("#card-heading").focus();
    this.#changed(_("Ranking cleared."));
  }

  /** Opens the own answer: with the text of the answer that has the focus, or empty. */
  writeOwn() {
    if (this.#locked) return;
    const at = document.activeElement?.closest?.("[data-answer]");
    this.own.begin(at?.querySelector(".answer-text")?.textContent ?? "");
  }

  send() {
    this.form.requestSubmit(this.submit);
  }

  #changed(sentence) {
    this.show();
    this.#keep();
    if (sentence) announce(sentence);
  }

  /** Writes the state into the radio buttons, the marks and the bar. */
  show() {
    for (const id of this.letters.keys()) this.#showAnswer(this.item(id), this.ranking.ranks.get(id));
    this.submit.setAttribute("aria-disabled", String(!this.ranking.complete));
    this.clearButton.hidden = !this.ranking.started;
    this.#showOrder();
  }

  #showAnswer(item, rank) {
    const id = item.dataset.answer;
    const tie = item.querySelector("[data-tie]");
    const { tieRank, implied } = this.ranking;
    if (rank === undefined) delete item.dataset.rank;
    else item.dataset.rank = rank;
    item.querySelector("[data-rank-text]").textContent = rankText(this.ranking, id);
    for (const radio of item.querySelectorAll("input[type=radio]")) radio.checked = Number(radio.value) === rank;
    const there = this.ranking.ids.includes(id);
    item.classList.toggle("is-there", there);
    tie.hidden = !there || tieRank === null || (rank !== undefined && id !== implied);
    if (tie.hidden) return;
    const values = { letter: this.#letterOf(id), rank: ordinal(tieRank) };
    tie.textContent = _("= {rank}", values);
    tie.setAttribute("aria-label", _("= {rank}: rank {letter} as a tie", values));
  }

  #showOrder() {
    const rest = document.createElement("span");
    rest.className = "soft small";
    if (!this.ranking.started) {
      rest.textContent = firstStep();
      return this.order.replaceChildren(rest);
    }
    const shown = document.createElement("strong");
    shown.ariaHidden = "true";
    shown.textContent = notation(this.ranking, this.#letterOf) + (this.ranking.tieNext ? " = …" : "");
    const said = document.createElement("span");
    said.className = "visually-hidden";
    const hint = this.ranking.given ? beginAnew() : "";
    said.textContent = sentences(spoken(this.ranking, this.#letterOf), isNarrow() ? hint : ""); // the bar has no room for it
    if (hint && !isNarrow()) rest.textContent = hint;
    else if (!this.ranking.complete) rest.textContent = _("{letters} left", { letters: this.#missing() });
    this.order.replaceChildren(shown, said, " ", rest);
  }

  #missing() {
    const left = this.ranking.ids.filter((id) => !this.ranking.ranks.has(id));
    return left.map(this.#letterOf).join(", ");
  }

  #onRadio(event) {
    if (!event.target.matches("input[type=radio]")) return; // SortableJS has a "change" of its own
    if (this.#locked) return this.show();
    const id = event.target.closest("[data-answer]").dataset.answer;
    this.ranking.setRank(id, Number(event.target.value));
    this.#changed();
    this.#tell(id);
  }

  /** @param {boolean} anew whether the order of before went, to make room for a new one */
  #tell(id, anew = false) {
    const values = { letter: this.#letterOf(id), rank: rankText(this.ranking, id) };
    if (anew)
      return announce(_("A new order begins: {letter} {rank}. Backspace brings the one of before back.", values));
    const order = spoken(this.ranking, this.#letterOf);
    announce(
      this.ranking.complete
        ? _("{letter} {rank}. The order is {order}. Enter submits.", { ...values, order })
        : _("{letter} {rank}.", values),
    );
  }

  #onSubmit(event) {
    if (!this.ranking.complete) {
      event.preventDefault();
      event.stopImmediatePropagation();
      const sentence = this.ranking.started
        ? _("Still without a rank: {letters}.", { letters: this.#missing() })
        : _("Nothing is ranked yet: pick the best answer, then the next.");
      this.order.replaceChildren(
        Object.assign(document.createElement("span"), { className: "field-error", textContent: sentence }),
      );
      announce(sentence);
      return;
    }
    this.form.elements.duration_ms.value = Math.round(Math.min(performance.now() - this.shownAt, LONGEST_MS));
  }

  #orderFromPage() {
    if (this.#locked) return;
    const order = [...this.list.children].map((item) => item.dataset.answer);
    this.ranking.setOrder(order.filter((id) => this.ranking.ids.includes(id)));
    this.#changed(_("The order is {order}.", { order: spoken(this.ranking, this.#letterOf) }));
  }
}
