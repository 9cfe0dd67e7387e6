"""Faults of scores, end tokens, chat templates, strangers' tokenizers and the number format."""

from tests.faults.fault import Fault, In

TEXT, SCORER = "tests/lm/text/test_imported_tokenizer.py", "tests/training/reward/test_scorer.py"
MODEL, PPO = "tests/training/reward/test_trainer.py", "tests/training/ppo/test_trainer.py"
FOLLOWING, HANDLERS = "tests/services/lifecycle/test_following.py", "tests/worker/handlers/test_generic.py"

ends = In("app/lm/text/end_tokens.py", MODEL)
network = In("app/training/reward/network.py", MODEL)
report = In("app/training/reward/report.py", MODEL)
text = In("app/lm/text/imported_tokenizer.py", SCORER)
template = In("app/lm/text/chat_template.py", SCORER)
cutting = In("app/lm/text/cutting.py", "tests/lm/text/test_cutting.py")
process = In("app/lm/text/cutting_process.py", "tests/lm/text/test_cutting.py")
limited = In("app/lm/text/sandboxed.py", "tests/lm/text/test_cutting.py")
own = In("app/lm/text/tokenizer.py", "tests/lm/text/test_tokenizer.py")
chat = In("app/chat.py", TEXT)
api = In("app/api/openai/requests.py", "tests/api/openai/test_routes.py")
precision = In("app/lm/precision.py", "tests/lm/test_precision.py")
installation = In("app/services/versions/installations.py", "tests/services/versions/test_installations.py")
installing = In("app/services/lifecycle/installing.py", "tests/services/lifecycle/test_installing.py")

