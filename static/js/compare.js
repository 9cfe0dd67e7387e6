// The comparison of runs: follows each of them and draws its points under its own name.

import { CurveDials } from "./curve_dials.js";
import { Curves } from "./plots.js";

const section = document.querySelector("#curves");
const going = new Set(section?.dataset.jobs.split(" "));

function follow(curves, id) {
  const source = new EventSource(`/api/v1/jobs/${id}/events`);
  source.addEventListener("progress", (event) => {
    const { points } = JSON.parse(event.data);
    const named = (values) =>
      Object.fromEntries(Object.entries(values).map(([name, value]) => [`${id}/${name}`, value]));
    curves.add(points.map(({ step, values }) => ({ step, values: named(values) })));
  });
  source.addEventListener("end", () => {
    source.close();
    going.delete(id);
    if (!going.size) curves.end();
  });
}

if (section) {
  const curves = new Curves(section);
  new CurveDials(section, curves);
  for (const id of going) follow(curves, id);
}
