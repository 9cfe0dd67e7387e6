"""Faults of what is told of labels: too early, by the wrong version, with other odds."""

from tests.faults.fault import In

odds = In("app/services/views/order_odds.py", "tests/services/views/test_order_odds.py")
predictions = In("app/services/views/predictions.py", "tests/services/views/test_predictions.py")
line = In("app/web/told_again.py", "tests/web/test_prediction.py")
page = In("app/web/prediction.py", "tests/web/test_prediction.py")

statistics = In("app/services/views/label_statistics.py", "tests/services/views/test_label_statistics.py")
effect = In("app/services/views/label_effect.py", "tests/services/views/test_label_effect.py")
sentences = In("app/web/label_effect.py", "tests/web/test_label_effect.py")

FAULTS = [
    statistics("a shared first place counts twice", "counts[place] += 1 / len(best)", "counts[place] += 1"),
    statistics("pairs of a card count as if they were apart", "min(float(total), alone * total / error**2)", "float(total)"),
    statistics("tau-a in place of tau-b", "untied_one += first != 0", "untied_one += 1"),
    statistics("a median's interval is too narrow", "<= 0.025", "<= 0.25"),
    statistics("few clusters are taken for many", "n / (n - 1) *", "1.0 *"),
    effect("withdrawn rankings count for habits", "mine = Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)", "mine = (Ranking.labeler_id == labeler.id,)"),
    effect("simulated labelers are others", "Labeler.kind != LabelerKind.SIMULATED,", ""),
    effect("one agrees with oneself", "Ranking.labeler_id != labeler.id,", ""),
    effect("imported rankings count for habits", "Group.digest.is_(None), ", ""),
    sentences("chance is told as a habit", "if own.evenness < CHANCE:", "if own.evenness <= 1:"),
    sentences("better by chance is told as better", "if last.low > first.high:", "if last.rate > first.rate:"),
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
