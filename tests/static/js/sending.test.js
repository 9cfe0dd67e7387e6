import assert from "node:assert/strict";
import { test } from "node:test";

import { ahead, causeOf, nextTry, pauseSeconds, sentenceOf, settles, yields } from "../../../static/js/sending.js";

const answer = (status, { redirected = false, after = null } = {}) => ({
  status,
  redirected,
  headers: new Headers(after === null ? {} : { "Retry-After": after }),
});

test("the server's own last word ends the sending", () => {
  for (const status of [200, 201, 204, 400, 403, 404, 409, 413, 422, 501]) {
    assert.equal(settles(answer(status)), true, String(status));
  }
});

test("no answer, later, a sign-in and another's page end nothing", () => {
  for (const status of [401, 408, 425, 429, 500, 502, 503, 504, 507]) {
    assert.equal(settles(answer(status)), false, String(status));
  }
  assert.equal(settles(null), false);
  assert.equal(settles(answer(200, { redirected: true })), false);
});

test("pauses grow to a minute and stay there", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7, 100].map((tries) => pauseSeconds(tries, null)),
    [1, 2, 4, 8, 15, 30, 60, 60, 60],
  );
});

test("the server may ask for a longer pause, never for a shorter one", () => {
  assert.equal(pauseSeconds(0, answer(503, { after: "20" })), 20);
  assert.equal(pauseSeconds(4, answer(503, { after: "2" })), 15);
  assert.equal(pauseSeconds(0, answer(503, { after: "Fri, 31 Dec 1999 23:59:59 GMT" })), 1);
});

test("each cause has its sentence", () => {
  assert.match(causeOf(null, true), /does not answer/);
  assert.match(causeOf(null, false), /offline/);
  assert.match(causeOf(answer(401), true), /signed out/);
  assert.match(causeOf(answer(200, { redirected: true }), true), /sign in/);
  assert.match(causeOf(answer(503), true), /busy/);
  assert.match(causeOf(answer(429), true), /busy/);
  assert.equal(causeOf(answer(500), true), "The server answered with error 500.");
});

test("what waits is named, with how many more, and whether it outlives the page", () => {
  const first = { cause: "This device is offline.", what: "Your ranking", kept: true };
  assert.equal(
    sentenceOf([first]),
    "This device is offline. Your ranking is kept in this browser and will be sent again by itself, even after a reload.",
  );
  assert.equal(
    sentenceOf([{ ...first, kept: false }, first, first]),
    "This device is offline. Your ranking and 2 more will be sent again by itself while this page is open.",
  );
});

test("the next try is the nearest of all", () => {
  assert.equal(nextTry([{ due: 9_000 }, { due: 4_001 }], 1_000), "Next try in 4 s.");
  assert.equal(nextTry([{ due: 900 }], 1_000), "Trying now.");
});

test("what was done first stands before what was done later", () => {
  const [ranking, skip, prompt] = [3, 7, 9].map((at) => ({ at, kept: true }));
  const items = [prompt, ranking, skip];
  assert.equal(ahead(ranking, items), undefined);
  assert.equal(ahead(skip, items), ranking);
  assert.equal(ahead(prompt, [prompt, skip]), skip);
  assert.equal(ahead(skip, [{ kept: true }, skip])?.at, undefined);
  assert.notEqual(ahead(skip, [{ kept: true }, skip]), undefined, "what an earlier release kept is the oldest");
});

test("nothing waits for what the server has no room for, or for what is sent while its page is open", () => {
  const later = { at: 9, kept: true };
  assert.equal(ahead(later, [{ at: 1, kept: true, yields: true }, later]), undefined);
  assert.equal(ahead(later, [{ at: 1, kept: false }, later]), undefined);
  assert.equal(ahead({ at: 9, kept: false }, [{ at: 1, kept: true }]), undefined);
  assert.equal(yields(answer(503)), true);
  assert.equal(yields(answer(429)), true);
  assert.equal(yields(answer(401)), false);
  assert.equal(yields(null), false);
});
