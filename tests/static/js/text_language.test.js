import assert from "node:assert/strict";
import { test } from "node:test";

import { languageOf } from "../../../static/js/text_language.js";

test("a text is in the language of most of its words", () => {
  assert.equal(languageOf("Why is the sky blue?"), "en");
  assert.equal(languageOf("天空为什么是蓝色的？"), "zh");
  assert.equal(languageOf("请用 Python 写一个函数。"), "zh");
  assert.equal(languageOf("The word 水 means water."), "en");
});

test("what cannot be told has none", () => {
  for (const text of ["", "1 + 1 = 2", "שלום", "مرحبا", "👩‍👩‍👧 ̈", "水 water"]) assert.equal(languageOf(text), "");
});
