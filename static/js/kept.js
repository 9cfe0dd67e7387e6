// What waits to be sent, kept in the browser over a reload and for other tabs; knows no page, and works where nothing is kept.

const STORED = "fourfold-outbox";

export function stored() {
  try {
    const items = JSON.parse(localStorage.getItem(STORED) ?? "[]");
    return Array.isArray(items) ? items : [];
  } catch {
    return [];
  }
}

function store(items) {
  try {
    if (items.length) localStorage.setItem(STORED, JSON.stringify(items));
    else localStorage.removeItem(STORED);
  } catch {
    // a browser that keeps nothing: the page itself keeps it until it is closed
  }
}

export const keep = (item) => store([...stored().filter((other) => other.key !== item.key), item]);
export const forget = (item) => store(stored().filter((other) => other.key !== item.key));
export const isKept = (item) => stored().some((other) => other.key === item.key);

/** What waits for this address, so that its card can show it after a reload. */
export function waitingFor(url) {
  return stored().find((item) => item.url === url) ?? null;
}
