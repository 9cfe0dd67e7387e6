// Learn: what a form computed is said to screen readers, sliders say their values, and a touch on the map takes the
// point that lies nearest. Without it every piece works by links and forms.

import { announce } from "./say.js";

document.addEventListener("htmx:after:swap", () => {
  const told = document.querySelector("#result").dataset;
  history.replaceState(history.state, "", told.address);
  announce(told.announce);
  const next = document.querySelector("[data-next-seed]");
  const seed = new URL(told.address, location.href).searchParams.get("seed");
  if (next && seed !== null) next.value = Number(seed) + 1;
});

document.addEventListener("input", (event) => {
  const output = event.target.closest?.(".field")?.querySelector("[data-output]");
  if (output) output.textContent = Number(event.target.value).toFixed(output.textContent.split(".")[1]?.length ?? 0);
});

/** The link of the point that lies nearest to where the map was touched: fingers are wider than points. */
export function nearestLink(links, x, y) {
  const away = (link) => {
    const circle = link.querySelector("circle");
    return (circle.getAttribute("cx") - x) ** 2 + (circle.getAttribute("cy") - y) ** 2;
  };
  return links.reduce((best, link) => (away(link) < away(best) ? link : best));
}

document.addEventListener("click", (event) => {
  const map = event.target.closest?.("[data-map]");
  if (!map || event.ctrlKey || event.metaKey) return;
  const box = map.getBoundingClientRect();
  const side = Math.min(box.width, box.height);
  const x = ((event.clientX - box.left - (box.width - side) / 2) / side) * 100;
  const y = ((event.clientY - box.top - (box.height - side) / 2) / side) * 100;
  event.preventDefault();
  location.assign(nearestLink([...map.querySelectorAll("a")], x, y).getAttribute("href"));
});
