// What the label page's keys mean, on whatever keyboard: pure, knows no page.

/**
 * What a key means here: a small letter a-z, a digit 0-9, or the key itself ("Enter", "=").
 *
 * What is printed on the key counts: on Dvorak and AZERTY, too, A is where A is printed. A key that writes another script
 * (Cyrillic, Greek, Arabic) counts by its place, as the letter that a Latin keyboard has there. Digits count by their
 * place where the row writes something else without Shift (AZERTY) or with it (Shift + 1).
 */
export function meaningOf(event) {
  const { code } = event;
  const key = [...event.key].length === 1 ? event.key.normalize("NFKC") : event.key; // the wide ？ and ＝ of Chinese input
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  if (/^[0-9]$/.test(key) || key === "=" || key === "?") return key;
  if ([...key].length !== 1) return key; // Enter, Backspace; End on a numeric pad that writes no digits
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(code)?.[1];
  if (digit !== undefined) return digit;
  const place = /^Key([A-Z])$/.exec(code)?.[1];
  return place && !/\p{Script=Latin}/u.test(key) ? place.toLowerCase() : key;
}

/** "A" to "E" for A-E and 1-5; else null. */
export function letterOf(meaning) {
  const at = "abcde".indexOf(meaning) >= 0 ? "abcde".indexOf(meaning) : "12345".indexOf(meaning);
  return meaning.length === 1 && at >= 0 ? "ABCDE"[at] : null;
}

/** Shift ties, except where it is what writes the digit that is printed on the key (AZERTY). */
export const ties = (event) => event.shiftKey && !/^[0-9]$/.test(event.key);
