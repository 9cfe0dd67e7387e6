"""Faults of what is told of labels: too early, by the wrong version, with other odds."""

from tests.faults.fault import In

odds = In("app/services/views/order_odds.py", "tests/services/views/test_order_odds.py")
predictions = In("app/services/views/predictions.py", "tests/services/views/test_predictions.py")
line = In("app/web/told_again.py", "tests/web/test_prediction.py")
page = In("app/web/prediction.py", "tests/web/test_prediction.py")

telling = In("app/services/views/telling_rankings.py", "tests/services/views/test_telling_rankings.py")
influence = In("app/web/influence.py", "tests/web/test_prediction.py")
ceiling = In("app/services/views/label_agreement.py", "tests/services/views/test_label_agreement.py")
statistics = In("app/services/views/label_statistics.py", "tests/services/views/test_label_statistics.py")
effect = In("app/services/views/label_effect.py", "tests/services/views/test_label_effect.py")
alpha = In("app/services/views/krippendorff.py", "tests/services/views/test_krippendorff.py")
agreement = In("app/services/views/labeler_agreement.py", "tests/services/views/test_labeler_agreement.py")
repeats = In("app/services/labeling/repeats.py", "tests/services/labeling/test_repeats.py")
in_force = In("app/db/models/rankings.py", "tests/services/labeling/test_repeats.py")
between = In("app/web/labeler_agreement.py", "tests/web/test_label_effect.py")
sentences = In("app/web/label_effect.py", "tests/web/test_label_effect.py")

rows = In("app/web/telling_rows.py", "tests/web/test_telling_rows.py")
times = In("app/web/card_times.py", "tests/web/test_label_effect.py")
calibrated = In("app/web/reward_report.py", "tests/web/test_reward_report.py")
OWN_ANSWERS = "tests/services/labeling/test_own_answers.py"
choosing = In("app/services/labeling/choosing.py", "tests/services/labeling/test_choosing.py")
sampling = In("app/services/sampling/group_sampling.py", "tests/services/labeling/test_choosing.py")

