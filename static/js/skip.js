// The reasons to skip open over the page: it does not move. They close by Escape, by their button, by a tap beside them, and
// when the focus leaves them.

const skip = () => document.querySelector("#skip");
let before = null; // what had the focus: it has it again when they close, so that Enter means what it meant

export function closeSkip() {
  const box = skip();
  if (!box?.open) return false;
  const inside = box.contains(document.activeElement);
  box.open = false;
  if (inside) (before?.isConnected ? before : document.querySelector("#card-heading")).focus({ preventScroll: true });
  return true;
}

export function openSkip() {
  const box = skip();
  if (!box) return false;
  if (box.open) return closeSkip();
  before = document.activeElement === document.body ? null : document.activeElement;
  box.open = true;
  reasons()[0]?.focus({ preventScroll: true });
  return true;
}

const reasons = () => [...document.querySelectorAll("#skip[open] [name=reason]")];

/** Presses the reason with this number; false where there is none, or where they are closed. */
export function chooseReason(number) {
  const button = reasons()[number - 1];
  button?.click();
  return button !== undefined;
}

export function installSkip() {
  document.addEventListener("click", (event) => {
    const box = skip();
    if (!box?.open) return;
    const beside = !event.target.closest("#skip summary, .skip-reasons");
    if (beside || event.target.closest("[data-close-skip]")) {
      event.preventDefault();
      closeSkip();
    }
  });
  document.addEventListener("focusin", (event) => {
    const box = skip();
    if (box?.open && !box.contains(event.target)) box.open = false;
  });
}
