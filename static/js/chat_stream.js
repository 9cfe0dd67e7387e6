// One answer while it is written. The server keeps it whoever reads it: after a lost connection, or a server that started
// anew, it is told again from its beginning.

import { _ } from "./messages.js";
import { announce, showAlert } from "./say.js";

const PAUSES_SECONDS = [0.5, 1, 2, 4, 8];
const SAID_AFTER = 3;

/**
 * Calls `add` with each piece (null: from the beginning again) and `done` once the answer is stored.
 * @param {HTMLElement} turn  @param {{add: (text: string | null) => void, done: () => void}} told
 */
export function follow(turn, told, failures = 0) {
  const source = new EventSource(turn.dataset.stream);
  let begun = false;

  source.addEventListener("piece", (event) => {
    if (!begun && failures > 0) told.add(null);
    begun = true;
    told.add(JSON.parse(event.data).text);
  });
  source.addEventListener("done", () => {
    source.close();
    told.done();
  });
  source.addEventListener("failed", (event) => {
    source.close();
    const { title, message } = JSON.parse(event.data);
    showAlert(title, message, { label: _("Reload"), run: () => location.reload() });
  });
  source.addEventListener("error", () => {
    const refused = source.readyState === EventSource.CLOSED;
    source.close();
    if (!document.getElementById(turn.id)) return;
    if (refused) return tellRefused();
    const next = begun ? 1 : failures + 1;
    if (next === SAID_AFTER) announce(_("The connection is lost; trying again."));
    const pause = PAUSES_SECONDS[Math.min(next, PAUSES_SECONDS.length) - 1];
    setTimeout(() => follow(turn, told, next), pause * 1000);
  });
}

function tellRefused() {
  const text = _("It is kept. You may be signed out: reload the page to continue.");
  showAlert(_("The answer cannot be followed here"), text, { label: _("Reload"), run: () => location.reload() });
}
