"""The loop around the training: what is learned from, which models and prompts, evaluation, rules, exports."""

from tests.faults.fault import In

EVALUATE = "tests/training/test_evaluate.py"
WIRING = "tests/worker/handlers/test_wiring.py"
HANDLERS = "tests/worker/handlers/test_generic.py"
FOLLOWING = "tests/services/lifecycle/test_following.py"
ACTIVATION = "tests/services/lifecycle/test_activation.py"
INSTALLING = "tests/services/lifecycle/test_installing.py"
VERSIONS = "tests/services/versions/test_versions.py"
RANKINGS = "tests/services/labeling/test_rankings.py"
GROUPS = "tests/services/labeling/test_groups.py"
EXPORTS = "tests/services/data/test_exports.py"
DATA = "tests/api/test_exports.py"

evaluate = In("app/training/evaluate.py", EVALUATE)
comparison = In("app/training/policy/comparison.py", EVALUATE)
handle_policy = In("app/worker/handlers/policy_on_prompts.py", WIRING)
handle_reward = In("app/worker/handlers/train_reward.py", WIRING)
rankings_read = In("app/worker/handlers/ranked_groups.py", WIRING)
handle_evaluate = In("app/worker/handlers/evaluate.py", WIRING)
handle = In("app/worker/handlers/generic.py", WIRING, HANDLERS)
models = In("app/worker/handlers/models.py", "tests/worker/handlers/test_models.py")
store = In("app/worker/handlers/outcomes.py", WIRING)
data = In("app/services/data/training_data.py", "tests/services/data/test_training_data.py")
retraining = In("app/services/jobs/retraining.py", RANKINGS)
following = In("app/services/lifecycle/following.py", FOLLOWING)
activation = In("app/services/lifecycle/activation.py", ACTIVATION)
versions = In("app/services/versions/versions.py", VERSIONS)
reward_for = In("app/services/versions/versions.py", WIRING, INSTALLING)
version_rows = In("app/db/models/versions.py", VERSIONS)
rankings = In("app/services/labeling/rankings.py", RANKINGS)
groups = In("app/services/labeling/groups.py", GROUPS)
exports = In("app/services/data/exports.py", EXPORTS)
batches = In("app/services/paging.py", EXPORTS)
corpus_drawing = In("app/corpus/drawing.py", "tests/corpus/test_pairs.py")
edge_checks = In("app/corpus/edge_checks.py", "tests/corpus/test_edge_checks.py")
edge_subjects = In("app/corpus/edges.py", "tests/corpus/test_edges.py", "tests/corpus/test_edge_checks.py")
edge_card = In("app/training/edge_card.py", "tests/training/test_edge_card.py")
fresh = In("app/corpus/fresh.py", "tests/corpus/test_fresh.py", "tests/corpus/test_edge_checks.py")
told = In("app/corpus/answers/explain.py", "tests/corpus/test_answers.py")
advised = In("app/corpus/answers/advise.py", "tests/corpus/test_answers.py")
spoken = In("app/corpus/answers/speak.py", "tests/corpus/test_answers.py")
turns = In("app/corpus/answers/answer.py", "tests/corpus/test_answers.py")
everyday = In("app/corpus/everyday.py", "tests/corpus/test_everyday.py")
fresh_requests = In("app/corpus/fresh_requests.py", "tests/corpus/test_fresh.py")
edge_leaks = In("app/corpus/edge_leaks.py", "tests/corpus/test_fresh.py")
linear_loss = In("app/training/linear_cross_entropy.py", "tests/training/test_linear_cross_entropy.py")
unheard = In("app/training/unheard.py", "tests/training/test_unheard.py")
dressing = In("app/corpus/dressing.py", "tests/corpus/test_dressing.py")
subject = In("app/corpus/subject.py", "tests/corpus/test_pairs.py", "tests/corpus/test_prompts.py")
preferences = In("app/preferences.py", "tests/test_preferences.py")
LEFT_OUT = "tests/worker/handlers/test_left_out.py"
DRAWING = "tests/services/labeling/test_drawing.py"
drawing = In("app/services/labeling/drawing.py", DRAWING)
prompt_rows = In("app/db/models/prompts.py", DRAWING)
ranking_rows = In("app/db/models/rankings.py", "tests/services/prompts/test_curation.py")
fitting = In("app/services/sampling/fitting.py", "tests/services/sampling/test_fitting.py")
misfits = In("app/services/sampling/misfits.py", "tests/services/sampling/test_fitting.py")
skips = In("app/services/labeling/skips.py", "tests/services/labeling/test_skips.py")
own_answers = In("app/services/labeling/own_answers.py", "tests/services/labeling/test_own_answers.py")
given_group = In("app/services/sampling/given_group.py", "tests/services/sampling/test_given_group.py")
choices = In("app/services/labeling/label_settings.py", "tests/services/labeling/test_label_settings.py")
sampling = In("app/services/sampling/group_sampling.py", "tests/services/sampling/test_fitting.py")
curation = In("app/services/prompts/curation.py", "tests/services/prompts/test_curation.py")
json_lines = In("app/formats/json_lines.py", "tests/formats/test_json_lines.py")
IMPORTS = ("tests/services/data/test_imports.py", "tests/services/data/test_interrupted_imports.py")
RANKED = "tests/services/data/test_import_rankings.py"
import_prompts = In("app/services/data/import_prompts.py", *IMPORTS)
import_rankings = In("app/services/data/import_rankings.py", RANKED)
PREVIEW = "tests/services/data/test_import_preview.py"
import_labelers = In("app/services/data/import_labelers.py", RANKED)
import_votes = In("app/services/data/import_votes.py", "tests/services/data/test_vote_exports.py")
import_steps = In("app/services/data/import_steps.py", RANKED)
row_forms = In("app/services/data/row_forms.py", "tests/services/data/test_row_forms.py")
compared_rows = In("app/services/data/compared_rows.py", "tests/services/data/test_row_forms.py")
rows = In("app/services/data/rows.py", "tests/services/data/test_rows.py")
table_rows = In("app/services/data/table_rows.py", "tests/services/data/test_rows.py")
row_places = In("app/services/data/row_places.py", "tests/services/data/test_rows.py")
conversations = In("app/services/data/conversations.py", "tests/services/data/test_imports.py")
imports = In("app/services/data/imports.py", *IMPORTS)
left_out = In("app/worker/handlers/left_out.py", LEFT_OUT)
scorer = In("app/training/reward/scorer.py", "tests/api/test_prompt_length.py")
prompts = In("app/services/prompts/prompts.py", "tests/services/prompts/test_prompts.py")
terminal = In("app/cli/terminal.py", "tests/cli/test_terminal.py")
strict = In("app/formats/strict_json.py", "tests/formats/test_strict_json.py")
texts = In("app/formats/texts.py", "tests/formats/test_texts.py")

