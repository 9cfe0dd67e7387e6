"""Faults of the arena: names told too early, votes counted wrongly, stopping that errs, and held-out prompts that leak."""

from tests.faults.fault import In

AT = "tests/services/arena/"
win_rate = In("app/services/arena/win_rate.py", AT + "test_win_rate.py")
sequential = In("app/services/arena/sequential.py", AT + "test_sequential.py")
davidson = In("app/services/arena/davidson.py", AT + "test_davidson.py")
pairs = In("app/services/arena/pairs.py", AT + "test_pairs.py")
sampling = In("app/services/arena/pair_sampling.py", AT + "test_pair_sampling.py")
votes = In("app/services/arena/votes.py", AT + "test_votes.py")
learning = In("app/services/arena/learning.py", AT + "test_learning.py")
rule = In("app/services/arena/rule.py", AT + "test_rule.py")
standings = In("app/services/arena/standings.py", AT + "test_standings.py")
alarm = In("app/services/arena/alarm.py", AT + "test_alarm.py")
exports = In("app/services/data/vote_exports.py", "tests/services/data/test_vote_exports.py")
told = In("app/web/arena_result.py", "tests/web/test_arena_result.py")
imports = In("app/services/data/import_votes.py", "tests/services/data/test_vote_exports.py")

FAULTS = [
    win_rate(
        "a tie is a win", "(self.wins + self.ties / 2) / self.compared", "(self.wins + self.ties) / self.compared"
    ),
    win_rate(
        "both bad counts",
        "return self.wins + self.ties + self.losses\n",
        "return self.wins + self.ties + self.losses + self.both_bad\n",
    ),
    win_rate("the interval is Wald's", "middle = (rate + z * z / (2 * n)) / (1 + z * z / n)", "middle = rate"),
    sequential("settled as soon as the interval of one look is", "bound = math.log(2 / alpha)", "bound = 1.92"),
    sequential(
        "a tie is a loss to who bets", "counts.ties * math.log1p(share * tied)", "counts.ties * math.log1p(-share)"
    ),
    sequential(
        "alike once one end is near",
        "0.5 - margin <= interval.low and interval.high <= 0.5 + margin",
        "0.5 - margin <= interval.low",
    ),
    davidson(
        "ties say nothing", "design[index, 2, [duel.first, duel.second]] = 0.5", "design[index, 2, duel.first] = 0.5"
    ),
    davidson(
        "the bootstrap draws nothing",
        "return drawn.astype(np.float64)",
        "return np.repeat((totals[:, None] * shares)[None], samples, axis=0)",
    ),
    pairs("what was drawn comes before an own prompt's", "Pair.source == source, Pair.id.desc()", "Pair.id.desc()"),
    pairs("a pair is anybody's", "if labeler is None or pair.labeler_id != labeler.id:", "if labeler is None:"),
    pairs("a prompt comes twice before all came", "if pairs.get(each, 0) == fewest", "if True"),
    sampling("the version in question is always A", "(0, 1) if _random.getrandbits(1) else (1, 0)", "(0, 1)"),
    sampling(
        "what both write alike is shown", "differ = answers[0].text.strip() != answers[1].text.strip()", "differ = True"
    ),
    sampling(
        "each version has a seed of its own",
        "GenerationRequest(plan.messages, version_id=version_id, params=plan.params)",
        "GenerationRequest(plan.messages, version_id=version_id, params=replace(plan.params, seed=new_seed()))",
    ),
    votes("a second vote after the names", "if pair.status is not PairStatus.HELD:", "if False:"),
    votes("anybody withdraws", "if vote.labeler_id != labeler.id:", "if False:"),
    votes(
        "a withdrawn vote is still learned from",
        "        learning.forget(session, vote)\n",
        "",
        AT + "test_learning.py",
    ),
    learning("held-out prompts are trained on", " or pair.prompt.split is not PromptSplit.TRAIN:", ":"),
    learning(
        "switched on again, what was withdrawn by hand is learned from",
        "return session.get_one(Ranking, vote.ranking_id) if is_learned(session, vote) else None",
        "session.get_one(Ranking, vote.ranking_id).withdrawn_at = None",
    ),
    In("app/db/models/rankings.py", AT + "test_learning.py")(
        "switched off, votes are learned from", "or_(on_votes, cls.id.not_in(_of_votes())),", ""
    ),
    learning("B better is A better", "Verdict.B: (2, 1)", "Verdict.B: (1, 2)"),
    rule("it looks at the interval of one look", ".anytime.low <= above", ".wilson.low <= above"),
    rule(
        "what was rolled back is activated again",
        "other.kind is not VersionKind.POLICY or not other.waits",
        "other.kind is not VersionKind.POLICY",
    ),
    rule("whatever it was compared with", "if active is None or active.id not in ids:", "if active is None:"),
    standings(
        "A is always the version",
        "return Counts(wins=count) if (verdict is Verdict.A) == is_a else Counts(losses=count)",
        "return Counts(wins=count) if verdict is Verdict.A else Counts(losses=count)",
    ),
    standings(
        "withdrawn votes count",
        "counted.where(Vote.withdrawn_at.is_(None), pairs.of_match(match))",
        "counted.where(pairs.of_match(match))",
    ),
    alarm("praise that is chance raises it", "return self.mean - Z_95 * self.error > 0", "return self.mean > 0"),
    alarm(
        "what is open is said to be settled",
        "    if now is Settled.AHEAD:\n",
        "    if (counts.win_rate or 0.0) > 0.5:\n",
    ),
    alarm(
        "an even vote is said to go its way",
        "(counts.win_rate or 0.0) > 0.5 else",
        "(counts.win_rate or 0.0) >= 0.5 else",
    ),
    alarm(
        "a rise over the SFT model is told of another version",
        "versions.sft_of(session, match.version) == match.against:",
        "True:",
    ),
    alarm(
        "it shows where they agreed",
        "if each.its_score > each.other_score and each.is_not_for_it",
        "if each.is_not_for_it",
    ),
    alarm(
        "what leans its way is said to be against it",
        "AlarmVerdict.SLIGHT if wilson(counts).low > 0.5 else AlarmVerdict.ALIKE",
        "AlarmVerdict.ALIKE",
    ),
    alarm("alike is not preferred", "now is Settled.BEHIND:", "now in (Settled.BEHIND, Settled.ALIKE):"),
    alarm(
        "ties show nothing", "is_not_for_it=not counts.wins,", "is_not_for_it=bool(counts.losses or counts.both_bad),"
    ),
    alarm("the oldest votes tell of the praise", "order_by(Vote.id.desc())", "order_by(Vote.id)"),
    alarm("thousands without their comma", "n=number(compared)", "n=compared"),
    told("those never compared stand together", "row.component != first.component", "row.component == first.component"),
    told("people are told as simulated", "counts.get(LabelerKind.SIMULATED, 0)", "counts.get(LabelerKind.PERSON, 0)"),
    told(
        "the picture has the band of one look",
        "        low=found.anytime.low,\n",
        "        low=found.wilson.low,\n",
        "tests/web/test_arena.py",
    ),
    told("what settles is told by the band of one look", "percent(found.anytime.low)", "percent(found.wilson.low)"),
    In("templates/arena/_result.html", "tests/web/test_arena.py")(
        "an empty fold", "    {% if alarm.texts %}\n", "    {% if true %}\n"
    ),
    In("static/css/arena.css", "tests/browser/test_arena.py")(
        "an open fold makes the page scroll", "  grid-template-columns: minmax(0, 1fr); /* a table", "  /* a table"
    ),
    learning("a ranking is younger than its vote", "        created_at=vote.created_at,\n", ""),
    imports("two versions elsewhere are one here twice", "        a = b = None\n", "        pass\n"),
    exports("preferences about held-out prompts", " or pair.prompt.split is not PromptSplit.TRAIN:", ":"),
    imports(
        "the same model is not known by its files",
        "a, b = (here.find(side.writer) for side in vote.sides)",
        "a = b = None",
    ),
]
