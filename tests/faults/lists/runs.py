"""Runs: their pages, their settings, how they start again, their curves."""

from tests.faults.fault import In

params = In("app/web/run_params.py", "tests/web/test_run_params.py")
starting = In("app/web/start_page.py", "tests/web/test_start_page.py")
forms = In("app/web/starts.py", "tests/web/test_start_page.py")
train = In("app/web/train.py", "tests/web/test_runs.py")
plan = In("app/services/jobs/start_plan.py", "tests/services/jobs/test_start_plan.py")
comparison = In("app/web/run_comparison.py", "tests/web/test_run_comparison.py")
pictures = In("app/web/plot_pictures.py", "tests/web/test_plot_pictures.py")
plots = In("app/web/plots.py", "tests/web/test_plots.py")
run_page = In("app/web/runs.py", "tests/web/test_runs.py")
times = In("templates/components/job_times.html", "tests/web/test_runs.py")
usual = In("app/web/starts.py", "tests/web/test_starts.py")
view = In("static/js/curve_view.js", "tests/static/test_js.py")
naming = In("app/services/jobs/naming.py", "tests/services/jobs/test_naming.py")
answers = In("app/services/jobs/job_answers.py", "tests/services/jobs/test_job_answers.py")
reports = In("app/services/jobs/job_runs.py", "tests/services/jobs/test_job_answers.py")
looks = In("app/training/policy/validating.py", "tests/training/policy/test_episodes.py")
penalty = In("app/training/reward/penalty.py", "tests/training/reward/test_penalty.py")
penalty_picture = In("app/web/penalty_picture.py", "tests/web/test_penalty_picture.py")
tensorboard = In("app/worker/tensorboard.py", "tests/worker/test_tensorboard.py")
operations = In("app/model_info/operations.py", "tests/model_info/test_operations.py")
dpo = In("app/training/dpo.py", "tests/training/test_dpo.py")
dpo_looks = In("app/training/dpo_looks.py", "tests/training/test_dpo.py")
drift = In("app/training/policy/drift.py", "tests/training/test_dpo.py")
imitation = In("app/training/best_of_n_state.py", "tests/training/test_best_of_n.py")