FAULTS = [
    # terminals
    terminal("characters of no terminal", 'stream.reconfigure(errors="backslashreplace")', "pass"),
    terminal("readers who left are told of", "        _let_go()\n        raise SystemExit(1) from None", "        raise"),
    terminal("a closed output is none", "if stream is None:", "if False:"),
    terminal("bytes of other encodings", 'if not any("\\udc80" <= character', 'if True or not any("\\udc80" <= character'),
    # JSON
    strict("a name twice is taken", "if len(by_name) == len(pairs):", "if True:"),
    strict("depth is not looked at", "if data.count(b\"[\") + data.count(b\"{\") > MAX_DEPTH:", "if False:"),
    strict("brackets in strings are depth", "rb'\"(?:[^\"\\\\]|\\\\.|\\\\\\Z)*+(?:\"|\\Z)|[\\[\\]{}:]'", "rb'[\\[\\]{}:]'"),
    strict("64 bits and more are taken", "MAX_WHOLE if isinstance(value, int) else math.inf", "math.inf"),
    strict("infinities are taken", "or math.isinf(value)", ""),
    strict("half characters in names are taken", "_check_text(name, (*place", "str.join(name, (*place"),
    strict("the place of a list's entry is lost", "(*place, number)", "place"),
    strict("NaN is written", "json.dumps(finite(value), indent=indent, ensure_ascii=ascii_only, allow_nan=False)", "json.dumps(value, indent=indent, ensure_ascii=ascii_only)"),
    # texts and names
    texts("line ends of forms stay", 'plain = _CONTROLS.sub("", _LINE_ENDS.sub("\\n", text))', 'plain = _CONTROLS.sub("", text)'),
    texts("a carriage return alone stays", '"\\r\\n?|\\x85"', '"\\r\\n|\\x85"'),
    texts("a mark of byte order makes another text", '"^[\\s\\ufeff]+', '"^[\\s]+'),
    texts("form feeds stay", '_CONTROLS = re.compile("[\\x00-\\x08\\x0b-', '_CONTROLS = re.compile("[\\x00-\\x08\\x0e-'),
    texts("fillers are seen", "seen = _UNSEEN.sub", "seen = _NEEDLESS.sub"),
    texts("blanks of other scripts make another name", "\\u205f\\u3000]+", "\\u205f]+"),
    texts("names are not composed", 'unicodedata.normalize("NFC", _NEEDLESS', 'str(_NEEDLESS'),
    texts("joiners are taken out of names", '"[\\u00ad\\u034f\\u180e\\u200b\\u2060', '"[\\u00ad\\u034f\\u180e\\u200b-\\u200d\\u2060'),
    texts("names may turn the direction", "\\u202a-\\u202e\\u2066-\\u2069\\u206a", "\\u206a"),
    # evaluation
    evaluate("before and after exchanged", "((reference, before), (policy, after))", "((policy, before), (reference, after))"),
    evaluate("judged by the model that was optimized", "scorers.optimized, scorers.judge, params", "scorers.optimized, scorers.optimized, params"),
    comparison("answers not paired", "torch.Generator().manual_seed(seed)", "torch.Generator().manual_seed(seed + (model is self.reference))"),
    comparison("draws count as wins", "0.5 * (after == before)", "1.0 * (after == before)"),
    comparison("losses count as wins", "(after > before)", "(after < before)"),
    comparison("the win rate of the optimized scorer", "wins_of(judged, ref_judged), gains_of(judged, ref_judged)", "wins_of(scores, ref_scores), gains_of(scores, ref_scores)"),
    comparison("gains over all prompts' deviation", "before.var(1).mean().sqrt()", "before.std()"),
    comparison("the KL's direction", 'torch.tensor(after.logprob) - torch.tensor(after.ref_logprob)', 'torch.tensor(after.ref_logprob) - torch.tensor(after.logprob)'),
    comparison("the KL of the reference's answers", "k1 = torch.tensor(after.logprob) - torch.tensor(after.ref_logprob)", "k1 = torch.tensor(before.logprob) - torch.tensor(before.ref_logprob)"),
    comparison("the KL at another temperature", "token_logprobs(model, final, packed, temperature)", "token_logprobs(model, final, packed, 1.0)"),
    comparison("the KL per token", "kl_estimates(own, ref)[1].sum(-1)", "kl_estimates(own, ref)[1].mean(-1)"),
    comparison("k3 told as k1", '"kl": k1.mean()', '"kl": torch.tensor(after.kl_k3).mean()'),
    evaluate("another temperature than asked", "SamplingParams(temperature=hparams.temperature", "SamplingParams(temperature=1.0"),
    evaluate("top-p in the evaluation", "max_tokens=hparams.max_tokens)", "max_tokens=hparams.max_tokens, top_p=0.8)"),
    comparison("errors over answers, not prompts", "means = values.mean(1)", "means = values.flatten()"),
    evaluate("all prompts instead of the first", "prompts[: hparams.num_prompts]", "prompts"),
    evaluate("every step answers the first prompts", "used[first : first + PROMPTS_PER_STEP]", "used[:PROMPTS_PER_STEP]"),
    comparison("scores of other prompts", "score_with_deviations(self.scorer, prompts,", "score_with_deviations(self.scorer, prompts[::-1],"),
    comparison("the policy's reward told as the reference's", '"reward/reference_mean": ref_scores', '"reward/reference_mean": scores'),
    comparison("the end rate of the reference", "sum(map(ends.ended, new))", "sum(map(ends.ended, old))"),
    comparison("the length of the reference", '"length_mean": tokens', '"length_mean": old_tokens'),
    evaluate("shown answers of other prompts", "after.answers[index][0], _scored", "after.answers[0][0], _scored"),
    evaluate("shown scores of other prompts", "measured.scores[index][0]", "measured.scores[0][0]"),
    comparison("all answers distinct", "len({tuple(answer) for answer in answers}) / len(answers)", "1.0"),
    comparison("the reference's answers likelier under the policy", "own = ref = self._logprobs(self.reference, prompts, answers)", "own = ref = self._logprobs(model, prompts, answers)"),
    comparison("relevance to the same prompt", "self._logprobs(self.reference, others, answers)", "self._logprobs(self.reference, prompts, answers)"),
    comparison("entropy's sign in the evaluation", '"entropy": -torch', '"entropy": torch'),
    # which models, which prompts
    handle_policy("PPO on held-out prompts", "training_data.training_prompt_ids(session, max(LEAST_PROMPTS, num_prompts), seed, tags)", "training_data.held_out_prompt_ids(session, LEAST_PROMPTS)"),
    handle_policy("the reference is the active version", "reference = versions.sft_version(session)", "reference = versions.active_answerer(session)"),
    handle_policy("the reference is the initial version", '"reference_version_id": reference.id', '"reference_version_id": initial.id'),
    handle_policy("the trainer gets the initial model as reference", '        models.policy(inputs["reference_version_id"]),', "        models.policy(initial_id),"),
    handle_policy("the initial model is always the SFT version", "initial = versions.active_answerer(session) if from_active else reference", "initial = reference"),
    handle_policy("a named reward model not asked", 'initial, params.get("reward_version_id"))', "initial, None)"),
    reward_for("the active reward model always", "active_reward(session) if reward_id is None", "active_reward(session) if True"),
    reward_for("a reward model of another SFT model", "    check_fits(session, reward, answerer)\n    return reward", "    return reward"),
    handle_policy("the reward version not recorded", "reward_version_id=reward_id,", "reward_version_id=None,"),
    handle_policy("the parent is the reference", "parent_id=initial_id,", 'parent_id=inputs["reference_version_id"],'),
    handle_policy("the initial model stored again", "save_policy(directory, result,", "save_policy(directory, PolicyResult(models.policy(initial_id), {}),"),
    handle_evaluate("an evaluation at another temperature in the place of the first", 'if work.hparams.temperature != version.hparams.get("temperature", SERVED_TEMPERATURE):', "if False:"),
    handle_evaluate("no verdict on what nobody watched", '"validations" not in version.metrics', "False"),
    handle_evaluate("a verdict in place of the training's own", ' and "validations" not in version.metrics', ""),
    handle_evaluate("evaluation on training prompts", "training_data.held_out_prompt_ids(session, hparams.num_prompts, tags)", "training_data.training_prompt_ids(session, hparams.num_prompts, 0)"),
    handle_evaluate("the policy compared with itself", "reference = versions.sft_of(session, version) or versions.sft_version(session)", "reference = version"),
    handle_evaluate("the policy compared with the active version", "reference = versions.sft_of(session, version) or", "reference = versions.active_answerer(session) or"),
    handle_evaluate("the policy and its reference exchanged", '        models.policy(version_id),\n        models.policy(inputs["reference_version_id"]),', '        models.policy(inputs["reference_version_id"]),\n        models.policy(version_id),'),
    handle_evaluate("judged by the active reward model", 'params.get("reward_version_id") or version.reward_version_id', "None"),
    handle_evaluate("the evaluation asks for no named reward model", 'params.get("reward_version_id") or ', ""),
    handle_evaluate("shown answers exchanged", '"before": tokenizer.decode(sample.before)', '"before": tokenizer.decode(sample.after)'),
    handle_evaluate("shown prompts of other answers", 'prompts[sample.prompt_index].text', "prompts[0].text"),
    handle_reward("withdrawn rankings learned from", "training_data.ranking_ids_in_force(session)\n", "list(session.scalars(__import__('sqlalchemy').text('select id from rankings order by id')))\n"),
    handle_reward("normalized on held-out prompts", "training_data.training_prompt_ids(session, MOST_PROMPTS, hparams.seed, tags)", "training_data.held_out_prompt_ids(session, MOST_PROMPTS)"),
    handle_reward("normalized on the active version's answers", "training_data.answer_ids_of_version(session, sft.id,", "training_data.answer_ids_of_version(session, versions.active_answerer(session).id,"),
    rankings_read("ranked tokens encoded anew", "ids if version_id in readable else", "tokenizer.encode(text) if version_id in readable else"),
    handle_reward("rankings not recorded with the version", "ranking_ids=list(groups),", "ranking_ids=[],"),
    rankings_read("prompts read without their conversation", "prompt = conversation_tokens(tokenizer, each.messages)", "prompt = conversation_tokens(tokenizer, each.messages[-1:])"),
    handle_reward("fresh samples that no seed decides", "torch.Generator().manual_seed(seed)", "torch.Generator().manual_seed(torch.seed() % 2**31)"),
    In("app/services/jobs/job_params.py", WIRING)("overrides of the job not used", "if name in names}", "if name not in names}"),
    store("a new version that nothing follows", "            follows(session, version, run.settings)\n    except", "    except"),
    store("figures that nothing follows", "            follows(session, version, run.settings)\n\n", "\n"),
    handle("rankings read are not noted", "if kind.reads_rankings:", "if False:", "tests/services/jobs/test_retraining.py", "tests/worker/handlers/test_generic.py"),
    models("a model loaded at each question", "if version_id not in self._policies:", "if True:"),
    models("equal weights lie there twice", "share_equal_weights(model, other)", "pass"),
    models("the longest context counts", "return min(self.config", "return max(self.config"),
    store("a failed record leaves its files", "            target.rename(fresh)\n", "            pass\n"),
    store("the content hash of another folder", "content_hash=content_hash,", 'content_hash="0" * 64,'),
    data("ranks read in display order", "for answer in answers],\n    )", "for answer in ranking.answers],\n    )"),
    data("answers read in display order", "answers=[answer.token_ids for answer in answers]", "answers=[answer.token_ids for answer in ranking.group.completions]"),
    data("withdrawn rankings in force", "select(Ranking.id).where(Ranking.in_force())", "select(Ranking.id)"),
    data("rankings in the database's order", "[_ranked(rankings[ranking_id]) for ranking_id in ranking_ids]", "[_ranked(rankings[ranking_id]) for ranking_id in sorted(rankings)]"),
    data("prompts in the database's order", "[prompts[prompt_id] for prompt_id in ids]", "[prompts[prompt_id] for prompt_id in sorted(prompts)]"),
    data("training prompts of any split", "func.lower(Prompt.split) == PromptSplit.TRAIN.value, Prompt.in_use()", "Prompt.in_use(), Prompt.in_use()"),
    data("held-out prompts of any split", "Prompt.split == PromptSplit.HELD_OUT, Prompt.in_use()", "Prompt.in_use()"),
    data("archived prompts trained on", "PromptSplit.TRAIN.value, Prompt.in_use()", "PromptSplit.TRAIN.value", LEFT_OUT),
    data("a part of the prompts that no seed decides", "hashlib.sha256(str(seed).encode()).hexdigest()", '""', DRAWING),
    data("the part ends with the last digest", "return ids + list(session.scalars(_by_digest(\"\", at_most - len(ids), tags)))", "return ids", DRAWING),
    data("answers of any version", ".where(Completion.version_id == version_id)", ".where(Completion.version_id > 0)"),
    data("the oldest answers", "Completion.id.desc()).limit(limit)", "Completion.id).limit(limit)"),
    data("the last chunk lost", "range(0, len(ids), CHUNK)", "range(0, max(1, len(ids) - CHUNK), CHUNK)"),
    prompts("what a file is just bringing is not the program's own", "among, Prompt.import_id.is_(None)", "among"),
    prompts("every message the user's", '{"role": message["role"], "content"', '{"role": "user", "content"'),
    # rules
    retraining("one ranking too many before a training", "new_rankings(session) < retrain_after", "new_rankings(session) <= retrain_after"),
    retraining("withdrawn rankings count as new", "int(max(later + late, read - earlier))", "int(later + late)", "tests/services/jobs/test_retraining.py"),
    retraining("old rankings count as new", "(0, 0) if job is None else", "(0, 0) if True else"),
    following("an evaluation activates again what was rolled back", "        and version.waits\n", ""),
    following("a reward model worse than chance scores", "accuracy >= WORSE_THAN_CHANCE", "accuracy >= 0"),
    following("a reward model is never activated", "accuracy is None or accuracy >= WORSE_THAN_CHANCE", "False"),
    following("PPO after any reward model", "accuracy < settings.auto_policy_accuracy", "accuracy < 0"),
    following("PPO at the exact accuracy left out", "accuracy < settings.auto_policy_accuracy", "accuracy <= settings.auto_policy_accuracy"),
    following("evaluated against the active reward model", 'params["reward_version_id"] = version.reward_version_id', "pass"),
    following("activation though the rule is off", "settings.auto_activate\n", "True\n"),
    following("activation of what has left its bounds", "not bounds.flags_of(version)", "True"),
    following("activation by a reward model that judges itself", 'measured.get("judge/is_other") == 1.0', "True"),
    following("activation whatever the KL", 'measured.get("kl", float("inf")) <= settings.auto_activate_max_kl', "True"),
    following("activation whatever the win rate", 'measured.get("win_rate", 0.0) >= settings.auto_activate_win_rate', "True"),
    following("activation without an evaluation", 'measured.get("kl", float("inf"))', 'measured.get("kl", 0.0)'),
    following("activation above the win rate only", '>= settings.auto_activate_win_rate', '> settings.auto_activate_win_rate'),
    activation("two active versions", "former.status = VersionStatus.RETIRED", "pass"),
    activation("files not looked at before activation", "    verify_directory(data_dir", "    str(data_dir"),
    activation("groups of the former version stay", "groups.expire_stale(session, sampled_as=label_settings.writers(session).key)", "pass"),
    activation("the reward model of another model scores on", "        _exchange_reward(session, version, data_dir)\n", "", INSTALLING),
    activation("a reward model stays away where none scored meanwhile", "if sft is None or (reward is not None and", "if sft is None or reward is None or (", INSTALLING),
    activation("anything may answer", "if version.kind not in (*MAY_ANSWER, VersionKind.REWARD)", "if False"),
    versions("a job's second version", "    if stored is not None:\n        return stored\n    version = Version(", "    version = Version("),
    version_rows("a policy's rankings are its own", "return self.id if learned and self.reward_version_id is None else self.reward_version_id", "return self.id"),
    versions("any reward model fits", "one.id != other.id", "one.id < 0", INSTALLING),
    # rankings and groups
    rankings("the same key stores twice", "    if repeated is not None:\n        return _same(session, repeated, ranks, own, comment)\n    group", "    group"),
    rankings("a ranked group is offered again", "group.status = GroupStatus.RANKED", "pass"),
    rankings("a ranking queues no training", "retraining.after_ranking(session, retrain_after=retrain_after)\n    return ranking\n\n\ndef stored_ranks", "return ranking\n\n\ndef stored_ranks"),
    rankings("anybody withdraws", "ranking.labeler_id != labeler.id", "ranking.labeler_id < 0"),
    rankings("ranks of another group taken", "        _check_ranks(ranks, answers)\n", "        pass\n"),
    rankings("a group ranked without a lease", "    check_leased(group, labeler)\n", ""),
    groups("a lapsed lease is kept", "or_(Group.lease_expires_at <= now, func", "or_(Group.lease_expires_at <= now - timedelta(days=9), func"),
    groups("answers shown as they were sampled", "random.Random(shuffle_seed).shuffle(places)", "pass"),
    groups("the newest card first", ".where(*free).order_by(Group.id).limit(1)", ".where(*free).order_by(Group.id.desc()).limit(1)"),
    groups("cards of former versions offered", "and_(_unheld(now), Group.sampled_as.startswith(writers.key))", "_unheld(now)"),
    groups("held cards expire", "lapsed = and_(Group.status == GroupStatus.LEASED, _lapsed(now))", "lapsed = Group.status == GroupStatus.LEASED"),
    skips("a skipped card comes back", "group.status = GroupStatus.SKIPPED", "group.status = GroupStatus.READY"),
    skips("undo takes a ranking back before a later skip", "ranking.id > skip.newest_ranking_id", "True"),
    skips("a skip that was taken back can be taken back", "Skip.withdrawn_at.is_(None))", "Skip.id > 0)"),
    own_answers("one's own answer may be another's", "clean_text(answer.text) == text for", "False for"),
    own_answers("an own answer kept twice", "if known is not None:", "if False:"),
    own_answers("own answers are offered to all", "answer.display_position < ANSWERS_PER_GROUP", "True"),
    own_answers("an empty own answer is ranked", "if not shows_anything(text):", "if False:"),
    given_group("answers of a chat go to anyone", "version_id=wrote.pop() if len(wrote) == 1 else None,", 'version_id=None, sampled_as="",'),
    given_group("a person's answer has a version", "labeler_id=labeler.id if answer.version_id is None else None", "labeler_id=None"),
    choices("settings of the page change nothing", "replace(default, **choice.sampling)", "default"),
    choices("the second version writes nothing", "(first,) * (ANSWERS_PER_GROUP - choice.other_answers) + (other,)", "(first,) * (ANSWERS_PER_GROUP - choice.other_answers) + (first,)"),
    sampling("cards of other settings stay", "        groups.expire_stale(session, sampled_as=self.wanted(session).key)\n", "", "tests/api/test_label_settings.py"),
    exports("a person's own answer has no name", "    if answer.labeler is not None:\n", "    if False:\n", "tests/services/sampling/test_given_group.py"),
    # exports
    exports("chosen and rejected exchanged", "_comparison(ranking, answers[first], answers[second], known, tie=False)", "_comparison(ranking, answers[second], answers[first], known, tie=False)"),
    exports("pairs of one text exported", "return answers[pair[0]].text != answers[pair[1]].text", "return True", DATA),
    exports("pairs of one text not counted", "len(ordered) + len(tied) - len(kept) - len(kept_ties)", "0", DATA),
    exports("ties exported unasked", "in pairs.tied if ties else ()", "in pairs.tied"),
    json_lines("a line that common clients break", "return text.translate(_LINE_ENDS)", "return text"),
    exports("withdrawn rankings exported", "Ranking.withdrawn_at.is_(None), Ranking.id.not_in(of_votes)", "Ranking.id.not_in(of_votes)"),
    exports("rankings given meanwhile exported", "        .where(Ranking.id <= last)\n", ""),
    exports("simulated rankings among people's", "return statement if labeler_kind is None else", "return statement if True else"),
    batches("the first batch only", "        yield from batch\n        if len(batch) < BATCH_ROWS:", "        yield from batch\n        if True:"),
    batches("a ranking twice at the border", "statement.where(key > after)", "statement.where(key >= after)"),
    exports("ranks of other answers", '"rank": ranking.ranks[str(answer.id)]', '"rank": ranking.ranks[str(group.completions[0].id)]'),
    exports("comparisons in another order than their answers", "ranks = [ranking.ranks[str(answer.id)] for answer in answers]", "ranks = [ranking.ranks[str(answer.id)] for answer in sorted(answers, key=lambda one: one.sample_index)]"),
    # preferences
    preferences("the worse answer chosen", "if ranks[first] < ranks[second]", "if ranks[first] > ranks[second]"),
    preferences("ties as comparisons", "if ranks[first] != ranks[second]", "if True"),
    preferences("lower scores rank higher", "sorted(set(scores), reverse=True)", "sorted(set(scores))"),
    preferences("competition ranks count equals", "sum(other < rank for other in ranks)", "sum(other <= rank for other in ranks) - 1"),
    preferences("gaps in ranks taken", "if list(ranks) not in (normalize_ranks(ranks), competition_ranks(ranks))", "if False"),
    preferences("a missing answer taken", "if unknown or missing", "if unknown"),
    preferences("an unknown answer taken", "if unknown or missing", "if missing"),
    preferences("ties forgotten", "if ranks[i] == ranks[j]]", "if False]"),
    preferences("a tie told of ordered answers", "if ranks[i] == ranks[j]]", "if ranks[i] <= ranks[j]]"),
    # the corpus
    corpus_drawing("held-out questions by what is practised", "dict.fromkeys(topics, 1.0) if held_out else PRACTICE", "PRACTICE"),
    In("app/corpus/drawing.py", "tests/corpus/test_edges.py")(
        "edges drawn for everybody", "at_edge = edges and rng.random()", "at_edge = rng.random()"
    ),
    edge_checks("owns up to something else", 'said = [BESIDE_HAN.sub(" ", one) for one in SENTENCE.findall(text) if owns_up(one, language)]', "said = [text] if owns_up(text, language) else []"),
    edge_checks("a Latin name in Chinese is not seen", 'BESIDE_HAN.sub(" ", one)', "one"),
    edge_checks("a bare no is kind", "return refuses(text, language) and any(said in flat for said in _kindness(language))", "return refuses(text, language)"),
    edge_checks("Chinese words never broken", "return [*words, *alone, ", "return [*words, "),
    edge_checks("what was asked counts as broken", "or form in heard ", ""),
    edge_subjects("unknown things asked in words of their own", 'for key in ("concept", "edge_thing", "edge_told")', 'for key in ("concept", "edge_pair", "edge_told")'),
    edge_subjects("an unknown thing is offered", "        return _unknown(name, asked, (other,), \"thing\", language)\n", "        return _unknown(name, asked, entry.things, \"thing\", language)\n"),
    fresh_requests("harmless requests by the improper patterns", "request = _one_of(rng, requests.harmless)", "request = _one_of(rng, requests.improper)"),
    fresh_requests("a known task owned up to", "if gist(asked.name) not in known_tasks(language):", "if True:"),
    fresh_requests("a harsh word said on one side", "if rng.random() < _kept(harsh_words(subject.wordings[0], language), weights):", "if True:"),
    fresh("unknown things are never asked for plainly", "if rng.random() < PLAIN_SHARE:", "if False:"),
    told("facts come in any order", "facts = in_turn(facts, entry.facts)", "facts = list(facts)"),
    told("lists that were counted are never numbered", "numbered = style.listed or rng.random() < NUMBERED_SHARE", "numbered = False"),
    advised("suggestions come in any order", "in_turn(fitting(ideas, budget, language), entry.suggestions)", "fitting(ideas, budget, language)"),
    spoken("nobody who tells something is heard", 'before = pick(rng, phrases["heard"]) if rng.random() < HEARD_SHARE else ""', 'before = ""'),
    turns("what was chosen is told from its middle on", "(place - places[0]) % len(items)", "place"),
    everyday("one less than was asked for", "partial(explain.numbered_answer, count=count)", "partial(explain.numbered_answer, count=max(1, count - 1))"),
    everyday("unknown groups as often as known ones", "if rng.random() < UNKNOWN_SHARE:", "if rng.random() < 0.5:"),
    everyday("held-out wordings drawn", "if subject.split(held_out=False):", "if subject.wordings:"),
    In("app/corpus/drawing.py", "tests/corpus/test_everyday.py")(
        "asked of everybody", "if edges and rng.random() < EVERYDAY_SHARE:", "if rng.random() < EVERYDAY_SHARE:"
    ),
    fresh("an invented thing owned up to by another name", "return owned_up(rng, asked, both, ", "return owned_up(rng, asked, other[:1], "),
    In("app/corpus/frames.py", "tests/corpus/test_frames.py")("several of a thing called one", "called = bare if \"{b}\" in pattern else plural(bare) if \"{s}\" in pattern else name", "called = name"),
    In("app/corpus/drawing.py", "tests/corpus/test_frames.py")("tasks of the banks never asked in frames", "and rng.random() < FRAMED_SHARE:", "and rng.random() < 0:"),
    In("app/corpus/drawing.py", "tests/corpus/test_frames.py")("held-out wordings in a frame", "asked = framed if is_held_out(framed) == held_out else asked", "asked = framed"),
    In("app/corpus/typed.py", "tests/corpus/test_frames.py")("a name typed in haste", "part if place % 2 else _hasty(rng, part, language)", "_hasty(rng, part, language)"),
    In("app/corpus/edge_questions.py", "tests/corpus/test_edges.py")("the fourth set is never asked", '= ("first", "second", "third", "fourth")', '= ("first", "second", "third")'),
    edge_leaks("the words of a question are no leak in another frame", "return gist(text) in _asked()", "return text in {question.text for question in edge_questions()}"),
    In("app/corpus/pairs.py", "tests/corpus/test_fresh.py")("questions of the evaluation trained on", "if edges and any(leaks(content)", "if not edges and any(leaks(content)"),
    In("app/corpus/inventing.py", "tests/corpus/test_fresh.py")("known names invented", "if normalized(without_article(name)) not in _taken(language):", "if name:"),
    linear_loss("the target costs as the others", "costs.scatter_(1, wanted[:, None], 0.0)", "costs"),
    linear_loss("a cost's gradient without what is expected", "costs.sub_(expected).add_(1.0)", "costs.add_(1.0)"),
    linear_loss("what never follows costs as the tail", "self.heard.never(self.numbers[part]), self.unheard)", "self.heard.never(self.numbers[part]), self.tail)"),
    linear_loss("another part's numbers", "self.numbers[part]", "self.numbers[: len(wanted)]"),
    unheard("a word may end anywhere", "goes_on.clone() if ENDS in heard else torch.ones_like(goes_on)", "goes_on.clone()"),
    unheard("questions are heard, too", "in reversed(places):", "in range(len(tokens) - 1, 0, -1):"),
    unheard("names copied from the question are evidence", "if word and whole in asked:", "if not word:"),
    unheard("only the end of a copied word is left out", "pieces.text(word) if follows == ENDS else whole", "pieces.text(word)"),
    unheard("the corpus's words are no evidence either", ">= OFTEN_ASKED", ">= 10**9"),
    unheard("a part of a character may end", "return UNFINISHED if self.pieces.unfinished(word) else COMPLETE", "return COMPLETE"),
    unheard("hardly known words say much", "max(once, 1) <= STILL_UNHEARD", "once <= STILL_UNHEARD"),
    unheard("new names say what never follows", "max(once, 1) <= STILL_UNHEARD", "1 <= STILL_UNHEARD"),
    unheard("the wrong script is missing", "return LATIN + HAN - had.pop()", "return had.pop()"),
    In("app/training/sft.py", "tests/training/test_supervised.py")("what never follows is not told", "Penalties(hparams.tail_penalty, hparams.unheard_penalty, heard)", "Penalties(hparams.tail_penalty)"),
    In("app/training/sft.py", "tests/training/test_supervised.py")("what never follows stands at another place", "unheard[row, here] = heard.numbers(tokens)", "unheard[row, : len(tokens)] = heard.numbers(tokens)"),
    In("app/training/sft.py", "tests/training/test_supervised.py")("a padded vocabulary is forgotten", "_learned(examples, padded, marks)", "_learned(examples, pieces, marks)"),
    In("app/training/supervised.py", "tests/training/test_supervised.py")("rows lose what never follows", "return Batch(self.ids[chosen], self.targets[chosen], numbers)", "return Batch(self.ids[chosen], self.targets[chosen])"),
    edge_card("the second set counted with the first", "if one.series == series and edge in", "if edge in"),
    edge_card("harmless questions counted as improper", "edge in (\"\", one.edge)])", "(one.edge != \"unknown\" or edge == \"unknown\")])"),
    subject("combinations held out by wording", "if self.combined:", "if False:"),
    subject("a combination is drawable on both sides", "] if self.combined else map(", "] if False else map("),
    dressing("answers of any length", "if size(text, language) <= LONGEST[language]:", "if text:"),
    dressing("plain answers dressed", "if answer.plain:", "if False:"),
    # prompts
    drawing("held-out prompts drawn", "equals = Prompt.split == PromptSplit.TRAIN, ", "equals = "),
    drawing("the most shown prompts drawn", "return _first(Prompt.shown, tags,", "return _first(-Prompt.shown, tags,"),
    drawing("a prompt's place never changes", ".values(shown=Prompt.shown + 1, draw_key=new_draw_key(rng))", ".values(shown=Prompt.shown + 1)"),
    drawing("the last among equals never drawn", "session.scalar(shown_so_often(least, start, tags)) or", "session.scalar(shown_so_often(least, '', tags)) or"),
    drawing("an expired card counts as shown", "shown=Prompt.shown - times", "shown=Prompt.shown"),
    prompt_rows("archived prompts in use", "return and_(cls.archived_at.is_(None), ", "return and_("),
    prompt_rows("prompts of an unfinished import in use", "cls.set_aside.is_(None), cls.import_id.is_(None))", "cls.set_aside.is_(None))"),
    ranking_rows("rankings of archived prompts trained on", "return [archived, held_out, repeats]", "return [held_out, repeats]"),
    fitting("the answer does not count", "for each in self.version_ids) - self.answer_tokens", "for each in self.version_ids)"),
    fitting("characters counted, not bytes", 'len(message["content"].encode())', 'len(message["content"])'),
    misfits("another version's judgement stays", "return self._take_in(fitting) or self._set_aside(fitting)", "return self._set_aside(fitting)"),
    misfits("the first rows only", "return self._after < newest", "return False"),
    sampling("a busy model sets a prompt aside", "if isinstance(error, AppError) and not isinstance(error, InvalidError):", "if False:"),
    sampling("a broken model sets all prompts aside", "            raise error from None\n", "            pass\n"),
    sampling("an unexpected error is thrown at everybody", "            except Exception as error:\n                self._set_aside", "            except AppError as error:\n                self._set_aside"),
    curation("a prompt with rankings deleted", "    if ranked:\n", "    if False:\n"),
    curation("cards of an archived prompt stay", "        groups.expire_of_prompt(session, prompt_id, now)\n", ""),
    imports("a crash shows a part", "remove_some if staged_at is None else let_in_some", "let_in_some"),
    imports("a shown file is taken back", "remove_some if staged_at is None else let_in_some", "remove_some"),
    imports("a second file at the same time", "if not self._one_at_a_time.acquire(blocking=False):", "if self._one_at_a_time.acquire(blocking=False) and False:"),
    row_places("lines counted without blank ones", "        number += 1\n        if len(line)", "        number += bool(line.strip())\n        if len(line)"),
    left_out("the end behind an answer does not count", "END_TOKENS = 1", "END_TOKENS = 0"),
    left_out("one long answer hides behind short ones", "all(len(prompt)", "any(len(prompt)"),
    scorer("a long answer reaches the model", "if len(completion) > limit:", "if False:"),
    import_prompts("what a crash left is removed with what a later file brought", "if digest in left:", "if digest in known:"),
    imports("an import that runs is cleaned up", "if import_id not in self._mine:", "if True:"),
    import_prompts("another split without a word", "given.prompt.split not in (None, there.split) or", ""),
    rankings_read("tokens of a file read as the model's own", "ids if version_id in readable else", "ids if version_id in readable or version_id is None else", "tests/worker/test_imported_preferences.py"),
    import_rankings("who wrote imported answers forgotten", "writer = answer.writer or ranking.writer", "writer = answer.writer"),
    exports("a policy's name lost", "if answer.version_id is not None:", "if False:", "tests/services/data/test_exports.py"),
    In("app/services/data/import_compared.py", RANKED)("the same ranking twice", "fresh.setdefault(row.digest, row)", "fresh[row.digest + str(len(fresh))] = row"),
    import_rankings("an export taken in where it comes from", "known = given_here | ", "known = dict[str, int]() | "),
    import_rankings("another comment goes without a word", "others += row.ranking.comment not in (None, comment)", "others += 0"),
    import_labelers("another kind in the file goes through", "_refuse_another(name, there, kind, OTHER_HERE if here else OTHER_IN_FILE)", "pass", PREVIEW),
    imports("a preview does not look who it was", "    if given is not None:\n", "    if False:\n", PREVIEW),
    import_votes("votes of others are the same votes", "if self.version_id is not None and other.version_id is not None:", "if False:"),
    import_votes("whoever wrote the answers, a vote is the same", "any(not any(map(_Writer.is_another", "any(not all(map(_Writer.is_another"),
    import_rankings("a part of a file is learned from", '"withdrawn_at": now,', '"withdrawn_at": None,'),
    import_steps("answers of one text learned from", "[each for each in ranked if each[2].says_something]", "list(ranked)"),
    import_labelers("of two batches the second keeps what a file brought", " or known.import_id is not None", ""),
    import_labelers("a person's name for a program's rankings", "if kind not in (None, there):", "if False:"),
    import_steps("rankings of a crash stay", "        remove_groups(session, groups)\n        return len(groups)", "        return 0"),
    imports("preferences thrown away", "if row.form not in wanted:", "if False:", RANKED),
    imports("imported rankings start no training", "if summary.rankings:", "if False:", RANKED),
    ranking_rows("rankings about held-out prompts learned from", "return [archived, held_out, repeats]", "return [archived, repeats]", RANKED),
    row_forms("columns thrown away without a word", "columns_not_kept=row.left()", "columns_not_kept=frozenset()"),
    row_forms("an answer thrown away without a word", "prompt, answers_not_kept=beside)", "prompt)"),
    compared_rows("a tie as a preference", "[1, 1] if tie else [1, 2]", "[1, 2]"),
    compared_rows("scores read as ranks", "return ranks_from_scores(", "return normalize_ranks("),
    compared_rows("the worse summary chosen", "1 + (choice != place)", "1 + (choice == place)"),
    compared_rows("ranks by another order than the answers", "[ranks[place] for place in order]", "ranks"),
    table_rows("a row without end", "if at.row_bytes > MAX_ROW_BYTES:", "if False:"),
    table_rows("a blank row of a table is one", "elif any(map(str.strip, cells)):", "elif cells:"),
    table_rows("cells shorter than other rows may be", "    csv.field_size_limit(MAX_ROW_BYTES)", "    csv.field_size_limit(131072)"),
    rows("UTF-16 without a mark read as UTF-8", ' or b"\\0" in start[:4]', ""),
    row_forms("a system text beside the question forgotten", "return without_system([Message(", "return messages or without_system([Message("),
    row_forms("a system text said twice", ' or messages[0]["content"].startswith(text + "\\n")', ""),
    compared_rows("an empty answer of a dialogue is none", "as_dialogue(rejected, answered=True)", "as_dialogue(rejected)"),
    compared_rows("a system text before the same question is another prompt", 'first[0]["content"].endswith("\\n" + prompt[0]["content"])', "False"),
    conversations("Python's writing of a list is a question", "if isinstance(given, str) and _LIST_AS_TEXT.match(given):", "if False:", "tests/services/data/test_row_forms.py"),
    import_rankings("rankings about archived prompts without a word", "archived=sum(", "archived=0 * sum("),
    import_prompts("another state of the archive without a word", "given.prompt.archived_at is not None and not there.archived", "False", RANKED),
    import_prompts("a shipped prompt archived elsewhere is drawn here", "there.source is PromptSource.SHIPPED", "False", RANKED),
    import_prompts("anybody's prompt is archived by a file", "there.source is PromptSource.SHIPPED", "True", RANKED),
    table_rows("a cell too few", "if len(cells) == len(names):", "if True:"),
    conversations("a part that is no text dropped", 'raise InvalidError(\n            _("{column} has a part', 'return ""\n        raise InvalidError(\n            _("{column} has a part'),
    conversations("a system text kept as a question", '"system": "system"', '"system": "user"'),
    prompts("the same prompt stored twice in one list", "        if digest not in known:\n", "        if True:\n"),
]  # fmt: skip
