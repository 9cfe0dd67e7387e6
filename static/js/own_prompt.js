// The form for an own prompt: what was typed and not sent stands there again after a reload or a look at another page.

import { draftOf, keepDraft } from "./drafts.js";

const DRAFT = "ask";

export function installOwnPrompt() {
  const box = document.querySelector("#ask");
  const text = draftOf(DRAFT)?.text;
  const field = box?.querySelector("#ask-text");
  if (field && text && !field.value) {
    field.value = text;
    box.open = true;
  }
  document.addEventListener("fourfold:sent", (event) => {
    if (event.detail.draft !== DRAFT) return;
    document.querySelector("#ask-text").value = "";
    document.querySelector("#ask").open = false;
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "ask-text") keepDraft(DRAFT, event.target.value ? { text: event.target.value } : null);
  });
}
