import assert from "node:assert/strict";
import { test } from "node:test";

import { notation, Ranking, rankText, spoken } from "../../../static/js/ranking.js";

const LETTERS = ["a", "b", "c", "d"];
const fresh = (ranks) => new Ranking(LETTERS, ranks);
const written = (ranking) => notation(ranking, (id) => id.toUpperCase());

test("three picks rank four answers: the last one left is last", () => {
  const ranking = fresh();
  for (const id of ["c", "a"]) assert.equal(ranking.pick(id), true);
  assert.equal(ranking.complete, false);
  ranking.pick("d");
  assert.equal(ranking.complete, true);
  assert.equal(ranking.implied, "b");
  assert.equal(written(ranking), "C › A › D › B");
});

test("after a tie the count goes on as in sport", () => {
  const ranking = fresh();
  ranking.pick("a");
  ranking.pick("b");
  ranking.pick("c", { tie: true });
  assert.deepEqual(Object.fromEntries(ranking.ranks), { a: 1, b: 2, c: 2, d: 4 });
  assert.equal(written(ranking), "A › B = C › D");
  assert.deepEqual(
    LETTERS.map((id) => rankText(ranking, id)),
    ["1st", "tied 2nd", "tied 2nd", "4th"],
  );
});

test("the implied answer may still be picked, beside the last one or behind it", () => {
  const ranking = fresh();
  for (const id of ["a", "b", "c"]) ranking.pick(id);
  assert.equal(ranking.pick("d", { tie: true }), true);
  assert.equal(ranking.implied, null);
  assert.equal(written(ranking), "A › B › C = D");
});

test("who has a place keeps it", () => {
  const ranking = fresh();
  ranking.pick("a");
  assert.equal(ranking.pick("a"), false);
  assert.equal(written(ranking), "A");
  assert.equal(rankText(ranking, "b"), "not ranked");
});

test("behind a given order a pick begins a new one, and a step back brings it back", () => {
  const given = new Map(LETTERS.map((id, place) => [id, place + 1]));
  const ranking = new Ranking(LETTERS, given, { given: true });
  assert.equal(ranking.given, true);
  assert.equal(ranking.pick("d", { tie: true }), true);
  assert.equal(written(ranking), "D");
  assert.equal(ranking.pick("d"), false);
  assert.equal(ranking.back(), true);
  assert.deepEqual([written(ranking), ranking.given], ["A › B › C › D", true]);
  for (const id of ["c", "a", "b"]) ranking.pick(id);
  assert.equal(written(ranking), "C › A › B › D");
  assert.equal(ranking.pick("a"), false, "this one is one's own");
});

test("a given order that was touched, or is not whole, is gone on with", () => {
  const given = new Map(LETTERS.map((id, place) => [id, place + 1]));
  const moved = new Ranking(LETTERS, given, { given: true });
  moved.setRank("a", 2);
  assert.equal(moved.pick("c"), false);
  const shorter = new Ranking(LETTERS, given, { given: true });
  shorter.back();
  shorter.pick("d");
  assert.equal(written(shorter), "A › B › C › D");
  const part = new Ranking(LETTERS, new Map([["a", 1]]), { given: true });
  part.pick("b");
  assert.equal(written(part), "A › B");
  const longer = new Ranking(LETTERS, given, { given: true });
  longer.setAnswers([...LETTERS, "e"]);
  longer.pick("e");
  assert.equal(written(longer), "A › B › C › D › E");
});

test("the first pick has nobody to tie with", () => {
  const ranking = fresh();
  assert.equal(ranking.joinNext(), false);
  ranking.pick("b", { tie: true });
  assert.equal(ranking.isTied("b"), false);
});

test("= ties the next pick alone, and a second = takes that back", () => {
  const ranking = fresh();
  ranking.pick("a");
  assert.equal(ranking.joinNext(), true);
  ranking.pick("b");
  ranking.pick("c");
  assert.equal(written(ranking), "A = B › C › D");
  const other = fresh();
  other.pick("a");
  other.joinNext();
  other.joinNext();
  other.pick("b");
  assert.equal(written(other), "A › B");
});

test("where all is ranked by hand, = has nothing to wait for", () => {
  const ranking = fresh(new Map(LETTERS.map((id, at) => [id, at + 1])));
  assert.equal(ranking.complete, true);
  assert.equal(ranking.joinNext(), false);
});

test("each step back undoes one step, the implied answer with it", () => {
  const ranking = fresh();
  for (const id of ["a", "b", "c"]) ranking.pick(id);
  assert.equal(ranking.back(), true);
  assert.equal(written(ranking), "A › B");
  assert.equal(ranking.implied, null);
  ranking.joinNext();
  assert.equal(ranking.back(), true);
  assert.equal(ranking.tieNext, false);
  assert.equal(written(ranking), "A › B");
  ranking.back();
  ranking.back();
  assert.equal(ranking.started, false);
  assert.equal(ranking.back(), false);
});

test("clearing is a step that can be undone", () => {
  const ranking = fresh();
  assert.equal(ranking.clear(), false);
  for (const id of ["a", "b", "c"]) ranking.pick(id);
  ranking.joinNext();
  assert.equal(ranking.clear(), true);
  assert.deepEqual([ranking.started, ranking.implied, ranking.tieNext], [false, null, false]);
  ranking.back();
  assert.equal(written(ranking), "A › B › C › D");
  assert.equal(ranking.implied, "d");
});

