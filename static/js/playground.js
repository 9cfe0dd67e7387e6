// The playground: writes answers, keeps each request in the address, and shows a former one on the way back.

import { closeDice } from "./answer_tokens.js";
import { copy } from "./copying.js";
import { button, make } from "./elements.js";
import { _, ngettext, sentences } from "./messages.js";
import { addressOf, askedOf, diceOf, hashOf, isEmpty, newSeed, queryOf, stopsAreCut } from "./playground_address.js";
import { PlaygroundForm } from "./playground_form.js";
import { Run } from "./playground_run.js";
import { isBusy, refusalWords } from "./refusals.js";
import { announce, clearAlerts, showAlert } from "./say.js";

const DRAFT = "fourfold-playground";
const KEPT_RUNS = 12;

const element = document.querySelector("#playground-form");
const answers = document.querySelector("[data-answers]");
const form = new PlaygroundForm(element, changed);
const stopButton = element.querySelector("[data-stop]");
const runs = new Map(); // by query: those of this visit, with whatever was done to their tokens
let current = null;
let shown = null;
let here = location.search;

function changed() {
  keepDraft(form.asked());
}

function keepDraft(asked) {
  try {
    sessionStorage.setItem(DRAFT, queryOf(asked));
  } catch {
    // a browser that keeps nothing
  }
}

function draft() {
  try {
    const kept = sessionStorage.getItem(DRAFT);
    return kept ? askedOf(new URLSearchParams(kept)) : null;
  } catch {
    return null;
  }
}

/** Asks the server what is wrong, in the page's language; true where something is. */
async function refusedByServer(entries) {
  try {
    const response = await fetch("/playground/check", { method: "POST", body: new URLSearchParams(entries) });
    const { wrong, values } = await response.json();
    form.showWrong(wrong, values);
    const said = Object.values(wrong);
    announce(sentences(...said));
    return said.length > 0;
  } catch {
    return false;
  }
}

/** Writes what the form asks for; `seed` in place of the one that stands there, `instead` of the address that stands. */
async function writeForm({ seed, instead = false } = {}) {
  if (seed !== undefined) form.setSeed(seed);
  const unreadable = form.unreadable();
  if (Object.keys(unreadable).length) return form.showWrong(unreadable);
  const asked = form.asked();
  if ((isEmpty(asked) || form.hasWrongNumber() || stopsAreCut(asked.stop)) && (await refusedByServer(form.entries())))
    return;
  asked.seed ??= newSeed();
  form.setSeed(asked.seed);
  form.clearWrong();
  remember(asked, instead);
  await write(asked, instead ? diceOf(location.hash) : null);
}

function remember(asked, instead = false) {
  const { path, tooLong } = addressOf(asked);
  const state = { asked, tooLong };
  if (instead) history.replaceState(state, "", path + location.hash);
  else if (path === location.pathname + location.search) history.replaceState(state, "", path);
  else history.pushState(state, "", path);
  here = location.search;
  keepDraft(asked);
}

/** `dice`: whose dice are opened once the answers are there, as the address says. */
async function write(asked, dice = null) {
  current?.stop();
  clearAlerts();
  const run = new Run(asked, titles(), bases());
  current = run;
  const writing = run.write(); // the question leaves before the page is made ready for the answer
  show(run);
  stopButton.hidden = false;
  announce(_("The answers are being written."));
  const { complete, stopped, problems } = await writing;
  if (current !== run) return;
  hideStop();
  if (run.finished) keepRun(run);
  if (dice && hashOf(dice) === location.hash) run.look(dice); // unless another token was looked at meanwhile
  if (problems.length) await tellProblem(asked, problems[0]);
  else if (stopped) announce(_("Stopped. What was written stays."));
  else announce(ngettext("{n} answer is complete.", "All {n} answers are complete.", complete));
}

/** Whoever pressed it goes on at the button beside it. */
function hideStop() {
  const focused = document.activeElement === stopButton;
  stopButton.hidden = true;
  if (focused) element.querySelector("[data-write]").focus();
}

async function tellProblem(asked, problem) {
  const retry = { label: _("Write again"), run: () => write(asked, diceOf(location.hash)) };
  if (problem.status === 0) {
    showAlert(
      _("The connection to the server is lost"),
      _("What was written stays here. The same seed writes the same again."),
      retry,
    );
  } else if (isBusy(problem)) {
    showAlert(_("The server is busy"), _("Many answers are being written. Try again in a few seconds."), retry);
  } else if (problem.status >= 500) {
    showAlert(_("The answers were not written"), problem.detail, retry);
  } else if (!(await refusedByServer(queryOf(asked)))) {
    showAlert(_("The answers were not written"), refusalWords(problem));
  }
}

function keepRun(run) {
  const key = queryOf(run.asked);
  runs.delete(key);
  runs.set(key, run);
  if (runs.size > KEPT_RUNS) runs.delete(runs.keys().next().value);
}

