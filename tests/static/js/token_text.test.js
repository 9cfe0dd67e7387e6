import assert from "node:assert/strict";
import { test } from "node:test";

import {
  chance,
  isBlank,
  nameInAnswer,
  nameOf,
  partsOf,
  shown,
  stepOf,
  TokenReader,
  textOf,
} from "../../../static/js/token_text.js";

const bytesOf = (text) => [...new TextEncoder().encode(text)];
const token = (text) => ({ text, bytes: bytesOf(text) });
const readAll = (tokens) => {
  const reader = new TokenReader();
  return tokens.map((each) => reader.next(each));
};
const writtenBy = (tokens) =>
  readAll(tokens)
    .flatMap(({ parts }) => parts.map((part) => part.text))
    .join("");

test("the less likely a token, the stronger its mark", () => {
  assert.deepEqual([1, 0.5, 0.49, 0.2, 0.19, 0.05, 0.04, 0.01, 0.009, 0].map(stepOf), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
});

test("plain text is shown as it stands", () => {
  assert.deepEqual(partsOf(" the cat"), [{ text: " the cat" }]);
  assert.equal(writtenBy([token("Hel"), token("lo"), token(" 你好")]), "Hello 你好");
});

test("a line break and a tab are there and marked", () => {
  assert.deepEqual(partsOf("a\n\tb"), [
    { text: "a" },
    { mark: "↵", text: "\n" },
    { mark: "⇥", text: "\t" },
    { text: "b" },
  ]);
});

test("what would turn or hide the text beside it has a mark instead of it", () => {
  for (const [character, mark] of [
    ["\u0000", "␀"],
    ["\u001b", "␛"],
    ["\u007f", "␡"],
    ["\u0085", "U+0085"],
    ["\u202e", "U+202E"],
    ["\u2066", "U+2066"],
    ["\u200b", "U+200B"],
    ["\ufeff", "U+FEFF"],
    ["\u{e0041}", "U+E0041"],
  ])
    assert.deepEqual(partsOf(`x${character}y`), [{ text: "x" }, { mark, text: "" }, { text: "y" }]);
});

test("marks that combine, joiners and variation selectors stay with their letters", () => {
  for (const text of ["e\u0301", "\u0301", "👩\u200d🚀", "❤\ufe0f", "می\u200cخواهم", "🇫🇷"])
    assert.deepEqual(partsOf(text), [{ text }]);
});

test("a character of several tokens stands where its last byte does", () => {
  const [a, b, c] = bytesOf("你");
  const reads = readAll([
    { text: "�", bytes: [32, a] },
    { text: "�", bytes: [b] },
    { text: "�", bytes: [c, 33] },
  ]);
  assert.deepEqual(
    reads.map((read) => read.kind),
    ["text", "part", "text"],
  );
  assert.deepEqual(
    reads.map((read) => read.text),
    [" ", "", "你!"],
  );
  assert.deepEqual(
    reads.map((read) => read.completes ?? false),
    [false, false, true],
  );
  assert.equal(reads[1].parts[0].mark, "▯");
});

test("bytes that are no text show the replacement character, as the answer's text does", () => {
  assert.equal(writtenBy([{ text: "�", bytes: [0xe4] }, token("x")]), "�x");
  assert.equal(writtenBy([{ text: "�", bytes: [0xff] }]), "�");
});

test("a character that is never completed is the replacement character at the end", () => {
  const reader = new TokenReader();
  assert.equal(reader.next({ text: "", bytes: [0xe4, 0xbd] }).kind, "part");
  assert.equal(reader.end(), "�");
  assert.equal(reader.end(), "");
  assert.equal(textOf([token("a"), { text: "", bytes: [0xe4] }]), "a�");
});

test("four bytes in four tokens are one character", () => {
  const reads = readAll(bytesOf("🎲").map((byte) => ({ text: "�", bytes: [byte] })));
  assert.deepEqual(
    reads.map((read) => read.kind),
    ["part", "part", "part", "text"],
  );
  assert.equal(reads[3].text, "🎲");
  assert.ok(reads[3].completes);
});

test("a token that wrote nothing shows its name", () => {
  const [read] = readAll([{ text: "<|end|>", bytes: [] }]);
  assert.deepEqual(read, { kind: "silent", text: "", parts: [{ mark: "<|end|>", text: "" }] });
});

test("a token alone is told in words", () => {
  assert.equal(nameOf(token(" cat")), "“cat”");
  assert.equal(nameOf(token("  x")), "“␣x”");
  assert.equal(nameOf(token(" ")), "a space");
  assert.equal(nameOf(token("\n")), "a new line");
  assert.equal(nameOf(token("    ")), "4 spaces");
  assert.equal(nameOf(token("\n\n")), "2 new lines");
  assert.equal(nameOf(token("a\u202eb")), "“aU+202Eb”");
  assert.equal(nameOf({ text: "�", bytes: [0xe4, 0xbd] }), "bytes E4 BD");
  assert.equal(nameOf({ text: "<|end|>", bytes: [] }), "“<|end|>”");
  assert.equal(nameOf({ text: "", bytes: [] }), "nothing");
});

test("a token in an answer is named with what is seen of it", () => {
  assert.equal(nameInAnswer({ text: "��", bytes: [0xb3, 0xa1, 0xe8] }, "塡"), "“塡”: bytes B3 A1 E8");
  assert.equal(nameInAnswer({ text: "a�", bytes: [0x61, 0xe8] }, "a"), "“a”: bytes 61 E8");
  assert.equal(nameInAnswer({ text: "�", bytes: [0xe8] }, "�"), "“�”: bytes E8");
  assert.equal(nameInAnswer({ text: "�", bytes: [0xe8] }, ""), "bytes E8");
  assert.equal(nameInAnswer(token(" cat"), " cat"), "“cat”");
  assert.equal(nameInAnswer(token("\n"), "\n"), "a new line");
  assert.equal(nameInAnswer(token("a\u202eb"), "a\u202eb"), "“ab”: “aU+202Eb”");
});

test("a space at an end is seen, one within is a space", () => {
  assert.equal(shown("  a b "), "␣␣a b␣");
});

test("only what has no ink is blank", () => {
  assert.deepEqual(["", " ", "\n ", " a"].map(isBlank), [false, true, true, false]);
});

test("a probability is never rounded to none or all", () => {
  assert.deepEqual([0, 1, 0.5, 0.1234, 0.0123, 0.00123, 0.00001, 0.9985, 0.99951, 0.99999].map(chance), [
    "0%",
    "100%",
    "50%",
    "12%",
    "1.2%",
    "0.12%",
    "<0.01%",
    "99.9%",
    ">99.9%",
    ">99.9%",
  ]);
});