test("a dragged order is without ties, and nothing in it is implied", () => {
  const ranking = fresh();
  for (const id of ["a", "b", "c"]) ranking.pick(id);
  ranking.setOrder(["d", "c", "b", "a"]);
  assert.equal(written(ranking), "D › C › B › A");
  assert.equal(ranking.implied, null);
  ranking.back();
  assert.equal(written(ranking), "A › B › C › D");
});

test("a rank that is chosen stands as chosen, and is no longer implied", () => {
  const ranking = fresh();
  for (const id of ["a", "b", "c"]) ranking.pick(id);
  ranking.setRank("d", 1);
  assert.equal(ranking.implied, null);
  assert.equal(written(ranking), "A = D › B › C");
  ranking.back();
  assert.equal(ranking.ranks.get("d"), 4);
});

test("two answers are ranked by one pick, a single one by its own", () => {
  const two = new Ranking(["a", "b"]);
  two.pick("b");
  assert.equal(two.complete, true);
  const one = new Ranking(["a"]);
  one.pick("a");
  assert.deepEqual([one.complete, one.implied], [true, null]);
});

test("the ranks it was given stay the giver's own", () => {
  const given = new Map([["a", 1]]);
  const ranking = fresh(given);
  ranking.setRank("a", 3);
  assert.equal(given.get("a"), 1);
});

test("what is taken back frees all that stands behind it, and leaves what stands beside it", () => {
  const ranking = fresh();
  for (const id of ["c", "a"]) ranking.pick(id);
  ranking.pick("b", { tie: true });
  assert.equal(written(ranking), "C › A = B › D");
  assert.equal(ranking.takeBack("a"), true);
  assert.equal(written(ranking), "C › B");
  assert.equal(ranking.takeBack("a"), false);
  assert.equal(ranking.takeBack("c"), true);
  assert.equal(ranking.started, false);
  ranking.back();
  ranking.back();
  assert.equal(written(ranking), "C › A = B › D");
  assert.equal(ranking.implied, "d");
});

test("what is taken back is not placed again by itself, and = is forgotten with it", () => {
  const ranking = fresh();
  for (const id of ["a", "b", "c"]) ranking.pick(id);
  ranking.joinNext();
  ranking.takeBack("d");
  assert.equal(written(ranking), "A › B › C");
  assert.equal(ranking.tieNext, false);
  ranking.pick("d");
  assert.equal(written(ranking), "A › B › C › D");
});

test("the next answer may tie with the last chosen one, never with one that was only placed", () => {
  const ranking = fresh();
  assert.equal(ranking.tieRank, null);
  ranking.pick("a");
  assert.equal(ranking.tieRank, 1);
  ranking.pick("b");
  ranking.pick("c");
  assert.equal(ranking.tieRank, 3);
  ranking.pick("d", { tie: true });
  assert.equal(ranking.tieRank, null);
});

test("a draft goes on where it was left, and each step back takes a place", () => {
  const ranks = new Map([
    ["a", 1],
    ["c", 1],
    ["b", 3],
    ["d", 4],
  ]);
  const ranking = new Ranking(LETTERS, ranks, { implied: "d" });
  assert.equal(ranking.tieRank, 3);
  assert.equal(ranking.pick("d", { tie: true }), true);
  assert.equal(written(ranking), "A = C › B = D");
  const other = new Ranking(LETTERS, ranks, { implied: "d" });
  other.back();
  other.back();
  assert.equal(written(other), "A = C");
  other.back();
  assert.equal(other.back(), false);
});

test("a fifth answer that came meanwhile has no place, and nothing is implied any more", () => {
  const ranks = new Map(LETTERS.map((id, at) => [id, at + 1]));
  const ranking = new Ranking([...LETTERS, "e"], ranks, { implied: "d" });
  assert.equal(ranking.implied, null);
  assert.equal(ranking.complete, false);
  ranking.pick("e");
  assert.equal(rankText(ranking, "e"), "5th");
});

test("an order is said in words for who listens", () => {
  const ranking = fresh();
  assert.equal(spoken(ranking, String), "");
  ranking.pick("c");
  ranking.pick("a");
  ranking.pick("d", { tie: true });
  const said = spoken(ranking, (id) => id.toUpperCase());
  assert.equal(said, "C, then A tied with D, then B");
});

test("an own answer comes unranked, and leaves no gap when it goes", () => {
  const ranking = fresh();
  for (const id of ["a", "b", "c"]) ranking.pick(id);
  ranking.setAnswers([...LETTERS, "own"]);
  assert.equal(written(ranking), "A › B › C");
  ranking.pick("own", { tie: true });
  assert.equal(written(ranking), "A › B › C = OWN › D");
  assert.equal(ranking.ranks.get("d"), 5);
  ranking.setRank("own", 1);
  ranking.setAnswers(LETTERS);
  assert.equal(written(ranking), "A › B › C › D");
  assert.deepEqual([...ranking.ranks.values()].sort(), [1, 2, 3, 4]);
});
