// The label page: mounts each card that comes in, and says what came of the one before.

import { Card } from "./card.js";
import { installGuidelines } from "./guidelines.js";
import { installKeys } from "./keys.js";
import { _ } from "./messages.js";
import { installOwnPrompt } from "./own_prompt.js";
import { announce } from "./say.js";
import { installSkip } from "./skip.js";
import { followStream } from "./stream.js";

const LONG_MS = 20_000;
let current = null;
let waitingSince = null;
let shownAddress = null;

/** A page that waits says so once more when it takes long; a look that finds nothing new moves no focus. */
function showWait(element) {
  const still = waitingSince !== null;
  waitingSince ??= Date.now();
  const long = element.querySelector("[data-long]");
  if (long && Date.now() - waitingSince >= LONG_MS) long.hidden = false;
  return still;
}

/** What became of the card before; for who does not get the focus moved to it, the new prompt as well. */
function tell(element, fresh) {
  const said = element.dataset.announce;
  if (said) document.body.dispatchEvent(new Event("rankings-changed")); // the strip speaks of the same numbers
  const prompt = fresh === false && element.matches("[data-card]") ? element.querySelector("#card-prompt") : null;
  announce(prompt ? _("{said} New prompt: {prompt}", { said, prompt: prompt.textContent }) : said);
}

/** What became of the card before stands above the form for an own prompt; it stays while the next card is waited for. */
function showTold(element) {
  const place = document.querySelector("#told");
  const told = element.querySelector(".saved");
  if (!told && waitingSince !== null && place.childElementCount) element.querySelector("#undo")?.remove();
  else place.replaceChildren(...(told ? [told] : []));
}

/** The address follows an own prompt while it is written and ranked, so that a reload shows it again. */
function followAddress(own = "/") {
  if (location.pathname !== own) history.replaceState(history.state, "", own);
}

/** @param fresh it takes the focus; false: it came while somebody types; null: it came with the page */
function mount(fresh) {
  const element = document.querySelector("#card");
  if (!element || element.dataset.mounted) return;
  element.dataset.mounted = "yes";
  const address = element.dataset.cardUrl;
  const inPlace = address !== undefined && address === shownAddress; // its answers were read here while they were written
  shownAddress = address;
  showTold(element);
  element.querySelector("[data-open-help]")?.removeAttribute("hidden");
  current = element.matches("[data-card]") ? new Card(element) : null;
  if (fresh !== null) followAddress(address);
  if (element.dataset.stream) followStream(element);
  if (!element.matches(".waiting")) waitingSince = null;
  else if (showWait(element)) return;
  if (inPlace) return;
  tell(element, fresh);
  if (!fresh) return;
  element.querySelector("#card-heading")?.focus({ preventScroll: true });
  window.scrollTo({ top: 0, behavior: "instant" });
}

// Dragging leaves styles on the answers; htmx would carry them over to the next card, where the content policy forbids them.
document.addEventListener("htmx:before:swap", () => {
  for (const each of document.querySelectorAll("#card [style]")) each.removeAttribute("style");
});

document.addEventListener("htmx:after:swap", (event) => {
  const changed = !document.querySelector("#card")?.dataset.mounted;
  const asked = changed && event.detail.ctx?.request?.action === "/prompts";
  // a card that arrives by itself must not take the focus away from somebody who types
  const typing = document.activeElement?.matches("input, textarea");
  if (asked) document.querySelector("#ask").open = false;
  mount(asked || !typing);
  if (event.detail.ctx?.request?.action === "/prompts" && !asked) document.querySelector("#ask-text").focus();
});

installKeys(() => current);
installSkip();
installGuidelines();
installOwnPrompt();
mount(null);
