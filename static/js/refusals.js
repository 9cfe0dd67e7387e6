// Why the API refused, in the language of the page, with the next step: by the status, for the API speaks English; knows no page.

import { _ } from "./messages.js";

const SIGNED_OUT = [401, 403];
const GONE = [404, 409, 410];
const BUSY = [429, 503];

export const isBusy = ({ status }) => BUSY.includes(status);

/** Whether the same request may be taken later. */
export const mayPass = ({ status = 0, ...problem }) => status === 0 || status >= 500 || isBusy({ status, ...problem });

/** One or two sentences on a problem+json; status 0 stands for no answer at all. */
export function refusalWords({ status = 0, code, detail }) {
  if (SIGNED_OUT.includes(status)) return _("You may be signed out: reload the page to continue.");
  if (GONE.includes(status)) return _("This version is no longer there; choose another version to ask again.");
  if (status === 413) return _("This is too large to be sent. Shorten the text.");
  if (isBusy({ status })) return _("The server is busy. Try again in a few seconds.");
  if (status === 0 || status >= 500) return _("The server gave no answer.");
  if (code === "context_length_exceeded")
    return _(
      "The model has no room for more: prompt and answer fill it. Ask for a shorter answer or shorten the prompt.",
    );
  return _("The server refused this: {detail}", { detail: detail ?? status });
}
