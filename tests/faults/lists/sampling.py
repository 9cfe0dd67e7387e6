"""Sampling: tokens, batches, streams, answers of one request."""

from tests.faults.fault import In

sampler = In("app/lm/inference/sampler.py", "tests/lm/inference/test_sampler.py")
choosing = In("app/lm/kernels/choosing.py", "tests/lm/inference/test_sampler.py")
batch = In("app/lm/inference/batch.py", "tests/lm/inference/test_scheduler.py")
scheduler = In("app/lm/inference/scheduler.py", "tests/lm/inference/test_scheduler.py")
sequence = In(
    "app/lm/inference/sequence.py", "tests/lm/inference/test_scheduler.py", "tests/lm/inference/test_offline.py"
)
adjustments = In("app/lm/inference/adjustments.py", "tests/lm/inference/test_adjustments.py")
next_tokens = In("app/lm/inference/next_tokens.py", "tests/lm/inference/test_next_tokens.py")
prefill = In("app/lm/inference/prefill.py", "tests/lm/inference/test_scheduler.py")
sampling = In("app/lm/inference/offline.py", "tests/lm/inference/test_offline.py")
streaming = In("app/lm/inference/streaming.py", "tests/lm/inference/test_streaming.py")
pieces = In("app/pieces.py", "tests/test_pieces.py")
streams = In("app/api/streams.py", "tests/api/test_streams.py")
gate = In("app/services/sampling/priority.py", "tests/services/sampling/test_priority.py")
generation = In("app/lm/inference/generation.py", "tests/lm/inference/test_generation.py")
engine = In("app/lm/inference/engine.py", "tests/lm/inference/test_engine.py")
token_bytes = In("app/lm/inference/token_bytes.py", "tests/lm/inference/test_token_bytes.py")
requests = In("app/api/openai/requests.py", "tests/api/openai/test_routes.py")
answers = In("app/api/openai/answers.py", "tests/api/openai/test_routes.py")
texts = In("app/api/openai/texts.py", "tests/api/openai/test_texts.py")
openai = In("app/api/openai/routes.py", "tests/http/test_openai_errors.py")
cache = In("app/lm/inference/kv_cache.py", "tests/lm/inference/test_scheduler.py")
SAMPLING = "tests/lm/inference/test_offline.py"
BRANCHES = "tests/lm/inference/test_branches.py"
answer_tokens = In("app/lm/inference/answer_tokens.py", "tests/lm/inference/test_answer_tokens.py")
distribution = In("app/lm/inference/distribution.py", "tests/lm/inference/test_distribution.py")
policy = In("app/lm/inference/policy.py", BRANCHES)
answering = In("app/services/versions/answering.py", "tests/api/test_continuing.py")
generation_api = In("app/api/generation.py", "tests/api/test_continuing.py")
generate = In("app/cli/generate.py", "tests/cli/test_generate.py")
lines = In("app/cli/answer_lines.py", "tests/cli/test_answer_lines.py")

