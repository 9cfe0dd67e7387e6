// The loop above the card: "Got it" folds its picture at once, and on a small page it is open on the very first visit alone.

const SEEN = "fourfold_loop=seen";
const SMALL = "(max-width: 40rem)";
const fold = document.querySelector("#loop");

/** After the first visit the server sends it open only where there is room; `Got it` has a cookie of the server's own. */
if (fold?.dataset.seen !== undefined && matchMedia(SMALL).matches) fold.open = false;
else if (fold?.open && !document.cookie.includes("fourfold_loop="))
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser, and wants https
  document.cookie = `${SEEN}; Path=/; Max-Age=31536000; SameSite=Lax`;
document.documentElement.classList.add("loop-ready");

document.addEventListener("submit", (event) => {
  if (!event.target.matches(".loop-done")) return;
  fold.open = false;
  fold.querySelector("summary").focus();
});
