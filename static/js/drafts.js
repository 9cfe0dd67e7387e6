// What is half made on a card, kept in the browser over a reload and a look at another page; knows no page, and works where
// nothing is kept. Each card has an entry of its own, so that two tabs never write over each other's cards. A tab keeps its
// own copy as well, which it prefers: of two tabs at the same card, each finds again what it showed.

const PREFIX = "fourfold-draft-";
const TAB = "fourfold-tab";
const MOST = 20;
const DAYS_MS = 7 * 24 * 60 * 60 * 1000;

/** A store of the browser, or one that keeps nothing where the browser refuses. */
function storeOf(name) {
  try {
    return globalThis[name] ?? null;
  } catch {
    return null;
  }
}

function read(store, id) {
  try {
    const draft = JSON.parse(storeOf(store)?.getItem(PREFIX + id) ?? "null");
    return typeof draft === "object" && draft !== null && Number.isFinite(draft.at) ? draft : null;
  } catch {
    return null;
  }
}

function write(store, id, draft) {
  try {
    if (draft === null) storeOf(store)?.removeItem(PREFIX + id);
    else storeOf(store)?.setItem(PREFIX + id, JSON.stringify(draft));
  } catch {
    // full, or a browser that keeps nothing: the page itself keeps it until it is closed
  }
}

/** Who writes here: the same over a reload, another one in each tab. */
function thisTab() {
  try {
    const store = storeOf("sessionStorage");
    if (!store.getItem(TAB)) store.setItem(TAB, crypto.randomUUID?.() ?? String(Math.random()));
    return store.getItem(TAB);
  } catch {
    return "";
  }
}

function ids(store) {
  try {
    return Object.keys(storeOf(store) ?? {})
      .filter((name) => name.startsWith(PREFIX))
      .map((name) => name.slice(PREFIX.length));
  } catch {
    return [];
  }
}

/** Takes out what is too old, and the oldest of too many. */
function bound(store, now) {
  const drafts = ids(store).map((id) => ({ id, at: read(store, id)?.at ?? 0 }));
  drafts.sort((a, b) => b.at - a.at);
  for (const [place, { id, at }] of drafts.entries()) {
    if (place >= MOST || now - at > DAYS_MS) write(store, id, null);
  }
}

/**
 * Keeps what a card shows: `{ ranks: {answer: rank}, implied, comment, … }`, or, with `null`, that nothing is left of it.
 * Another tab's draft of the same card stays.
 */
export function keepDraft(id, values, now = Date.now()) {
  const tab = thisTab();
  if (values === null) {
    if (read("localStorage", id)?.tab === tab) write("localStorage", id, null);
    if (read("localStorage", id)) write("sessionStorage", id, { at: now, tab, values: null });
    else write("sessionStorage", id, null);
    return;
  }
  for (const store of ["sessionStorage", "localStorage"]) {
    write(store, id, { at: now, tab, values });
    bound(store, now);
  }
}

/** What this tab, or else another one, left of the card; null where nothing is left. */
export function draftOf(id, now = Date.now()) {
  const draft = read("sessionStorage", id) ?? read("localStorage", id);
  return draft === null || now - draft.at > DAYS_MS ? null : (draft.values ?? null);
}

/** The card is done: nobody needs its draft any more, whichever tab wrote it. */
export function forgetDraft(id) {
  for (const store of ["sessionStorage", "localStorage"]) write(store, id, null);
}
