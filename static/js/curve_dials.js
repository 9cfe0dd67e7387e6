// The dials over a run's curves: reading at a step, smoothing, log scale, a stretch; what they say stays in the address.

import { ends, isPlain, queryWith, viewIn, WHOLE } from "./curve_view.js";

export class CurveDials {
  constructor(section, curves) {
    this.panel = section.querySelector("[data-dials]");
    if (!this.panel) return;
    this.curves = curves;
    this.view = viewIn(window.location.search);
    this.panel.hidden = false;
    this.panel.open = !isPlain(this.view);
    this.panel.addEventListener("input", (event) => this.#turn(event.target));
    this.#dial("whole").addEventListener("click", () => this.#change(WHOLE));
    curves.onStretch = (stretch) => this.#change(stretch);
    curves.onSteps = (first, last) => this.#span(first, last);
    curves.onRead = (step) => this.#tell(step);
    this.#write();
    curves.show(this.view);
  }

  #dial(name) {
    return this.panel.querySelector(`[data-dial="${name}"]`);
  }

  #turn(dial) {
    const name = dial.dataset.dial;
    if (name === "step") this.curves.read(dial.value === dial.max ? null : Number(dial.value));
    if (name === "smoothing") this.#change({ smoothing: Number(dial.value) });
    if (name === "log") this.#change({ log: dial.checked });
    if (name === "from" || name === "to") {
      const end = (side) => (this.#dial(side).value === "" ? null : Math.round(this.#dial(side).valueAsNumber));
      this.#apply(ends(end("from"), end("to")));
    }
  }

  #change(changes) {
    this.#apply(changes);
    this.#write();
  }

  #apply(changes) {
    Object.assign(this.view, changes);
    this.#smoothingInWords();
    const query = queryWith(window.location.search, this.view);
    window.history.replaceState(window.history.state, "", location.pathname + query + location.hash);
    this.curves.show(this.view);
  }

  /** The dials stand as the view is; what somebody types in is left alone. */
  #write() {
    this.#dial("smoothing").value = this.view.smoothing;
    this.#dial("log").checked = this.view.log;
    this.#dial("from").value = this.view.from ?? "";
    this.#dial("to").value = this.view.to ?? "";
    this.#smoothingInWords();
  }

  #smoothingInWords() {
    this.panel.querySelector("#dial-smoothing-value").textContent = this.view.smoothing;
  }

  #span(first, last) {
    const step = this.#dial("step");
    const atEnd = step.value === step.max;
    Object.assign(step, { min: first, max: last });
    if (atEnd) step.value = last;
    for (const side of ["from", "to"]) Object.assign(this.#dial(side), { min: first, max: last });
    this.#dial("from").placeholder = first;
    this.#dial("to").placeholder = last;
  }

  #tell(step) {
    const dial = this.#dial("step");
    const output = this.panel.querySelector("#dial-step-value");
    dial.value = step ?? dial.max;
    output.textContent = step ?? output.dataset.unread;
    dial.setAttribute("aria-valuetext", step === null ? output.dataset.unread : this.curves.sentence(step));
  }
}
