// The page of tokens: cuts as one types (by the form's own attributes), keeps the text in the address, and chooses a token by
// click, tap or arrow keys.

import { placeOf } from "./cut_keys.js";
import { announce } from "./say.js";

const MAX_IN_ADDRESS = 2_000; // as app/web/token_cuts.py has it
const form = document.querySelector("#cut-form");
const chooser = document.querySelector("#choose-form");

/** One tab stop for each list of tokens: the chosen one, else the first. */
function rove() {
  for (const list of document.querySelectorAll("[data-cuts]")) {
    list.setAttribute("role", "toolbar");
    const cuts = [...list.querySelectorAll(".cut")];
    const stop = cuts.find((each) => each.getAttribute("aria-pressed") === "true") ?? cuts[0];
    for (const each of cuts) each.tabIndex = each === stop ? 0 : -1;
  }
}

function choose(cut) {
  for (const each of document.querySelectorAll('.cut[aria-pressed="true"]')) each.setAttribute("aria-pressed", "false");
  cut.setAttribute("aria-pressed", "true");
  rove();
  chooser.elements.chosen.value = cut.value;
  chooser.requestSubmit();
  keepAddress(cut.value);
}

/** The address has what the page shows, so that reload, back and a link show it again. */
function keepAddress(chosen) {
  const sent = new URLSearchParams(new FormData(form));
  if (chosen) sent.set("chosen", chosen);
  for (const [name, value] of [...sent]) if (value === "" && name !== "text") sent.delete(name);
  const kept = form.elements.text.value.length <= MAX_IN_ADDRESS;
  history.replaceState(history.state, "", kept ? `/tokens?${sent}` : "/tokens");
}

document.addEventListener("click", (event) => {
  const cut = event.target.closest?.("[data-cuts] .cut");
  if (!cut) return;
  event.preventDefault();
  choose(cut);
});

document.addEventListener("keydown", (event) => {
  const list = event.target.closest?.("[data-cuts]");
  if (!list || event.altKey || event.ctrlKey || event.metaKey) return;
  const cuts = [...list.querySelectorAll(".cut")];
  const boxes = () =>
    cuts.map((each) => ({ x: each.offsetLeft + each.offsetWidth / 2, y: each.offsetTop + each.offsetHeight / 2 }));
  const place = placeOf(event.key, cuts.indexOf(event.target), cuts.length, boxes);
  if (place === null) return;
  event.preventDefault();
  cuts[place].focus();
  choose(cuts[place]);
});

document.addEventListener("htmx:after:swap", (event) => {
  const action = event.detail.ctx?.request?.action;
  if (action === "/tokens") {
    rove();
    keepAddress();
    announce(document.querySelector(".reading-title")?.firstChild.textContent.trim());
  } else if (action === "/tokens/token") announce(document.querySelector("#token-panel").dataset.announce);
});

rove();
