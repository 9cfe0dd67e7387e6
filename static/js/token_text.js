// How the tokens of an answer are shown: what can be read as it is, what cannot by a mark, half characters honestly; knows no page.

import { _ } from "./messages.js";

/** A token below the first of these is marked more strongly than one below the last: 0 unmarked, 4 strongest. */
export const STEPS = [0.5, 0.2, 0.05, 0.01];

/** How surprising a token was, 0 to 4, by the probability that the model gave it. */
export function stepOf(probability) {
  return STEPS.filter((least) => probability < least).length;
}

// Written over by a mark: what would turn or hide the text around it (C0, C1, bidirectional controls, the byte order mark).
const HIDDEN = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u;
const PART_OF_CHARACTER = "▯";
const MARKS = { "\n": "↵", "\t": "⇥", "\r": "␍" };

function markOf(character) {
  const code = character.codePointAt(0);
  if (MARKS[character]) return MARKS[character];
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/**
 * One string as parts: {text} is shown as it stands, {mark, text} has a mark in front of it. What would disturb its
 * neighbours has a mark instead of it; a line break and a tab are both.
 */
export function partsOf(text) {
  const parts = [];
  for (const character of text) {
    if (HIDDEN.test(character))
      parts.push({ mark: markOf(character), text: character === "\n" || character === "\t" ? character : "" });
    else if (parts.length && parts.at(-1).mark === undefined) parts.at(-1).text += character;
    else parts.push({ text: character });
  }
  return parts;
}

/**
 * Reads an answer's tokens ({text, bytes}, in their order) one by one, and says how each is shown: its kind and parts.
 * text: it wrote whole characters. part: it wrote bytes of a character that a later token completes. silent: it wrote
 * nothing (a special token, or one behind a stop string), and its name is its mark.
 */
export class TokenReader {
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #pending = false;

  next(token) {
    if (!token.bytes.length) return { kind: "silent", text: "", parts: [{ mark: token.text || "∅", text: "" }] };
    const text = this.#decoder.decode(Uint8Array.from(token.bytes), { stream: true });
    const completes = this.#pending;
    this.#pending = endsInside(token.bytes, completes && !text);
    if (!text) return { kind: "part", text, parts: [{ mark: PART_OF_CHARACTER, text: "" }] };
    return { kind: "text", text, parts: partsOf(text), completes };
  }

  /** No token follows: what a character still lacked stands as the replacement character, as in the answer's text. */
  end() {
    this.#pending = false;
    return this.#decoder.decode();
  }
}

/** The text that tokens wrote together. */
export function textOf(tokens) {
  const reader = new TokenReader();
  return tokens.map((token) => reader.next(token).text).join("") + reader.end();
}

/** Whether bytes stop within a character of UTF-8 (one to three of its bytes are there). */
function endsInside(bytes, all) {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) return false;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2);
  }
  return all;
}

const hexOf = (bytes) => bytes.map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ");

/** A token alone in words, for a sentence, a row or a screen reader: spaces, line breaks and bytes by name;
 * the space that most words begin with is left out. */
export function nameOf({ text, bytes = [] }) {
  if (!text || text.includes("\ufffd"))
    return bytes.length ? _("bytes {bytes}", { bytes: hexOf([...bytes]) }) : _("nothing");
  if (text === " ") return _("a space");
  if (text === "\n") return _("a new line");
  if (/^ +$/.test(text)) return _("{n} spaces", { n: text.length });
  if (/^\n+$/.test(text)) return _("{n} new lines", { n: text.length });
  return _("“{text}”", { text: shown(text.replace(/^ /, "")) });
}

/** The same for a token that stands in its answer, where `text` is what one sees of it: a byte that completes a character
 * shows the whole of it, and a name must hold what is seen (WCAG 2.5.3). */
export function nameInAnswer(token, text) {
  const name = nameOf(token);
  const seen = [...text]
    .filter((each) => /\s/.test(each) || !HIDDEN.test(each))
    .join("")
    .trim();
  return !seen || name.includes(seen) ? name : _("“{text}”: {token}", { text: seen, token: name });
}

/** The same in as few signs as can be: a space at an end is seen. */
export function shown(text) {
  const marked = partsOf(text).map((part) => part.mark ?? part.text);
  return marked.join("").replace(/^ +| +$/g, (spaces) => "␣".repeat(spaces.length));
}

/** Whether nothing of a text is ink. */
export const isBlank = (text) => text !== "" && /^\s+$/.test(text);

/** A probability in words: two or three digits, and never none or all of it where it is not. */
export function chance(probability) {
  const hundred = probability * 100;
  if (probability === 0 || probability === 1) return `${hundred}%`;
  if (hundred < 0.01) return "<0.01%";
  if (hundred > 99.9) return ">99.9%";
  return `${Number(hundred.toFixed(hundred >= 99 ? 1 : hundred >= 10 ? 0 : hundred >= 1 ? 1 : 2))}%`;
}
