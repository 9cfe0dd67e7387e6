// An answer as its tokens, each tinted by its probability: a list box within the prose, of which one token can be chosen.

import { _ } from "./messages.js";
import { languageOf } from "./text_language.js";
import { chance, isBlank, nameInAnswer, stepOf, TokenReader } from "./token_text.js";

const KEYS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

function inks(parts) {
  return parts.flatMap((part) => {
    if (part.mark === undefined) return [part.text];
    const mark = document.createElement("span");
    mark.className = "token-mark";
    mark.dataset.mark = part.mark; // written by the style sheet: it is not copied with the text
    return [mark, part.text];
  });
}

function name(item, token, text) {
  const values = { token: nameInAnswer(token, text), probability: chance(Math.exp(token.logprob)) };
  item.setAttribute("aria-label", _("{token}, {probability}", values));
}

/** Tells `onChoose(index)` of a token that was clicked, tapped or entered. */
export class TokenList {
  #reader = new TokenReader();
  #items = [];
  #last = null;
  #at = 0;

  constructor(onChoose) {
    this.element = document.createElement("div");
    this.tokens = document.createElement("div");
    this.plain = document.createElement("div");
    this.element.className = "token-text";
    Object.assign(this.tokens, { className: "tokens", dir: "auto" });
    Object.assign(this.plain, { className: "plain", dir: "auto" });
    this.tokens.setAttribute("role", "listbox");
    this.tokens.setAttribute("aria-orientation", "horizontal");
    this.tokens.setAttribute("aria-label", _("Tokens of the answer"));
    this.element.append(this.plain, this.tokens);
    this.tokens.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (!item || String(getSelection())) return; // the end of a selection is no click
      onChoose(this.#items.indexOf(item));
    });
    this.tokens.addEventListener("keydown", (event) => this.#onKey(event, onChoose));
  }

  get length() {
    return this.#items.length;
  }

  /** Shows these from the beginning; those that stand there already are left alone by `append`. */
  reset(tokens) {
    this.#reader = new TokenReader();
    this.#items = [];
    this.#at = 0;
    this.tokens.replaceChildren();
    this.plain.replaceChildren();
    this.append(tokens);
  }

  append(tokens) {
    for (const token of tokens.slice(this.#items.length)) {
      const read = this.#reader.next(token);
      const item = this.#item(token, read);
      this.#items.push(item);
      this.#last = token;
      this.tokens.append(item);
      this.plain.append(read.text);
    }
    const language = languageOf(this.plain.textContent);
    for (const each of [this.tokens, this.plain]) each.toggleAttribute("lang", language !== "");
    if (language) for (const each of [this.tokens, this.plain]) each.lang = language;
  }

  /** No token follows. */
  end() {
    const text = this.#reader.end();
    if (!text) return;
    this.plain.append(text);
    this.#items.at(-1).append(text);
    name(this.#items.at(-1), this.#last, this.#items.at(-1).textContent);
  }

  #item(token, { kind, text, parts }) {
    const probability = Math.exp(token.logprob);
    const item = document.createElement("span");
    item.className = `token ${kind}`;
    item.dataset.step = stepOf(probability);
    if (isBlank(text)) item.classList.add("blank");
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    name(item, token, text);
    item.tabIndex = this.#items.length === this.#at ? 0 : -1;
    item.append(...inks(parts));
    return item;
  }

  /** Marks the token whose dice are shown; -1 for none. */
  mark(index) {
    for (const item of this.tokens.querySelectorAll("[aria-selected=true]"))
      item.setAttribute("aria-selected", "false");
    if (index < 0) return;
    this.#items[index]?.setAttribute("aria-selected", "true");
    this.#rove(index);
  }

  #rove(index) {
    if (this.#items[this.#at]) this.#items[this.#at].tabIndex = -1;
    this.#at = index;
    if (this.#items[index]) this.#items[index].tabIndex = 0;
  }

  focus(index = this.#at) {
    this.#rove(index);
    this.#items[index]?.focus();
  }

  bringIntoSight(index) {
    this.#items[index]?.scrollIntoView({ block: "nearest" });
  }

  /** Scrolls a token out from under what lies over the end of the page, and no further. */
  keepInSight(index, over) {
    const item = this.#items[index]?.getBoundingClientRect();
    const top = over.getBoundingClientRect().top;
    const room = 8;
    if (item && item.bottom + room > top && item.top < innerHeight) scrollBy({ top: item.bottom + room - top });
  }

  #onKey(event, onChoose) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const item = event.target.closest("[role=option]");
    if (!item) return;
    const index = this.#items.indexOf(item);
    if (event.key === "Enter" || event.key === " ") onChoose(index);
    else if (event.key in KEYS)
      this.focus(Math.min(this.#items.length - 1, Math.max(0, index + this.#step(event.key))));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** In a text from right to left the next token is on the left. */
  #step(key) {
    const turned =
      key.startsWith("Arrow") && /Left|Right/.test(key) && getComputedStyle(this.tokens).direction === "rtl";
    return turned ? -KEYS[key] : KEYS[key];
  }
}
