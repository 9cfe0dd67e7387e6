import assert from "node:assert/strict";
import { test } from "node:test";

import { letterOf, meaningOf, ties } from "../../../static/js/meanings.js";

const MEANINGS = [
  // key, code, meaning
  ["a", "KeyA", "a"],
  ["A", "KeyA", "a"],
  ["ф", "KeyA", "a"], // Russian
  ["Ф", "KeyA", "a"],
  ["ψ", "KeyC", "c"], // Greek
  ["ש", "KeyA", "a"], // Hebrew
  ["ㅁ", "KeyA", "a"], // Korean
  ["m", "Semicolon", "m"], // AZERTY: M beside L
  ["q", "KeyA", "q"], // AZERTY: what is printed there is Q
  ["e", "KeyD", "e"], // Dvorak
  ["ü", "BracketLeft", "ü"],
  ["ğ", "KeyS", "ğ"], // a Latin letter of its own is no other
  ["1", "Digit1", "1"],
  ["&", "Digit1", "1"], // AZERTY
  ["é", "Digit2", "2"],
  ["!", "Digit1", "1"], // Shift + 1
  ["١", "Digit1", "1"], // Arabic
  ["1", "Numpad1", "1"],
  ["End", "Numpad1", "End"], // without Num Lock
  ["=", "Digit0", "="], // German: Shift + 0
  ["?", "Minus", "?"],
  ["?", "Digit2", "?"], // Bulgarian
  ["Enter", "NumpadEnter", "Enter"],
  ["Dead", "KeyA", "Dead"],
  ["？", "Slash", "?"], // Chinese input writes wide characters
  ["＝", "Equal", "="],
  ["ａ", "KeyA", "a"],
];

for (const [key, code, meaning] of MEANINGS) {
  test(`${key} on ${code} means ${meaning}`, () => assert.equal(meaningOf({ key, code }), meaning));
}

test("answers have letters and digits, and nothing else has", () => {
  assert.deepEqual(["a", "e", "1", "5"].map(letterOf), ["A", "E", "A", "E"]);
  assert.deepEqual(["f", "6", "0", "", "ab", "12", "Enter"].map(letterOf), Array(7).fill(null));
});

test("Shift ties, but not where it writes the digit", () => {
  assert.equal(ties({ key: "A", shiftKey: true }), true);
  assert.equal(ties({ key: "#", shiftKey: true }), true);
  assert.equal(ties({ key: "2", shiftKey: true }), false);
  assert.equal(ties({ key: "a", shiftKey: false }), false);
});
