// The dice in sentences: what the model gave a token, what was rolled, what a row says; knows no page.

import { surprise } from "./distribution.js";
import { _ } from "./messages.js";
import { chance, nameOf } from "./token_text.js";

/** A rolled number as it is read: four digits, cut, so that it never reads as 1. */
export const rolled = (number) => (Math.floor(number * 1e4) / 1e4).toFixed(4);

const bits = (logprob) => (surprise(logprob) + 0).toFixed(1).replace("-", "");

const WORDS = {
  1: () => _("its first choice"),
  2: () => _("its second choice"),
  3: () => _("its third choice"),
};
const choice = (rank, size) => WORDS[rank]?.() ?? _("choice number {rank} of {size}", { rank, size });

/** What the model thought of a token; `place` is none where only the token itself is known. */
export function thought(token, place) {
  const values = { token: nameOf(token), probability: chance(Math.exp(token.logprob)), bits: bits(token.logprob) };
  if (!place) return _("The model gave {token} {probability}, a surprise of {bits} bits.", values);
  const order = choice(place.rank(token.token_id), place.size.toLocaleString("en"));
  return _("The model gave {token} {probability}: {choice}, a surprise of {bits} bits.", { ...values, choice: order });
}

/**
 * How a token came to be there. `landing` is the token on whose part the number falls at the answer's own settings;
 * `taken` says that a person took the token instead.
 */
export function cast({ token, taken, greedy, landing }) {
  const number = token.uniform;
  if (taken && landing && landing.token_id !== token.token_id)
    return _("You took it. The dice showed {number}, the part of {other}.", {
      number: rolled(number),
      other: nameOf(landing),
    });
  if (taken) return _("You took it.");
  if (greedy || number == null) return _("Nothing was rolled: at temperature 0 the likeliest token is taken.");
  return _("The dice showed {number}, which lies in its part of the line.", { number: rolled(number) });
}

/** What would come at other settings, by the same roll. */
export function wouldCome({ number, landing, token, greedy }) {
  const same = landing.token_id === token?.token_id;
  const values = { number: number == null ? "" : rolled(number), token: nameOf(landing) };
  if (greedy) return _("At temperature 0 nothing is rolled: {token} would be taken.", values);
  if (number == null) return "";
  if (same) return _("At these settings the same roll, {number}, takes {token} again.", values);
  return _("At these settings the same roll, {number}, takes {token}.", values);
}

/** One share in words: none of it is cut off. */
export const shareWords = (share, isCut) => (isCut ? _("cut off") : chance(share));

/** A row of the bars for a screen reader. */
export function rowWords({ name, shares, isCut }) {
  return _("{token}: model {model}, at this temperature {tempered}, in the roll {filtered}", {
    token: name,
    model: chance(shares[0]),
    tempered: chance(shares[1]),
    filtered: shareWords(shares[2], isCut),
  });
}

/** How many tokens may be rolled. */
export const keptWords = (kept, size) =>
  kept === size
    ? _("Nothing is cut off: all {size} tokens are in the roll.", { size: size.toLocaleString("en") })
    : _("In the roll: {kept} of {size} tokens. The others are cut off.", {
        kept: kept.toLocaleString("en"),
        size: size.toLocaleString("en"),
      });
