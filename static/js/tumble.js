// The dice in the air: digits that change for a moment, and then stand.

import { rolled } from "./dice_words.js";
import { make } from "./elements.js";

const LONG_MS = 600;
const STEP_MS = 40;

/** Shows digits in the element until the number stands; at once where `signal` says so. */
export function tumble(element, number, signal) {
  const die = make("span", { className: "die number tumbling", "aria-hidden": "true" });
  element.replaceChildren(die);
  const ends = performance.now() + LONG_MS;
  return new Promise((done) => {
    const timer = setInterval(() => {
      const over = signal.aborted || performance.now() >= ends;
      die.textContent = rolled(over ? number : Math.random());
      if (!over) return;
      clearInterval(timer);
      done();
    }, STEP_MS);
  });
}
