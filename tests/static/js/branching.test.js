import assert from "node:assert/strict";
import { test } from "node:test";

import { askForPlace, follow, placeBody, restBody, rollBody, settingsOf } from "../../../static/js/branching.js";

const answer = {
  body: {
    prompt: "Hi",
    temperature: 0.7,
    top_k: 5,
    seed: 3,
    n: 4,
    max_tokens: 40,
    stop: ["\n"],
    logprobs: 5,
    version: null,
  },
  index: 2,
  version: 7,
};

test("a branch is asked for with the answer's own seed, stream, version and settings", () => {
  const { body } = answer;
  assert.deepEqual(restBody(answer, [4, 5]), {
    ...body,
    version: 7,
    index: 2,
    n: 1,
    continue_from: [4, 5],
    logprobs: 0,
  });
});

test("one roll is the same request, as long as one token more", () => {
  assert.deepEqual(rollBody(answer, [4, 5]), { ...restBody(answer, [4, 5]), max_tokens: 3 });
});

test("a place is asked for with the prompt and the settings of the dice, and nothing else", () => {
  assert.deepEqual(placeBody(answer, [4]), {
    prompt: "Hi",
    temperature: 0.7,
    top_k: 5,
    version: 7,
    continue_from: [4],
    k: 100,
    all: true,
  });
});

test("settings that were not given do nothing", () => {
  assert.deepEqual(settingsOf({ temperature: 0 }), {
    temperature: 0,
    top_k: 0,
    top_p: 1,
    min_p: 0,
    repetition_penalty: 1,
  });
});

test("what the server says of a refusal is passed on, whatever form it has", async () => {
  const refuse = (body, status) => {
    globalThis.fetch = async () => new Response(body, { status, statusText: "Gone" });
    return askForPlace({}).then(assert.fail, (error) => error.problem);
  };
  assert.equal((await refuse('{"detail": "Version 7 was removed."}', 410)).detail, "Version 7 was removed.");
  assert.deepEqual(await refuse("<html>", 502), { title: "Gone", status: 502, detail: "Gone" });
  globalThis.fetch = async () => {
    throw new TypeError("failed");
  };
  assert.equal((await askForPlace({}).then(assert.fail, (error) => error.problem)).status, 0);
});

async function* stream(...events) {
  yield* events;
}
const piece = (...tokens) => ({ type: "piece", tokens });

test("tokens that were given are not told again, wherever the pieces are cut", async () => {
  const told = [];
  const events = stream(piece("a"), piece("b", "c"), { type: "piece" }, piece("d"), {
    type: "answer",
    logprobs: [..."abcd"],
  });
  const end = await follow(events, 2, (tokens) => told.push(...tokens));
  assert.deepEqual(told, ["c", "d"]);
  assert.equal(end.type, "answer");
});

test("tokens that came in no piece come with the answer", async () => {
  const told = [];
  await follow(stream(piece("a"), { type: "answer", logprobs: [..."abc"] }), 1, (tokens) => told.push(...tokens));
  assert.deepEqual(told, ["b", "c"]);
});

test("a stream that ends early is no finished answer", async () => {
  assert.equal(await follow(stream(piece("a")), 0, () => {}), null);
});