# fmt: off
FAULTS: list[Fault] = [
    ends("an answer keeps the end token that it was sampled with", "return [*tokens[:stop], self.written]", "return [*tokens[:stop], *(tokens[stop : stop + 1] or [self.written])]"),
    ends("an answer goes on behind its end", "return [*tokens[:stop], self.written]", "return [*tokens, self.written]"),
    ends("only the written end ends an answer", "tokens[-1] in self.all", "tokens[-1] == self.written", MODEL, PPO),
    network("an answer is known by its text alone, without its prompt", "key = (len(prompt), *prompt, *written)", "key = tuple(written)"),
    network("an answer is scored as it was sampled", "written = ends.as_written(answer)", "written = list(answer) or [ends.written]"),
    network("a reward model's padding is its end", 'config |= {"num_labels": 1,', 'config |= {"pad_token_id": tokenizer.end_id, "num_labels": 1,', SCORER),
    report("an accuracy from equal scores alone", "return float(_correct(self.margin).mean()) if self.margin.any() else math.nan", "return float(_correct(self.margin).mean()) if len(self.margin) else math.nan"),
    Fault(file="app/training/reward/trainer.py", tests=(MODEL,), name="learned nothing, and does not say so", old="verdict(summary) if on_all.margin.any() else NOTHING_LEARNED", new="verdict(summary)"),
    Fault(file="app/services/lifecycle/following.py", tests=(FOLLOWING,), name="what learned nothing takes another one's place", old='version.metrics.get("verdict") != NOTHING_LEARNED and', new="True and"),
    text("the reward model's template is the policy's", "files[TEMPLATE_FILE] = scored_template(self._written, self._joint, self._end_text).encode()", "files[TEMPLATE_FILE] = self._written.encode()"),
    text("the tokenizer pads with the end", "for name in named if self.pad_id in self._special else ():", "for name in ():"),
    text("no space before a sentencepiece answer", 'return " " if spaced else ""', 'return ""'),
    text("a space before every answer", 'return " " if spaced else ""', 'return " "'),
    text("the answer's marks are recognized", "return self._encoded([*messages, Message(role=\"assistant\", content=answer)], self._rendered_answered)", "return self._recognizing(self._rendered_answered([*messages, Message(role=\"assistant\", content=answer)]))"),
    text("system text always goes before the first question", "                if all(self._is_written(messages, place, written, values) for place in system):", "                if False:", TEXT),
    text("system text that a template leaves out is lost", "                if all(self._is_written(messages, place, written, values) for place in system):", "                if True:", TEXT),
    template("a space before an empty answer", "({joint} if messages[-1]['content'] else '')", "{joint}"),
    template("a reward model's template without the end", "+ messages[-1]['content'] + {end} -%}}", "+ messages[-1]['content'] -%}}"),
    template("the template's last line end is written", 'template.removesuffix("\\n")', "template", "tests/lm/text/test_chat_template.py"),
    cutting("texts are cut without a trial", "            if self._trial is not None:", "            if False:"),
    cutting("any decoder will do", "        check_decoder(backend)\n", ""),
    cutting("every split is trusted", 'return bool(literal) or pattern == {"Regex": SPLIT}', "return True"),
    cutting("a replacement may grow", "return 0 < len(literal) >= len(part[\"content\"])", "return bool(literal)"),
    cutting("the trial knows no added tokens", '"added_tokens": added', '"added_tokens": []'),
    cutting("a panic is no error", ' and type(error).__name__ != "PanicException"', ""),
    cutting("nothing lets an expression fail", 'for end in ("", tail[: characters // 2]):', 'for end in ("",):'),
    cutting("no run of the letters that expressions name", "dict.fromkeys((*RUNS, *letters))", "dict.fromkeys(RUNS)"),
    cutting("no run behind a mark", "for letter in letters for run in OPENED_RUNS", "for letter in () for run in OPENED_RUNS"),
    process("a normalizer may write any amount", "> MOST_GROWTH * (len(text) + 100)", "> 10**9"),
    process("typed text is read as marks", "plain.append(read(whole | {\"added_tokens\": []}))", "plain.append(recognizing)"),
    limited("no time limit for a text", 'signal.setitimer(signal.ITIMER_PROF, program["CPU_SECONDS"])', "pass"),
    chat("system text stands without a line end", 'message["content"] + "\\n" for message', 'message["content"] for message'),
    chat("system text before the last question", "first = next((place for place, message in enumerate(rest)", "first = next((place for place, message in reversed(list(enumerate(rest)))"),
    own("the shipped model loses system text", "for message in without_system(messages):", "for message in messages:"),
    own("an answer that is read has no end", "return [*self.encode_conversation(messages), *self.encode(answer), self.end_id]", "return [*self.encode_conversation(messages), *self.encode(answer)]"),
    api("the developer is a user", 'role="system" if message.role == "developer" else message.role', 'role="user" if message.role == "developer" else message.role'),
    precision("AMX does not count", " or torch.cpu._is_amx_tile_supported()", ""),
    precision("the library is not asked", " and torch.ops.mkldnn._is_mkldnn_bf16_supported()", ""),
    precision("what is chosen stays chosen", "_in_use.reset(token)", "pass"),
    precision("what is chosen is not used", "return dtype_of(_in_use.get())", "return dtype_of(AUTO)"),
    installation("the setting is not heeded", 'if forced != "auto":', "if False:"),
    installation("the choice is not kept", "        session.add(installation)\n        session.flush()\n", ""),
    Fault(file="app/worker/handlers/generic.py", tests=(HANDLERS,), name="a job takes the format of the day", old='run.pinned(lambda: {"precision": run.commit(of_installation)}, "precision")', new='{"precision": run.commit(of_installation)}'),
    Fault(file="app/worker/handlers/generic.py", tests=(HANDLERS,), name="a job's format is not used", old="with precision.using(run.precision):", new="with precision.using(precision.AUTO):"),
    Fault(file="app/worker/handlers/outcomes.py", tests=(HANDLERS,), name="a version does not know its format", old="precision=run.precision,", new="precision=None,"),
    installing("everybody's weights ship with the program", 'metrics: dict[str, Any] = {} if shipped else {"imported_from": folder_name(model_dir)}', "metrics: dict[str, Any] = {}"),
]
