import assert from "node:assert/strict";
import { test } from "node:test";

import {
  closeUp,
  floatsOf,
  isGreedy,
  NEUTRAL,
  orderOf,
  Place,
  surprise,
  within,
} from "../../../static/js/distribution.js";

const placeOf = (probabilities, logNormalizer = 0, seen = []) =>
  new Place(Float32Array.from(probabilities.map(Math.log)), logNormalizer, seen);
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);

test("numbers come as little-endian float32 in base64", () => {
  const bytes = Buffer.from(Float32Array.from([0, -1.5, 3e8, -Infinity]).buffer);
  assert.deepEqual([...floatsOf(bytes.toString("base64"))], [0, -1.5, 3e8, -Infinity]);
});

test("the largest logit comes first, equals in the order of their ids", () => {
  const logits = Float32Array.from([-1, 2, -Infinity, 2, 0, 3e30, -0.25, -3e30, 1e-40, -1e-40]);
  assert.deepEqual([...orderOf(logits)], [5, 1, 3, 8, 4, 9, 6, 0, 7, 2]);
});

test("the order is that of a stable sort, for many numbers", () => {
  const logits = Float32Array.from({ length: 70_000 }, (_, id) => Math.fround(Math.sin(id * 7.1) * 50));
  const expected = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
  assert.deepEqual([...orderOf(logits)], expected);
});

test("without filters the three stages are one", () => {
  const place = placeOf([0.1, 0.6, 0.3]);
  const dice = place.at(NEUTRAL);
  for (const [id, probability] of [0.1, 0.6, 0.3].entries()) {
    near(place.probability(id), probability);
    near(dice.tempered(id), probability);
    near(dice.filtered(id), probability);
  }
  assert.deepEqual(
    [0, 1, 2].map((id) => place.rank(id)),
    [3, 1, 2],
  );
});

test("each token has its part of the line from 0 to 1, in the order of ids, and a number falls on one", () => {
  const dice = placeOf([0.1, 0.6, 0.3]).at(NEUTRAL);
  near(dice.part(1)[0], 0.1);
  near(dice.part(1)[1], 0.7);
  assert.deepEqual(
    [0, 0.05, 0.15, 0.69, 0.71, 0.9999999].map((number) => dice.tokenAt(number)),
    [0, 0, 1, 1, 2, 2],
  );
});

test("what is cut off has no part, and no number falls on it", () => {
  const dice = placeOf([0.3, 0.05, 0.6, 0.05]).at({ ...NEUTRAL, top_k: 2 });
  assert.deepEqual(
    [0, 1, 2, 3].map((id) => dice.isKept(id)),
    [true, false, true, false],
  );
  near(dice.filtered(0), 1 / 3);
  assert.equal(dice.filtered(3), 0);
  near(dice.tempered(3), 0.05);
  assert.equal(dice.part(1)[0], dice.part(1)[1]);
  assert.equal(dice.tokenAt(0.34), 2);
  assert.equal(dice.tokenAt(1), 2);
});

test("equals of the last of the k likeliest stay, too", () => {
  assert.equal(placeOf([0.5, 0.2, 0.2, 0.1]).at({ ...NEUTRAL, top_k: 2 }).kept, 3);
  assert.equal(placeOf([0.5, 0.2, 0.2, 0.1]).at({ ...NEUTRAL, top_k: 9 }).kept, 4);
});

test("top-p keeps the smallest set that reaches it, and at least one", () => {
  const place = placeOf([0.5, 0.3, 0.15, 0.05]);
  const kept = (top_p) => place.at({ ...NEUTRAL, top_p }).kept;
  assert.deepEqual([0.001, 0.49, 0.6, 0.85, 0.97].map(kept), [1, 1, 2, 3, 4]);
});

test("min-p is a share of the likeliest token's probability", () => {
  const place = placeOf([0.5, 0.3, 0.15, 0.05]);
  const kept = (min_p) => place.at({ ...NEUTRAL, min_p }).kept;
  assert.deepEqual([0.05, 0.2, 0.5, 0.7, 1].map(kept), [4, 3, 2, 1, 1]);
});

test("min-p is taken at the temperature", () => {
  const place = placeOf([0.5, 0.3, 0.15, 0.05]);
  assert.equal(place.at({ ...NEUTRAL, min_p: 0.2, temperature: 0.5 }).kept, 2);
  assert.equal(place.at({ ...NEUTRAL, min_p: 0.2, temperature: 2 }).kept, 4);
});

test("a part begins with its edge and ends before the next", () => {
  const dice = placeOf([0.5, 0.5]).at(NEUTRAL);
  assert.deepEqual([dice.tokenAt(0.5 - 1e-9), dice.tokenAt(0.5)], [0, 1]);
});

test("the filters come one after the other, each on what the one before left", () => {
  const place = placeOf([0.4, 0.3, 0.2, 0.1]);
  assert.equal(place.at({ ...NEUTRAL, top_p: 0.75 }).kept, 3);
  assert.equal(place.at({ ...NEUTRAL, top_k: 3, top_p: 0.75 }).kept, 2);
});

