// The second half of a double click is meant for what the first one hit. Where a swap, or another page, has put something
// else under the pointer meanwhile (the next candidate's button, "Take it back" where the vote's was), it does nothing.

let hit = null;

document.addEventListener(
  "click",
  (event) => {
    if (event.detail === 0) return; // by a key: it goes where the focus is
    const pressed = event.target.closest?.("a[href], button") ?? null;
    if (event.detail === 1) hit = pressed;
    else if (pressed !== hit) {
      event.preventDefault();
      event.stopPropagation();
    }
  },
  true,
);
