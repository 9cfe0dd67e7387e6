"""Faults of the pages' scripts that know no page: rankings, keys, curves, and what the outbox decides."""

from tests.faults.fault import In

JS = "tests/static/test_js.py"

ranking = In("static/js/ranking.js", JS)
figures = In("static/js/figures.js", JS)
meanings = In("static/js/meanings.js", JS)
series = In("static/js/series.js", JS)
sending = In("static/js/sending.js", JS)
kept = In("static/js/kept.js", JS)

FAULTS = [
    ranking("the place after a tie is the next number", "rank += place.length;", "rank += 1;"),
    ranking("the last answer is not placed by itself", "left.length === 1 &&", "left.length === 0 &&"),
    ranking("a tie goes with the first place", "places.at(-1).push(id)", "places[0].push(id)"),
    ranking("= holds for all that follows", "    this.tieNext = false;\n    this.implied = null;\n    const left", "    this.implied = null;\n    const left"),
    ranking("a step back forgets what was implied", "    this.implied = last.implied;\n", ""),
    ranking("a ranking shares its ranks with who gave them", "this.ranks = new Map(ranks);", "this.ranks = ranks;"),
    ranking("clearing cannot be undone", "if (!this.started) return false;\n    this.#remember();", "if (!this.started) return false;"),
    figures("noughts at the end stay", 'text.includes(".") ? text.replace', 'text.includes(",") ? text.replace'),
    figures("digits before the point are rounded away", "Math.max(0, digits - 1 -", "Math.max(-1, digits - 1 -"),
    meanings("a Latin letter of its own counts by its place", "place && !/\\p{Script=Latin}/u.test(key)", "place"),
    meanings("Shift ties where it writes the digit", "event.shiftKey && !/^[0-9]$/.test(event.key)", "event.shiftKey"),
    series("a step reported again is a second point", "if (at < 0) {", "if (at < Infinity) {"),
    series("points stand as they came", "findIndex((step) => step > point.step)", "findIndex((step) => step < -1)"),
    series("the earlier report counts", "point.values[name] ?? this.values[index][at]", "this.values[index][at] ?? point.values[name]"),
    series("nought is no value", "value != null", "value"),
    sending("a server that is too busy has the last word", "502, 503, 504", "502, 504"),
    sending("a sign-in's page is taken for the answer", "!response.redirected && ", ""),
    sending("pauses without end", "Math.min(tries, PAUSES_SECONDS.length - 1)", "tries"),
    sending("the server's wish shortens a pause", "Math.max(asked,", "asked || Math.max(asked,"),
    sending("the farthest try is shown", "Math.min(...waiting", "Math.max(...waiting"),
    kept("the same is kept twice", "store([...stored().filter((other) => other.key !== item.key), item])", "store([...stored(), item])"),
    kept("what is no list is taken for one", "Array.isArray(items) ? items : []", "items"),
    kept("an empty list is kept", "if (items.length) localStorage", "if (items) localStorage"),
]  # fmt: skip
