// What the playground asks for: read from its form or an address, written as an address and as the API's request; knows no page.
// app/web/playground_address.py reads and writes the same addresses.

/** Longer addresses are not made: some browsers, servers and chats cut them. */
export const MAX_ADDRESS_BYTES = 8192;
export const NUMBERS = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_tokens"];
const MAX_STOPS = 4;
const MAX_STOP_CHARACTERS = 256;
const ESCAPES = { n: "\n", t: "\t", "\\": "\\" };

/** Out of [name, value] pairs, as FormData and URLSearchParams give them. A button's comes last, and counts. */
export function askedOf(entries) {
  const pairs = [...entries];
  const last = (name) => pairs.findLast(([key]) => key === name)?.[1] ?? "";
  const turns = pairs.filter(([name]) => name === "user" || name === "assistant");
  const seed = last("seed").trim();
  return {
    mode: last("mode") || "question",
    prompt: oneForm(last("prompt")),
    system: oneForm(last("system")),
    turns: turns.map(([role, text]) => ({ role, text: oneForm(text) })),
    versions: [
      ...new Set(pairs.filter(([name, value]) => name === "version" && value).map(([, value]) => Number(value))),
    ],
    n: Number(last("n") || 1),
    values: Object.fromEntries(NUMBERS.map((name) => [name, Number(last(name))])),
    stop: oneForm(last("stop")),
    seed: seed === "" ? null : Number(seed),
  };
}

const oneForm = (text) => text.replaceAll("\r\n", "\n");

/** The same request has one address, whoever writes it. */
export function queryOf(asked) {
  const entries = [["mode", asked.mode]];
  if (asked.mode === "conversation") {
    if (asked.system) entries.push(["system", asked.system]);
    for (const { role, text } of asked.turns) if (text) entries.push([role, text]);
  } else entries.push(["prompt", asked.prompt]);
  for (const version of asked.versions) entries.push(["version", String(version)]);
  entries.push(["n", String(asked.n)]);
  for (const name of NUMBERS) entries.push([name, String(asked.values[name])]);
  if (asked.stop) entries.push(["stop", asked.stop]);
  if (asked.seed !== null) entries.push(["seed", String(asked.seed)]);
  return new URLSearchParams(entries).toString();
}

/** Its path and query; `tooLong` where it is to be kept in the tab instead: then without its texts. */
export function addressOf(asked) {
  const query = queryOf(asked);
  if (query.length <= MAX_ADDRESS_BYTES) return { path: `/playground?${query}`, tooLong: false, bytes: query.length };
  const short = queryOf({ ...asked, prompt: "", system: "", turns: [], stop: "" });
  return { path: `/playground?${short}`, tooLong: true, bytes: query.length };
}

/** For POST /api/v1/generate: all of the answers of one version. */
export function bodyOf(asked, version) {
  const stop = stopTexts(asked.stop);
  return {
    ...textsOf(asked),
    version,
    n: asked.n,
    ...asked.values,
    ...(stop.length ? { stop } : {}),
    ...(asked.seed === null ? {} : { seed: asked.seed }),
    logprobs: 0,
  };
}

function textsOf({ mode, prompt, system, turns }) {
  if (mode === "text") return { text: prompt };
  if (mode === "question") return { prompt };
  const said = turns.filter(({ text }) => text.trim()).map(({ role, text }) => ({ role, content: text }));
  return { messages: system.trim() ? [{ role: "system", content: system }, ...said] : said };
}

/** The texts that end an answer, one a line; \n, \t and \\ stand for a line break, a tab and a backslash. */
export const stopTexts = (typed) => allStopTexts(typed).slice(0, MAX_STOPS);

/** Whether there are more of them than may be, or longer ones: the server says so. */
export function stopsAreCut(typed) {
  const texts = allStopTexts(typed);
  return texts.length > MAX_STOPS || texts.some((text) => [...text].length > MAX_STOP_CHARACTERS);
}

function allStopTexts(typed) {
  const lines = typed.split("\n").filter((line) => line !== "");
  return lines.map((line) => line.replace(/\\([nt\\])/g, (_, letter) => ESCAPES[letter]));
}

export function isEmpty({ mode, prompt, system, turns }) {
  const texts = mode === "conversation" ? [system, ...turns.map(({ text }) => text)] : [prompt];
  return !texts.some((text) => text.trim());
}

/** Who speaks next. */
export const nextRole = (turns) => (turns.at(-1)?.role === "user" ? "assistant" : "user");

export const newSeed = (random = Math.random) => Math.floor(random() * 2 ** 31);

/** The end of an address that names a token whose dice are open: column, answer and token, each counted from 1. */
export const hashOf = ({ column, answer, token }) => `#dice=${column}.${answer}.${token}`;

/** Out of the end of an address; null where it names none. */
export function diceOf(hash) {
  const [, column, answer, token] = hash.match(/^#dice=(\d{1,2})\.(\d{1,2})\.(\d{1,5})$/) ?? [];
  const named = { column: Number(column), answer: Number(answer), token: Number(token) };
  return column && Object.values(named).every((each) => each > 0) ? named : null;
}
