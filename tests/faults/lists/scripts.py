"""Faults of the pages' scripts that know no page: rankings, keys, curves, what the outbox decides, and the dice."""

from tests.faults.fault import In

JS = "tests/static/test_js.py"

ranking = In("static/js/ranking.js", JS)
figures = In("static/js/figures.js", JS)
meanings = In("static/js/meanings.js", JS)
series = In("static/js/series.js", JS)
sending = In("static/js/sending.js", JS)
kept = In("static/js/kept.js", JS)
distribution = In("static/js/distribution.js", JS)
token_text = In("static/js/token_text.js", JS)
branches = In("static/js/branches.js", JS)
branching = In("static/js/branching.js", JS)
dice_words = In("static/js/dice_words.js", JS)
generating = In("static/js/generating.js", JS)
refusals = In("static/js/refusals.js", JS)
text_language = In("static/js/text_language.js", JS)
playground_address = In("static/js/playground_address.js", JS)
presets = In("static/js/presets.js", JS)

playground = In("static/js/playground.js", "tests/browser/test_playground.py")

FAULTS = [
    playground("the code below is asked for before the answer", "run.begun.then(() => showCode(run.asked, code));", "showCode(run.asked, code);"),
    generating("a stream that is cut is taken for its end", "if (!ended) throw lost();", ""),
    generating("an error in the stream is passed over", 'if (event.type === "error") throw', 'if (event.type === "fault") throw'),
    generating("who leaves the loop leaves the server writing", "reader.cancel().catch(() => {});", ""),
    playground_address("texts of the other way to ask come along", 'if (asked.mode === "conversation") {', 'if (asked.system) {'),
    playground_address("a long address holds its texts", 'prompt: "", system: "", turns: [], stop: ""', 'system: "", stop: ""'),
    playground_address("a line break in a stop text is a letter", "ESCAPES[letter]", "letter"),
    presets("a preset fits where one of its values stands", ".length === 0", ".length < 2"),
    ranking("a letter does nothing on an order that was given", "const anew = this.given;", "const anew = false;"),
    ranking("a letter wipes the order that somebody has just made", "this.given = false;\n  }\n\n  #setPlaces", "}\n\n  #setPlaces"),
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
    distribution("negative logits come first", "? bits[id] : ~bits[id] & 0x7fffffff", "? ~bits[id] : bits[id]"),
    distribution("the order is that of the lower half", "for (const shift of [0, 16])", "for (const shift of [0, 0])"),
    distribution("a penalty makes what was seen likelier", "logits[id] > 0 ? logits[id] / penalty", "logits[id] > 0 ? logits[id] * penalty"),
    distribution("the penalty does not count for negative logits", ": logits[id] * penalty;", ": logits[id];"),
    distribution("equals of the last of k are cut off", "logits[order[kept]] >= least) kept++", "logits[order[kept]] > least) kept++"),
    distribution("top-p forgets what top-k cut off", "kept < this.size ? this.#sum(kept) : this.#total", "this.#total"),
    distribution("top-p keeps one too few", "let before = this.#weights[this.order[0]];", "let before = 2 * this.#weights[this.order[0]];"),
    distribution("min-p is taken of the untempered logits", "logits[order[0]] / temperature + Math.log(min_p)", "logits[order[0]] + Math.log(min_p)"),
    distribution("what is left is not renormalised", "this.#weights[id] / this.#keptTotal : 0", "this.#weights[id] / this.#total : 0"),
    distribution("a number on an edge falls on the token before", "running[place + 1] > number)", "running[place + 1] >= number)"),
    distribution("tokens that the penalty moved stand twice", "if (isMoved[id]) continue;", ""),
    distribution("tokens that the penalty moved to the end are lost", "merged.set(moved.slice(next), at);", ""),
    distribution("of equals the later id comes first", "logits[b] - logits[a] || a - b;", "logits[b] - logits[a] || b - a;"),
    distribution("few kept tokens stand on the line by their rank", "this.order.slice(0, this.kept).sort()", "this.order.slice(0, this.kept)"),
    distribution("a token that is cut off has a part of the line", "[running[at], ids[at] === id ? running[at + 1] : running[at]]", "[running[at], running[at + 1]]"),
    distribution("a rank begins at 0", "this.#ranked.ranks[id] + 1", "this.#ranked.ranks[id]"),
    distribution("unlikely tokens count for nothing", "const NOTHING = 60;", "const NOTHING = 3;"),
    refusals("the server's English is shown where the status says enough", "if (status === 413)", "if (status === 412)"),
    refusals("what cannot pass is offered again", "status === 0 || status >= 500 || isBusy", "status >= 0 || isBusy"),
    text_language("a word of Latin letters counts by letter", "Latin}+/gu", "Latin}/gu"),
    text_language("what cannot be told is English", 'if (han === latin) return "";', ""),
    playground_address("a fifth stop text is cut without a word", "texts.length > MAX_STOPS ||", ""),
    playground_address("a long stop text is measured in halves of characters", "[...text].length > MAX_STOP", "text.length > MAX_STOP"),
    distribution("at temperature 0 the dice are rolled", "this.kept = this.greedy ? 1 :", "this.kept = this.greedy ? 2 :"),
    distribution("a close-up leaves the line", "Math.min(1 - width, Math.max(0,", "Math.min(1, Math.max(0,"),
    distribution("surprise is told in nats", "-logprob / Math.LN2", "-logprob"),
    token_text("what turns the text around is shown as it is", "\\u202a-\\u202e", ""),
    token_text("emoji fall apart", "\\u200b\\u200e", "\\u200b\\u200d\\u200e"),
    token_text("half a character is broken", "Uint8Array.from(token.bytes), { stream: true }", "Uint8Array.from(token.bytes)"),
    token_text("the end of a broken character is lost", "return this.#decoder.decode();", "return \"\";"),
    token_text("the likeliest are marked", "probability < least", "probability > least"),
    token_text("a small chance is none", 'if (hundred < 0.01) return "<0.01%";', ""),
    branches("a removed branch leaves its own behind", "if (ids.has(branch.parent)) ids.add(branch.id);", ""),
    branches("a removed branch is shown still", "if (ids.has(this.shown)) this.shown = gone.parent;", ""),
    branches("a branch's choice is its parent's, too", "branch.place < shared", "true"),
    branches("numbers begin anew after a reload", "branches.#next = Math.max(branches.#next, id + 1);", ""),
    branches("a spoilt branch comes back", "if (!isBranch(each) || !hangs", "if (!hangs"),
    branches("answers of other seeds share their branches", "const { stream, logprobs, n, ...asked } = body;", "const { stream, logprobs, n, seed, ...asked } = body;"),
    branching("a branch is rolled with the first answer's numbers", "{ ...body, version, index, n: 1,", "{ ...body, version, n: 1,"),
    branching("one roll rolls two", "max_tokens: ids.length + 1", "max_tokens: ids.length + 2"),
    branching("given tokens are told again", "Math.max(0, given - seen)", "0"),
    branching("what came in no piece is lost", "if (left.length) onTokens(left);", ""),
    dice_words("a roll is rounded up to 1", "Math.floor(number * 1e4) / 1e4", "number"),
    dice_words("what was taken is told as rolled", 'if (taken) return _("You took it.");', ""),
]  # fmt: skip
