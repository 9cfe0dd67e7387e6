// How curves are looked at: smoothing, log scale, stretches, and the address that keeps them.

import assert from "node:assert/strict";
import test from "node:test";

import { ends, fitsLog, isPlain, queryWith, smoothed, viewIn, WHOLE } from "../../../static/js/curve_view.js";

const close = (values, expected) => {
  assert.equal(values.length, expected.length);
  for (const [at, value] of values.entries()) {
    if (expected[at] == null) assert.equal(value, expected[at]);
    else assert.ok(Math.abs(value - expected[at]) < 1e-12, `${value} is not ${expected[at]}`);
  }
};

test("a smoothed line begins where the line begins, and gaps stay gaps", () => {
  close(smoothed([2, 4, null, 4], 0.5), [2, 10 / 3, null, 26 / 7]);
  close(smoothed([3, 3, 3], 0.95), [3, 3, 3]);
  close(smoothed([1, 2], 0), [1, 2]);
  close(smoothed([], 0.5), []);
});

test("a log scale shows what is above 0 alone", () => {
  assert.ok(fitsLog([[1, null, 0.001]]));
  assert.ok(!fitsLog([[1], [0]]));
  assert.ok(!fitsLog([[-1]]));
});

test("the address keeps the view, and what else stands in it", () => {
  const view = { smoothing: 0.6, log: true, from: 5, to: 20 };
  const query = queryWith("?job=a&job=b", view);
  assert.equal(query, "?job=a&job=b&smoothing=0.6&log=1&from=5&to=20");
  assert.deepEqual(viewIn(query), view);
  assert.equal(queryWith(query, viewIn("")), "?job=a&job=b");
  assert.equal(queryWith("?log=1", viewIn("")), "");
});

test("an address that makes no sense is as none", () => {
  for (const query of [
    "",
    "?smoothing=2",
    "?smoothing=-1",
    "?smoothing=x",
    "?log=yes",
    "?from=9&to=3",
    "?from=-1",
    "?from=1e3",
  ])
    assert.ok(isPlain(viewIn(query)), query);
  assert.ok(!isPlain(viewIn("?from=3")));
});

test("a stretch has an end behind its beginning", () => {
  assert.deepEqual(ends(3, 9), { from: 3, to: 9 });
  assert.deepEqual(ends(null, 9), { from: null, to: 9 });
  assert.equal(ends(9, 9), WHOLE);
});
