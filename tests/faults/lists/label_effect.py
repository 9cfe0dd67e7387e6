"""Faults of what is told of labels: too early, by the wrong version, with other odds."""

from tests.faults.fault import In

odds = In("app/services/views/order_odds.py", "tests/services/views/test_order_odds.py")
predictions = In("app/services/views/predictions.py", "tests/services/views/test_predictions.py")
line = In("app/web/told_again.py", "tests/web/test_prediction.py")
page = In("app/web/prediction.py", "tests/web/test_prediction.py")

FAULTS = [
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
