// Keeps the keyboard focus when a swap takes away what has it (the button that was pressed, say). It goes then to what
// stands in its place, not to the top of the page: the same button, else its row or its section, as far as they are still there.

let lost = null;

/** The ids around what has the focus, the nearest first. */
function idsAround(element) {
  const ids = [];
  for (let at = element; at && at !== document.body; at = at.parentElement) if (at.id) ids.push(at.id);
  return ids;
}

/** What stands for an element: itself where it takes the focus, else the first heading or link in it. */
function standIn(element) {
  if (element.matches(":disabled")) return null;
  if (element.matches("a[href], button, input, select, textarea, summary, [tabindex]")) return element;
  const inside = element.matches("tr, li, .version-card")
    ? element.querySelector("a[href], button:enabled, summary")
    : null;
  const target = inside ?? element.querySelector("h1, h2, h3") ?? element;
  if (!target.matches("a[href], button, summary, [tabindex]")) target.tabIndex = -1;
  return target;
}

document.addEventListener("htmx:before:swap", () => {
  const active = document.activeElement;
  lost = active && active !== document.body ? idsAround(active) : null;
});

/** Call when a swap has settled. Does nothing where something has the focus. */
export function keepFocus() {
  const was = lost;
  lost = null;
  const now = document.activeElement;
  if (!was || (now && now !== document.body && !now.matches(":disabled"))) return;
  for (const id of was) {
    const element = document.getElementById(id);
    const target = element && standIn(element);
    if (target) return target.focus({ preventScroll: true });
  }
}
