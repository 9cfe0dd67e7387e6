// The label page: mounts each card that comes in, with its rank buttons, keys and dragging. The form's radio buttons hold the
// truth; without this file they rank by themselves.

import { waitingFor } from "./kept.js";
import { installKeys } from "./keys.js";
import { notation, Ranking, rankText } from "./ranking.js";
import { announce } from "./say.js";
import { followStream } from "./stream.js";

const LONG_MS = 20_000;
let current = null;
let waitingSince = null;

class Card {
  constructor(element) {
    this.element = element;
    this.form = element.querySelector("#ranking-form");
    this.list = element.querySelector("#answers");
    this.submit = element.querySelector("#submit-ranking");
    this.order = element.querySelector("[data-order]");
    this.shownAt = performance.now();
    const items = [...this.list.children];
    const ids = items.map((item) => item.dataset.answer);
    this.#showKept();
    this.letters = new Map(items.map((item) => [item.dataset.answer, item.dataset.letter]));
    this.ranking = new Ranking(ids, this.#checkedRanks(ids));
    this.list.addEventListener("change", (event) => this.#onRadio(event));
    this.list.addEventListener("keydown", (event) => this.#onHandleKey(event));
    this.form.noValidate = true; // this page says better than the browser what is missing
    this.form.addEventListener("submit", (event) => this.#onSubmit(event), { capture: true });
    element.querySelector("[data-open-help]")?.removeAttribute("hidden");
    this.#makeSortable();
    this.show();
  }

  item(id) {
    return this.list.querySelector(`[data-answer="${id}"]`);
  }

  idOf(letter) {
    return [...this.letters].find(([, other]) => other === letter)?.[0];
  }

  /** A ranking of this card that an earlier page could not send: what was chosen stands here again. */
  #showKept() {
    const kept = waitingFor(this.form.getAttribute("action"));
    if (kept === null) return;
    this.element.classList.add("is-waiting");
    for (const [name, value] of kept.fields) {
      if (name === "comment") this.form.elements.comment.value = value;
      const chosen = name.startsWith("rank-") && this.list.querySelector(`input[name="${name}"][value="${value}"]`);
      if (chosen) chosen.checked = true;
    }
  }

  /** While its ranking waits to be sent nothing can be changed: it may have arrived, and only its answer is lost. */
  get #locked() {
    if (!this.element.classList.contains("is-waiting")) return false;
    announce("This card is waiting to be sent. Change it with Undo after that.");
    return true;
  }

  /** Ranks the answer next; says what came of it. */
  pick(letter, tie) {
    if (this.#locked) return;
    const id = this.idOf(letter);
    if (id === undefined) return;
    if (!this.ranking.pick(id, { tie })) {
      announce(`${letter} is already ${rankText(this.ranking, id)}. Backspace takes the last step back.`);
      return;
    }
    this.show();
    this.#tell(id);
  }

  join() {
    if (this.#locked) return;
    if (!this.ranking.joinNext()) return announce("Pick an answer first; then = ties the next one with it.");
    this.show();
    announce(this.ranking.tieNext ? "The next pick is a tie." : "No tie.");
  }

  back() {
    if (this.#locked) return;
    if (this.ranking.back()) this.#changed("Last step undone.");
  }

  clear() {
    if (this.#locked) return;
    if (this.ranking.clear()) this.#changed("Ranking cleared.");
  }

  send() {
    this.form.requestSubmit(this.submit);
  }

  /** Writes the state into the radio buttons, the marks and the bar. */
  show() {
    for (const id of this.ranking.ids) {
      const rank = this.ranking.ranks.get(id);
      const item = this.item(id);
      if (rank === undefined) delete item.dataset.rank;
      else item.dataset.rank = rank;
      item.querySelector("[data-rank-text]").textContent = rankText(this.ranking, id);
      for (const radio of item.querySelectorAll("input[type=radio]")) radio.checked = Number(radio.value) === rank;
    }
    this.submit.setAttribute("aria-disabled", String(!this.ranking.complete));
    this.#showOrder();
  }

  #showOrder() {
    const strong = document.createElement("strong");
    strong.textContent = notation(this.ranking, (id) => this.letters.get(id)) + (this.ranking.tieNext ? " = …" : "");
    const rest = document.createElement("span");
    rest.className = "soft small";
    rest.textContent = this.ranking.complete ? "" : ` ${this.#missing()} left`;
    if (this.ranking.started) this.order.replaceChildren(strong, rest);
    else rest.textContent = "Best first: press a letter, use the rank buttons, or drag.";
    if (!this.ranking.started) this.order.replaceChildren(rest);
  }

  #missing() {
    const left = this.ranking.ids.filter((id) => !this.ranking.ranks.has(id)).map((id) => this.letters.get(id));
    return left.join(", ");
  }

  #checkedRanks(ids) {
    const ranks = new Map();
    for (const id of ids) {
      const checked = this.list.querySelector(`input[name="rank-${id}"]:checked`);
      if (checked) ranks.set(id, Number(checked.value));
    }
    return ranks;
  }

  #onRadio(event) {
    if (!event.target.matches("input[type=radio]")) return; // SortableJS has a "change" of its own
    if (this.#locked) return this.show();
    const id = event.target.closest("[data-answer]").dataset.answer;
    this.ranking.setRank(id, Number(event.target.value));
    this.show();
    this.#tell(id);
  }

  #tell(id) {
    const done = this.ranking.complete
      ? ` The order is ${notation(this.ranking, (other) => this.letters.get(other))}. Enter submits.`
      : "";
    announce(`${this.letters.get(id)} ${rankText(this.ranking, id)}.${done}`);
  }

  #changed(sentence) {
    this.show();
    announce(sentence);
  }

  #onSubmit(event) {
    if (!this.ranking.complete) {
      event.preventDefault();
      event.stopImmediatePropagation();
      const sentence = this.ranking.started
        ? `Still without a rank: ${this.#missing()}.`
        : "Nothing is ranked yet: pick the best answer, then the next.";
      this.order.replaceChildren(
        Object.assign(document.createElement("span"), { className: "field-error", textContent: sentence }),
      );
      announce(sentence);
      return;
    }
    this.form.elements.duration_ms.value = Math.round(Math.min(performance.now() - this.shownAt, 86_400_000));
  }

