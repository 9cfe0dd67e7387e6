// The train page: follows the job whose curves are shown, moves on to the next one that starts, and has the results looked at anew.

import { announce } from "./app.js";
import { Curves } from "./plots.js";

let following = null;
let signature = document.querySelector("#jobs")?.dataset.signature;

function follow() {
  const section = document.querySelector("#curves");
  const id = section?.dataset.job;
  if (!id || section === following?.section) return;
  following?.stop();
  const curves = new Curves(section);
  const source = new EventSource(`/api/v1/jobs/${id}/events`);
  following = { section, id, stop: () => (source.close(), curves.destroy()) };
  source.addEventListener("progress", (event) => curves.add(JSON.parse(event.data).points));
  source.addEventListener("end", () => source.close());
}

function show(id) {
  window.htmx.ajax("GET", `/train/curves?job=${encodeURIComponent(id)}`, { target: "#curves", swap: "outerHTML" });
}

/** The training that began last takes the place of the one shown, unless the reader chose that by its address. */
function moveOn() {
  if (new URLSearchParams(location.search).has("job")) return;
  const id = document.querySelector("#jobs")?.dataset.curves;
  if (id && id !== following?.id) show(id);
}

function onPoll() {
  const jobs = document.querySelector("#jobs");
  const fresh = jobs?.dataset.signature;
  if (fresh === undefined || fresh === signature) return;
  signature = fresh;
  announce(jobs.querySelector("[data-loop-sentence]").textContent);
  document.body.dispatchEvent(new CustomEvent("jobs-changed"));
}

function localTimes() {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[datetime]")) {
    const text = format.format(new Date(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}

document.addEventListener("htmx:after:swap", () => {
  onPoll();
  follow();
  moveOn();
  localTimes();
});

follow();
moveOn();
localTimes();
