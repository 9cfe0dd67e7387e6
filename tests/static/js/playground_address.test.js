import assert from "node:assert/strict";
import { test } from "node:test";

import {
  addressOf,
  askedOf,
  bodyOf,
  diceOf,
  hashOf,
  isEmpty,
  MAX_ADDRESS_BYTES,
  newSeed,
  nextRole,
  queryOf,
  stopsAreCut,
  stopTexts,
} from "../../../static/js/playground_address.js";

const values = { temperature: 0.8, top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1, max_tokens: 96 };
const question = {
  mode: "question",
  prompt: "Why?",
  system: "",
  turns: [],
  versions: [1],
  n: 2,
  values,
  stop: "",
  seed: 5,
};
const conversation = {
  ...question,
  mode: "conversation",
  prompt: "",
  system: "You are terse.",
  turns: [
    { role: "user", text: "Hi" },
    { role: "assistant", text: "Hello" },
    { role: "user", text: "Why?" },
  ],
  versions: [3, 1],
  stop: "\\n\nEnd",
};

test("an address and what it asks for are the same thing", () => {
  const hostile = { ...question, prompt: `"'\`$(id) & ?#+%\n\t你好 \u202Eabc\u200B 👋` };
  for (const asked of [question, conversation, hostile, { ...question, mode: "text", seed: null }]) {
    assert.deepEqual(askedOf(new URLSearchParams(queryOf(asked))), asked);
  }
});

test("an address has one spelling, whoever wrote the entries", () => {
  const shuffled = new URLSearchParams("seed=5&n=2&prompt=Why%3F&version=1&version=&mode=question&stop=&system=");
  for (const [name, value] of Object.entries(values)) shuffled.append(name, value);
  assert.equal(queryOf(askedOf(shuffled)), queryOf(question));
});

test("what the other way to ask holds does not come along", () => {
  assert.ok(!queryOf({ ...conversation, prompt: "secret" }).includes("secret"));
  assert.ok(!queryOf({ ...question, system: "secret", turns: conversation.turns }).includes("secret"));
});

test("what is too long for an address stays out of it, the settings do not", () => {
  const edge = { ...question, prompt: "" };
  edge.prompt = "x".repeat(MAX_ADDRESS_BYTES - queryOf(edge).length);
  assert.equal(addressOf(edge).tooLong, false);
  const { path, tooLong, bytes } = addressOf({ ...edge, prompt: `${edge.prompt}y` });
  assert.equal(tooLong, true);
  assert.equal(bytes, MAX_ADDRESS_BYTES + 1);
  assert.ok(!path.includes("xxx") && path.includes("seed=5"));
  assert.equal(addressOf({ ...question, prompt: "你".repeat(1000) }).tooLong, true); // nine bytes each
});

test("the request has the texts of its way to ask, and every setting", () => {
  assert.deepEqual(bodyOf(question, 1), { prompt: "Why?", version: 1, n: 2, ...values, seed: 5, logprobs: 0 });
  assert.equal(bodyOf({ ...question, mode: "text" }, 1).text, "Why?");
  const body = bodyOf({ ...conversation, turns: [...conversation.turns, { role: "assistant", text: " " }] }, 3);
  assert.deepEqual(
    body.messages.map(({ role }) => role),
    ["system", "user", "assistant", "user"],
  );
  assert.deepEqual(body.stop, ["\n", "End"]);
  assert.ok(!("seed" in bodyOf({ ...question, seed: null }, 1)));
});

test("texts that end an answer are lines, with line breaks and backslashes written out", () => {
  assert.deepEqual(stopTexts("a\n\n\\n\\n\n\\\\n \\t\\x"), ["a", "\n\n", "\\n \t\\x"]);
  assert.equal(stopTexts("1\n2\n3\n4\n5").length, 4);
});

test("blanks ask nothing", () => {
  assert.ok(isEmpty({ ...question, prompt: " \n" }));
  assert.ok(isEmpty({ ...conversation, system: "", turns: [{ role: "user", text: "" }] }));
  assert.ok(!isEmpty(conversation));
});

test("turns take turns, and a seed is one that the server takes", () => {
  assert.deepEqual(
    [nextRole([]), nextRole(conversation.turns), nextRole([{ role: "assistant" }])],
    ["user", "assistant", "user"],
  );
  assert.equal(
    newSeed(() => 0),
    0,
  );
  assert.equal(
    newSeed(() => 1 - Number.EPSILON),
    2 ** 31 - 1,
  );
});

test("stop texts that do not all count are seen", () => {
  assert.equal(stopsAreCut("1\n2\n\n3\n4"), false);
  assert.equal(stopsAreCut("1\n2\n3\n4\n5"), true);
  assert.equal(stopsAreCut("😀".repeat(256)), false);
  assert.equal(stopsAreCut("😀".repeat(257)), true);
});

test("an address names the token whose dice are open, or none", () => {
  const dice = { column: 2, answer: 1, token: 40 };
  assert.deepEqual(diceOf(hashOf(dice)), dice);
  for (const hash of ["", "#answers", "#dice=0.1.1", "#dice=1.1", "#dice=1.1.1.1", "#dice=1.1.x"])
    assert.equal(diceOf(hash), null);
});
