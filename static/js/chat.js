// The chat page: Enter sends, Esc stops, Up edits the last message, answers appear as they are written, and the page follows
// them where its reader is at the end. Without this file its forms do the same, a page at a time.

import { Drafts } from "./chat_drafts.js";
import { follow } from "./chat_stream.js";
import { _ } from "./messages.js";
import { announce } from "./say.js";

const NEAR_PX = 120;
const chat = document.querySelector("#chat");
const composer = document.querySelector("#composer");
const box = document.querySelector("#chat-text");
const drafts = new Drafts(chat.dataset.chat || "new", box);
const touch = matchMedia("(pointer: coarse)");
const following = new Map();
let heard = [];

const end = () => document.documentElement.scrollHeight - innerHeight;
const isAtEnd = () => scrollY >= end() - NEAR_PX;
const toEnd = () => scrollTo({ top: end(), behavior: "instant" });
const thread = () => document.querySelector("#thread");

/** Whatever changes the page, a reader at its end stays there, and one who reads above stays where they are. */
function keepingEnd(change) {
  const stay = isAtEnd();
  change();
  if (stay) toEnd();
}

/* answers that are being written */

function followAnswers() {
  for (const turn of document.querySelectorAll("[data-stream]")) {
    if (following.has(turn.id)) continue;
    following.set(turn.id, true);
    follow(turn, { add: (text) => keepingEnd(() => addText(turn.id, text)), done: () => finished(turn.id) });
  }
  for (const field of document.querySelectorAll("[data-live]")) field.value = "1"; // answers need not be waited for
}

function addText(id, text) {
  const pane = document.getElementById(id)?.querySelector("[data-text]");
  if (pane && text === null) pane.replaceChildren();
  else pane?.append(text);
}

function finished(id) {
  following.delete(id);
  heard.push(id);
  if (following.size === 0) refresh();
}

function refresh() {
  const address = `/chat/${chat.dataset.chat}/thread`;
  void window.htmx.ajax("GET", address, { target: "#thread", swap: "outerMorph" });
}

/** Each new answer is read out once, when it is whole. */
function tell() {
  const told = heard.map((id) => document.getElementById(id)).filter(Boolean);
  heard = [];
  const sentences = told.map((turn) => {
    const text = turn.querySelector("[data-answer]")?.textContent ?? "";
    return `${turn.getAttribute("aria-label")}: ${text}`;
  });
  announce(sentences.join("\n"));
}

/* what is sent */

function sent(context) {
  const form = context?.sourceElement;
  if (context?.response?.status >= 400 || !form?.matches?.("form")) return;
  if (form === composer) {
    box.value = "";
    drafts.clear();
  }
  if (form === composer || form.matches("[data-edit]")) {
    box.focus({ preventScroll: true });
    toEnd();
  }
}

let stays = true;
document.addEventListener("htmx:before:swap", () => {
  stays = isAtEnd();
});

document.addEventListener("htmx:after:swap", (event) => {
  followAnswers();
  if (stays) toEnd();
  sent(event.detail.ctx);
  if (heard.length && following.size === 0) tell();
});

/** A button that leads to another page with what stands in the box. */
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-plain]");
  if (button) {
    event.preventDefault();
    composer.action = button.formAction;
    composer.submit();
  }
  const opener = event.target.closest("[data-open]");
  if (opener) document.getElementById(opener.dataset.open).open = true;
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-rank]")) return;
  const status = event.target.querySelector("[data-rank-status]");
  if (status.textContent) return event.preventDefault(); // it is on its way
  status.textContent = status.dataset.words;
});

/* keys */

const composing = (event) => event.isComposing || event.keyCode === 229; // an input method has it

function editLast() {
  const last = [...document.querySelectorAll("details.edit")].at(-1);
  if (!last) return false;
  last.open = true;
  const text = last.querySelector("textarea");
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
  return true;
}

function stop() {
  const buttons = document.querySelectorAll("[data-stop-form] button");
  for (const button of buttons) button.click();
  if (buttons.length) announce(_("Stopped. What was there is kept."));
  return buttons.length > 0;
}

function keyInEdit(event, details) {
  if (event.key === "Escape") {
    details.open = false;
    box.focus();
  } else if (event.key === "Enter" && !event.shiftKey && !touch.matches) {
    event.target.form.requestSubmit();
  } else return false;
  return true;
}

function key(event) {
  const edited = event.target.matches("textarea") && event.target.closest("details.edit");
  if (edited) return keyInEdit(event, edited);
  if (event.key === "Escape") return stop();
  if (event.target !== box) return false;
  if (event.key === "ArrowUp" && box.value === "") return editLast();
  if (event.key === "Enter" && !event.shiftKey && !touch.matches) {
    composer.requestSubmit();
    return true;
  }
  return false;
}

document.addEventListener("keydown", (event) => {
  if (composing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector(":popover-open, dialog[open]")) return;
  if (key(event)) event.preventDefault();
});

drafts.restore([...document.querySelectorAll(".from-user .turn-text")].map((text) => text.textContent));
followAnswers();
if (thread() && performance.getEntriesByType("navigation")[0]?.type === "navigate") toEnd();
