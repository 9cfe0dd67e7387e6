// The second half of a double click is meant for what the first one hit. Where a swap has put something else under the
// pointer meanwhile (the next candidate's button, "Take it back" where the vote's was), it does nothing, and no button of
// a page that has just opened acts on it. Links of such a page are followed: "Next page" stands where it stood before.

let hit; // undefined until something was clicked on this page

document.addEventListener(
  "click",
  (event) => {
    if (event.detail === 0) return; // by a key: it goes where the focus is
    const pressed = event.target.closest?.("a[href], button") ?? null;
    if (event.detail === 1) hit = pressed;
    else if (hit === undefined ? pressed?.localName === "button" : pressed !== hit) {
      event.preventDefault();
      event.stopPropagation();
    }
  },
  true,
);
