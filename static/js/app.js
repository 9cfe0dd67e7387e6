// What every page needs: errors of htmx and of the server are shown in the alert region, a poll that fails is reported once,
// and what was to be sent is sent (outbox.js).

import "./double_click.js";
import { keepFocus } from "./focus.js";
import { _ } from "./messages.js";
import "./more_pages.js";
import { isWaiting, openOutbox, tryNow } from "./outbox.js";
import { alertsShown, clearAlerts, scrollToAlerts, showAlert } from "./say.js";
import { localTimes } from "./times.js";
import { toldOnce } from "./told_once.js";

toldOnce();

let lost = false;
let signedOut = false;

/** A poll had no answer. What waits to be sent says so already. */
function serverLost(status) {
  if (lost) return;
  lost = true;
  if (isWaiting()) return;
  if (status === 503) showAlert(_("The server is busy"), _("This page refreshes by itself."));
  else
    showAlert(
      _("No answer from the server"),
      _("It may be restarting. This page tries again by itself; what you send meanwhile is kept and sent later."),
    );
}

function serverBack() {
  if (!lost && !signedOut) return;
  lost = signedOut = false;
  clearAlerts();
  tryNow();
}

function retry(element) {
  clearAlerts();
  if (element.matches("form")) element.requestSubmit();
  else location.reload();
}

const isPoll = (element) => element?.matches?.("[data-poll]");
const isQuiet = (element) => element?.matches?.("[data-quiet]"); // what it asks for is missed by nobody; it is no sign of the server

document.addEventListener("htmx:error", (event) => {
  const source = event.detail.ctx?.sourceElement;
  if (isPoll(source)) return serverLost();
  if (!source || isQuiet(source)) return;
  showAlert(_("The server could not be reached"), _("Nothing is lost: what you entered is still on this page."), {
    label: _("Try again"),
    run: () => retry(source),
  });
});

// An error page that the server has not aimed at the alert region (a proxy's, say) must not replace a part of this page.
document.addEventListener("htmx:before:swap", (event) => {
  const context = event.detail.ctx;
  const status = context?.response?.status ?? 200;
  const poll = isPoll(context?.sourceElement);
  const quiet = isQuiet(context?.sourceElement);
  if (status < 400) {
    serverBack();
    if (!poll && !quiet) clearAlerts();
    return;
  }
  if (quiet) return event.preventDefault();
  if (status === 401) {
    if (poll && signedOut) event.preventDefault(); // it is said already, with the way to sign in
    signedOut = true;
  } else if (poll) {
    event.preventDefault();
    serverLost(status);
  } else if (!context.hx?.retarget && !aimedByPage(context)) {
    event.preventDefault();
    showAlert(
      _("The server answered with error {status}", { status }),
      _("Nothing is lost: what you entered is still on this page."),
      {
        label: _("Try again"),
        run: () => retry(context.sourceElement),
      },
    );
  }
});

function aimedByPage(context) {
  return context.sourceElement?.hasAttribute?.(`hx-status:${context.response.status}`);
}

document.addEventListener("htmx:after:swap", () => {
  localTimes();
  keepFocus();
  if (alertsShown() && !lost) scrollToAlerts();
});

localTimes();
openOutbox();
