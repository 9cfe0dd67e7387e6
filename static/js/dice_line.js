// The line from 0 to 1 that a roll falls on: each token's part in the order of ids, the number marked; a close-up of small parts.

import { rolled } from "./dice_words.js";
import { closeUp, within } from "./distribution.js";
import { make } from "./elements.js";
import { _ } from "./messages.js";
import { chance, nameOf, shown } from "./token_text.js";

const NARROW = 0.04; // a part below this is shown close up, too
const LABELLED = 0.1; // of the line: a part as wide as this has room for its token

const percent = (share) => `${100 * share}%`;

function segment(token, [from, to], [begin, end], className) {
  const width = (Math.min(to, end) - Math.max(from, begin)) / (end - begin);
  if (!(width > 0)) return null;
  const made = make("span", { className: `dice-part ${className}` });
  made.dataset.id = token.token_id;
  made.style.insetInlineStart = percent((Math.max(from, begin) - begin) / (end - begin));
  made.style.inlineSize = percent(width);
  if (width > LABELLED) made.append(make("bdi", {}, shown(token.text) || nameOf(token)));
  return made;
}

function line({ tokens, dice, landing, number }, [begin, end]) {
  const bar = make("div", { className: "dice-line", dir: "ltr" });
  for (const token of tokens) {
    if (!dice.isKept(token.token_id)) continue;
    const className = token.token_id === landing?.token_id ? "landing" : "";
    const part = segment(token, dice.part(token.token_id), [begin, end], className);
    if (part) bar.append(part);
  }
  if (number != null) {
    const mark = make("span", { className: "dice-mark" });
    mark.style.insetInlineStart = percent((number - begin) / (end - begin));
    bar.append(mark);
  }
  const [low, high] = end - begin === 1 ? ["0", "1"] : [begin, end].map((each) => each.toPrecision(4));
  return make(
    "div",
    { className: "dice-scaled" },
    bar,
    make("div", { className: "dice-ends number", dir: "ltr" }, make("span", {}, low), make("span", {}, high)),
  );
}

/** `{tokens, dice, number, landing}` -> what is shown of the roll; `tokens` are those known by name. */
export function diceLine({ tokens, dice, number, landing }) {
  const part = landing ? dice.part(landing.token_id) : null;
  const at = number == null ? null : part ? within(number, part) : number;
  const figure = make("figure", {
    className: "dice-roll",
    role: "group",
    "aria-label": words({ number, landing, part }),
  });
  figure.append(line({ tokens, dice, landing, number: at }, [0, 1]));
  if (part && at !== null && part[1] - part[0] < NARROW) {
    figure.append(make("p", { className: "small soft" }, _("Close up:")));
    figure.append(line({ tokens, dice, landing, number: at }, closeUp(part)));
  }
  return figure;
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
