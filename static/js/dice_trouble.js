// What the dice say when the server refuses or does not answer: what happened, what is kept, the next step.

import { button, make } from "./elements.js";
import { _ } from "./messages.js";

const GONE = [404, 409, 410];
const BUSY = [429, 503];

function sentence({ status = 0, code, detail }) {
  if (GONE.includes(status))
    return _(
      "This version is no longer there. The answer and its branches stay on this page; choose another version to ask again.",
    );
  if (BUSY.includes(status)) return _("The server is busy. The answer and its branches stay on this page.");
  if (status === 0 || status >= 500)
    return _("The server gave no answer. The answer and its branches stay on this page.");
  if (code === "context_length_exceeded")
    return _(
      "The model has no room for more: prompt and answer fill it. Ask for a shorter answer or shorten the prompt.",
    );
  return _("The server refused this: {detail}", { detail: detail ?? status });
}

/** A notice for an error of generate() or of the place; `again` tries once more where that may help. */
export function troubleNotice(error, again) {
  const problem = error.problem ?? {};
  const notice = make("div", { className: "notice warn", role: "alert" }, make("p", {}, sentence(problem)));
  const { status = 0 } = problem;
  if (status === 0 || status >= 500 || BUSY.includes(status)) notice.append(button(_("Try again"), again));
  return notice;
}
