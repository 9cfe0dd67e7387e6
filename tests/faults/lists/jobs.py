"""Jobs: their rows, attempts, checkpoints, processes."""

from tests.faults.fault import In

ENGINE = "tests/worker/test_dbos_engine.py"
ATTEMPTS = "tests/services/jobs/test_job_runs.py"
JOBS = "tests/services/jobs/test_jobs.py"
BAD = "tests/worker/handlers/test_bad_input.py"
RUN = "tests/worker/test_run.py"
HANDLERS = "tests/worker/handlers/test_generic.py"
CONTEXT = "tests/training/test_context.py"

runs = In("app/services/jobs/job_runs.py", ATTEMPTS)
jobs = In("app/services/jobs/jobs.py", JOBS)
kinds = In("app/kinds/registry.py", "tests/kinds/test_registry.py")
needs = In("app/services/jobs/needs.py", JOBS, "tests/services/jobs/test_needs.py")
params = In("app/services/jobs/job_params.py", JOBS)
hparam_fields = In("app/hparam_fields.py", JOBS, "tests/test_hparam_fields.py")
run = In("app/worker/run.py", RUN)
process = In("app/worker/process.py", ENGINE)
child = In("app/worker/child.py", RUN)
context = In("app/training/context.py", CONTEXT)
engine = In("app/worker/dbos_engine.py", "tests/worker/test_adopting.py")
serve = In("app/cli/serve.py", "tests/cli/test_serve.py")

