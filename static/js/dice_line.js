// The line from 0 to 1 that a roll falls on: each token's part in the order of ids, the number marked; a close-up of small parts.

import { rolled } from "./dice_words.js";
import { closeUp, within } from "./distribution.js";
import { make, write } from "./elements.js";
import { _ } from "./messages.js";
import { chance, nameOf, shown } from "./token_text.js";

const NARROW = 0.04; // a part below this is shown close up, too
const LABELLED = 0.1; // of the line: a part as wide as this has room for its token

const percent = (share) => `${100 * share}%`;

/** The line, or a stretch of it; its parts are changed in place. */
class Scaled {
  #parts = [];
  #mark = make("span", { className: "dice-mark" });
  #bar = make("div", { className: "dice-line", dir: "ltr" }, this.#mark);
  #ends = [make("span"), make("span")];

  constructor() {
    const ends = make("div", { className: "dice-ends number", dir: "ltr" }, ...this.#ends);
    this.element = make("div", { className: "dice-scaled" }, this.#bar, ends);
  }

  draw({ tokens, dice, landing, number }, [begin, end]) {
    const place = (at) => percent((at - begin) / (end - begin));
    let count = 0;
    for (const token of tokens) {
      if (!dice.isKept(token.token_id)) continue;
      const [from, to] = dice.part(token.token_id);
      const [low, high] = [Math.max(from, begin), Math.min(to, end)];
      if (!(high > low)) continue;
      const part = this.#part(count++);
      part.className = token.token_id === landing?.token_id ? "dice-part landing" : "dice-part";
      part.dataset.id = token.token_id;
      Object.assign(part.style, { insetInlineStart: place(low), inlineSize: place(begin + high - low) });
      write(part.firstChild, (high - low) / (end - begin) > LABELLED ? shown(token.text) || nameOf(token) : "");
    }
    for (const part of this.#parts.splice(count)) part.remove();
    if (number == null) this.#mark.remove();
    else {
      this.#mark.style.insetInlineStart = place(number);
      if (!this.#mark.parentElement) this.#bar.append(this.#mark);
    }
    const said = end - begin === 1 ? ["0", "1"] : [begin, end].map((each) => each.toPrecision(4));
    for (const [at, text] of said.entries()) write(this.#ends[at], text);
  }

  #part(at) {
    if (!this.#parts[at]) {
      this.#parts[at] = make("span", {}, make("bdi"));
      this.#bar.insertBefore(this.#parts[at], this.#mark.parentElement && this.#mark);
    }
    return this.#parts[at];
  }
}

/** What is shown of the roll. */
export class DiceLine {
  #whole = new Scaled();
  #near = new Scaled();

  constructor() {
    this.nearWord = make("p", { className: "small soft" }, _("Close up:"));
    this.element = make("figure", { className: "dice-roll", role: "group" }, this.#whole.element);
  }

  /** `{tokens, dice, number, landing}`; `tokens` are those known by name. */
  draw({ tokens, dice, number, landing }) {
    const part = landing ? dice.part(landing.token_id) : null;
    const at = number == null ? null : part ? within(number, part) : number;
    this.element.setAttribute("aria-label", words({ number, landing, part }));
    this.#whole.draw({ tokens, dice, landing, number: at }, [0, 1]);
    if (part && at !== null && part[1] - part[0] < NARROW) {
      this.#near.draw({ tokens, dice, landing, number: at }, closeUp(part));
      if (!this.#near.element.isConnected) this.element.append(this.nearWord, this.#near.element);
    } else {
      this.nearWord.remove();
      this.#near.element.remove();
    }
  }
}

function words({ number, landing, part }) {
  if (number == null || !landing) return _("The line from 0 to 1, a part for each token");
  return _("The line from 0 to 1: the roll {number} lies in the part of {token}, from {from} to {to} ({share})", {
    number: rolled(number),
    token: nameOf(landing),
    from: part[0].toFixed(4),
    to: part[1].toFixed(4),
    share: chance(part[1] - part[0]),
  });
}
