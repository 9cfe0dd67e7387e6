import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Branches, keep, kept, nameOfAnswer, ROOT } from "../../../static/js/branches.js";

const token = (id) => ({
  token_id: id,
  text: String(id),
  bytes: [48 + id],
  logprob: -1,
  uniform: 0.5,
  top: [{ token_id: 9 }],
});
const tokens = (...ids) => ids.map(token);
const grown = () => {
  const branches = new Branches();
  const first = branches.add({ parent: ROOT, place: 1, how: "taken", tokens: tokens(1, 5) });
  const second = branches.add({ parent: first.id, place: 2, how: "taken", tokens: tokens(1, 5, 6) });
  const third = branches.add({ parent: ROOT, place: 0, how: "rolled", tokens: [] });
  return { branches, first, second, third };
};

class Store {
  items = new Map();
  getItem = (name) => this.items.get(name) ?? null;
  setItem = (name, value) => this.items.set(name, value);
  removeItem = (name) => this.items.delete(name);
}

beforeEach(() => {
  globalThis.sessionStorage = new Store();
});

test("branches hang on the answer and on each other, and the newest is shown", () => {
  const { branches, first, second, third } = grown();
  assert.deepEqual(branches.childrenOf(ROOT), [first, third]);
  assert.deepEqual(branches.childrenOf(first.id), [second]);
  assert.equal(branches.shown, third.id);
  assert.equal(branches.get(ROOT), undefined);
});

test("it is known where a person took the token, on the whole way", () => {
  const { branches, second, third } = grown();
  assert.deepEqual([...branches.takenPlaces(second.id)], [2, 1]);
  assert.deepEqual([...branches.takenPlaces(third.id)], []);
  assert.deepEqual([...branches.takenPlaces(ROOT)], []);
  const before = branches.add({ parent: second.id, place: 1, how: "taken", tokens: tokens(1, 7) });
  assert.deepEqual([...branches.takenPlaces(before.id)], [1]);
  const byHand = branches.add({ parent: second.id, place: 2, how: "rolled", tokens: tokens(1, 5) });
  assert.deepEqual([...branches.takenPlaces(byHand.id)], [1]);
});

test("what branches off from a branch goes with it, and its parent is shown instead", () => {
  const { branches, first, second, third } = grown();
  branches.shown = second.id;
  branches.remove(first.id);
  assert.deepEqual(branches.all, [third]);
  assert.equal(branches.shown, ROOT);
  branches.remove(99);
  assert.deepEqual(branches.all, [third]);
});

test("a branch that is not shown goes quietly", () => {
  const { branches, second, third } = grown();
  branches.remove(second.id);
  assert.equal(branches.shown, third.id);
});

test("a number is not given twice", () => {
  const { branches, third } = grown();
  branches.remove(1);
  assert.ok(branches.add({ parent: ROOT, place: 0, how: "taken", tokens: tokens(3) }).id > third.id);
  const again = Branches.from(JSON.parse(JSON.stringify(branches)));
  assert.ok(again.add({ parent: ROOT, place: 0, how: "taken", tokens: tokens(4) }).id > branches.shown);
});

test("the same token taken at the same place is the same branch", () => {
  const { branches, first, second } = grown();
  assert.equal(branches.same(ROOT, 1, 5), first);
  assert.equal(branches.same(first.id, 2, 6), second);
  assert.equal(branches.same(ROOT, 1, 6), undefined);
  assert.equal(branches.same(ROOT, 2, 5), undefined);
});

test("a branch has tokens of its own", () => {
  const given = tokens(1, 2);
  const branch = new Branches().add({ parent: ROOT, place: 1, how: "taken", tokens: given });
  branch.tokens.push(token(3));
  assert.equal(given.length, 2);
});

test("what is kept comes back, without what is not needed", () => {
  const answer = { body: { prompt: "Hi", seed: 3 }, index: 0, version: 1 };
  const { branches, first } = grown();
  branches.shown = first.id;
  first.finished = true;
  assert.ok(keep(answer, branches));
  const again = kept(answer);
  assert.equal(again.shown, first.id);
  assert.deepEqual(
    again.all.map(({ id, parent, place, how, finished }) => [id, parent, place, how, finished]),
    [
      [1, 0, 1, "taken", true],
      [2, 1, 2, "taken", false],
      [3, 0, 0, "rolled", false],
    ],
  );
  assert.deepEqual(Object.keys(again.get(1).tokens[0]), ["token_id", "text", "bytes", "logprob", "uniform"]);
  assert.deepEqual(kept({ ...answer, index: 1 }).all, []);
});

test("no branches leave nothing behind", () => {
  const answer = { body: { prompt: "Hi" }, index: 0, version: 1 };
  keep(answer, grown().branches);
  keep(answer, new Branches());
  assert.equal(sessionStorage.items.size, 0);
});

test("what was spoilt is left out", () => {
  const good = { id: 1, parent: 0, place: 0, how: "taken", tokens: tokens(1), finished: true };
  const spoilt = [
    null,
    7,
    { ...good, id: 2, parent: 9 },
    { ...good, id: 3, how: "stolen" },
    { ...good, id: 4, tokens: [{}] },
  ];
  const branches = Branches.from({ shown: 3, all: [good, ...spoilt, { ...good, id: 1 }] });
  assert.deepEqual(
    branches.all.map(({ id }) => id),
    [1],
  );
  assert.equal(branches.shown, ROOT);
  for (const nothing of [null, [], { all: 3 }, "x"]) assert.deepEqual(Branches.from(nothing).all, []);
});

test("a browser that keeps nothing loses nothing of the page", () => {
  globalThis.sessionStorage = {
    getItem: () => "{",
    setItem: () => {
      throw new Error("full");
    },
  };
  assert.equal(keep({ body: {}, index: 0, version: 1 }, grown().branches), false);
  assert.deepEqual(kept({ body: {}, index: 0, version: 1 }).all, []);
});

test("an answer is known by what decides its text, in whatever order it is written", () => {
  const name = (body, index = 0, version = 1) => nameOfAnswer({ body, index, version });
  assert.equal(name({ prompt: "Hi", seed: 1, n: 4, stream: true, logprobs: 5 }), name({ seed: 1, prompt: "Hi", n: 1 }));
  const others = [
    name({ prompt: "Hi", seed: 2 }),
    name({ prompt: "Hi", seed: 1 }, 1),
    name({ prompt: "Hi", seed: 1 }, 0, 2),
  ];
  assert.ok(!others.includes(name({ prompt: "Hi", seed: 1 })));
});
