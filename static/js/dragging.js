// Puts the answers in order by dragging their handles, and by the arrow keys on a handle.

const EARLIER = { ArrowUp: true, ArrowLeft: true, ArrowDown: false, ArrowRight: false };

/** @param {HTMLElement} list of the answers  @param {() => void} onOrder called when their order has changed */
export function makeDraggable(list, onOrder) {
  window.Sortable?.create(list, { handle: ".handle", animation: 150, forceFallback: true, onUpdate: onOrder });
  list.addEventListener("keydown", (event) => {
    const earlier = EARLIER[event.key];
    if (!event.target.matches(".handle") || earlier === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const item = event.target.closest("[data-answer]");
    const other = earlier ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (earlier) other.before(item);
    else other.after(item);
    event.target.focus();
    onOrder();
  });
}
