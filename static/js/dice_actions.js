// What can be done with an answer where it stands: roll by hand, roll one, let the rest be written, stop.

import { button, make } from "./elements.js";
import { _ } from "./messages.js";

/** Tells `onHand`, `onRoll`, `onRollOn` and `onStop`; the buttons stay the same ones, so that none loses the focus. */
export class DiceActions {
  constructor({ onHand, onRoll, onRollOn, onStop }) {
    this.roll = button(_("Roll"), onRoll, "button primary dice-button");
    this.rollOn = button(_("Let the rest be rolled"), onRollOn);
    this.hand = button("", onHand);
    this.stop = button(_("Stop"), onStop);
    this.element = make("div", { className: "actions dice-actions" }, this.roll, this.rollOn, this.hand, this.stop);
    this.draw({ writing: false, isBranch: false, finished: false, index: -1 });
  }

  draw({ writing, isBranch, finished, index }) {
    const open = isBranch && !finished;
    this.roll.hidden = !open;
    this.rollOn.hidden = !open || writing;
    this.roll.setAttribute("aria-disabled", String(writing));
    this.hand.hidden = !finished || writing;
    this.stop.hidden = !writing;
    this.hand.textContent = index > 0 ? _("Roll by hand from here") : _("Roll by hand");
    if (finished && document.activeElement === this.roll) this.hand.focus();
  }

  focusRoll() {
    this.roll.focus({ preventScroll: true });
  }
}
