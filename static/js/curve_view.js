// How curves are looked at: smoothed, on a log scale, a stretch of them; kept in the address. Pure, knows no page.

export const WHOLE = { from: null, to: null };
const PLAIN = { smoothing: 0, log: false, ...WHOLE };
const MOST_SMOOTHING = 0.95;

/**
 * An exponential moving average without the pull of its beginning (as TensorBoard has it); gaps stay gaps.
 *
 * @param {(number|null)[]} values
 * @param {number} weight of what came before, 0 to below 1
 */
export function smoothed(values, weight) {
  let [sum, share] = [0, 0];
  return values.map((value) => {
    if (value == null) return value;
    sum = weight * sum + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return sum / share;
  });
}

/** Whether a log scale can show them: every value is above 0. */
export const fitsLog = (columns) => columns.every((column) => column.every((value) => value == null || value > 0));

/** The view that an address asks for; what makes no sense in it is left out. */
export function viewIn(query) {
  const asked = new URLSearchParams(query);
  const smoothing = Number(asked.get("smoothing"));
  const step = (name) => (/^\d{1,9}$/.test(asked.get(name) ?? "") ? Number(asked.get(name)) : null);
  return {
    smoothing: smoothing > 0 && smoothing <= MOST_SMOOTHING ? smoothing : 0,
    log: asked.get("log") === "1",
    ...ends(step("from"), step("to")),
  };
}

/** The same query with this view in it. */
export function queryWith(query, view) {
  const asked = new URLSearchParams(query);
  const said = { smoothing: view.smoothing || null, log: view.log ? 1 : null, from: view.from, to: view.to };
  for (const [name, value] of Object.entries(said)) {
    if (value === null) asked.delete(name);
    else asked.set(name, value);
  }
  const text = asked.toString();
  return text && `?${text}`;
}

/** A stretch has an end behind its beginning; else it is the whole. */
export function ends(from, to) {
  return from !== null && to !== null && from >= to ? WHOLE : { from, to };
}

export const isPlain = (view) => Object.keys(PLAIN).every((name) => view[name] === PLAIN[name]);
