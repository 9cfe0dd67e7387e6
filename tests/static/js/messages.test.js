import assert from "node:assert/strict";
import { test } from "node:test";

const script = "../../../static/js/messages.js";

async function messagesOf(catalogue) {
  globalThis.document = catalogue && { querySelector: () => ({ textContent: JSON.stringify(catalogue) }) };
  return await import(`${script}?${Math.random()}`);
}

test("without a catalogue a message is what stands there, with its values", async () => {
  const { _, ngettext } = await messagesOf(undefined);
  assert.equal(_("No answer from {name}.", { name: "<b>{x}</b>" }), "No answer from <b>{x}</b>.");
  assert.equal(ngettext("{n} answer", "{n} answers", 1), "1 answer");
  assert.equal(ngettext("{n} answer", "{n} answers", 2), "2 answers");
});

test("sentences stand one behind the other as the language writes them", async () => {
  const english = await messagesOf(undefined);
  assert.equal(english.sentences("Losses", "", "They fell."), "Losses. They fell.");
  assert.equal(english.sentences(), "");
  const chinese = await messagesOf({ "{sentence}.": "{sentence}。", "{before} {sentence}": "{before}{sentence}" });
  assert.equal(chinese.sentences("损失", "先降后升。", "“好？”"), "损失。先降后升。“好？”");
});

test("with one it is the catalogue's, each form by itself", async () => {
  const { _, ngettext } = await messagesOf({
    "Try again": "再试一次",
    "{n} answer": "{n} 个回答",
    "{n} answers": "{n} 个回答",
  });
  assert.equal(_("Try again"), "再试一次");
  assert.equal(_("Unknown {x}"), "Unknown {x}");
  assert.equal(ngettext("{n} answer", "{n} answers", 3, { n: "三" }), "三 个回答");
});
