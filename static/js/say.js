// What a page says: to everybody in the alert region, to screen readers alone in the announcer.

import { _ } from "./messages.js";

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

export function alertsShown() {
  return alerts.childElementCount > 0;
}

export function scrollToAlerts() {
  alerts.scrollIntoView({ block: "nearest" });
}

/** Shows an error with, if given, one button that puts it right. */
export function showAlert(title, message, action) {
  const box = document.createElement("div");
  box.className = "notice error";
  const text = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = _("{title}.", { title });
  text.append(strong, " ", message);
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

/** An error that the server wrote as a notice of its own. */
export function showServerAlert(html) {
  alerts.innerHTML = html;
}
