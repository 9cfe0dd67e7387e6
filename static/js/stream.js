// A person's own prompt: four answers appear as they are written, then the card that ranks them takes their place.

import { announce, showAlert } from "./say.js";

const LONG_MS = 20_000;

function tellSlow(element) {
  const status = element.querySelector("[data-stream-status]");
  status.textContent = "This is taking longer than usual: the machine is busy. The answers will appear by themselves.";
  announce(status.textContent);
}

export function followStream(element) {
  const panes = [...element.querySelectorAll("[data-pane]")];
  const source = new EventSource(element.dataset.stream);
  let failures = 0;
  const slow = setTimeout(() => tellSlow(element), LONG_MS);

  source.addEventListener("piece", (event) => {
    failures = 0;
    clearTimeout(slow);
    const piece = JSON.parse(event.data);
    const pane = panes[piece.index];
    pane.append(piece.text);
    if (piece.finished) finish(pane);
  });
  source.addEventListener("restart", () => {
    for (const pane of panes) pane.replaceChildren();
  });
  source.addEventListener("done", () => {
    source.close();
    showCard(element);
  });
  source.addEventListener("failed", (event) => {
    source.close();
    const { title, message } = JSON.parse(event.data);
    showAlert(title, message, { label: "Try again", run: () => location.assign(element.dataset.cardUrl) });
  });
  source.addEventListener("error", () => {
    failures += 1; // the browser connects again by itself and the server begins where it was
    if (!element.isConnected) source.close();
    else if (source.readyState === EventSource.CLOSED) refused();
    else if (failures === 3) announce("The connection is lost; trying again.");
  });
}

function refused() {
  showAlert(
    "The answers cannot be followed here",
    "They are kept. You may be signed out: reload the page to continue.",
    {
      label: "Reload",
      run: () => location.reload(),
    },
  );
}

function finish(pane) {
  pane.classList.remove("caret");
  pane.closest(".answer").querySelector(".rank-text").textContent = "Complete";
}

function showCard(element) {
  if (!element.isConnected) return;
  announce("All four answers are there. Rank them.");
  window.htmx.ajax("GET", element.dataset.cardUrl, { target: "#card-slot", swap: "innerHTML" });
}
