// What a person sends is sent until the server has answered it: with growing pauses, at once when the network is back, and
// after a reload or in another tab, too, where the form says so (data-send="kept"). Others (data-send="here") are tried
// again while their page is open. Nothing is done twice: each sending has a key, or doing it again changes nothing. What was
// done first arrives first.
//
// htmx makes the request and swaps the answer in; it gets its answer from here (`answerFor`).

import { forgetDraft } from "./drafts.js";
import { forget, isKept, keep, stored } from "./kept.js";
import { _ } from "./messages.js";
import { announce, clearAlerts, showAlert, showServerAlert } from "./say.js";
import { ahead, causeOf, nextTry, pauseSeconds, sentenceOf, settles, yields } from "./sending.js";

const PATIENCE_MS = 20_000;
const box = document.querySelector("#outbox");

/** Items that are on their way from this page, by key. */
const sending = new Map();

export const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/* trying until there is an answer */

async function oneTry(item, init) {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    return await fetch(item.url, { ...init, signal });
  } catch {
    return null;
  }
}

async function untilAnswered(item, init) {
  for (let tries = 0; ; tries += 1) {
    if ((await turn(item)) === "stop") return null;
    const response = await oneTry(item, init);
    if (settles(response)) return response;
    if ((await pause(item, tries, response)) === "stop") return null;
  }
}

/** Waits until nothing that was done before stands in its way; resolves as `pause` does. */
async function turn(item) {
  for (let other = ahead(item, sending.values()); other; other = ahead(item, sending.values())) {
    const { cause, signIn, due } = other;
    const what = await new Promise((resolve) => {
      Object.assign(item, { go: resolve, behind: true, cause, signIn, due });
      show();
    });
    Object.assign(item, { go: null, behind: false });
    if (what === "stop") return what;
  }
  return "again";
}

/** What stands behind another looks again whether it still does. */
function lookAgain() {
  for (const item of sending.values()) if (item.behind) item.go?.("again");
}

/** Resolves to "again" or, where the person gives it up, to "stop". */
function pause(item, tries, response) {
  const seconds = pauseSeconds(tries, response);
  return new Promise((resolve) => {
    const timer = setTimeout(() => go("again"), seconds * 1000);
    const go = (what) => {
      clearTimeout(timer);
      item.go = null;
      resolve(what);
    };
    const signIn = response?.status === 401;
    const due = Date.now() + seconds * 1000;
    Object.assign(item, { go, signIn, due, cause: causeOf(response, navigator.onLine), yields: yields(response) });
    lookAgain();
    show();
  });
}

/** All that waits is tried now: the network or the server is back, or somebody asked for it. */
export function tryNow() {
  for (const item of sending.values()) item.go?.("again");
}

/** What has been tried in vain, and what stands behind such. */
const waitingItems = () => [...sending.values()].filter((item) => item.go && item.cause);

export const isWaiting = () => waitingItems().length > 0;

/* what the page says of it */

let ticking = null;

function show() {
  const waiting = waitingItems();
  const shown = document.querySelector("#ranking-form, #vote-form")?.dataset.where;
  document.querySelector("#card")?.classList.toggle(
    "is-waiting",
    waiting.some((item) => item.where && item.where === shown),
  );
  box.hidden = waiting.length === 0;
  if (!waiting.length) {
    clearInterval(ticking);
    ticking = null;
    return;
  }
  say(sentenceOf(waiting));
  if (waiting.some((item) => !item.signIn)) clearAlerts(); // the way to sign in stands there
  ticking ??= setInterval(tick, 500);
  tick();
}

function say(sentence) {
  const text = box.querySelector("[data-outbox-text]");
  if (text.textContent !== sentence) text.textContent = sentence; // it is read out when it changes
}

function tick() {
  const waiting = waitingItems();
  box.querySelector("[data-outbox-when]").textContent = nextTry(waiting, Date.now());
}

/* forms of this page, through htmx */

function itemOf(form, context) {
  const fields = [...context.request.body.entries()];
  const kept = form.dataset.send === "kept";
  return {
    key: newKey(),
    at: Date.now(),
    url: context.request.action,
    what: form.dataset.what,
    fields,
    kept,
    where: form.dataset.where ?? "",
    draft: form.dataset.draft ?? "",
  };
}

