// Buttons that copy a text and say so.

import { _ } from "./messages.js";
import { announce } from "./say.js";

const SAID_MS = 2_000;

/** Copies; where the browser does not let it (a page that is not on loopback, without TLS), `source` is selected. */
export async function copy(button, text, source) {
  const label = [...button.childNodes];
  const said = await copied(text, source);
  button.replaceChildren(said);
  announce(said);
  setTimeout(() => button.replaceChildren(...label), SAID_MS);
}

async function copied(text, source) {
  try {
    await navigator.clipboard.writeText(text);
    return _("Copied");
  } catch {
    if (source) getSelection().selectAllChildren(source);
    return source ? _("Selected: press Ctrl+C") : _("Copy it from the address bar");
  }
}
