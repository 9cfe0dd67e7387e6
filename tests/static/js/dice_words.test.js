import assert from "node:assert/strict";
import { test } from "node:test";

import { cast, keptWords, rolled, rowWords, shareWords, thought, wouldCome } from "../../../static/js/dice_words.js";

const token = (text, probability, uniform) => ({
  token_id: text.length,
  text,
  bytes: [1],
  logprob: Math.log(probability),
  uniform,
});
const placeWithRank = (rank) => ({ rank: () => rank, size: 4096 });

test("a roll is never told as more than it was", () => {
  assert.deepEqual([0, 0.42, 0.99999, 0.12345678].map(rolled), ["0.0000", "0.4200", "0.9999", "0.1234"]);
});

test("what the model gave a token: its share, its place among the choices, the surprise", () => {
  const cat = token(" cat", 1 / 8);
  assert.equal(thought(cat, placeWithRank(1)), "The model gave “cat” 13%: its first choice, a surprise of 3.0 bits.");
  assert.match(thought(cat, placeWithRank(3)), /its third choice/);
  assert.match(thought(cat, placeWithRank(12)), /choice number 12 of 4,096/);
  assert.equal(thought(cat, null), "The model gave “cat” 13%, a surprise of 3.0 bits.");
  assert.match(thought(token("x", 1), null), /a surprise of 0\.0 bits/);
});

test("how it came to be there: rolled, taken, or the likeliest", () => {
  const cat = token("cat", 0.1, 0.42);
  const other = token("horse", 0.2);
  assert.equal(cast({ token: cat, landing: cat }), "The dice showed 0.4200, which lies in its part of the line.");
  assert.equal(
    cast({ token: cat, taken: true, landing: other }),
    "You took it. The dice showed 0.4200, the part of “horse”.",
  );
  assert.equal(cast({ token: cat, taken: true, landing: cat }), "You took it.");
  assert.match(cast({ token: cat, greedy: true }), /^Nothing was rolled/);
  assert.match(cast({ token: token("cat", 0.1) }), /^Nothing was rolled/);
});

test("what the same roll would take at other settings", () => {
  const cat = token("cat", 0.1, 0.42);
  const dog = token("doggy", 0.1);
  const words = (more) => wouldCome({ number: 0.42, landing: dog, token: cat, ...more });
  assert.equal(words({}), "At these settings the same roll, 0.4200, takes “doggy”.");
  assert.equal(words({ landing: cat }), "At these settings the same roll, 0.4200, takes “cat” again.");
  assert.equal(words({ greedy: true }), "At temperature 0 nothing is rolled: “doggy” would be taken.");
  assert.equal(words({ number: null }), "");
});

test("a row says its three shares, and that nothing of it is left", () => {
  assert.equal(shareWords(0, true), "cut off");
  assert.equal(shareWords(0.5, false), "50%");
  assert.equal(
    rowWords({ name: "“cat”", shares: [0.5, 0.25, 0], isCut: true }),
    "“cat”: model 50%, at this temperature 25%, in the roll cut off",
  );
});

test("it is said how many are in the roll", () => {
  assert.equal(keptWords(4096, 4096), "Nothing is cut off: all 4,096 tokens are in the roll.");
  assert.equal(keptWords(40, 151936), "In the roll: 40 of 151,936 tokens. The others are cut off.");
});
