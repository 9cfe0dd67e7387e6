import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { forget, isKept, keep, stored, waitingFor } from "../../../static/js/kept.js";

const RANKING = { key: "1", url: "/groups/7/rankings", what: "Your ranking" };
const SKIP = { key: "2", url: "/groups/8/skip", what: "Your skip" };

/** As a browser's own: text by name. */
class Storage {
  texts = new Map();
  getItem = (name) => this.texts.get(name) ?? null;
  setItem = (name, text) => void this.texts.set(name, text);
  removeItem = (name) => void this.texts.delete(name);
}

const browserKeeps = (storage) =>
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });

beforeEach(() => browserKeeps(new Storage()));

test("what is kept is there until it is forgotten, in the order in which it came", () => {
  keep(RANKING);
  keep(SKIP);
  assert.deepEqual(stored(), [RANKING, SKIP]);
  assert.equal(isKept(SKIP), true);
  forget(RANKING);
  assert.deepEqual(stored(), [SKIP]);
  assert.equal(isKept(RANKING), false);
});

test("nothing is kept twice: the later one counts", () => {
  keep(RANKING);
  keep({ ...RANKING, what: "Your other ranking" });
  assert.deepEqual(
    stored().map((item) => item.what),
    ["Your other ranking"],
  );
});

test("what waits for an address is found by it", () => {
  keep(RANKING);
  assert.deepEqual(waitingFor("/groups/7/rankings"), RANKING);
  assert.equal(waitingFor("/groups/8/rankings"), null);
});

test("an empty outbox leaves nothing in the browser", () => {
  keep(RANKING);
  forget(RANKING);
  assert.equal(localStorage.texts.size, 0);
});

test("what others wrote there is nothing", () => {
  for (const text of ["{", "7", '{"a": 1}', "null"]) {
    localStorage.setItem("fourfold-outbox", text);
    assert.deepEqual(stored(), [], text);
  }
});

test("a browser that keeps nothing breaks nothing", () => {
  const refuses = () => {
    throw new DOMException("no", "SecurityError");
  };
  browserKeeps({ getItem: refuses, setItem: refuses, removeItem: refuses });
  keep(RANKING);
  forget(RANKING);
  assert.deepEqual(stored(), []);
  assert.equal(waitingFor(RANKING.url), null);
});
