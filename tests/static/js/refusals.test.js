import assert from "node:assert/strict";
import { test } from "node:test";

import { isBusy, mayPass, refusalWords } from "../../../static/js/refusals.js";

test("the status says why, for the server's own words are English", () => {
  for (const status of [401, 403, 404, 409, 410, 413, 429, 503, 500, 0]) {
    const said = refusalWords({ status, detail: "English" });
    assert.ok(!said.includes("English"), said);
  }
  assert.match(refusalWords({ status: 413 }), /Shorten/);
  assert.match(refusalWords({ status: 401 }), /reload/);
  assert.match(refusalWords({ status: 410 }), /another version/);
  assert.match(refusalWords({ status: 422, code: "context_length_exceeded" }), /no room/);
});

test("what nobody thought of has the server's words", () => {
  assert.equal(refusalWords({ status: 422, detail: "No." }), "The server refused this: No.");
  assert.equal(refusalWords({ status: 418 }), "The server refused this: 418");
});

test("only what may pass is offered again", () => {
  assert.deepEqual(
    [0, 400, 410, 413, 422, 429, 500, 503].filter((status) => mayPass({ status })),
    [0, 429, 500, 503],
  );
  assert.deepEqual(
    [429, 500, 503].filter((status) => isBusy({ status })),
    [429, 503],
  );
});
