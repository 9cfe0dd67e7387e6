// The pages behind "More" on a narrow screen: a disclosure that opens without a script, and that closes with one as
// people expect, by Escape, by a tap beside it, and when the keyboard leaves it.

const more = document.querySelector(".more-pages");

const close = () => more.removeAttribute("open");

if (more) {
  more.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !more.open) return;
    event.stopPropagation();
    close();
    more.querySelector("summary").focus();
  });
  more.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !more.contains(event.relatedTarget)) close();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!more.contains(event.target)) close();
  });
}
