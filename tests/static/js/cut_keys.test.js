// Arrow keys among tokens: along the text, and from line to line.

import assert from "node:assert/strict";
import test from "node:test";

import { placeOf } from "../../../static/js/cut_keys.js";

const boxes = () => [
  { x: 10, y: 10 },
  { x: 60, y: 10 },
  { x: 20, y: 40 },
  { x: 55, y: 42 },
  { x: 90, y: 40 },
  { x: 10, y: 70 },
];
const unasked = () => assert.fail("no line is wanted");

test("along the text, not beyond its ends", () => {
  assert.equal(placeOf("ArrowRight", 0, 6, unasked), 1);
  assert.equal(placeOf("ArrowRight", 5, 6, unasked), 5);
  assert.equal(placeOf("ArrowLeft", 0, 6, unasked), 0);
  assert.equal(placeOf("Home", 3, 6, unasked), 0);
  assert.equal(placeOf("End", 3, 6, unasked), 5);
});

test("to the nearest token of the next line", () => {
  assert.equal(placeOf("ArrowDown", 1, 6, boxes), 3);
  assert.equal(placeOf("ArrowDown", 0, 6, boxes), 2);
  assert.equal(placeOf("ArrowUp", 4, 6, boxes), 1);
  assert.equal(placeOf("ArrowDown", 4, 6, boxes), 5);
  assert.equal(placeOf("ArrowUp", 1, 6, boxes), 1);
  assert.equal(placeOf("ArrowDown", 5, 6, boxes), 5);
});

test("other keys lead nowhere, nor does a key pressed elsewhere", () => {
  assert.equal(placeOf("a", 0, 6, unasked), null);
  assert.equal(placeOf("ArrowRight", -1, 6, unasked), null);
});
