import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { draftOf, forgetDraft, keepDraft } from "../../../static/js/drafts.js";

const HALF = { ranks: { 11: 1, 12: 2 }, comment: "because" };
const OTHER = { ranks: { 11: 4 }, comment: "no" };
const DAY = 24 * 60 * 60 * 1000;

/** As a browser's own: text by name, the names as its keys. */
function storage() {
  const texts = {};
  const methods = {
    getItem: (name) => texts[name] ?? null,
    setItem: (name, text) => void Object.assign(texts, { [name]: text }),
    removeItem: (name) => void delete texts[name],
  };
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(texts, name, { value });
  return texts;
}

const browserHas = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true });
/** The same browser, another tab; or back to one that was left. */
const tab = (store = storage()) => {
  browserHas("sessionStorage", store);
  return store;
};

beforeEach(() => {
  browserHas("localStorage", storage());
  tab();
});

test("a draft is there until its card is done", () => {
  assert.equal(draftOf(7), null);
  keepDraft(7, HALF);
  assert.deepEqual(draftOf(7), HALF);
  keepDraft(7, OTHER);
  assert.deepEqual(draftOf(7), OTHER);
  assert.equal(draftOf(70), null);
  forgetDraft(7);
  assert.equal(draftOf(7), null);
  assert.equal(Object.keys(localStorage).length, 0);
});

test("a new tab finds what another one left", () => {
  keepDraft(7, HALF);
  tab();
  assert.deepEqual(draftOf(7), HALF);
});

test("of two tabs at the same card each finds its own again", () => {
  const first = tab();
  keepDraft(7, HALF);
  const second = tab();
  keepDraft(7, OTHER);
  tab(first);
  assert.deepEqual(draftOf(7), HALF);
  tab(second);
  assert.deepEqual(draftOf(7), OTHER);
});

test("who clears a card clears only what is theirs", () => {
  const first = tab();
  keepDraft(7, HALF);
  const second = tab();
  keepDraft(7, null);
  assert.equal(draftOf(7), null);
  tab(first);
  assert.deepEqual(draftOf(7), HALF);
  keepDraft(7, null);
  assert.equal(draftOf(7), null);
  tab(second);
  assert.equal(draftOf(7), null);
  assert.equal(Object.keys(localStorage).length, 0);
});

test("at most twenty are kept, the newest, and none for longer than a week", () => {
  for (let id = 1; id <= 25; id += 1) keepDraft(id, HALF, id);
  assert.equal(draftOf(5, 25), null);
  assert.deepEqual(draftOf(6, 25), HALF);
  tab();
  assert.equal(draftOf(5, 25), null);
  assert.deepEqual(draftOf(25, 25), HALF);
  assert.equal(draftOf(25, 25 + 7 * DAY + 1), null);
  keepDraft(99, HALF, 30 + 7 * DAY);
  assert.deepEqual(
    Object.keys(localStorage).filter((name) => name.startsWith("fourfold-draft-")),
    ["fourfold-draft-99"],
  );
});

test("what others wrote there is nothing", () => {
  for (const text of ["{", "7", "null", '{"a": 1}', '{"at": "x", "values": {}}']) {
    localStorage.setItem("fourfold-draft-7", text);
    assert.equal(draftOf(7), null, text);
  }
});

test("a browser that keeps nothing breaks nothing", () => {
  const refuses = () => {
    throw new DOMException("no", "SecurityError");
  };
  for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(globalThis, name, { get: refuses, configurable: true });
  }
  keepDraft(7, HALF);
  assert.equal(draftOf(7), null);
  keepDraft(7, null);
  forgetDraft(7);
});
