import assert from "node:assert/strict";
import { test } from "node:test";

import { verdictOf } from "../../../static/js/verdicts.js";

test("a vote has a letter, a place and a sign", () => {
  assert.deepEqual(["a", "1", "ArrowLeft"].map(verdictOf), ["a", "a", "a"]);
  assert.deepEqual(["b", "2", "ArrowRight"].map(verdictOf), ["b", "b", "b"]);
  assert.deepEqual(["t", "3", "="].map(verdictOf), ["tie", "tie", "tie"]);
  assert.deepEqual(["x", "4"].map(verdictOf), ["both_bad", "both_bad"]);
});

test("another key is no vote", () => {
  assert.deepEqual(["c", "5", "Enter", "", undefined].map(verdictOf), [null, null, null, null, null]);
});