FAULTS = [
    sampling("a held card is swapped for a repeat", "if groups.held_group(session, labeler=labeler, now=now) is None:", "if True:", "tests/services/labeling/test_repeats.py"),
    sampling("an own answer is one token too long", "        if tokens > MAX_ANSWER_TOKENS:\n", "        if tokens > MAX_ANSWER_TOKENS + 1:\n", OWN_ANSWERS),
    sampling("an own answer leaves no room for the end token", "answer_tokens=tokens + 1)", "answer_tokens=tokens)", OWN_ANSWERS),
    choosing("own prompts are left out of what is taken", "Group.sampled_as.is_not(None), or_(", 'Group.sampled_as.is_not(None), ~Group.sampled_as.endswith("own"), or_('),
    choosing("no card stays as it comes", "if rng.random() < CONTROL_SHARE", "if False"),
    choosing("cards are chosen though nobody asked for it", "not label_settings.chosen(session).chooses_groups or", ""),
    choosing("what the model has learned from is taken for news", "or_(ahead, Group.status == GroupStatus.RANKED), fresh", "or_(ahead, Group.status == GroupStatus.RANKED)"),
    choosing("withdrawn rankings are counted", ".where(Ranking.in_force())", ""),
    choosing("all rankings are counted by their choice", ".limit(NEWEST_COUNTED)", ""),
    choosing("a reward model is asked whose files are gone", "reward.removed_at is None and ", ""),
    sampling("the least telling one is shown", "gains.index(max(gains))", "gains.index(min(gains))"),
    sampling("somebody who waits waits for eight", "if not hurried:", "if True:"),
    sampling("a reward model of before stops the cards", "except AppError as error:  # its files", "except ZeroDivisionError as error:  # its files"),
    statistics("a shared first place counts twice", "counts[place] += 1 / len(best)", "counts[place] += 1"),
    statistics("pairs of a card count as if they were apart", "min(float(most), share * (1 - share) / error**2)", "float(most)"),
    statistics("tau-a in place of tau-b", "untied_one += first != 0", "untied_one += 1"),
    statistics("a median's interval is too narrow", "<= 0.025", "<= 0.25"),
    statistics("five values have an interval of a median", "FEWEST_FOR_MEDIAN = 6\n", "FEWEST_FOR_MEDIAN = 5\n"),
    statistics("a median's interval is too wide by one", "tail + _half_binomial(at + 1, n)) <= 0.025", "tail + _half_binomial(at + 2, n)) <= 0.025"),
    statistics("few clusters are taken for many", "n / (n - 1) *", "1.0 *"),
    effect("withdrawn rankings count for habits", "mine = Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)", "mine = (Ranking.labeler_id == labeler.id,)"),
    effect("simulated labelers are others", "Labeler.kind != LabelerKind.SIMULATED,", ""),
    effect("one agrees with oneself", "Ranking.labeler_id != labeler.id,", ""),
    effect("imported rankings count for habits", "Group.digest.is_(None), ", ""),
    sentences("chance is told as a habit", "if own.evenness < CHANCE:", "if own.evenness <= 1:"),
    sentences("too few cards are judged", "few = own.cards < ENOUGH_CARDS", "few = False"),
    sentences("of few cards all is chance", "        uneven = own.evenness < CHANCE\n", "        uneven = False\n"),
    between("an agreement by chance is told as one", "    if tau.interval.low > 0:\n", "    if tau.value > 0:\n"),
    between("tentative is reliable", "    if alpha.interval.low >= RELIABLE:\n", "    if alpha.interval.low >= TENTATIVE:\n"),
    rows("what chance could do is told as help", "    if not may_be_chance(influence):\n", "    if True:\n"),
    times("a card of a second takes as long as one of two", "duration(seconds) if seconds >= SHORT else", "duration(seconds) if True else"),
    times("of too few cards nothing is said", "    if not timed:\n", "    if True:\n"),
    calibrated("dots away from the line lie near it", "    if not away:\n", "    if True:\n"),
    sentences("better by chance is told as better", "if last.low > first.high:", "if last.rate > first.rate:"),
    statistics("cards that all agree leave no doubt", "size = float(clusters) if error == 0 else", "size = float(most) if error == 0 else"),
    alpha("every value of a unit counts whole", "+= 1 / (len(unit) - 1)", "+= 1"),
    alpha("ranks are mere names", "difference = (between + marginal[other] / 2) ** 2", "difference = 1.0"),
    alpha("the jackknife forgets how many there are", "(m - 1) / m * sum(", "1 / m * sum("),
    ceiling("all rankings of a version are compared", "        .limit(LOOKED_THROUGH)\n", ""),
    ceiling("all rankings about a prompt are compared", "[:MOST_OF_A_PROMPT]", ""),
    ceiling("of a prompt the oldest rankings are compared", ".order_by(ranked.c.ranking_id.desc())", ".order_by(ranked.c.ranking_id)"),
    telling("the strongest is looked for among all", "        .limit(NEWEST)\n", ""),
    agreement("a card that came again is compared with a later ranking", "max(earlier)", "max(before[ranked.card])"),
    agreement("withdrawn rankings tell of consistency", "mine = Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)", "mine = (Ranking.labeler_id == labeler.id,)"),
    agreement("an own answer makes another card", "Completion.display_position < ANSWERS_PER_GROUP))", "True))"),
    agreement("simulated labelers are people", ".where(newest.c.labeler_id.not_in(simulated), ~Group.is_repeat)", ".where(~Group.is_repeat)"),
    agreement("a labeler's later ranking stands for them", "].setdefault(ranked.labeler_id, ranked.ranks)", "][ranked.labeler_id] = ranked.ranks"),
    repeats("cards come again at once", ".offset(CARDS_BETWEEN)", ".offset(0)"),
    repeats("a card comes a third time", "*_may_be_shown(tags), Group.prompt_id.not_in(again))", "*_may_be_shown(tags))"),
    repeats("a card comes again in the same order", "rng.sample(range(len(answers)), len(answers))", "range(len(answers))"),
    repeats("others are offered one that was left", "        is_repeat=is_repeat,\n", "        is_repeat=is_repeat,\n        sampled_as=first.sampled_as,\n"),
    repeats("a second person's ranking is no preference", "        is_repeat=is_repeat,\n", "        is_repeat=True,\n"),
    repeats("more cards go to a second person than was said", "drawn < choice.repeat_share + choice.second_share", "drawn < 2 * choice.repeat_share + choice.second_share"),
    repeats("a group goes to a third person", "        .where(~exists().where(second.second_of == Group.id))\n", ""),
    repeats("what two ranked already goes to a third", "        .where(~exists().where(other.group_id == Group.id, other.id != newest.c.id, counts_too))\n", ""),
    repeats("who took a ranking back is a second person", "or_(other.withdrawn_at.is_(None), other.labeler_id == labeler.id)", "other.withdrawn_at.is_(None)"),
    repeats("one is one's own second person", "Labeler.id != labeler.id, ", ""),
    repeats("answers of a chat go to a second person", "Group.sampled_as.is_not(None), ", ""),
    repeats("second people are compared with simulated labelers", ", Labeler.kind == LabelerKind.PERSON)", ")"),
    repeats("a simulated labeler is a second person", "(is_second and labeler.kind is LabelerKind.PERSON)", "is_second"),
    repeats("whoever takes a name judges twice", ".values(is_repeat=True)", ".values(is_repeat=Group.is_repeat)"),
    in_force("one judgement is trained on twice", "return [archived, held_out, repeats]", "return [archived, held_out]"),
    between("what may be chance is called reliable", "if alpha.interval.low >= RELIABLE:", "if alpha.value >= RELIABLE:"),
    telling("the least harmful first", "first(change > 0, change.desc())", "first(change > 0, change)"),
    telling("what did nothing helped", "first(change < 0, change)", "first(change <= 0, change)"),
    telling("of equals the latest", ".order_by(order, newest.c.id)", ".order_by(order, newest.c.id.desc())"),
    telling("an influence without its error is told", " or learned.influence_error is None", ""),
    predictions("a policy that learned from it is its first reward model", "VersionRanking.ranking_id == ranking_id, Version.kind == VersionKind.REWARD", "VersionRanking.ranking_id == ranking_id, Version.kind != VersionKind.SFT"),
    predictions("a policy is asked for scores", "Version.kind == VersionKind.REWARD, Version.id < first", "Version.kind != VersionKind.SFT, Version.id < first"),
    predictions("answers are scored in another order", "texts = [answer.text for answer in question.ranking.answers]", "texts = [answer.text for answer in question.ranking.answers][::-1]"),
    effect("what was taken back has been learned", "Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)\n    return list", "Ranking.labeler_id == labeler.id\n    return list"),
    effect("the oldest are told as the newest", "read.where(*mine).order_by(Ranking.id.desc())", "read.where(*mine).order_by(Ranking.id)"),
    effect("a model of nobody knows how many rankings is drawn", 'if each.metrics.get("num_rankings")]', "]"),
    effect("the oldest of one's own are compared", "cards[-NEWEST_COMPARED:]", "cards[:NEWEST_COMPARED]"),
    effect("what others took back agrees", "            Ranking.withdrawn_at.is_(None),\n            Labeler.kind", "            Labeler.kind"),
    predictions("another version's influence is told", "session.get(VersionRanking, (version.id, ranking_id))", "session.query(VersionRanking).filter_by(ranking_id=ranking_id).first()"),
    telling("others' rankings are told as one's own harm", "Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)", "Ranking.withdrawn_at.is_(None)"),
    telling("withdrawn rankings are told", "Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)", "Ranking.labeler_id == labeler.id"),
    telling("the least surprising first", "surprise.desc()", "surprise"),
    influence("chance is told as harm", "<= Z_95 * influence.error", "<= 0"),
    influence("harm is told as help", "elif influence.change < 0:", "elif influence.change > 0:"),
    odds("a tie counts as one of its orders", "odds.append(_log_sum(next_best) -", "odds.append(max(next_best) -"),
    odds("the last place surprises, too", "sorted(set(ranks))[:-1]", "sorted(set(ranks))"),
    odds("a guess forgets ties", "- counted", "- 0 * counted"),
    predictions("scores are taken for nats", "each.score * nats for each", "each.score for each"),
    predictions("told while the card is blind again", "if ranking.withdrawn_at is not None or ranking.group.status in UNSEEN:", "if False:"),
    predictions("before is a version that knew the ranking", "Version.id < first", "Version.id <= first"),
    predictions("told although it is switched off", "VersionKind.REWARD, ~off", "VersionKind.REWARD"),
    line("told without a reward model", "ranking.id if predictions.is_wanted(session) else None", "ranking.id"),
    page("a reward model that cannot be asked is an error page", "except AppError as error:", "except ZeroDivisionError as error:"),
]  # fmt: skip
