"""Faults of how a text is cut into tokens and how that is shown, and of the first view."""

from tests.faults.fault import In

merges = In("app/lm/text/merges.py", "tests/lm/text/test_merges.py")
tokenizing = In("app/lm/inference/tokenizing.py", "tests/lm/inference/test_tokenizing.py")
cache = In("app/lm/inference/model_cache.py", "tests/lm/inference/test_model_cache.py")
choices = In("app/services/versions/tokenizers.py", "tests/services/versions/test_tokenizers.py")
route = In("app/api/tokens.py", "tests/api/test_tokens.py")

views = In("app/web/token_views.py", "tests/web/test_token_views.py")
page = In("app/web/token_cuts.py", "tests/web/test_tokens.py")
keys = In("static/js/cut_keys.js", "tests/static/test_js.py")
scripts = In("static/js/cuts.js", "tests/browser/test_tokens_page.py")

status = In(
    "app/services/views/loop_status.py",
    "tests/web/test_loop_sentences.py",
    "tests/web/test_loop.py",
    "tests/web/test_decision.py",
)
sentences = In("app/web/loop_sentences.py", "tests/web/test_loop_sentences.py")
loop = In("app/web/loop.py", "tests/web/test_loop.py")
fold = In("static/js/loop.js", "tests/browser/test_loop.py")
sheet = In("static/js/answer_tokens.js", "tests/browser/test_dice_on_the_playground.py")
rows = In("static/js/dice_rows.js", "tests/browser/test_dice.py")

FAULTS = [
    merges("the latest merge first", "rank, place = min(ranked)", "rank, place = max(ranked)"),
    merges("a token whose merges do not lead there", "            if not ranked:\n                return None\n", "            if not ranked:\n                return parts[0].tree\n"),
    merges("parts exchanged", "(first.tree, second.tree)", "(second.tree, first.tree)"),
    merges("symbols that mark the ends of words", "pairs = [] if marked else", "pairs ="),
    merges("trees of any depth", "0 < len(written) <= MOST_SYMBOLS", "0 < len(written)"),
    tokenizing("the chat format left out", "if chat else tokenizer.encode(text)", "if chat and not text else tokenizer.encode(text)"),
    tokenizing("a changed text is called exact", "else typed == joined", "else len(joined) >= len(typed)"),
    tokenizing("special tokens look like others", "token in tokenizer.special_texts)", "False)"),
    cache("a tokenizer loads its model", "            tokenizer = read_tokenizer(directory)\n", "            tokenizer = self.policy(version_id).tokenizer\n"),
    cache("all tokenizers are kept", "while len(self._tokenizers) > KEPT_TOKENIZERS", "while len(self._tokenizers) > 99"),
    choices("what was trained has a tokenizer of its own", "while root.parent_id in rows:", "while root.parent_id is False:"),
    route("the active version's tokens for any version", "tokenizing_version(session, body.version)", "tokenizing_version(session, None)"),
    views("what cannot be seen is shown as it is", "elif piece in SIGNS or _is_unseen(piece):", "elif piece in SIGNS:"),
    views("broken bytes left out", "    if broken < place:\n        yield written[broken:place]\n\n\ndef _size", "\n\ndef _size"),
    views("a combining mark without a place to stand", 'if begins and _is_mark(piece) else piece', "if False else piece"),
    views("words counted where nobody knows where they lie", "held = _Held(text, tokens) if exact else None", "held = _Held(text, tokens)"),
    views("a token of two characters counted twice", "len({token for place in han_places for token in held.those_in(place, place + 1)})", "len([token for place in han_places for token in held.those_in(place, place + 1)])"),
    page("any length is cut", "if len(asked.text) > MAX_TEXT_CHARACTERS:", "if len(asked.text) > 2 * MAX_TEXT_CHARACTERS:"),
    page("all tokens are drawn", "enumerate(told.tokens[:MOST_SHOWN])", "enumerate(told.tokens)"),
    page("line ends as forms send them", '.replace("\\r\\n", "\\n")', '.replace("\\r\\n", "\\r\\n")'),
    page("a token of the other column", 'if asked.chosen.startswith(f"{side}-"):', 'if asked.chosen.endswith("-1"):'),
    keys("no further line leads to the first token", "if (!beyond.length) return from;", "if (!beyond.length) return 0;"),
    scripts("the address forgets the token", 'if (chosen) sent.set("chosen", chosen);', ""),
    scripts("each token is a tab stop", "each.tabIndex = each === stop ? 0 : -1", "each.tabIndex = 0"),
    status("a job runs although no worker lives", "Situation.WITHOUT_WORKER: job is not None and self.worker_lost", "Situation.WITHOUT_WORKER: False"),
    status("an old reward model speaks for a newer policy", "newest = reward is not None and (policy is None or policy.id < reward.id)", "newest = reward is not None and policy is None"),
    status("the loop asks about the newest policy alone", "candidate=candidate_of(session),", "candidate=(lambda newest: newest if newest is not None and newest.waits else None)(_newest(session, VersionKind.POLICY)),"),
    status("a decision hides that its comparison failed", "(self.failed is None or self._is_compared)", "True"),
    status("chance is good enough", "accuracy is not None and accuracy <= CHANCE", "False"),
    status("an earlier failure is told", "order_by(Job.number.desc()).limit(1))\n    return ended", "order_by(Job.number).limit(1))\n    return ended"),
    status("any version that answers was rolled back to", "and answerer.id < policy.id", "and answerer.id > policy.id"),
    sentences("missing rankings stand beside what runs", "return _NEXT.get(status.situation, _more_rankings)(status)", "return _more_rankings(status)"),
    sentences("PPO that nobody allowed begins by itself", "if status.auto_policy_accuracy > 1 or not status.until_training:", "if not status.until_training:"),
    sentences("simulated rankings look like people's", "if counts.total == counts.simulated:", "if counts.total == -1:"),
    loop("what runs is done", "min(0.99, status.job.progress)", "status.job.progress"),
    loop("a station that runs shows what was", "if running and share is not None else", "if False else"),
    sheet("the dice lie within an answer, and move the next", "const place = sheet ?? this.place;", "const place = this.place;"),
    rows("each move of a slider builds the rows anew", "if (!this.#rows.has(name)) this", "this"),
    fold("a small page begins with all of it", "if (fold && matchMedia", "if (!fold && matchMedia"),
    In("templates/base.html", "tests/browser/test_loop.py")("a look of the poll opens or folds it", '"data-htmx-powered", "open"', '"data-htmx-powered"'),
]  # fmt: skip
