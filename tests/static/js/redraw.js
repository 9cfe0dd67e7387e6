// Reads cases from the standard input and writes what distribution.js makes of each: for tests/static/test_distribution.py.

import { readFileSync } from "node:fs";

import { floatsOf, Place } from "../../../static/js/distribution.js";

const all = (count, value) => Array.from({ length: count }, (_, id) => value(id));

function redrawn({ all_logprobs, log_normalizer, seen, settings, uniforms }) {
  const place = new Place(floatsOf(all_logprobs), log_normalizer, seen);
  const dice = place.at(settings);
  return {
    probability: all(place.size, (id) => place.probability(id)),
    tempered: all(place.size, (id) => dice.tempered(id)),
    filtered: all(place.size, (id) => dice.filtered(id)),
    drawn: uniforms.map((number) => dice.tokenAt(number)),
    parts: uniforms.map((number) => dice.part(dice.tokenAt(number))),
  };
}

const cases = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(cases.map(redrawn)));
