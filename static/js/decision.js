// The decision card: where another candidate's card takes the place of one that somebody decided about, a second press that
// was meant for the first (a double click, say) decides nothing.

const REST_MS = 700;
let shown = null;
let restsUntil = 0;

const shownNow = () => document.querySelector("[data-decides]")?.dataset.decides ?? null;

/** Call once the page is there, and when a swap has settled. */
export function noteCandidate() {
  const now = shownNow();
  if (now === shown) return;
  if (shown !== null) restsUntil = performance.now() + REST_MS;
  shown = now;
}

document.addEventListener(
  "click",
  (event) => {
    const byKey = event.detail === 0; // Enter goes where the focus is, and that has moved
    if (byKey || performance.now() >= restsUntil || !event.target.closest?.("#decision-place")) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