function titles() {
  const options = [...element.querySelector("[name=version]").options];
  return new Map(options.map((option) => [Number(option.value), option.textContent.trim()]));
}

const bases = () => new Set([...element.querySelectorAll("[data-base]")].map((option) => Number(option.value)));

function show(run) {
  const pressed = headButtons().indexOf(document.activeElement);
  shown = null; // what is closed here is of no address any more
  closeDice();
  shown = run;
  const code = make("div");
  const sheet = make("div", { className: "dice-sheet", "data-dice-place": "" });
  const head = make(
    "div",
    { className: "answers-head" },
    make("h2", {}, _("Answers")),
    make("p", { className: "small soft number" }, _("Seed {seed}", { seed: run.asked.seed })),
    make(
      "div",
      { className: "actions" },
      button(_("Again, new seed"), () => writeForm({ seed: newSeed() })),
      button(_("Same again"), () => sameAgain(run)),
      shareButton(run.asked),
    ),
  );
  answers.replaceChildren(
    head,
    tooLongNote(run.asked),
    make("div", { "data-token-controls": "" }),
    run.element,
    sheet,
    code,
  );
  headButtons()[pressed]?.focus({ preventScroll: true });
  document.querySelector("[data-examples]")?.setAttribute("hidden", "");
  run.begun.then(() => showCode(run.asked, code)); // the first word comes before what is read later
}

const headButtons = () => [...answers.querySelectorAll(".answers-head button")];

function sameAgain(run) {
  form.fill(run.asked);
  remember(run.asked);
  write(run.asked);
}

function shareButton(asked) {
  const { path, tooLong } = addressOf(asked);
  const made = button(_("Share"), () => copy(made, location.origin + path + location.hash));
  made.hidden = tooLong;
  return made;
}

function tooLongNote(asked) {
  const { tooLong, bytes } = addressOf(asked);
  if (!tooLong) return "";
  const kilobytes = Math.ceil(bytes / 1024);
  return make(
    "p",
    { className: "notice" },
    _(
      "This is too long for an address ({kilobytes} kB; 8 are the most). It is kept in this tab, over reload and back. To hand it on, copy it as curl or Python.",
      { kilobytes },
    ),
  );
}

/** The same as calls from outside: written by the server, which quotes them, and escapes them. */
async function showCode(asked, slot) {
  try {
    const response = await fetch("/playground/code", { method: "POST", body: new URLSearchParams(queryOf(asked)) });
    if (response.ok) slot.innerHTML = await response.text();
  } catch {
    // the connection is lost: the answers say so
  }
}

function showFormer(state) {
  if (!state && location.search === here) return followLink();
  here = location.search;
  current?.stop();
  current = null;
  hideStop();
  if (!state?.asked) return location.reload(); // only the server reads an address that a person wrote
  const { asked, unwritten } = state;
  const dice = diceOf(location.hash);
  form.fill(asked);
  const kept = runs.get(queryOf(asked));
  if (kept) showKept(kept, dice);
  else if (!unwritten && asked.seed !== null && !isEmpty(asked)) write(asked, dice);
  else showNothing();
}

/** Inside the page: to another token, or to a part of it. */
function followLink() {
  const dice = diceOf(location.hash);
  if (!shown || !dice) return;
  history.replaceState({ asked: shown.asked }, "");
  shown.look(dice);
}

function showKept(run, dice) {
  show(run);
  if (dice) run.look(dice);
}

/** Which token is looked at is kept in the address: reload, back and a link open its dice again. */
function keepDice({ target, detail }) {
  const place = shown?.placeOf(target);
  if (!place) return;
  const hash = detail.index < 0 ? "" : hashOf({ ...place, token: detail.index + 1 });
  if (hash !== location.hash) history.replaceState(history.state, "", location.pathname + location.search + hash);
}

function showNothing() {
  shown = null;
  clearAlerts();
  answers.replaceChildren();
  document.querySelector("[data-examples]")?.removeAttribute("hidden");
}

function begin() {
  const state = history.state;
  if (state?.asked && !state.unwritten) {
    form.fill(state.asked);
    if (state.asked.seed !== null && !isEmpty(state.asked)) return write(state.asked, diceOf(location.hash));
  } else if ("writeNow" in element.dataset) return writeForm({ instead: true });
  else if (!location.search && draft()) form.fill(draft());
  history.replaceState({ asked: form.asked(), unwritten: true }, ""); // for the way back
}

element.addEventListener("submit", (event) => {
  event.preventDefault();
  writeForm();
});
answers.addEventListener("dice", keepDice);
stopButton.addEventListener("click", () => current?.stop());
window.addEventListener("popstate", (event) => showFormer(event.state));
window.addEventListener("pagehide", () => current?.stop());
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  copy(button, source.textContent, source);
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
    event.preventDefault();
    writeForm();
  } else if (event.key === "Escape" && !stopButton.hidden) {
    current?.stop();
  } else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    form.focusPrompt();
  }
});
if (matchMedia("(max-width: 63.99rem)").matches) document.querySelector("#settings").open = false;
begin();