  /* dragging, and the same with the arrow keys on the handle */

  #makeSortable() {
    if (!window.Sortable) return;
    window.Sortable.create(this.list, {
      handle: ".handle",
      animation: 150,
      forceFallback: true,
      onUpdate: () => this.#orderFromPage(),
    });
  }

  #orderFromPage() {
    if (this.#locked) return;
    this.ranking.setOrder([...this.list.children].map((item) => item.dataset.answer));
    this.show();
    announce(`Order by dragging: ${notation(this.ranking, (id) => this.letters.get(id))}.`);
  }

  #onHandleKey(event) {
    const earlier = { ArrowUp: true, ArrowLeft: true, ArrowDown: false, ArrowRight: false }[event.key];
    if (!event.target.matches(".handle") || earlier === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const item = event.target.closest("[data-answer]");
    const other = earlier ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (earlier) other.before(item);
    else other.after(item);
    event.target.focus();
    this.#orderFromPage();
  }
}

/** A page that waits says so once more when it takes long; a look that finds nothing new moves no focus. */
function showWait(element) {
  const still = waitingSince !== null;
  waitingSince ??= Date.now();
  const long = element.querySelector("[data-long]");
  if (long && Date.now() - waitingSince >= LONG_MS) long.hidden = false;
  return still;
}

/** The prompt itself, for who does not get the focus moved to it. */
const newPrompt = (element) =>
  element.matches("[data-card]") ? ` New prompt: ${element.querySelector("#card-prompt").textContent}` : "";

/** @param fresh it takes the focus; false: it came while somebody types; null: it came with the page */
function mount(fresh) {
  const element = document.querySelector("#card");
  if (!element || element.dataset.mounted) return;
  element.dataset.mounted = "yes";
  current = element.matches("[data-card]") ? new Card(element) : null;
  if (element.dataset.stream) followStream(element);
  if (!element.matches(".waiting")) waitingSince = null;
  else if (showWait(element)) return;
  announce(fresh === false ? element.dataset.announce + newPrompt(element) : element.dataset.announce);
  if (fresh) element.querySelector("#card-heading")?.focus({ preventScroll: true });
  if (fresh) window.scrollTo({ top: 0, behavior: "instant" });
}

document.addEventListener("htmx:after:swap", (event) => {
  const changed = !document.querySelector("#card")?.dataset.mounted;
  const asked = changed && event.detail.ctx?.request?.action === "/prompts";
  // a card that arrives by itself must not take the focus away from somebody who types
  const typing = document.activeElement?.matches("input, textarea");
  if (asked) document.querySelector("#ask").open = false;
  mount(asked || !typing);
  if (event.detail.ctx?.request?.action === "/prompts" && !asked) document.querySelector("#ask-text").focus();
});

installKeys(() => current);
mount(null);
