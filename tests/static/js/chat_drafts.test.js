import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Drafts } from "../../../static/js/chat_drafts.js";

class Box extends EventTarget {
  value = "";

  type(text) {
    this.value = text;
    this.dispatchEvent(new Event("input"));
  }
}

beforeEach(() => {
  const kept = new Map();
  globalThis.sessionStorage = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, text) => kept.set(name, text),
    removeItem: (name) => kept.delete(name),
  };
});

const restored = (name, messages = [], box = new Box()) => {
  new Drafts(name, box).restore(messages);
  return box.value;
};

test("what is typed is there again, in its own conversation alone", () => {
  const box = new Box();
  new Drafts("7", box);
  box.type("half a");
  assert.equal(restored("7"), "half a");
  assert.equal(restored("8"), "");
  box.type("");
  assert.equal(restored("7"), "");
});

test("what was sent is cleared, and what stands in the box stays", () => {
  const box = new Box();
  const drafts = new Drafts("7", box);
  box.type("one");
  const other = new Box();
  other.value = "two";
  assert.equal(restored("7", [], other), "two");
  drafts.clear();
  assert.equal(restored("7"), "");
});

test("what began a conversation has arrived once it stands among its messages", () => {
  const box = new Box();
  new Drafts("new", box);
  box.type("Hello \n");
  assert.equal(restored("7", ["Other"]), "");
  assert.equal(restored("new"), "Hello \n");
  restored("7", ["Hello"]);
  assert.equal(restored("new"), "");
});
