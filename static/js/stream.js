// A person's own prompt: four answers appear as they are written, then the same places get their letters' buttons. Nothing
// moves at that: what somebody reads stays where it is, selected if it was.

import { _ } from "./messages.js";
import { announce, showAlert } from "./say.js";

const LONG_MS = 20_000;

function tellSlow(element) {
  const status = element.querySelector("[data-stream-status]");
  status.textContent = _(
    "This is taking longer than usual: the machine is busy. The answers will appear by themselves.",
  );
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
    showCard(element, panes);
  });
  source.addEventListener("failed", (event) => {
    source.close();
    const { title, message } = JSON.parse(event.data);
    showAlert(title, message, { label: _("Try again"), run: () => location.assign(element.dataset.cardUrl) });
  });
  source.addEventListener("error", () => {
    failures += 1; // the browser connects again by itself and the server begins where it was
    if (!element.isConnected) source.close();
    else if (source.readyState === EventSource.CLOSED) refused();
    else if (failures === 3) announce(_("The connection is lost; trying again."));
  });
}

function refused() {
  showAlert(
    _("The answers cannot be followed here"),
    _("They are kept. You may be signed out: reload the page to continue."),
    {
      label: _("Reload"),
      run: () => location.reload(),
    },
  );
}

function finish(pane) {
  pane.classList.remove("caret");
  pane.closest(".answer").querySelector(".rank-text").textContent = _("Complete");
}

/** Gives back what the swap takes from what is read: how far the texts are scrolled, and what is selected in one of them. By
 * place and characters, not by nodes: a swap may move a text or write it anew. */
function readingPlace(panes) {
  const { anchorNode, anchorOffset, focusNode, focusOffset } = getSelection();
  const tops = panes.map((pane) => pane.scrollTop);
  const texts = panes.map((pane) => pane.textContent);
  const place = panes.findIndex((pane) => pane.contains(anchorNode) && pane.contains(focusNode));
  const inText = anchorNode?.nodeType === Node.TEXT_NODE && focusNode?.nodeType === Node.TEXT_NODE;
  return (shown) => {
    for (const [at, pane] of shown.entries()) pane.scrollTop = tops[at];
    const text = shown[place]?.firstChild;
    if (inText && text && text.nodeValue === texts[place])
      getSelection().setBaseAndExtent(text, anchorOffset, text, focusOffset);
  };
}

function showCard(element, panes) {
  if (!element.isConnected) return;
  announce(_("All four answers are there. Rank them."));
  for (const pane of panes) pane.normalize(); // one text each, as in the card that comes: it stays
  const url = element.dataset.cardUrl;
  const isMine = (event) => event.detail.ctx?.request?.action === url;
  const before = (event) => {
    if (!isMine(event)) return;
    document.removeEventListener("htmx:before:swap", before);
    const restore = readingPlace(panes);
    const after = (swapped) => {
      if (swapped.detail.ctx !== event.detail.ctx) return; // the strip's own
      document.removeEventListener("htmx:after:swap", after);
      restore([...document.querySelectorAll("#card .answer:not(.own) .answer-text")]);
    };
    document.addEventListener("htmx:after:swap", after);
  };
  document.addEventListener("htmx:before:swap", before);
  window.htmx.ajax("GET", url, { target: "#card", swap: "outerMorph" });
}
