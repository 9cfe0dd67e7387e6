// What the tints mean, and the switch between plain text and tokens: once on a page, for all answers; remembered.

import { make } from "./elements.js";
import { _ } from "./messages.js";

const STORED = "fourfold-tokens";

function remembered() {
  try {
    return localStorage.getItem(STORED) === "plain" ? "plain" : "tokens";
  } catch {
    return "tokens";
  }
}

function choose(view) {
  document.documentElement.dataset.tokens = view;
  try {
    localStorage.setItem(STORED, view);
  } catch {
    // a browser that keeps nothing: it holds until the page is closed
  }
}

function radio(view, text) {
  const input = make("input", { type: "radio", name: "token-view", value: view, checked: view === remembered() });
  input.addEventListener("change", () => choose(view));
  return make("label", {}, input, text);
}

function legend() {
  const list = make("ul", { className: "token-legend", "aria-labelledby": "token-legend-name" });
  const texts = [_("half or more"), _("20 to 50%"), _("5 to 20%"), _("1 to 5%"), _("under 1%")];
  for (const [step, text] of texts.entries()) {
    const sample = make("span", { className: "token" }, text);
    sample.dataset.step = step;
    list.append(make("li", {}, sample));
  }
  const name = make("span", { className: "soft", id: "token-legend-name" }, _("The model found it likely by:"));
  const hint = make("span", { className: "soft" }, _("Choose a token to see the dice it was rolled with."));
  return make("div", { className: "token-key" }, name, list, hint);
}

/** Puts them where the page has a place (`data-token-controls`), else before this answer, unless they are there. */
export function showControls(element) {
  if (document.querySelector(".token-controls")) return;
  const name = make("legend", { className: "visually-hidden" }, _("How answers are shown"));
  const view = make(
    "fieldset",
    { className: "token-view" },
    name,
    radio("tokens", _("Tokens")),
    radio("plain", _("Plain text")),
  );
  const controls = make("div", { className: "token-controls" }, view, legend());
  document.documentElement.dataset.tokens = remembered();
  const place = document.querySelector("[data-token-controls]");
  if (place) place.replaceChildren(controls);
  else element.before(controls);
}
