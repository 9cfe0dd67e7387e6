// Single keys of the label page. They rest while somebody types, while a dialog is open, and when switched off in the help.

import { toggleGuidelines } from "./guidelines.js";
import { installSwitch, isComposing, isTyping, rests } from "./key_rest.js";
import { letterOf, meaningOf, ties } from "./meanings.js";
import { chooseReason, closeSkip, openSkip } from "./skip.js";

function press(selector) {
  const element = document.querySelector(selector);
  element?.click();
  return element !== null;
}

function openBox(details, field) {
  const box = document.querySelector(details);
  if (!box) return;
  box.open = true;
  box.querySelector(field).focus();
}

function walk(step) {
  const items = [...document.querySelectorAll("#answers > .answer.is-there")];
  if (!items.length) return;
  const at = items.indexOf(document.activeElement?.closest?.(".answer"));
  const next = at < 0 ? (step > 0 ? 0 : items.length - 1) : (at + step + items.length) % items.length;
  items[next].focus();
}

/** Keys that need no card. True when the key was one of them. */
function pageKey(key) {
  if (key === "?") document.querySelector("#help").showModal();
  else if (key === "p") openBox("#ask", "textarea");
  else if (key === "u") return press("#undo");
  else if (key === "m") document.querySelector("#comment")?.focus();
  else if (key === "s") return openSkip();
  else if (key === "g") return toggleGuidelines();
  else return false;
  return true;
}

function cardKey(event, meaning, card) {
  if (/^[1-9]$/.test(meaning) && chooseReason(Number(meaning))) return true;
  if (event.key === "Escape" && closeSkip()) return true;
  const letter = letterOf(meaning);
  if (letter) {
    card.pick(letter, ties(event));
    return true;
  }
  const actions = {
    "=": () => card.join(),
    Backspace: () => card.back(),
    Escape: () => card.clear(),
    Enter: () => card.send(),
    w: () => card.writeOwn(),
  };
  if (event.key === " ") {
    const answer = document.activeElement?.matches(".answer") ? document.activeElement : null;
    if (answer) card.pick(answer.dataset.letter, event.shiftKey);
    return answer !== null;
  }
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    if (document.activeElement?.matches("input")) return false;
    walk(event.key === "ArrowRight" ? 1 : -1);
    return true;
  }
  actions[meaning]?.();
  return meaning in actions;
}

function keyWhileTyping(event) {
  if (event.key === "Escape") {
    event.target.blur();
    document.querySelector("#card-heading")?.focus({ preventScroll: true });
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    event.target.form?.requestSubmit();
  }
}

/** @param {() => object | null} cardOf the mounted card, if there is one */
export function installKeys(cardOf) {
  const box = installSwitch();
  document.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    if (isTyping(event.target)) return keyWhileTyping(event);
    if (rests(event, box)) return;
    const card = cardOf();
    const meaning = meaningOf(event);
    const done = pageKey(meaning) || (card !== null && cardKey(event, meaning, card));
    if (done) event.preventDefault();
  });
}
