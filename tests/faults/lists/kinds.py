"""What a kind of job says of itself, and what pages make of it."""

from tests.faults.fault import In

GENERIC = "tests/worker/handlers/test_generic.py"
LOOP = f"{GENERIC}::test_the_loop"
NEEDS = "tests/services/jobs/test_needs.py"
JOBS = "tests/services/jobs/test_jobs.py"
API = "tests/api/test_kinds.py"
MADE = f"{GENERIC}::test_a_version_keeps_its_seed_its_parent_and_the_code_that_made_it"
MOVED = f"{GENERIC}::test_what_an_attempt_had_moved_when_it_was_killed_does_not_stay"
PAGE = "tests/web/test_train.py"

reward = In("app/kinds/train_reward.py", LOOP)
policy = In("app/kinds/train_policy.py", LOOP)
evaluate = In("app/kinds/evaluate.py", LOOP)
generic = In("app/worker/handlers/generic.py", f"{GENERIC}::test_a_job_takes_as_many_threads_as_it_is_given")
outcomes = In("app/worker/handlers/outcomes.py", MADE)
pages = In("app/web/train.py", PAGE)
versions = In("app/web/versions.py", "tests/web/test_versions.py")
cards = In("app/web/cards.py", "tests/web/test_label.py")
agreement = In("app/services/views/label_agreement.py", "tests/services/views/test_label_agreement.py")
report = In("app/web/reward_report.py", "tests/web/test_reward_report.py")
reward_verdict = In("app/web/reward_verdict.py", "tests/web/test_reward_report.py")
plan = In("app/services/jobs/start_plan.py", "tests/services/jobs/test_start_plan.py")
MEMORY = "tests/worker/handlers/test_bad_input.py::test_it_ends_with_what_to_do_and_the_active_versions_stay"
starts = In("app/web/starts.py", "tests/web/test_starts.py")
hparams = In("app/hparam_fields.py", "tests/test_hparam_fields.py")

