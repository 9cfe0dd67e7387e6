// The loop above the card: on a small page one line until it is tapped; "Got it" folds its picture at once.

const fold = document.querySelector("#loop");

/** There the prompt and the first answer are what must be seen. */
if (fold && matchMedia("(max-width: 40rem)").matches) fold.open = false;
document.documentElement.classList.add("loop-ready");

document.addEventListener("submit", (event) => {
  if (!event.target.matches(".loop-done")) return;
  fold.open = false;
  fold.querySelector(".loop-line")?.remove();
  fold.querySelector("summary").focus();
});
