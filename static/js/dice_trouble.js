// What the dice say when the server refuses or does not answer: what happened, what is kept, the next step.

import { button, make } from "./elements.js";
import { _ } from "./messages.js";
import { mayPass, refusalWords } from "./refusals.js";

/** A notice for an error of generate() or of the place; `again` tries once more where that may help. */
export function troubleNotice(error, again) {
  const problem = error.problem ?? {};
  const sentences = [refusalWords(problem), _("The answer and its branches stay on this page.")];
  const notice = make("div", { className: "notice warn", role: "alert" });
  notice.append(...sentences.map((sentence) => make("p", {}, sentence)));
  if (mayPass(problem)) notice.append(button(_("Try again"), again));
  return notice;
}
