// The same prompts over a run: a dial chooses the step whose answers stand beside the first ones, and at which the curves are read.

let chosen = null; // a step; null: the newest

function show() {
  const section = document.querySelector("#answers");
  if (!section) return;
  const looks = JSON.parse(section.dataset.looks);
  const found = looks.findIndex((look) => look.step === chosen);
  const at = found < 0 ? looks.length - 1 : found;
  const dial = section.querySelector("[data-dial-of-answers]");
  const range = dial.querySelector("input");
  dial.hidden = looks.length < 2;
  Object.assign(range, { max: looks.length - 1, value: at });
  range.setAttribute("aria-valuetext", looks[at].words);
  dial.querySelector("output").textContent = looks[at].words;
  const shown = new Set([looks[0].step, looks[at].step].map(String));
  for (const said of section.querySelectorAll("[data-step]")) said.hidden = !shown.has(said.dataset.step);
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "answers-step") return;
  const looks = JSON.parse(document.querySelector("#answers").dataset.looks);
  const at = event.target.valueAsNumber;
  chosen = at === looks.length - 1 ? null : looks[at].step;
  show();
  document.dispatchEvent(new CustomEvent("read-step", { detail: chosen }));
});

document.addEventListener("htmx:after:swap", show);
show();