test("a temperature below one makes the likely likelier", () => {
  const dice = placeOf([0.8, 0.2]).at({ ...NEUTRAL, temperature: 0.5 });
  near(dice.tempered(0), 0.64 / 0.68);
  near(
    placeOf([0.8, 0.2])
      .at({ ...NEUTRAL, temperature: 2 })
      .tempered(0),
    2 / 3,
  );
});

test("the repetition penalty divides a positive logit of what stood there, and multiplies a negative one", () => {
  const place = new Place(Float32Array.from([1, -1, 0.5].map((logit) => logit - 2)), 2, [0, 1, 0]);
  const weights = [1 / 2, -1 * 2, 0.5].map(Math.exp);
  const total = weights.reduce((a, b) => a + b);
  const dice = place.at({ ...NEUTRAL, repetition_penalty: 2 });
  for (const id of [0, 1, 2]) near(dice.tempered(id), weights[id] / total);
  near(place.at(NEUTRAL).tempered(0), Math.E / (Math.E + Math.exp(-1) + Math.exp(0.5)));
});

test("at temperature 0 nothing is rolled: the likeliest is taken, penalties counted", () => {
  const greedy = { ...NEUTRAL, temperature: 0.0009 };
  assert.ok(isGreedy(greedy));
  assert.ok(!isGreedy({ ...NEUTRAL, temperature: 0.001 }));
  const place = new Place(Float32Array.from([1.2, 1, -3]), 0, [0]);
  assert.deepEqual(
    [0, 1, 2].map((id) => place.at(greedy).filtered(id)),
    [1, 0, 0],
  );
  assert.equal(place.at({ ...greedy, repetition_penalty: 2 }).tokenAt(0.99), 1);
});

test("surprise is told in bits", () => {
  near(surprise(Math.log(1 / 8)), 3);
  assert.equal(Math.abs(surprise(0)), 0);
});

const nearBoth = ([a, b], [c, d]) => assert.ok(Math.abs(a - c) < 1e-9 && Math.abs(b - d) < 1e-9, `${a}, ${b}`);

test("a close-up is nine times as wide as the part, which is in its middle", () => {
  nearBoth(closeUp([0.5, 0.51]), [0.46, 0.55]);
});

test("a close-up stays on the line", () => {
  nearBoth(closeUp([0, 0.01]), [0, 0.09]);
  nearBoth(closeUp([0.99, 1]), [0.91, 1]);
  nearBoth(closeUp([0.2, 0.8]), [0, 1]);
});

test("a part without width has a close-up, too", () => {
  const [from, to] = closeUp([0.5, 0.5]);
  assert.ok(from < to && from <= 0.5 && to >= 0.5);
});

test("a number is marked within its token's part, whatever the seventh digit says", () => {
  assert.equal(within(0.42, [0.4, 0.5]), 0.42);
  assert.equal(within(0.3999999, [0.4, 0.5]), 0.4);
  assert.ok(within(0.5000001, [0.4, 0.5]) < 0.5);
  assert.equal(within(0.5, [0.5, 0.5]), 0.5);
});

const steps = (size, seed) =>
  Float32Array.from({ length: size }, (_, id) => Math.round(Math.sin(id * 7.1 + seed) * 6) + 0);

test("the order after a penalty is that of all logits, equals by id", () => {
  for (const [seed, penalty] of [1.1, 1.5, 2, 0.5].entries()) {
    const logits = steps(300, seed);
    const seen = Array.from({ length: 60 }, (_, at) => (at * 37 + seed) % 300);
    const place = new Place(logits, 0, seen);
    const penalized = logits.slice();
    for (const id of new Set(seen))
      penalized[id] = penalized[id] > 0 ? penalized[id] / penalty : penalized[id] * penalty;
    assert.deepEqual([...place.at({ ...NEUTRAL, repetition_penalty: penalty }).order], [...orderOf(penalized)]);
  }
});

test("a token that the penalty makes the last one stands last", () => {
  const { order } = new Place(Float32Array.from([-1, -3, -2]), 0, [0, 2]).at({ ...NEUTRAL, repetition_penalty: 4 });
  assert.deepEqual([...order], [1, 0, 2]);
});

test("the parts of few tokens lie on the line in the order of their ids", () => {
  const logits = Float32Array.from({ length: 400 }, (_, id) => (id === 300 ? 3 : id === 100 ? 2 : id === 7 ? 1 : 0));
  const dice = new Place(logits, 0, []).at({ ...NEUTRAL, top_k: 3 });
  const total = Math.E + Math.E ** 2 + Math.E ** 3;
  near(dice.part(7)[1], Math.E / total);
  near(dice.part(100)[0], Math.E / total);
  near(dice.part(300)[1], 1);
  assert.deepEqual(
    [0, 0.1, 0.5, 0.9999].map((number) => dice.tokenAt(number)),
    [7, 100, 300, 300],
  );
  assert.deepEqual(dice.part(200), [dice.part(300)[0], dice.part(300)[0]]);
});

test("what is very unlikely has its share", () => {
  const dice = new Place(Float32Array.from([0, -25]), 0, []).at(NEUTRAL);
  assert.ok(Math.abs(dice.tempered(1) / Math.exp(-25) - 1) < 1e-9);
});
