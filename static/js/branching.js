// What is asked of the API for the dice: the distribution of a place, the rest of a branch, one roll; knows no page.

import { NEUTRAL } from "./distribution.js";
import { GenerationError } from "./generating.js";

const LISTED = 100; // of how many likely tokens the texts are told: more than are shown, for what a roll may fall on
const PROMPTS = ["prompt", "messages", "text"];
export const SETTINGS = Object.keys(NEUTRAL);

const chosen = (body, names) =>
  Object.fromEntries(names.filter((name) => body[name] != null).map((name) => [name, body[name]]));

/** The settings of an answer; what its request left out does nothing. */
export const settingsOf = (body) => ({ ...NEUTRAL, ...chosen(body, SETTINGS) });

/** The request for the rest of an answer behind these tokens, by the same seed and stream. */
export function restBody({ body, index, version }, ids) {
  return { ...body, version, index, n: 1, continue_from: ids, logprobs: 0 };
}

/** The same for one token alone: the length ends it. */
export const rollBody = (answer, ids) => ({ ...restBody(answer, ids), max_tokens: ids.length + 1 });

/** The request for the distribution behind these tokens. */
export function placeBody({ body, version }, ids) {
  return { ...chosen(body, [...PROMPTS, ...SETTINGS]), version, continue_from: ids, k: LISTED, all: true };
}

/** POST /api/v1/next-token; raises GenerationError. */
export async function askForPlace(body, signal) {
  let response;
  try {
    response = await fetch("/api/v1/next-token", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new GenerationError({ title: "No answer", status: 0, detail: "The connection to the server was lost." });
  }
  const told = await response.json().catch(() => ({}));
  if (response.ok) return told;
  throw new GenerationError({
    title: response.statusText,
    detail: response.statusText,
    ...told,
    status: response.status,
  });
}

/** Tells `onTokens` of tokens as they come, those that were given left out; true once the answer is finished. */
export async function follow(events, given, onTokens) {
  let seen = 0;
  for await (const event of events) {
    const tokens = event.type === "piece" ? (event.tokens ?? []) : [];
    const fresh = tokens.slice(Math.max(0, given - seen));
    seen += tokens.length;
    if (fresh.length) onTokens(fresh);
    if (event.type !== "answer") continue;
    const left = (event.logprobs ?? []).slice(Math.max(seen, given));
    if (left.length) onTokens(left);
    return event;
  }
  return null;
}