async function answerFor(item, request) {
  sending.set(item.key, item);
  if (item.kept) keep(item);
  const { signal: _signal, ...init } = request;
  const response = await alone(item, () => untilAnswered(item, init));
  done(item, response);
  if (response === null) throw new DOMException("given up", "AbortError");
  return response;
}

/** Its draft is kept until the server has taken it: what was refused or given up can be mended. */
function done(item, response) {
  sending.delete(item.key);
  forget(item);
  if (response?.ok && item.draft) {
    forgetDraft(item.draft);
    document.dispatchEvent(new CustomEvent("fourfold:sent", { detail: { draft: item.draft } }));
  }
  lookAgain();
  show();
}

document.addEventListener("htmx:config:request", (event) => {
  const context = event.detail.ctx;
  const form = context.sourceElement;
  if (!form?.matches?.("form[data-send]")) return;
  if (form.hasAttribute("data-ask")) context.request.body.set("ask_key", newKey());
  context.request.timeout = "0s"; // each try has its own
  const item = itemOf(form, context);
  const before = [...sending.values()].find((other) => item.where && other.where === item.where);
  if (before) {
    event.preventDefault();
    return announce(_("{what} is waiting to be sent.", before));
  }
  context.kept = item;
});

document.addEventListener("htmx:before:request", (event) => {
  const context = event.detail.ctx;
  if (context.kept) context.fetch = (_url, request) => answerFor(context.kept, request);
});

/* what an earlier page left behind */

const token = () => document.querySelector("[name=csrf_token]").value;

function initOf(item) {
  const fields = item.fields.map(([name, value]) => [name, name === "csrf_token" ? token() : value]);
  return {
    method: "POST",
    headers: { "HX-Request": "true", Accept: "text/html" },
    body: new URLSearchParams(fields),
    credentials: "same-origin",
  };
}

/** One tab at a time, where the browser can tell. On plain HTTP elsewhere than here it cannot, and one that keeps no cookies
 * gives no locks: then keys alone do. */
async function alone(item, work) {
  let begun = false;
  const once = () => {
    begun = true;
    return work();
  };
  try {
    if (navigator.locks) return await navigator.locks.request(`fourfold-${item.key}`, once);
  } catch (error) {
    if (begun) throw error;
  }
  return work();
}

async function resume(item) {
  await alone(item, async () => {
    if (!isKept(item)) return; // another tab has done it meanwhile
    sending.set(item.key, item);
    const response = await untilAnswered(item, initOf(item));
    done(item, response);
    if (response) await showAnswer(item, response);
  });
}

const isOf = (slot, item) =>
  (slot.dataset.of === "arena") === new URL(item.url, location.href).pathname.startsWith("/arena");

async function showAnswer(item, response) {
  const text = await response.text();
  if (response.ok) {
    announce(_("{what} from before was sent.", item));
    const slot = document.querySelector("#card-slot");
    const shown = slot?.querySelector("#ranking-form, #vote-form")?.dataset.where;
    // another card that somebody is at already stays, and so does another page's
    if (slot && isOf(slot, item) && (!shown || !item.where || shown === item.where))
      await swap(text, "#card-slot", "innerHTML");
  } else if (response.headers.get("HX-Retarget") === "#alerts") {
    showServerAlert(text);
  } else {
    showAlert(_("{what} from before was not accepted", item), _("The server answered with error {status}.", response));
  }
}

const swap = (text, target, style) =>
  window.htmx.swap({ text, target, swap: style, sourceElement: document.querySelector(target) });

/** Call once the page is ready for answers. */
export function openOutbox() {
  box.querySelector("[data-try-now]").addEventListener("click", tryNow);
  box.querySelector("[data-stop]").addEventListener("click", () => {
    for (const item of sending.values()) item.go?.("stop");
    announce(_("Given up. What you entered is still on this page."));
  });
  addEventListener("online", tryNow);
  addEventListener("offline", show);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && tryNow());
  for (const item of stored()) void resume(item);
}
