// The train page: follows the job whose curves are shown, moves on to the next one that starts, and refreshes the results.

import { CurveDials } from "./curve_dials.js";
import { Curves } from "./plots.js";
import { announce } from "./say.js";

let following = null;
let signature = document.querySelector("#jobs")?.dataset.signature;

function follow() {
  const section = document.querySelector("#curves");
  const id = section?.dataset.job;
  if (!id || section === following?.section) return;
  following?.stop();
  const curves = new Curves(section);
  new CurveDials(section, curves);
  const source = new EventSource(`/api/v1/jobs/${id}/events`);
  const stop = () => {
    source.close();
    curves.destroy();
  };
  following = { section, id, curves, stop };
  const state = section.querySelector("[data-job-state]");
  source.addEventListener("progress", (event) => {
    const job = JSON.parse(event.data);
    curves.add(job.points);
    const words = JSON.parse(section.dataset.states);
    state.textContent = job.cancel_requested && !job.finished_at ? words.stopping : words[job.status];
  });
  source.addEventListener("end", () => {
    source.close();
    curves.end();
  });
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

/** What was said about a button holds until something else happens. */
function onChange(byPoll) {
  const jobs = document.querySelector("#jobs");
  const fresh = jobs?.dataset.signature;
  if (fresh === undefined || fresh === signature) return;
  signature = fresh;
  if (byPoll) document.querySelector("#train-notice").replaceChildren();
  announce(jobs.querySelector("[data-loop-sentence]").textContent);
  document.body.dispatchEvent(new CustomEvent("jobs-changed"));
}

document.addEventListener("htmx:after:swap", (event) => {
  onChange(event.detail.ctx?.request?.method === "GET");
  follow();
  moveOn();
});

document.addEventListener("read-step", (event) => following?.curves.read(event.detail));

follow();
moveOn();
