// The labeler's own answer: a box that opens below the four, empty or filled with one of them to be made better. As soon as it
// says something it is an answer like the others, with its letter E.

import { _ } from "./messages.js";
import { announce } from "./say.js";

/** What stands for it where the others have their number. */
export const OWN = "own";

export class OwnAnswer {
  /** @param {HTMLElement} card  @param {() => void} onChange called when its text has changed */
  constructor(card, onChange) {
    this.box = document.querySelector("#own-answer");
    this.field = document.querySelector("#own-text");
    this.filled = ""; // what it began with: until somebody has changed it, another answer may take its place
    this.onChange = onChange;
    if (!this.field) return;
    this.field.addEventListener("input", onChange);
    this.box.addEventListener("toggle", onChange);
    card.addEventListener("click", (event) => {
      const button = event.target.closest("[data-edit]");
      if (button) this.begin(button.closest("[data-answer]").querySelector(".answer-text").textContent);
    });
    for (const button of card.querySelectorAll("[data-edit]")) button.hidden = false;
  }

  get text() {
    return this.box?.open ? this.field.value : "";
  }

  get isThere() {
    return this.text.trim() !== "";
  }

  /** Shows a text that was written before. */
  fill(text) {
    if (!this.field || !text) return;
    this.box.open = true;
    this.field.value = text;
  }

  /** Opens the box with a text to make better, or with what is in it already; the focus goes there. */
  begin(text = "") {
    if (!this.field) return;
    const written = this.isThere && this.field.value !== this.filled;
    this.box.open = true;
    if (written && text) announce(_("Your own answer is kept as it is. Empty its box to begin with another one."));
    if (!written && text) {
      this.field.value = text;
      this.filled = text;
      this.onChange();
    }
    this.field.focus();
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
  }
}