FAULTS = [
    reward("a reward model is followed as a policy is", "following:after_train_reward", "following:after_train_policy"),
    policy("a policy is followed as an evaluation is", "following:after_train_policy", "following:after_evaluate"),
    evaluate("nothing follows an evaluation", '    follows="app.services.lifecycle.following:after_evaluate",\n', ""),
    reward("its rankings are not kept with the job", "    reads_rankings=True,\n", ""),
    reward("starts without rankings", "    needs=(Need.RANKINGS,),\n", "", NEEDS),
    policy("PPO starts without a reward model", "    needs=(Need.REWARD_MODEL,),\n", "", NEEDS),
    evaluate("an evaluation starts without a reward model", "    needs=(Need.REWARD_MODEL,),\n", "", NEEDS),
    evaluate("one evaluation at a time", '    same_work=("version_id",),\n', "", JOBS),
    policy("batches are not checked", "    check=check_batch,\n", "", JOBS),
    policy("more is learned from than was drawn", "if drawn and drawn < hparams.samples_per_prompt:", "if False:", JOBS),
    policy("there are more mini-batches than prompts", "if hparams.num_mini_batches and hparams.num_mini_batches > prompts:", "if False:", JOBS),
    policy("batches are not whole in the plan", "batches = math.ceil(hparams.total_episodes / hparams.batch_size)", "batches = hparams.total_episodes / hparams.batch_size", "tests/services/jobs/test_start_plan.py"),
    policy("what the SFT model writes takes no time in the plan", " + hparams.own_samples", "", "tests/services/jobs/test_start_plan.py"),
    policy("looks take no time in the plan", "        + looks * _LOOKED_AT * hparams.validation_prompts * hparams.validation_samples\n", "", "tests/services/jobs/test_start_plan.py"),
    plan("answers that were cut off end there again in the plan", 'most if reason == "length" else min(length, most)', "min(length, most)"),
    plan("the last one's answers were as long as the next one's", " * _answer_length(session, kind, of_last)", " * _answer_length(session, kind, hparams)"),
    plan("ranked answers are read as far as others are written", "None if kind.reads_rankings else getattr", "getattr"),
    policy("PPO never starts from the active version", '{"from": ("sft", "active")}', '{"from": ("sft",)}'),
    In("app/kinds/kind.py")("a policy scores answers", 'VersionParam("reward_version_id", ("reward",), N_("Reward model"))', 'VersionParam("reward_version_id", ("reward", "policy"), N_("Reward model"))', API),
    evaluate("a base model is evaluated", '("sft", "policy"),', '("base", "sft", "policy"),', API),
    policy("what followed the model's size is not told", "    fitted=FITTED,\n", "", "tests/web/test_versions.py"),
    policy("what PPO would do is not told", "    effort=Effort(episode_work, 9.0, 0.068, fit_ppo),\n", "", "tests/web/test_starts.py::test_the_plan_of_ppo_stands_on_its_form"),
    In("app/services/jobs/start_plan.py", "tests/services/jobs/test_start_plan.py")("answers are longer than the job writes them", "else min(length, most)", "else length"),
    plan("a reward model that may be guessing is followed unsaid", "if accuracy - margin <= A_COIN else []", "if accuracy <= A_COIN else []"),
    plan("the active reward model is doubted, whichever is named", "versions.active_reward(session) if chosen is None else", "versions.active_reward(session) if True else"),
    In("app/services/jobs/start_plan.py", "tests/services/jobs/test_start_plan.py")("all models write as much as the shipped one", "effort.work(hparams, rankings) * _answer_length(session, kind, hparams)", "effort.work(hparams, rankings) * SHIPPED_ANSWER"),
    In("app/lm/model.py", "tests/lm/files/test_importing.py")("weights are drawn before they are read", ', _Undrawn():', ':'),
    In("app/lm/model.py", "tests/lm/files/test_importing.py")("angles are made on the meta device", 'with torch.device("cpu"):', "if True:"),
    In("app/services/jobs/start_plan.py", "tests/services/jobs/test_start_plan.py")("another size of work takes as long", "* work / then, True", ", True"),
    In("app/services/jobs/start_plan.py", "tests/services/jobs/test_start_plan.py")("a failed job's time is promised", ", Job.status == JobStatus.SUCCEEDED", ""),
    In("app/model_info/size_checks.py", "tests/api/test_job_plans.py")("every layer is frozen", "frozen >= layers", "frozen > layers"),
    In("app/services/jobs/jobs.py", "tests/api/test_job_plans.py")("what the model's size forbids is queued", "        check_size(session, known, checked, settings)\n", "        pass\n"),
    In("app/api/job_plans.py", "tests/api/test_job_plans.py")("what the model's size forbids is planned", "    check_size(session, kind, params, runtime.settings)\n", ""),
    In("app/services/jobs/jobs.py", "tests/api/test_job_plans.py")("what the model's size forbids is started again", "params=job.params, settings=settings)", "params=job.params)"),
    In("app/web/train.py", "tests/web/test_start_page.py")("a page queues what the model's size forbids", "params=params, settings=settings)", "params=params)"),
    In("app/worker/handlers/train_policy.py", "tests/worker/handlers/test_policy_kinds.py::test_what_the_models_size_forbids_is_told_before_anything_is_loaded")("PPO freezes as many layers as there are", "    check_layers(work.hparams, config)\n", ""),
    In("app/worker/handlers/train_grpo.py", "tests/worker/handlers/test_policy_kinds.py::test_what_the_models_size_forbids_is_told_before_anything_is_loaded")("GRPO freezes as many layers as there are", "    check_layers(work.hparams, config)\n", ""),
    In("app/worker/handlers/train_dpo.py", "tests/worker/handlers/test_policy_kinds.py::test_what_the_models_size_forbids_is_told_before_anything_is_loaded")("DPO freezes as many layers as there are", "    check_layers(work.hparams, config)\n", ""),
    In("app/model_info/size_checks.py", "tests/api/test_job_plans.py")("a run cannot imitate to its end", "hparams.imitated_batches > batches", "hparams.imitated_batches >= batches"),
    In("app/services/jobs/size_checks.py", "tests/api/test_job_plans.py")("a run imitates in more batches than it has", "        check_imitation(fitted)\n", "        pass\n"),
    In("app/worker/handlers/policy_on_prompts.py", "tests/worker/handlers/test_policy_kinds.py::test_what_the_models_size_forbids_is_told_before_anything_is_loaded")("a run of another model imitates in more batches than it has", "        check_imitation(hparams)\n", "        pass\n"),
    reward("a first step that reads everything counts for the pace", "    first_step_is_longer=True,\n", "", "tests/worker/test_run.py"),
    reward("accuracies are drawn from their least", "        share=True,\n", "", "tests/web/test_plots.py"),
    policy("the curve of the KL is the entropy's", 'Series("objective/kl", N_("KL', 'Series("objective/entropy", N_("KL', "tests/web/test_plots.py"),
    generic("as many threads as there are cores", "    torch.set_num_threads(run.settings.worker_threads)\n", ""),
    outcomes("a version of no seed", 'seed=getattr(new.hparams, "seed", None)', "seed=0"),
    outcomes("a version without a parent", "parent_id=new.parent_id", "parent_id=None"),
    outcomes("rests of killed attempts stay", "            shutil.rmtree(rest, ignore_errors=True)\n", "            pass\n"),
    outcomes("what a killed attempt had moved stays", "            _take_away_what_was_moved(run, session)\n", "", MOVED),
    outcomes("where the files go is not noted", "note.write_text(target.name", "note.write_text(''", MOVED),
    outcomes("a version's own folder taken away", " and not versions.has_path(session, path):", ":", f"{GENERIC}::test_a_folder_that_a_version_has_is_not_taken_away"),
    outcomes("which code made it is not kept", "code_commit=code_commit()", "code_commit=None"),
    pages("no word of a worker that is missing", "worker_lost=status.job is not None and", "worker_lost=False and"),
    pages("nothing can be resumed", "resumable=resumable", "resumable=set()"),
    pages("started again without its parameters", "ended.kind, ended.params, ", "ended.kind, {}, "),
    versions("more is removed than was shown", "shown=shown)", "shown=None)"),
    versions("activation wakes nobody", "    runtime.prefetcher.wake()\n", ""),
    cards("no way to the prompts that are the cause", "message=reason, prompts_link=True", "message=reason"),
    hparams("the least value is out of range", "self.low <= value", "self.low < value"),
    hparams("the largest value is out of range", "value <= self.high", "value < self.high"),
    hparams("halves of whole numbers taken", "value != int(value)", "False"),
    hparams("true is a number", "isinstance(value, bool) or not isinstance(value, int | float)", "not isinstance(value, int | float)"),
    In("app/web/templating.py", "tests/web/test_templating.py")("what people write is HTML", "autoescape=True", "autoescape=False"),
    agreement("labels agree as often as they are right", "(1 + math.sqrt(max(0.0, 2 * self.share - 1))) / 2", "self.share"),
    agreement("ties are pairs, too", "pairs += bool(before and after)", "pairs += 1"),
    report("what trains policies is said to have learned from all rankings", '(metrics.get("num_rankings") or 0) - rankings', '(metrics.get("num_rankings") or 0)'),
    report("dots below guessing lie outside", "low = min(GUESSING, *(right for _stated, right, _count in bins))", "low = GUESSING"),
    report("what the labels allow is drawn at the top", "up((ceiling - low) / (1 - low))", "up(ceiling)"),
    reward_verdict("one without a scorer trains policies", '    if "judge_rankings" not in metrics:\n', "    if False:\n"),
    reward_verdict("more of the same is asked for where it helps little", "return _(trend_of(metrics, ceiling).value)", "return _(Trend.SINGLE.value)"),
    reward_verdict("the labels' own noise is forgotten", "ceiling is not None and share > ceiling - NEAR", "False"),
    reward_verdict("a run of a reward model has no verdict", '    if fit == NOTHING_LEARNED:\n        return _(LEARNED_NOTHING)\n', "", "tests/web/test_reward_report.py"),
    plan("a job that went on after a stop tells the pace", ", Job.attempts <= 1", ""),
    plan("one that stopped early did all", " * _share_done(last)", ""),
    plan("a job of another model tells the pace", "sft.id == versions.sft_version(session).id", "True"),
    starts("none cannot be typed", "text.lower() in (NONE, _(NONE))", "text in ()"),
    In("app/worker/handlers/train_reward.py", MEMORY)("a reward training begins whatever is free", "    check_memory_of_reading(work, sft_id)\n", ""),
    In("app/worker/handlers/evaluate.py", MEMORY)("an evaluation begins whatever is free", "    check_memory_of_reading(work, version_id)\n", ""),
    In("app/web/formatting.py", "tests/web/test_versions.py")("a scorer that judges itself is two", 'if example["reward_gain"] == example["judge_gain"]:', "if False:"),
    In("app/web/pages.py", "tests/web/test_pages.py")("jobs belong to labeling", ', "/jobs")', ")"),
]  # fmt: skip
