import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { significant } from "../../../static/js/figures.js";

const shared = JSON.parse(readFileSync(new URL("../../web/figures.json", import.meta.url), "utf8"));

test("numbers are written as the server writes them", () => {
  assert.ok(shared.significant.length > 10);
  for (const [value, digits, text] of shared.significant) {
    assert.equal(significant(value, digits), text, `${value} to ${digits} digits`);
  }
});

test("what is no number is a dash", () => {
  for (const value of [undefined, null, Number.NaN, Number.POSITIVE_INFINITY]) assert.equal(significant(value), "–");
});
