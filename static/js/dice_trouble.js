// What the dice say when the server refuses or does not answer: what happened, what is kept, the next step.

import { button, make } from "./elements.js";
import { _ } from "./messages.js";

const GONE = [404, 409, 410];

/** A notice for an error of generate() or of the place; `again` tries once more. */
export function troubleNotice(error, again) {
  const { status = 0, detail } = error.problem ?? {};
  const text = make("p");
  const notice = make("div", { className: "notice warn", role: "alert" }, text);
  if (GONE.includes(status))
    text.textContent = _(
      "This version is no longer there. The answer and its branches stay on this page; choose another version to ask again.",
    );
  else if (status === 0 || status >= 500)
    text.textContent = _("The server gave no answer. The answer and its branches stay on this page.");
  else text.textContent = _("The server refused: {detail}", { detail: detail ?? String(status) });
  if (!GONE.includes(status)) notice.append(button(_("Try again"), again));
  return notice;
}
