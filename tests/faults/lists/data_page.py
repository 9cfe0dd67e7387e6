"""Faults of the data page: names told too early, others' rankings changed, pages that skip or repeat records."""

from tests.faults.fault import In

rankings = In("app/services/labeling/rankings.py", "tests/web/test_data.py")
window = In("app/services/views/record_window.py", "tests/services/views/test_record_window.py")
counts = In("app/services/views/record_counts.py", "tests/services/views/test_record_counts.py")
records = In("app/services/views/ranking_records.py", "tests/web/test_data.py")
page = In("app/web/data_rankings.py", "tests/web/test_data.py")
groups = In("app/web/data_groups.py", "tests/web/test_data.py")

FAULTS = [
    window("a page begins with the last row of the one before", "here < there if self.falling", "here <= there if self.falling"),
    window("a page looks at every row", "offset(LOOKED_THROUGH - 1)", "offset(10 * LOOKED_THROUGH)"),
    window("equal times are one place", "return [getattr(row, key.key) for key in self.keys]", "return [getattr(row, key.key) for key in self.keys[:-1]] + [1]"),
    counts("withdrawn rankings count", ".where(of.withdrawn_at.is_(None))", ""),
    counts("a count is kept for good", "self._clock() + took * KEPT_TIMES", "self._clock() + 10**9"),
    records("withdrawn rankings stand among those that count", "conditions.append(Ranking.withdrawn_at.is_(None))", "pass"),
    records("the wildcard of a search is anything", "autoescape=True", "autoescape=False"),
    rankings("a ranking whose card is out again is put back", "if again and not is_leased_to(group, labeler):", "if False:"),
    rankings("withdrawn for good, a card comes again", "        ranking.withdrawn_at = utc_now()\n        session.flush()", "        ranking.withdrawn_at = utc_now()\n        get_group(session, ranking.group_id).status = GroupStatus.READY\n        session.flush()"),
    page("names are told before the card is ranked again", "names_hidden=is_unseen(ranking.group)", "names_hidden=False"),
    groups("answers are told before they are judged", "answers=[] if is_open else ", "answers="),
]  # fmt: skip
