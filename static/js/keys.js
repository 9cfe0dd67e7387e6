// Single keys of the label page. They rest while somebody types, while a dialog is open, and when switched off in the help.

const STORED = "fourfold-keys";
const LETTERS = "ABCD";

function keysOn() {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

function rememberKeys(on) {
  document.body.classList.toggle("no-keys", !on);
  try {
    localStorage.setItem(STORED, on ? "on" : "off");
  } catch {
    // a browser that keeps nothing: it holds until the page is closed
  }
}

/** "A" to "D" for A-D and 1-4, with Shift as well, whatever the keyboard makes of Shift and a digit. */
function letterOf(event) {
  const key = event.key.toUpperCase();
  if (key.length === 1 && LETTERS.includes(key)) return key;
  const digit = /^[1-4]$/.test(event.key) ? event.key : /^(?:Digit|Numpad)([1-4])$/.exec(event.code)?.[1];
  return digit ? LETTERS[Number(digit) - 1] : null;
}

const isTyping = (target) => target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
const isPressable = (target) => target.matches("button, a[href], summary, input[type=checkbox]");

function press(selector) {
  const element = document.querySelector(selector);
  element?.click();
  return element !== null;
}

function openBox(details, field) {
  const box = document.querySelector(details);
  if (!box) return;
  box.open = true;
  (field ? box.querySelector(field) : box.querySelector("button"))?.focus();
}

function walk(step) {
  const items = [...document.querySelectorAll("#answers > .answer")];
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
  else if (key === "s") openBox("#skip");
  else return false;
  return true;
}

function cardKey(event, card) {
  const skip = document.querySelector("#skip[open]");
  if (skip && /^[1-5]$/.test(event.key)) return press(`#skip button:nth-of-type(${event.key})`);
  if (event.key === "Escape" && skip) {
    skip.open = false;
    return true;
  }
  const letter = letterOf(event);
  if (letter) {
    const shiftedDigit = event.shiftKey && !/^[1-4]$/.test(event.key);
    card.pick(letter, event.shiftKey && (shiftedDigit || /^[A-D]$/i.test(event.key)));
    return true;
  }
  const actions = { "=": () => card.join(), Backspace: () => card.back(), Escape: () => card.clear(), Enter: () => card.send() };
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
  actions[event.key]?.();
  return event.key in actions;
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
  const box = document.querySelector("#keys-on");
  box.checked = keysOn();
  rememberKeys(box.checked);
  box.addEventListener("change", () => rememberKeys(box.checked));
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-help]")) document.querySelector("#help").showModal();
  });
  document.addEventListener("keydown", (event) => {
    if (isTyping(event.target)) return keyWhileTyping(event);
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !box.checked) return;
    if (document.querySelector("dialog[open]")) return;
    if ((event.key === "Enter" || event.key === " ") && isPressable(event.target)) return;
    const card = cardOf();
    const done = pageKey(event.key.toLowerCase()) || (card !== null && cardKey(event, card));
    if (done) event.preventDefault();
  });
}
