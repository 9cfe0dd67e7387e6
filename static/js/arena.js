// The arena: keys for the votes, what a vote showed said aloud, and how long somebody looked at a pair.

import { waitingFor } from "./kept.js";
import { installSwitch, isComposing, isTyping, rests } from "./key_rest.js";
import { meaningOf } from "./meanings.js";
import { announce } from "./say.js";
import { verdictOf } from "./verdicts.js";

let shownAt = 0;

function mount(moves) {
  const card = document.querySelector("#card");
  if (!card || card.dataset.mounted) return;
  card.dataset.mounted = "yes";
  card.querySelector("[data-open-help]")?.removeAttribute("hidden");
  if (card.matches("[data-pair]")) shownAt = Date.now();
  const form = card.querySelector("#vote-form");
  const kept = form && waitingFor(form.getAttribute("action"));
  if (kept) markChosen(form, new Map(kept.fields).get("verdict"));
  if (card.matches("[data-revealed]")) document.body.dispatchEvent(new Event("votes-changed"));
  if (!moves) return;
  announce(card.dataset.announce);
  if (card.matches("[data-poll]")) return;
  card.querySelector("#card-heading").focus({ preventScroll: true });
  window.scrollTo({ top: 0, behavior: "instant" });
}

/** Shown as long as the vote waits to be sent. */
function markChosen(form, verdict) {
  for (const button of form.querySelectorAll("[name=verdict]")) {
    button.classList.toggle("is-chosen", button.value === verdict);
  }
}

function press(selector) {
  const element = document.querySelector(selector);
  if (!element || element.disabled) return false;
  element.click();
  return true;
}

function act(meaning) {
  const verdict = verdictOf(meaning);
  if (verdict && press(`#vote-form [value="${verdict}"]`)) return true;
  if (meaning === "n" || meaning === "Enter") return press("#next-pair");
  if (meaning === "u") return press("#undo");
  if (meaning === "s") return press("#skip-pair");
  if (meaning === "?") document.querySelector("#help").showModal();
  else if (meaning === "p" && document.querySelector("#ask")) {
    document.querySelector("#ask").open = true;
    document.querySelector("#ask-text").focus();
  } else return false;
  return true;
}

const box = installSwitch();
document.addEventListener("keydown", (event) => {
  if (isComposing(event)) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") document.querySelector("#card-heading").focus({ preventScroll: true });
    return;
  }
  if (rests(event, box) || event.shiftKey !== (event.key === "?" && event.shiftKey)) return;
  if (act(meaningOf(event))) event.preventDefault();
});

document.addEventListener("htmx:config:request", (event) => {
  const context = event.detail.ctx;
  if (event.defaultPrevented || !context.sourceElement?.matches?.("#vote-form")) return;
  markChosen(context.sourceElement, context.request.body.get("verdict"));
  if (!shownAt) return;
  context.request.body.set("duration_ms", String(Math.min(Date.now() - shownAt, 86_400_000)));
});

document.addEventListener("htmx:after:swap", (event) => {
  const asked = event.detail.ctx?.sourceElement?.closest?.("#ask");
  const fresh = !document.querySelector("#card")?.dataset.mounted;
  if (asked && fresh) document.querySelector("#ask").open = false;
  mount(asked || !isTyping(document.activeElement));
});

mount(false);
