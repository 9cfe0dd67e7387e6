// What the outbox decides and says: which answer is the server's last word, how long to wait, and why. Pure, knows no page.

import { _ } from "./messages.js";

const PAUSES_SECONDS = [1, 2, 4, 8, 15, 30, 60];
const PASSES = new Set([408, 425, 429, 500, 502, 503, 504, 507]); // not the server's last word

/** Whether this is the server's own last word: not "later", and no page to which a proxy or a sign-in led instead. */
export const settles = (response) =>
  response !== null && !PASSES.has(response.status) && !response.redirected && response.status !== 401;

/** Whether what comes behind may go first: the server is there, and only has no room for this one now. */
export const yields = (response) => response !== null && (response.status === 503 || response.status === 429);

/** What a person did before this and has not arrived; undefined where nothing stands in its way. */
export function ahead(item, items) {
  if (!item.kept) return undefined;
  return [...items].find((other) => other !== item && other.kept && !other.yields && (other.at ?? 0) < (item.at ?? 0));
}

export function pauseSeconds(tries, response) {
  const asked = Number(response?.headers.get("Retry-After")) || 0;
  return Math.max(asked, PAUSES_SECONDS[Math.min(tries, PAUSES_SECONDS.length - 1)]);
}

export function causeOf(response, online) {
  if (response === null) {
    return online ? _("The server does not answer; it may be restarting.") : _("This device is offline.");
  }
  if (response.status === 401) return _("You are signed out: use another tab to sign in.");
  if (response.redirected) return _("The server asks you to sign in: reload the page.");
  if (response.status === 503 || response.status === 429) return _("The server is busy at the moment.");
  return _("The server answered with error {status}.", { status: response.status });
}

/** What waits, why, and whether it outlives the page. */
export function sentenceOf([first, ...more]) {
  const what = more.length ? _("{what} and {n} more", { what: first.what, n: more.length }) : first.what;
  const said = { cause: first.cause, what };
  if (first.kept)
    return _("{cause} {what} is kept in this browser and will be sent again by itself, even after a reload.", said);
  return _("{cause} {what} will be sent again by itself while this page is open.", said);
}

export function nextTry(waiting, now) {
  const seconds = Math.max(0, Math.ceil((Math.min(...waiting.map((item) => item.due)) - now) / 1000));
  return seconds ? _("Next try in {n} s.", { n: seconds }) : _("Trying now.");
}