FAULTS = [
    comparison("the run itself takes another one's place", "limit=limit + 1", "limit=limit"),
    answers("looks behind a checkpoint stay", "JobAnswers.step > step", "JobAnswers.step > step + 99"),
    answers(
        "looks of all runs are forgotten",
        "JobAnswers.job_id == job_id, JobAnswers.step > step",
        "JobAnswers.step > step",
    ),
    answers("the newest looks go", "range(1, len(kept) - 1)", "range(1, len(kept))"),
    reports(
        "an attempt that was taken over tells answers",
        "    if cancel is None:\n        return Control(fenced=True)\n",
        "",
    ),
    looks("gains from zero", "gains_of(own, torch.tensor(self.before.scores))", "own.mean(1)"),
    penalty("one fold fewer is looked at", "int(work / max(1.0, steps))", "int(work / max(1.0, steps)) - 1"),
    penalty("the means left out", "prior.means.unsqueeze(1)], 1)", "0 * prior.means.unsqueeze(1)], 1)"),
    penalty(
        "the curve is of all rankings",
        "data.likelihood.of(fold.rows), chosen.precisions",
        "data.likelihood, chosen.precisions",
    ),
    penalty_picture("a second valley fits", "while begins > 0 and fits(begins - 1):", "while begins > 0:"),
    tensorboard("points of two attempts", "self._last_step is None or ", ""),
    operations("kept states are counted as if made anew", "below = 0.0 if kept else", "below = 0.0 if not kept else"),
    operations("what is imitated counts as read", "each=LEARN if learned else READ", "each=READ"),
    operations("the reference does not measure samples", "return 3 * passed(", "return 2 * passed("),
    dpo(
        "what the reference reads is not counted",
        "self.run.flops += self.operations.measured",
        "_ = self.operations.measured",
    ),
    dpo_looks("samples of looks are not counted", "self.flops += drifted(policy.config,", "_ = drifted(policy.config,"),
    dpo_looks("what a run that goes on has counted is counted again", "            self.flops = 0.0\n", ""),
    dpo_looks(
        "scores count from the policy's answers",
        "self._drift(self.reference, self._shown, OWN",
        "self._drift(self.policy, self._shown, OWN",
    ),
    drift(
        "an answer has another prompt's score",
        "moved.answers[: len(self._before)]))",
        "moved.answers[: len(self._before)][::-1]))",
    ),
    imitation("looks' operations are lost where a run goes on", '"flops": self.flops}', '"flops": 0.0}'),
    operations("epochs count once", "done + epochs * learned", "done + learned"),
    naming("a note of any length", "len(text) > MAX_NOTE_CHARACTERS", "False"),
    naming("an empty name is a name", "if name.strip() else None", ""),
    comparison("runs of other kinds are laid over each other", "if len(families) > 1:", "if False:"),
    comparison("the cheat is not compared with PPO", "usual_of(kind) is family]", "name == job.kind]"),
    comparison("more runs than dashes", "if len(drawn) > MOST_RUNS:", "if False:"),
    pictures("a line stands on its head", "BOTTOM - (BOTTOM - TOP) *", "TOP + (BOTTOM - TOP) *"),
    pictures(
        "shares are drawn from their least",
        "if share else (min(values), max(values))",
        "if False else (min(values), max(values))",
    ),
    plots("runs share the name of a line", 'f"{run.job_id}/{series.metric}"', "series.metric"),
    plots(
        "a run that ended waits for points",
        'N_("No values of {series} were recorded.") if self.ended else',
        'N_("No values of {series} were recorded.") if False else',
    ),
    comparison("a run that is going recorded nothing", "each.status not in LIVE", "True"),
    run_page("a reward model's run has no verdict", "version.kind is VersionKind.REWARD:", "False:"),
    times("a run's date is when it was queued", "time=time(job.started_at)", "time=time(job.created_at)"),
    usual("an empty field says none", "_(field.none if field.none in NONE_MEANS else NONE)", "_(NONE)"),
    params("a run says none alone", '_("none ({meaning})", meaning=none_means(field))', '_("none")'),
    view("a smoothed line begins at nought", "return sum / share;", "return sum;"),
    view("a gap is smoothed over", "if (value == null) return value;", "if (value == null) return sum;"),
    view("a log scale of nought", "value == null || value > 0", "value == null || value >= 0"),
    view("a stretch that ends before it begins", "from >= to ? WHOLE", "false ? WHOLE"),
    params("the cheat is told as if it were usual", "if preset.kind == kind.name), kind)", "if False), kind)"),
    params("what differs is lost among the rest", "key=lambda setting: not setting.changed", "key=lambda setting: 0"),
    starting("labels in Chinese are English terms", "value=value, term=False)", "value=value)"),
    starting("a run's settings do not stand in the form", "values = typed_params(like.params)", "values = {}"),
    starting("what was refused is forgotten", "typed_in(form, known), error", "{}, error"),
    starting("what is changed is folded away", "if each.changed or each.name in asked]", "if each.name in asked]"),
    forms(
        "a preset counts instead of what is typed",
        "{**preset_values(session, settings, kind, preset), **chosen, **given}",
        "{**given, **preset_values(session, settings, kind, preset)}",
    ),
    forms(
        "a preset's rate is rounded to a whole number",
        "round(usual * factor) if isinstance(usual, int) else",
        "round(usual * factor) if True else",
    ),
    forms("the cheat is started as the usual training", "preset.kind or kind.name", "kind.name"),
    forms(
        "none is typed as nothing", "        return _(NONE)\n    if isinstance", '        return ""\n    if isinstance'
    ),
    train("a run's button leads to the train page", 'if form.get("back") == "run":', "if False:"),
    plan("the plan is that of the usual settings", "asked = hparams_of(kind, dict(params))", "asked = kind.hparams()"),
]
