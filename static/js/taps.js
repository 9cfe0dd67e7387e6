// Touch on the answers: a tap ranks one, a long press selects its text. A mouse ranks at an answer's head only, since it
// selects text by clicks.

const CONTROLS = "button, a, input, label, select, textarea, summary, .ranks";

const isFinger = (event) =>
  event.pointerType ? event.pointerType !== "mouse" : matchMedia("(pointer: coarse)").matches;

/** @param {HTMLElement} list of the answers  @param {(answer: HTMLElement) => void} onTap */
export function followTaps(list, onTap) {
  let begun = null; // a touch that began before this card was there, or that ends a selection, is no tap

  list.addEventListener("pointerdown", () => {
    begun = { selecting: !document.getSelection().isCollapsed };
  });
  list.addEventListener("click", (event) => {
    const was = begun;
    begun = null;
    const answer = event.target.closest("[data-answer]");
    if (!answer || !was || was.selecting || !document.getSelection().isCollapsed || event.target.closest(CONTROLS))
      return;
    if (isFinger(event) || event.target.closest(".answer-head")) onTap(answer);
  });
}
