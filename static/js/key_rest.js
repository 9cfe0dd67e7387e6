// Single keys rest while somebody types, while a dialog is open, and when they were switched off in the help.

const STORED = "fourfold-keys";
const SECOND_PRESS_MS = 700;
let pressedAt = 0; // when Enter or the space bar pressed a button; 0: another key came since

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

/** The switch in the help, and the button that opens it. */
export function installSwitch() {
  const box = document.querySelector("#keys-on");
  box.checked = keysOn();
  rememberKeys(box.checked);
  box.addEventListener("change", () => rememberKeys(box.checked));
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-help]")) document.querySelector("#help").showModal();
  });
  return box;
}

export const isTyping = (target) =>
  target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
const isPressable = (target) => target.matches("button, a[href], summary, input[type=checkbox]");

/** An input method has it. */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** Whether a key means nothing now. A second press of Enter was meant for the button that had the focus, not for what a swap has
 * brought in its place. */
export function rests(event, box) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !box.checked) return true;
  if (document.querySelector("dialog[open]")) return true;
  const before = pressedAt;
  pressedAt = 0;
  if (event.key !== "Enter" && event.key !== " ") return false;
  if (!isPressable(event.target)) return Date.now() - before < SECOND_PRESS_MS;
  pressedAt = Date.now();
  return true;
}
