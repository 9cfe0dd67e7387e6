import assert from "node:assert/strict";
import { test } from "node:test";

import { Series, spoken } from "../../../static/js/series.js";

const point = (step, values) => ({ step, values });

test("points stand by step, whatever order they come in", () => {
  const series = new Series(["loss"]);
  series.add([point(1, { loss: 3 }), point(5, { loss: 1 })]);
  series.add([point(3, { loss: 2 })]);
  assert.deepEqual(series.steps, [1, 3, 5]);
  assert.deepEqual(series.values, [[3, 2, 1]]);
});

test("a step that is reported again counts as reported later, and keeps what was not said again", () => {
  const series = new Series(["loss", "accuracy"]);
  series.add([point(1, { loss: 3, accuracy: 0.5 })]);
  series.add([point(1, { loss: 2 })]);
  assert.deepEqual(series.steps, [1]);
  assert.deepEqual(series.values, [[2], [0.5]]);
});

test("points of other plots change nothing", () => {
  const series = new Series(["loss"]);
  assert.equal(series.add([point(1, { reward: 3 })]), false);
  assert.equal(series.add([]), false);
  assert.deepEqual(series.steps, []);
  assert.equal(series.add([point(1, { reward: 3 }), point(2, { loss: 0 })]), true);
  assert.deepEqual(series.steps, [2]);
});

test("a line that lacks a step has a gap there", () => {
  const series = new Series(["loss", "held out"]);
  series.add([point(1, { loss: 1 }), point(2, { "held out": 2 })]);
  assert.deepEqual(series.values[0][0], 1);
  assert.equal(series.values[0][1] ?? null, null);
  assert.equal(series.values[1][0] ?? null, null);
  assert.deepEqual(series.values[1][1], 2);
});

test("a sentence says where the line began and where it is", () => {
  const series = new Series(["loss", "accuracy"]);
  const words = (label) => [
    `${label}: {first} at step {first_step}, {last} at step {last_step}.`,
    `No values of ${label} yet.`,
  ];
  assert.equal(series.sentence(0, ...words("Loss")), "No values of Loss yet.");
  assert.equal(series.latest(0), "–");
  series.add([point(2, { loss: 0.7014 }), point(4, { accuracy: 0.5 }), point(8, { loss: -0.25 })]);
  assert.equal(series.sentence(0, ...words("Loss")), "Loss: 0.701 at step 2, −0.25 at step 8.");
  assert.equal(series.latest(0), "−0.25");
  assert.equal(series.sentence(1, ...words("Accuracy")), "Accuracy: 0.5 at step 4, 0.5 at step 4.");
});

test("nought is a value", () => {
  const series = new Series(["loss"]);
  series.add([point(0, { loss: 0 })]);
  assert.equal(series.latest(0), "0");
});

test("the values of a plot are spoken under its name", () => {
  assert.equal(spoken("Loss", ["train", "held-out"], ["0.3", "0.5"]), "Loss: train 0.3, held-out 0.5");
  assert.equal(spoken("Length", ["Length"], ["20"]), "Length 20");
});