FAULTS = [
    sampler("temperature multiplied", "logits = logits / temperature", "logits = logits * temperature"),
    sampler("temperature 0 draws", "if temperature < MIN_TEMPERATURE:", "if temperature < 0:", "tests/lm/inference/test_sampler.py"),
    sampler("a broken model is drawn from", "if bool((chosen < 0).any()):", "if False:"),
    sampler("a broken model's likeliest", "if not bool(best.values.isfinite().all()):", "if False:"),
    sampler("numbers that are not finite are told", "if not all(map(math.isfinite, numbers)):", "if False:", "tests/lm/inference/test_engine.py"),
    In("app/hparams.py", "tests/api/test_generation.py")("the smallest temperature is not applied", "if self.temperature < MIN_TEMPERATURE:", "if self.temperature < 0:"),
    sampler("one token too many in top-k", "logits.topk(top_k, dim=-1)", "logits.topk(top_k + 1, dim=-1)"),
    choosing("top-p without the token that reaches it", "if reached >= probability * total and", "if reached + weights[some[place]] >= probability * total and"),
    choosing("top-p may drop all", "and reached > 0:", "and reached >= 0:"),
    choosing("top-p keeps the least likely", "np.argsort(-all_logits[some]", "np.argsort(all_logits[some]"),
    choosing("top-p leaves out what it needs", "total / (2 * vocabulary)", "total * 2"),
    choosing("a row is chosen by another's number", "uniforms[row] * total", "uniforms[0] * total"),
    sampler("min-p against 1", "least = logits.amax(dim=-1, keepdim=True) +", "least = 0 * logits.amax(dim=-1, keepdim=True) +"),
    sampler("the penalty rewards negative logits", "logits * penalty), logits)", "logits / penalty), logits)"),
    sampler("tokens punished that were not seen", "torch.where(seen, torch", "torch.where(~seen, torch"),
    sampler("rows share their random numbers", "(row + 1) * _MIX[1]", "_MIX[1]"),
    sampler("seeds share their random numbers", "seed * _MIX[0] + ", ""),
    sampler("the stream depends on its length", "manual_seed(derived_seed(seed, row))", "manual_seed(derived_seed(seed, row) + count)"),
    sequence("every token by the first number", "self.uniforms[len(self.completion.token_ids)]", "self.uniforms[0]"),
    next_tokens("all sequences drawn with the first one's settings", "(p.temperature, p.top_k, p.top_p, p.min_p, p.repetition_penalty)", "(p.temperature,)", "tests/lm/inference/test_scheduler.py"),
    next_tokens("sequences of other repetition penalties drawn together", "p.min_p, p.repetition_penalty)", "p.min_p)", "tests/lm/inference/test_adjustments.py"),
    adjustments("a neighbour's bias counts, too", "return torch.stack([row if shift is None else row + shift for row, shift in zip(logits, shifts, strict=True)])", "return logits + sum(shift for shift in shifts if shift is not None)"),
    next_tokens("top-p left out", "params.top_k, params.top_p, params.min_p)", "params.top_k, 1.0, params.min_p)"),
    next_tokens("min-p left out", "params.top_p, params.min_p)", "params.top_p)"),
    adjustments("the answer's own tokens not punished", "            self.seen[token] = True\n", "            pass\n"),
    adjustments("the prompt's tokens not punished", "            self.seen[torch.tensor(prompt)] = True\n", ""),
    sequence("an answer goes on behind its end", "if stopped or token in self.end_ids", "if stopped", SAMPLING),
    sequence("a stop is told as a length", 'self.completion.finish_reason = "stop"', "pass", SAMPLING),
    sequence("one token too many", ">= self.params.max_tokens", "> self.params.max_tokens", SAMPLING),
    batch("rows that moved keep the old logits", "self.logits = self.logits[torch.tensor(rows, dtype=torch.long)]", "self.logits = self.logits[: len(rows)]"),
    batch("rows that moved keep the old cache", "self._cache.move(source, target, lengths[source])", "pass"),
    scheduler("tokens of other sequences go on", "tokens = [tokens[place] for place in self._drop_ended()]", "tokens = tokens[: len(self._drop_ended())]"),
    scheduler("every token at the same place", "                sequence.cached += 1\n", "                pass\n", "tests/lm/inference/test_next_tokens.py"),
    prefill("a long prompt's second piece at place 0", "torch.arange(start, start + len(ids))", "torch.arange(len(ids))"),
    scheduler("a long prompt's last piece left out", "if first.prefilled == len(first.context)", "if first.prefilled + self._piece_tokens > len(first.context)"),
    prefill("prompts that are prefilled together share a row", "torch.arange(len(prompts)).repeat_interleave(torch.tensor(lengths))", "torch.zeros(sum(lengths), dtype=torch.long)", SAMPLING),
    batch("answers of the last prompt for all", "logits.repeat_interleave(counts, dim=0)", "logits[-1:].expand(int(counts.sum()), -1)", SAMPLING),
    scheduler("cancelled sequences decoded on", "gone = [sequence for sequence in self.admitted if sequence.cancelled]", "gone: list[Sequence] = []"),
    scheduler("more sequences than allowed", "total <= self._max_sequences and", "True and"),
    adjustments("penalties of more than the count", "self._counts[token] += 1", "self._counts[token] += 2"),
    adjustments("a bias once more behind the penalty", "None if one is None else one.discounts", "None if one is None else one.bias"),
    adjustments("a neighbour's bias", "row + shift for row, shift", "row + shifts[0] for row, shift"),
    sampler("the presence penalty counts", "count * frequency_penalty + presence_penalty", "count * (frequency_penalty + presence_penalty)", "tests/lm/inference/test_adjustments.py"),
    next_tokens("log-probabilities at the temperature", "_note(logits[place], chosen", "_note(logits[place] / (sequence.params.temperature or 1.0), chosen", "tests/lm/inference/test_offline.py"),
    next_tokens("alternatives of another sequence", "_note(logits[place], chosen", "_note(logits[-1], chosen", "tests/lm/inference/test_next_tokens.py", SAMPLING),
    sampling("every prompt's answers by the same random numbers", "first=place * n", "first=0", "tests/lm/inference/test_offline.py"),
    sampler("the seed of the settings not asked", "if params.seed is not None:", "if False:"),
    sampler("the generator not asked", "if generator is not None:", "if False:", SAMPLING, "tests/training/test_evaluate.py"),
    sequence("the first sequence's random numbers for all", "uniform_stream(seed, first + index,", "uniform_stream(seed, first,"),
    sampling("nobody asked whether to stop", "and not (should_stop is not None and should_stop())", ""),
    engine("long answers fill the line", "if generation.long and self._waiting(", "if False and self._waiting("),
    generation("a long prompt is short", " or self.limit > LONG_TOKENS", ""),
    generation("one line for long and short", "return self.request.version_id, self.long", "return self.request.version_id, False", "tests/lm/inference/test_engine.py"),
    scheduler("who fits passes those before them", "while self.waiting and self.has_room(", "while any(self.has_room(len(each.sequences), each.limit) for each in self.waiting) or self.has_room("),
    scheduler("an error with one answer is everybody's", "                group.fail(error)\n\n    def _drop", "                raise error\n\n    def _drop"),
    scheduler("short prompts without a limit", "groups and tokens > PREFILL_TOKENS", "False"),
    token_bytes("special tokens write their names", "self._open.parts.append(b\"\")\n            return b\"\"", "return token_bytes(self._tokenizer, token)"),
    token_bytes("bytes behind a stop string", "parts += group.cut(left)", "parts += group.parts"),
    token_bytes("half a character before the stop string", "return place - len(decoder.getstate()[0])  #", "return place  #"),
    token_bytes("a space before a sentencepiece answer", "return written[1:] if spaced else written", "return written"),
    token_bytes("bytes that are no character are told otherwise", "(BROKEN * self.incomplete, _text(before))", "(_text(before),)"),
    token_bytes("broken characters are cut as whole ones", "if _text(written) != self.text:", "if False:"),
    token_bytes("a token tells what another decoder writes", "return text[len(told) :].encode()", "return written"),
    requests("neighbours of one role stay apart", "return joined([message", "return list([message"),
    requests("a name left out", 'f"{self.name}: {text}" if self.name else text', "text"),
    requests("both limits, the longer one taken", "self.max_tokens is not None and self.max_completion_tokens is not None", "False", "tests/http/test_openai_errors.py"),
    requests("a marker of a document for tokens, too", "RawTokens(tuple(each))", 'RawText(" ".join(map(str, each)))', "tests/api/openai/test_texts.py"),
    answers("an entry for the end token", "            if one.bytes\n", ""),
    answers("usage with every piece", 'exclude=None if with_usage else {"usage"}', "exclude=None"),
    texts("offsets in bytes", 'return len(written.decode("utf-8", "replace"))', "return len(written)"),
    openai("the context's limit without its name", 'code="context_length_exceeded",', "code=None,"),
    openai("the room of the label page", "return count, asked or room", "return count, min(asked or 96, 96)", "tests/api/openai/test_routes.py"),
    streaming("a stop string in the text", "self._held[: min(places)], True", "self._held, True"),
    streaming("the last stop string counts", "min(places)", "max(places)"),
    streaming("a stop string's beginning told", "len(self._held) - self._beginning()", "len(self._held)"),
    streaming("what was held back is lost", "            self._tell(len(self._held))\n        return \"\".join", "            pass\n        return \"\".join"),
    streaming("half a character lost", "self._held += self._decoder.flush()", "pass", "tests/lm/inference/test_streaming.py", "tests/lm/text/test_tokenizer.py"),
    pieces("pieces after their end", "            yield _as_one(pieces.pop(event.index))\n", "            pass\n"),
    pieces("an error before what came before it", "        yield from _joined(items)\n", ""),
    pieces("each piece wakes the event loop", "if not self._woken:", "if True:"),
    pieces("a piece that comes while others are read is lost", "            self._woken = False\n", ""),
    streams("a thread for every request", "if engine.starts_at_once(request):", "if False:"),
    streams("an error before the first word in a stream", "            raise\n        return cls(", "            first = b\"\"\n        return cls("),
    streams("who reads in silence never leaves", "tasks.start_soon(_cancel_once_left, receive, tasks.cancel_scope)", "pass"),
    gate("whoever was refused is waited for", "            self._gate.leave()\n            raise\n", "            raise\n"),
    engine("a long prompt read by the event loop", "size_of(request.prompt) + len(request.continue_from) <= AT_ONCE", "True"),
    engine("a version opened by the event loop", "return short and self.is_loaded(request.version_id)", "return short"),
    In("app/services/versions/answering.py", "tests/api/test_removal.py")("a deleted version found by a look", ', 0), Version.removed_at.is_(None)))', ', 0)))'),
    In("app/http/gathering.py", "tests/http/test_gathering.py")("a head alone stays", "self._turn = self._loop.call_soon(self._let_go)", "self._turn = None"),
    generation("twins kept", "if not (twins := self._twins()):", "if (twins := self._twins()) is not None:"),
    generation("twins drawn by the same random numbers", "derived_seed(self._seed, -1 - self._attempt)", "self._seed"),
    generation("greedy answers drawn again", "self.request.params.temperature == 0 or ", ""),
    generation("answers in the order of their ends", "[self._answers[index] for index in range(self.request.n)]", "list(self._answers.values())"),
    generation("pieces of another answer", "emit(StreamEvent(index, piece, tokens", "emit(StreamEvent(0, piece, tokens"),
    generation("the text behind its stop string", "self._texts.pop(index).finish() if index in self._texts else self.policy", "self.policy"),
    generation("the first stream for every answer", "first=first, logprobs=logprobs", "logprobs=logprobs"),
    sequence("given tokens behind the answer's end", "            if self.ended:\n                return\n", "", BRANCHES),
    sequence("the random numbers begin behind what is given", "self.uniforms[len(self.completion.token_ids)]", "self.uniforms[len(self.completion.token_ids) - len(self.group.given)]", BRANCHES),
    scheduler("given tokens punished as the prompt's", "Adjustments.of(sequence.params, sequence.group.prompt,", "Adjustments.of(sequence.params, sequence.group.context,", BRANCHES),
    scheduler("notes of the first piece alone", "        note_given(group, states, start, decoder)\n", "        note_given(group, states, 0, decoder)\n", BRANCHES),
    scheduler("given tokens that end an answer are told to nobody", "return [sequence for sequence in begun if sequence.ended]", "return []", BRANCHES),
    next_tokens("a given token noted by the place after it", "before = len(group.prompt) - 1", "before = len(group.prompt)", BRANCHES),
    batch("given tokens forgotten in the cache", "targets, len(group.context))", "targets, len(group.prompt))", BRANCHES),
    policy("more given than the answer may have", "if len(token_ids) > max_tokens:", "if False:"),
    policy("an end in the middle", "behind = token_ids if goes_on else token_ids[:-1]", "behind: Sequence[int] = []"),
    streaming("half a character before its stop string", "if fresh or not self._stop:", "if True:", "tests/lm/inference/test_answer_tokens.py"),
    pieces("tokens lost where pieces are joined", 'tokens=tuple(tokens),', 'tokens=(),', "tests/lm/inference/test_answer_tokens.py"),
    answer_tokens("the number of another token", "sequence.uniforms[place] if", "sequence.uniforms[0] if"),
    answer_tokens("numbers where nothing is rolled", "if sequence.params.temperature > 0 else None", "if True else None"),
    distribution("penalties left out", "changed = _adjusted(logits, prompt, given, params)[None]", "changed = logits[None]"),
    distribution("what is given is not punished", "            adjustments.append(token)\n", "            pass\n"),
    distribution("the second stage filtered", "filter_logits(changed, params.temperature, 0, 1.0)", "filter_logits(changed, params.temperature, params.top_k, 1.0)"),
    distribution("impossible tokens listed", "min(k, int(ordered.values.isfinite().sum()))", "k"),
    answering("a chat format for a base model", "if kind is VersionKind.BASE else messages", "if False else messages"),
    generation_api("another seed than was used", "params=replace(params, seed=seed)", "params=params"),
    generation_api("always the first answer's stream", "        index=body.index,\n", ""),
    generate("the settings of the page not asked", "options.params(page_params(settings))", "options.params(SamplingParams())"),
    generate("a base model asked in a chat format", "directory, kind = settings.version_directory(version.path), version.kind", "directory, kind = settings.version_directory(version.path), VersionKind.SFT"),
    lines("a model may clear the screen", "acts = unicodedata.category(character) in ACTING and", "acts = False and"),
    cache("the first row of a prompt's cache for all", "other.numbers[:, :, source * heads : (source + 1) * heads, :length]", "other.numbers[:, :, :heads, :length]"),
    cache("what was there is lost when it grows", "self.numbers[:, :, : old.shape[2], : old.shape[3]] = old", "self.numbers.zero_()"),
]  # fmt: skip
