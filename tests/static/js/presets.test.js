import assert from "node:assert/strict";
import { test } from "node:test";

import { changedFrom, fittingPreset } from "../../../static/js/presets.js";

const greedy = { name: "greedy", values: { temperature: 0, top_p: 1 } };
const wild = { name: "wild", values: { temperature: 1.6, top_p: 1 } };

test("a preset fits while all its values stand, whatever the others are", () => {
  assert.equal(fittingPreset([greedy, wild], { temperature: 1.6, top_p: 1, max_tokens: 3 }), wild);
  assert.equal(fittingPreset([greedy, wild], { temperature: 1.6, top_p: 0.9 }), null);
});

test("what was changed is named", () => {
  assert.deepEqual(changedFrom(greedy, { temperature: 0, top_p: 1 }), []);
  assert.deepEqual(changedFrom(greedy, { temperature: 0.1, top_p: Number.NaN }), ["temperature", "top_p"]);
});
