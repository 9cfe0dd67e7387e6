"""When a policy's training stops, what it keeps, and what is said of it."""

from tests.faults.fault import In

stop = In("app/training/stopping.py", "tests/training/test_stopping.py")
VERDICT = "tests/training/test_verdict.py"
verdict = In("app/training/verdict.py", VERDICT)
fit = In("app/policy_fit.py", "tests/test_policy_fit.py")
said = In("app/web/policy_verdict.py", "tests/web/test_policy_verdict.py")

knowledge = In("app/training/policy/knowledge.py", "tests/training/policy/test_knowledge.py")

watching = In("app/training/policy/validating.py", "tests/training/policy/test_episodes.py")

WAY_BACK = "tests/training/policy/test_way_back.py"
back = In("app/training/policy/way_back.py", WAY_BACK)
ways = In("app/training/policy/episodes.py", WAY_BACK)

draws = In("app/training/reward/scoring.py", "tests/training/reward/test_scoring.py")
heads = In("app/training/reward/preference_scorer.py", "tests/training/reward/test_preference_scorer.py")
compared = In("app/training/policy/comparison.py", "tests/training/test_evaluate.py")

FAULTS = [
    stop(
        "the last version kept, not the best",
        "if _worth(history[index], peak) > _worth(history[kept], peak):",
        "if True:",
    ),
    stop(
        "the optimized scorer alone chooses the version",
        "both = each.judged_gain + each.optimized_gain",
        "both = each.optimized_gain",
    ),
    stop(
        "the judge alone chooses the version",
        "both = each.judged_gain + each.optimized_gain",
        "both = each.judged_gain",
    ),
    stop("one that the judge has turned from is kept", "not has_fallen(each, peak), both", "True, both"),
    stop(
        "a version with signs kept for its score",
        "return not each.signs, not has_forgotten(each), not has_f",
        "return True, True, not has_f",
    ),
    stop("the untrained policy kept", "range(1, len(history)) if len(history) > 1 else ", ""),
    stop("no KL budget", "kl > rules.kl_budget", "False"),
    stop("a parting of one validation", "if len(later) < 2:", "if len(later) < 1:"),
    stop(
        "a fall by chance taken for a parting",
        "mean < -ERRORS_APART * math.hypot(error, ",
        "mean < -0.0 * math.hypot(error, ",
    ),
    stop(
        "the judge's own error left out",
        "math.hypot(error, judges_error(later.judged_draws, peak.judged_draws))",
        "error",
    ),
    stop("the errors of two gains in place of their difference's", "one - other for one, other", "one for one, other"),
    watching("validations without the judge's heads", ", judged_draws=draws)", ")"),
    draws(
        "heads' opinions of all answers together",
        "means = [each.mean(0) for each in",
        "means = [draws.mean(0) for each in",
    ),
    heads(
        "heads by the precision's factor in place of its inverse",
        "torch.linalg.solve_triangular(self.factor.T, noise, upper=True)",
        "self.factor.T @ noise",
    ),
    heads(
        "other heads at each look",
        "torch.Generator().manual_seed(0)\n        noise",
        "torch.Generator().manual_seed(len(columns))\n        noise",
    ),
    compared("gains of heads in their own unit", " / unit_of(torch.tensor(before.judged))).tolist()", ").tolist()"),
    compared("gains of heads not from the SFT model's", " - torch.tensor(before.judged_draws)\n", "\n"),
    stop("a parting though both have fallen", " and each.optimized_gain >= peak.optimized_gain for", " for"),
    stop("errors of unpaired gains", "late - early for late, early", "late for late, early"),
    stop(
        "a plateau by the judge",
        "max(each.optimized_gain for each in since)",
        "max(each.judged_gain for each in since) - 9",
    ),
    stop("no patience", "if len(history) <= patience:", "if len(history) <= 1:"),
    stop("collapse of entropy unseen", '"entropy": LEAST_ENTROPY, ', ""),
    stop("uncertainty compared with nothing", "> MOST_UNCERTAINTY * before", "> 99"),
    stop("signs do not stop it", "if last.signs:", "if False:"),
    verdict("over-optimized only where it was stopped", " or bool(end.signs) or have_parted(history)", ""),
    fit("overfit by the win of nothing", "self.judged < (1 - MOST_LOST) * self.promised", "self.judged < 0"),
    fit("a gain by chance called good", " and self.judged > Z_95 * self.judged_error", "", VERDICT),
    stop("one that has forgotten kept for its score", "not has_forgotten(each), not has_f", "True, not has_f"),
    stop("one validation of forgetting ends it", "for each in history[-2:]", "for each in history[-1:]"),
    fit("good, whatever the win rate's interval", "seen and self.interval[0] > LEAST_WIN_RATE", "seen"),
    fit("the win rate itself for its lower end", "self.win_rate - half)", "self.win_rate)"),
    fit(
        "a gain by one scorer called hardly moved",
        "max(self.promised, self.judged) < LEAST_GAIN",
        "self.promised < LEAST_GAIN",
    ),
    fit("better called hardly better", "self.win_rate is not None and low > 0.5", "False"),
    fit("what is open called hardly better", "self.win_rate is None or high <= LEAST_WIN_RATE", "True"),
    fit(
        "what was cut short is to rank more",
        '        return "cut short" if ended else "unwatched"\n',
        "        return word\n",
    ),
    said("the training speaks beside the evaluation", "    if found is None or not", "    if True or not"),
    said("what was forgotten stays so", "known < LEAST_KNOWLEDGE", 'bool(verdict["forgets"])'),
    said(
        "a version from before the end is its end", "or not kept < end", "or kept < end", "tests/web/test_versions.py"
    ),
    stop("moved back though it knows enough", "1.0), ENOUGH_KNOWLEDGE)", "1.0), 9.0)"),
    stop("never moved back for what it forgot", "_margin(each) >= least, known,", "_margin(each) >= least, 1.0,"),
    stop(
        "the last of equal parts of the way",
        "return max(range(len(ways)), key=worth)",
        "return max(reversed(range(len(ways))), key=worth)",
    ),
    stop("moved back whatever it costs", "_margin(each) >= least, known,", "True, known,"),
    back("the way the other way round", "torch.lerp(own[name], weight, share)", "torch.lerp(weight, own[name], share)"),
    back("no value head is left", "(UP) else weight.clone()", "(UP) else torch.zeros_like(weight)"),
    ways("parts of the way looked at, none taken", "weights = part_of_the_way(self.best, reference, kept.way)", "pass"),
    ways("moved back though told not to", "self.trainer.hparams.move_back and ", ""),
    ways("upper layers of one model on lower ones of another", "self.trainer.knows_its_way and ", ""),
    verdict("the verdict of the whole way", "kept = ways[best_way(ways)] if ways else best", "kept = best"),
    verdict("that it was moved back untold", "    if kept.way < 1.0:", "    if False:"),
    verdict("forgetting untold", "    if forgets:", "    if False:"),
    knowledge("all tokens asked, the unsure ones too", " & memory.sure)", ")"),
    knowledge("padding is sure", " & packed.token_mask[:, 0]", ""),
    knowledge("several turns counted as questions", "known[memory.num_questions :]", "known"),
    knowledge("sure of what is unlikely", ">= SURE", "<= SURE"),
    watching("what is forgotten not measured", "if self.memory is not None:", "if False:"),
    verdict("what both scorers miss called good", " or has_lost(end)", ""),
]
