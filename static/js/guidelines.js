// The guidelines beside the card: opened by G, closed by G, by their button, and by Escape where they have the focus. Where
// there is room for both they are as they were left, from page to page.

import { _ } from "./messages.js";
import { announce } from "./say.js";

const STORED = "fourfold-guidelines";
const box = () => document.querySelector("#guidelines");
const hasRoom = () => matchMedia("(min-width: 64rem)").matches;

function remember(open) {
  try {
    localStorage.setItem(STORED, open ? "open" : "closed");
  } catch {
    // a browser that keeps nothing: they begin closed
  }
}

function wasOpen() {
  try {
    return localStorage.getItem(STORED) === "open";
  } catch {
    return false;
  }
}

export function closeGuidelines() {
  const inside = box().contains(document.activeElement);
  box().open = false;
  if (inside) document.querySelector("#card-heading")?.focus({ preventScroll: true });
}

/** False where there are none. */
export function toggleGuidelines() {
  if (!box()) return false;
  if (box().open) closeGuidelines();
  else {
    box().open = true;
    if (!hasRoom()) box().querySelector(".guidelines-sheet").focus({ preventScroll: true });
    announce(_("The guidelines are open beside the card."));
  }
  return true;
}

export function installGuidelines() {
  if (!box()) return;
  if (wasOpen() && hasRoom()) box().open = true;
  box().addEventListener("toggle", () => remember(box().open));
  box().querySelector("[data-close-guidelines]").addEventListener("click", closeGuidelines);
  box().addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box().open) return;
    event.stopPropagation();
    closeGuidelines();
  });
}