FAULTS = [
    engine("a worker takes its own jobs over", " | {self._executor_id}", ""),
    engine("a living peer's jobs are taken over", "if flow.executor_id not in alive:", "if flow.executor_id != self._executor_id:"),
    serve("the collector looks at the libraries", "    gc.freeze()\n", ""),
    runs("the youngest job first", "waiting.order_by(Job.number)", "waiting.order_by(Job.number.desc())"),
    runs("two jobs at once", "    if dispatched(session):\n        return None\n", ""),
    runs("a finished job starts again", "job is None or job.status not in LIVE", "job is None"),
    runs("a cancelled job starts", "    if job.cancel_requested:\n        _end(job, JobStatus.CANCELLED)\n        return None\n", ""),
    runs("starts that advanced count", "checkpoint is not None and checkpoint != job.checkpoint_seen", "False"),
    runs("a lost hand-over stays lost", '"dispatched_at": None, "message"', '"message"'),
    runs("an old hand-over put back", "Job.dispatches == lost.number, Job.status", "Job.status"),
    runs("hand-overs share a number", "HandOver(row.id, row.dispatches + 1)", "HandOver(row.id, row.dispatches)"),
    runs("the fence stands still", "job.fence += 1", "pass"),
    runs("a stop in good order counts as an attempt", "attempts=Job.attempts - 1", "attempts=Job.attempts"),
    runs("an old attempt still writes", "Job.fence == fence, Job.status == JobStatus.RUNNING", "Job.status == JobStatus.RUNNING"),
    runs("an ended job is reported on", "Job.fence == fence, Job.status == JobStatus.RUNNING", "Job.fence == fence"),
    runs("a cancel not heard", "return Control(cancel=cancel)", "return Control()"),
    runs("a cancel not seen from outside", "return Control(cancel=row.cancel_requested)", "return Control()"),
    runs("the points of a curve lost", "session.add_all([JobMetric", "list([JobMetric"),
    runs("points of a curve twice", "JobMetric.step >= first", "JobMetric.step > first"),
    runs("points of a curve before the checkpoint lost", "JobMetric.job_id == job_id, JobMetric.step >= first", "JobMetric.job_id == job_id"),
    runs("points of all jobs forgotten", "JobMetric.job_id == job_id, JobMetric.step >=", "JobMetric.step >="),
    runs("the result not kept", '"result": result, "error": error', '"result": None, "error": error'),
    runs("an outcome of an attempt that was taken over", "return ended.scalar_one_or_none() is not None", "return True"),
    runs("a later attempt moves a job's start", "min(job.started_at or now, now)", "now", "tests/services/jobs/test_attempts.py"),
    runs("what earlier attempts worked is forgotten", "job.worked_before_seconds = job.worked_before_seconds or 0.0", "job.worked_before_seconds = 0.0", "tests/services/jobs/test_attempts.py"),
    runs("time between a kill and the next attempt counts", "    job.end_attempt()\n    if job.cancel_requested:", "    if job.cancel_requested:", "tests/services/jobs/test_attempts.py"),
    jobs("time between a failure and its resuming counts", "    job.end_attempt()\n    job.status = JobStatus.QUEUED", "    job.status = JobStatus.QUEUED", "tests/services/jobs/test_attempts.py"),
    jobs("a job that waits and is cancelled took all that time", "        job.end_attempt()\n        job.status = JobStatus.CANCELLED", "        job.status = JobStatus.CANCELLED", "tests/services/jobs/test_attempts.py"),
    jobs("evaluations of all versions are one", '":".join([kind.name, *(str(params.get(name)) for name in kind.same_work)])', "kind.name"),
    jobs("parameters not checked", "checked = check_params(session, known, params or {})", "checked = params or {}"),
    jobs("a finished job cancelled", "if job.status not in LIVE:", "if False:"),
    jobs("a cancel only noted for a job that waits", "if job.status is JobStatus.QUEUED or job.executor_id not in living:", "if False:"),
    jobs("a cancelled job still stands for its work", "job.dedup_key = job.id  # it", "pass  # it"),
    jobs("a job without a checkpoint goes on", "if not job_folders.has_checkpoint(settings, job_id)", "if False", "tests/services/jobs/test_job_folders.py"),
    jobs("a restart forgets its parameters", "kind=job.kind, params=job.params, ", "kind=job.kind, "),
    jobs("the latest job by its date", "Job.kind == kind).order_by(Job.number.desc())", "Job.kind == kind).order_by(Job.created_at.desc())", "tests/services/jobs/test_retraining.py"),
    jobs("points told twice", "JobMetric.id > after_id", "JobMetric.id >= after_id"),
    hparam_fields("any number taken", "if not self.low <= value <= self.high", "if False"),
    hparam_fields("the range of an optional number lost", "number if number.metadata else field", "field"),
    params("unknown names taken", "raise InvalidError(\n                f\"{kind.name} has no parameter", "continue\n            raise InvalidError(\n                f\"{kind.name} has no parameter"),
    In("app/kinds/train_policy.py", JOBS)("episodes that do not divide", "if hparams.batch_size % hparams.samples_per_prompt", "if False"),
    params("parameters of a kind not looked at together", "kind.check(hparams_of(kind, checked))", "pass"),
    params("true is a version's number", "isinstance(value, bool) or not isinstance(value, int)", "not isinstance(value, int)"),
    params("another choice is the same work", "asked.get(name, words[0]) == given.get(name, words[0])", "True"),
    params("a version that must be named left out", "if param.required and param.name not in params", "if False"),
    params("what a kind needs not looked for", "check_needs(session, kind, checked)", "pass"),
    needs("no rankings and yet a training", "return session.scalar(select(Ranking.id).where(Ranking.in_force()).limit(1)) is not None", "return True"),
    needs("no reward model and yet PPO", "versions.active_reward(session) is not None", "True"),
    needs("a reward model that is named not enough", '"reward_version_id" in params or ', "", "tests/services/jobs/test_needs.py"),
    kinds("a stranger among kinds queued", "if name not in KINDS:", "if False:"),
    kinds("a row of an unknown kind breaks the page", "return KINDS[name] if name in KINDS else _unknown(name)", "return KINDS[name]"),
    kinds("kinds in the order of their files", "key=lambda item: item[1].place", "key=lambda item: item[0]"),
    params("a policy as reward model", "if version.kind not in param.kinds", "if False"),
    run("inputs chosen anew at each attempt", "if path.is_file():", "if False:"),
    run("never leaves at a checkpoint", "self._leave = self.stop_requested()", "pass"),
    run("leaves without a checkpoint", "        if self._leave:\n", "        if self._leave or self.stop_requested():\n"),
    run("a cancel goes unheard", "raise JobCancelled", "return"),
    run("a superseded attempt goes on", "        if control.fenced:\n            raise JobSuperseded\n", ""),
    run("the result of a superseded attempt kept", "            raise JobSuperseded\n\n    def remove", "            pass\n\n    def remove"),
    run("points told at every report again", "        self._points, self._answers = [], []\n        self._reported_at", "        self._reported_at"),
    run("a step told in two parts is two points", "if self._points and self._points[-1].step == progress.step:", "if False:"),
    run("NaN in the curves", "for name, value in progress.metrics.items() if math.isfinite(value)}", "for name, value in progress.metrics.items()}"),
    run("the last points lost", "                    self._flush()\n                    return result", "                    return result"),
    run("the trainer not closed", "            trainer.close()\n", "            pass\n"),
    run("metrics of a former attempt lost", "self._metrics = dict(self.job.metrics)", "self._metrics = {}"),
    In("app/worker/child.py", BAD)("an allocator's error told as a fault of the program", "if is_out_of_memory(error):", "if isinstance(error, MemoryError):"),
    In("app/worker/child.py", RUN)("paths of the machine are told", '.replace(f"{run.settings.data_dir}/", "")', ""),
    In("app/services/versions/versions.py", BAD)("a reward model that learned nothing trains policies", 'reward.metrics.get("verdict") == NOTHING_LEARNED', "False"),
    In("app/training/dpo_rankings.py", BAD)("identical answers are compared", " and len(set(map(tuple, group.completions))) > 1", ""),
    jobs("a live job swallows one with other parameters", "if trigger is not JobTrigger.RULE and not same_params", "if False and not same_params"),
    jobs("a rule stumbles over a live job", "if trigger is not JobTrigger.RULE and not same_params", "if not same_params"),
    params("other hyper-parameters are the same work", "hparams_of(kind, asked) == hparams_of(kind, given)\n        and all", "all"),
    params("a named version is the same work", "asked.get(param.name, given.get(param.name)) == given.get(param.name)", "True"),
    child("an error told as a success", "return _record(run, JobStatus.FAILED, error=_sentence(error, run))", "return _record(run, JobStatus.SUCCEEDED)"),
    child("a cancel told as a failure", "return _record(run, JobStatus.CANCELLED)", "return _record(run, JobStatus.FAILED, error='')"),
    child("the folder of a job that is over stays", "    run.remove_directory()\n    return EXIT_RECORDED\n\n\ndef _sentence", "    return EXIT_RECORDED\n\n\ndef _sentence"),
    child("an error's own words lost", "return error.message", 'return "It failed."'),
    process("how an attempt crashed is forgotten", "                crash=crash,\n", "", ENGINE + "::test_outcomes_of_one_worker"),
    process("a hanging job is never killed", "if control.cancel and kill_at is None", "if False", ENGINE + "::test_cancel"),
    process("a crash without its last words", '_("{problem} Its last line: {line}", problem=how, line=last) if last else how', "how", ENGINE + "::test_outcomes_of_one_worker"),
    process("a stop counts as an attempt", "job_runs.release_attempt(session, child.job_id, child.fence)", "pass", ENGINE + "::test_stop_in_good_order"),
    context("a half-written checkpoint in its place", "fresh = self.path.with_name(self.path.name + \".new\")", "fresh = self.path"),
    context("a damaged checkpoint taken for none", "            raise TrainingError(\n                _(\n", "            return None\n            raise TrainingError(\n                _(\n"),
]  # fmt: skip
