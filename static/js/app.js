// On every page: what htmx cannot reach or the server refuses is said in the alert region, and a poll that fails says so once.

import { keepFocus } from "./focus.js";
import { localTimes } from "./times.js";

const alerts = document.querySelector("#alerts");
const announcer = document.querySelector("#announcer");

/** Says a sentence to screen readers; the same one twice is said twice. */
export function announce(text) {
  if (!text) return;
  announcer.textContent = "";
  setTimeout(() => (announcer.textContent = text), 50);
}

export function clearAlerts() {
  alerts.replaceChildren();
}

/** Shows an error with, if given, one button that mends it. */
export function showAlert(title, message, action) {
  const box = document.createElement("div");
  box.className = "notice error";
  const text = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = `${title}. `;
  text.append(strong, message);
  box.append(text);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = action.label;
    button.addEventListener("click", action.run);
    box.append(button);
  }
  alerts.replaceChildren(box);
}

let lost = false;
let signedOut = false;

function serverLost() {
  if (lost) return;
  lost = true;
  showAlert("No answer from the server", "It may be restarting. This page keeps what you typed and tries again by itself.");
}

function serverBack() {
  if (!lost && !signedOut) return;
  lost = signedOut = false;
  clearAlerts();
}

function retry(element) {
  clearAlerts();
  if (element.matches("form")) element.requestSubmit();
  else location.reload();
}

document.addEventListener("htmx:error", (event) => {
  const context = event.detail.ctx;
  const source = context?.sourceElement;
  if (source?.matches?.("[data-poll]")) return serverLost();
  if (!source) return;
  showAlert("The server could not be reached", "Nothing is lost: what you entered is still on this page.", {
    label: "Try again",
    run: () => retry(source),
  });
});

// An error page that the server has not aimed at the alert region (a proxy's, say) must not replace a part of this page.
document.addEventListener("htmx:before:swap", (event) => {
  const context = event.detail.ctx;
  const status = context?.response?.status ?? 200;
  if (status < 400) {
    serverBack();
    if (!context?.sourceElement?.matches?.("[data-poll]")) clearAlerts();
    return;
  }
  const polls = context.sourceElement?.matches?.("[data-poll]");
  if (status === 401) {
    if (polls && signedOut) event.preventDefault(); // it is said already, with the way to sign in
    signedOut = true;
  } else if (polls) {
    event.preventDefault();
    serverLost();
  } else if (!context.hx?.retarget && !aimedByPage(context)) {
    event.preventDefault();
    showAlert(`The server answered with error ${status}`, "Nothing is lost: what you entered is still on this page.", {
      label: "Try again",
      run: () => retry(context.sourceElement),
    });
  }
});

function aimedByPage(context) {
  return context.sourceElement?.hasAttribute?.(`hx-status:${context.response.status}`);
}

document.addEventListener("htmx:after:swap", () => {
  localTimes();
  keepFocus();
  if (alerts.childElementCount && !lost) alerts.scrollIntoView({ block: "nearest" });
});

localTimes();
