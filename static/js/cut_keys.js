// Which token an arrow key leads to; knows no page.

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/**
 * @param boxes gives the middle of each token on the page, asked for only where a line up or down is wanted
 * @returns its place; null: the key leads nowhere
 */
export function placeOf(key, from, count, boxes) {
  if (from < 0) return null;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key in STEPS) return Math.min(count - 1, Math.max(0, from + STEPS[key]));
  if (key === "ArrowUp" || key === "ArrowDown") return onNextLine(boxes(), from, key === "ArrowDown" ? 1 : -1);
  return null;
}

/** The nearest token of the next line in that direction, the same token where there is no further line. */
function onNextLine(boxes, from, direction) {
  const here = boxes[from];
  const beyond = boxes.map((box, place) => ({ ...box, place })).filter((box) => (box.y - here.y) * direction > 4);
  if (!beyond.length) return from;
  const line = Math.min(...beyond.map((box) => Math.abs(box.y - here.y)));
  const near = beyond.filter((box) => Math.abs(Math.abs(box.y - here.y) - line) <= 4);
  return near.reduce((best, box) => (Math.abs(box.x - here.x) < Math.abs(best.x - here.x) ? box : best)).place;
}
