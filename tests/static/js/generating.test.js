import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { GenerationError, generate, parser } from "../../../static/js/generating.js";

const real = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = real;
});

/** A server that sends these pieces of bytes; `last` ends the stream. Keeps what it was asked. */
function serve(pieces, { status = 200, last = "close" } = {}) {
  const kept = { left: false };
  globalThis.fetch = async (address, options) => {
    Object.assign(kept, { address, body: JSON.parse(options.body) });
    const stream = new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(piece);
        if (last === "close") controller.close();
        if (last === "break") queueMicrotask(() => controller.error(new TypeError("terminated")));
        options.signal?.addEventListener("abort", () => controller.error(options.signal.reason));
      },
      cancel() {
        kept.left = true;
      },
    });
    return new Response(stream, { status });
  };
  return kept;
}

const bytes = (text) => new TextEncoder().encode(text);
const said = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const END = said("end", { version: 3, seed: 5 });

async function all(events) {
  const list = [];
  for await (const event of events) list.push(event);
  return list;
}

test("events come with their names, the request goes out with stream", async () => {
  const kept = serve([bytes(said("piece", { index: 0, text: "Hi" }) + END)]);
  assert.deepEqual(await all(generate({ prompt: "a", n: 2 })), [
    { type: "piece", index: 0, text: "Hi" },
    { type: "end", version: 3, seed: 5 },
  ]);
  assert.deepEqual(kept.body, { prompt: "a", n: 2, stream: true });
  assert.equal(kept.address, "/api/v1/generate");
});

test("text that is cut anywhere, inside a character too, is the same text", async () => {
  const whole = bytes(said("piece", { index: 0, text: "你好 👋" }) + END);
  serve([...whole].map((byte) => new Uint8Array([byte])));
  assert.equal((await all(generate({})))[0].text, "你好 👋");
});

test("comments and events without data are passed over", () => {
  const parse = parser();
  assert.deepEqual(parse(": ping\n\nevent: piece\n\nda"), []);
  assert.deepEqual(parse('ta: {"a":\ndata: 1}\n\n'), [{ a: 1, type: "message" }]);
});

test("a refusal is an error with its problem", async () => {
  const problem = { title: "Gone", status: 410, detail: "Version 3 was removed." };
  serve([bytes(JSON.stringify(problem))], { status: 410 });
  await assert.rejects(all(generate({})), (error) => {
    assert.ok(error instanceof GenerationError);
    assert.deepEqual(error.problem, problem);
    return true;
  });
});

test("a proxy's page in place of an answer is an error, too", async () => {
  serve([bytes("<html>")], { status: 502 });
  await assert.rejects(all(generate({})), (error) => error.problem.status === 502 && error.problem.detail !== "");
});

test("an error in the middle comes after what was written", async () => {
  serve([bytes(said("piece", { index: 0, text: "a" }) + said("error", { error: { message: "Late.", type: "T" } }))]);
  const events = generate({});
  assert.equal((await events.next()).value.text, "a");
  await assert.rejects(events.next(), (error) => error.problem.detail === "Late." && error.problem.title === "T");
});

test("a stream that is cut, or ends without its end, is lost", async () => {
  for (const last of ["break", "close"]) {
    serve([bytes(said("piece", { index: 0, text: "a" }))], { last });
    await assert.rejects(all(generate({})), (error) => error.problem.status === 0, last);
  }
});

test("aborting throws AbortError; leaving the loop leaves the server", async () => {
  const abort = new AbortController();
  serve([bytes(said("piece", { index: 0, text: "a" }))], { last: "open" });
  const events = generate({}, abort.signal);
  await events.next();
  abort.abort();
  await assert.rejects(events.next(), { name: "AbortError" });

  const kept = serve([bytes(said("piece", { index: 0, text: "a" }))], { last: "open" });
  for await (const _ of generate({})) break;
  await new Promise(setImmediate);
  assert.equal(kept.left, true);
});
