"""Faults of the data page: names told too early, others' rankings changed, pages that skip or repeat records."""

from tests.faults.fault import In

rankings = In("app/services/labeling/rankings.py", "tests/web/test_data.py")
last = In("app/services/labeling/rankings.py", "tests/services/labeling/test_rankings.py")
window = In("app/services/views/record_window.py", "tests/services/views/test_record_window.py")
counts = In("app/services/views/record_counts.py", "tests/services/views/test_record_counts.py")
records = In("app/services/views/ranking_records.py", "tests/web/test_data.py")
page = In("app/web/data_rankings.py", "tests/web/test_data.py")
groups = In("app/web/data_groups.py", "tests/web/test_data.py")
change = In("app/web/data_change.py", "tests/web/test_data_change.py")
changing = In("app/services/labeling/changing.py", "tests/services/labeling/test_changing.py")
cards = In("app/services/labeling/groups.py", "tests/web/test_data.py")
preview = In(
    "app/services/data/import_preview.py", "tests/services/data/test_import_preview.py", "tests/web/test_data_import.py"
)
uploads = In("app/services/data/uploads.py", "tests/services/data/test_uploads.py")
doors = In("app/web/data_import.py", "tests/web/test_data_import.py")
votes = In("app/web/data_votes.py", "tests/web/test_data_votes.py")
tags = In("app/services/labeling/tags.py", "tests/services/labeling/test_tags.py")
tagged = In("app/services/data/import_prompts.py", "tests/services/data/test_round_trip.py")
conversations = In("app/services/chat/conversation_exports.py", "tests/services/chat/test_conversation_exports.py")
tables = In("app/services/data/parquet_exports.py", "tests/services/data/test_parquet_exports.py")
exports = In("app/services/paging.py", "tests/services/data/test_parquet_exports.py")
letters = In("app/db/session.py", "tests/db/test_session.py")
labelers = In("app/web/data_labelers.py", "tests/web/test_data.py")
frame = In("app/web/data_frame.py", "tests/web/test_data.py")
prompts = In("app/services/prompts/curation.py", "tests/services/prompts/test_curation.py")
found = In("app/services/views/ranking_records.py", "tests/services/views/test_ranking_records.py")
curation = In("app/services/prompts/curation.py", "tests/web/test_data_prompts.py")

written = In("app/services/data/exports.py", "tests/services/data/test_round_trip.py")
read = In("app/services/data/row_values.py", "tests/services/data/test_round_trip.py")
seconds = In("app/services/data/import_seconds.py", "tests/services/data/test_import_seconds.py")
groups_of_files = In("app/services/data/import_rankings.py", "tests/services/data/test_import_seconds.py")
writers = In("app/formats/writers.py", "tests/formats/test_writers.py")
BROKEN_OFF = "tests/services/data/test_interrupted_imports.py"
labeler_list = In("app/services/views/labeler_records.py", "tests/web/test_data.py")
file_steps = In("app/services/data/import_steps.py", BROKEN_OFF)
misread = In("app/web/asked.py", "tests/web/test_asked.py")
list_places = In("app/web/data_frame.py", "tests/web/test_asked.py")
by_id = In("app/services/paging.py", "tests/services/test_paging.py")
names = In("app/services/labeling/labelers.py", "tests/services/labeling/test_labelers.py")
prompt_list = In("app/services/views/prompt_records.py", "tests/web/test_data_prompts.py")
group_list = In("app/services/views/group_records.py", "tests/web/test_data.py")
prompt_page = In("app/web/data_prompts.py", "tests/web/test_data_prompts.py")
file_rows = In("app/services/data/parquet_child.py", "tests/services/data/test_rows.py")
no_json = In("app/formats/strict_json.py", "tests/formats/test_strict_json.py")

FAULTS = [
    misread("a value that is not known goes without a word", "            not_understood(request, name, value)\n", "            pass\n"),
    misread("what is not known is asked for all the same", "        elif value:\n", "        if value:\n", "tests/web/test_asked.py"),
    misread("of two values nobody hears", "if len(set(given)) > 1:", "if False:"),
    misread("the link keeps what was not understood", "if each != name]", "]"),
    misread("a long value fills the page", "return value if len(value) <= SHOWN_CHARACTERS else", "return value if True else"),
    list_places("a place that is none ends the list", "        not_understood(request, \"after\", after)\n", "        raise\n"),
    writers("the files' hash is not exported", 'f"{of}content_hash": self.content_hash', 'f"{of}content_hash": None'),
    In("app/api/known_query.py", "tests/api/test_known_query.py")("a list that may be left out is taken once", "for part in (annotation, *get_args(annotation)))", "for part in (annotation,))"),
    by_id("a page has a row too few", "Page(rows[:limit], str", "Page(rows[: limit - 1], str"),
    by_id("a page that is full is the last one", ".limit(limit + 1)\n    rows", ".limit(limit)\n    rows"),
    by_id("behind a full page there is always one", "if len(rows) > limit else None", "if len(rows) >= limit else None"),
    counts("what a file is still bringing is counted", " - (session.scalar(unseen) or 0)", "", BROKEN_OFF),
    labeler_list("labelers of a file that is not in yet are listed", "[Labeler.import_id.is_(None)]", "[]", BROKEN_OFF),
    file_steps("labelers of a file that came to nothing stay", "    if labelers:\n        session.execute(delete(Labeler)", "    if False:\n        session.execute(delete(Labeler)"),
    names("who came meanwhile goes with the file", "    labeler.import_id = None\n    if kind", "    if kind", BROKEN_OFF),
    prompt_list("the most shown come last", "Order((Prompt.shown, Prompt.id), falling=True)", "Order((Prompt.shown, Prompt.id), falling=False)"),
    prompt_list("an order looks at all prompts at once", "along=conditions if few else ()", "along=conditions"),
    prompt_list("what is not in use is looked through with the rest", "or wanted.prompt_list is not PromptList.ACTIVE", "", "tests/web/test_data_prompts.py"),
    group_list("groups in one order alone", "OLDEST if wanted.oldest_first else NEWEST", "NEWEST"),
    prompt_page("an archived prompt brings another order", '("show", "q", "after", "tag", "sort"))', '("show", "q", "after", "tag", "none"))'),
    file_rows("a large Parquet file is damaged", "errno.EFBIG: \"size\"", "errno.EFBIG: \"unreadable\""),
    file_rows("decimals of Parquet are texts", "return float(value)", "return str(value)"),
    no_json("a library says why it is no JSON", 'f"character {at:,} cannot stand there: {sight!r}"', "str(error)"),
    written("a second card names one that is not in the file", "group.second_of if group.second_of in firsts else None", "group.second_of"),
    read("the files' hash of a file is forgotten", "Writer(text, digits) if text", "Writer(text, None) if text"),
    read("a hash behind the name is part of it", "return parse_writer(text) if text and not digits", "return Writer(text, None) if text and not digits", "tests/services/data/test_row_forms.py"),
    read("any text is a hash", "if digits and not re.fullmatch(HASH, digits):", "if False:", "tests/services/data/test_import_conversations.py"),
    seconds("a group is its own second card", "if second != first and", "if"),
    seconds("a first card has two second ones", "first not in taken and", ""),
    seconds("other answers are a second card", " and _answers(groups[second]) == _answers(groups[first])", ""),
    seconds("the second card of one that was there is lost", "        if ranking.group in self._firsts:", "        if is_new and ranking.group in self._firsts:"),
    groups_of_files("second cards of a file stay in the way", "    session.execute(update(Group).where(Group.second_of.in_(groups)).values(second_of=None))\n", ""),
    writers("a name that looks like one with a hash is cut", 'rf"(.*){MARK}([0-9a-f]{{{SHOWN_DIGITS},64}})"', 'rf"(.*){MARK}(.*)"'),
    window("a page begins with the last row of the one before", "here < there if self.falling", "here <= there if self.falling"),
    window("a page looks at every row", "offset(LOOKED_THROUGH - 1)", "offset(10 * LOOKED_THROUGH)"),
    window("equal times are one place", "return [getattr(row, key.key) for key in self.keys]", "return [getattr(row, key.key) for key in self.keys[:-1]] + [1]"),
    counts("withdrawn rankings count", ".where(of.withdrawn_at.is_(None))", ""),
    counts("a count is kept for good", "if self._clock() >= self._until and", "if False and"),
    records("withdrawn rankings stand among those that count", "conditions.append(Ranking.withdrawn_at.is_(None))", "pass"),
    records("the wildcard of a search is anything", "autoescape=True", "autoescape=False"),
    rankings("a ranking whose card is out again is put back", "if again and not is_leased_to(group, labeler):", "if False:"),
    rankings("withdrawn for good, a card comes again", "        ranking.withdrawn_at = utc_now()\n        session.flush()", "        ranking.withdrawn_at = utc_now()\n        get_group(session, ranking.group_id).status = GroupStatus.READY\n        session.flush()"),
    page("names are told before the card is ranked again", "names_hidden=is_unseen(ranking.group)", "names_hidden=False"),
    groups("answers are told before they are judged", "is_open = is_unseen(group)", "is_open = False"),
    groups("groups of one prompt are all groups", 'prompt_id=parse_id(here.get("prompt"))', "prompt_id=None"),
    records("rankings of a file that is not in yet are shown", "Ranking.id == ranking_id, Group.import_id.is_(None)", "Ranking.id == ranking_id"),
    rankings("one of a file that is not in yet is put back", " or session.get_one(Group, ranking.group_id).import_id is not None", ""),
    rankings("what was ranked anew is given out again", "elif group.status is not GroupStatus.RANKED or standing_ranking(session, group.id, labeler) is not None:", "elif False:"),
    rankings("what was withdrawn elsewhere cannot be changed", "elif group.status is not GroupStatus.RANKED or standing_ranking(session, group.id, labeler) is not None:", "else:"),
    changing("a change sent twice is refused", "if standing is not None and _says_the_same(standing, stored, comment):", "if False:"),
    changing("ranks numbered otherwise are another order", "return normalize_ranks(here) == normalize_ranks(there)", "return here == there"),
    changing("a ranking of a file is changed", "    if group.digest is not None:", "    if False:"),
    changing("a withdrawn ranking is changed", "    if former.withdrawn_at is not None:", "    if False:"),
    changing("changes start no training", "    session.add(ranking)\n    session.flush()\n    retraining.after_ranking(session, retrain_after=retrain_after)\n    return ranking\n\n\ndef not_in_force", "    session.add(ranking)\n    session.flush()\n    return ranking\n\n\ndef not_in_force"),
    page("the reward model's opinion of another's ranking is linked", "has_prediction=is_mine and ", "has_prediction="),
    change("somebody else's ranking opens for change", "if ranking.labeler.name != labeler_name(request):", "if False:"),
    change("an order that stands already is told as a change", 'if standing_id != ranking_id else "unchanged"', 'if standing_id else "unchanged"'),
    In("app/api/rankings.py", "tests/web/test_data_change.py")("the API calls an order that stands already a change", "changed=ranking.id != ranking_id", "changed=True"),
    change("what an old page sent is lost", "        if isinstance(error, ConflictError) and kept_in == ranking_id:\n", "        if isinstance(error, ConflictError):\n"),
    change("a refused order is lost", "former_ranks=ranks_so_far(form),", ""),
    cards("a card that never was theirs was once", "LEFT if group.leased_to == labeler.id else OTHERS", "LEFT"),
    found("in an order by time all rankings are found", "conditions += RankingsWanted(self.standing, self.labeler_id).along()", "pass"),
    found("what a file is still bringing is listed as withdrawn", "if self.standing is not Standing.IN_FORCE:", "if False:"),
    found("no policy learned from a ranking", "or_(Version.id.in_(ids), Version.reward_version_id.in_(ids))", "Version.id.in_(ids)"),
    tags("a file gives one tag too many", "len(here) < MOST_TAGS", "len(here) <= MOST_TAGS"),
    tags("rankings of a file that is not in yet are tagged", "there.join(Ranking, Ranking.group_id == Group.id).where(Ranking.id == record_id)", "select(Ranking.id).where(Ranking.id == record_id)"),
    tables("settings that nobody gave are a text", "None if row[name] is None else json.dumps(row[name])", "json.dumps(row[name])"),
    prompts("held-out prompts are listed as in use", "(*_ANSWERABLE, Prompt.split == PromptSplit.TRAIN)", "_ANSWERABLE"),
    prompts("an archived prompt stands in two lists", "(Prompt.archived_at.is_(None), Prompt.set_aside.is_not(None))", "(Prompt.set_aside.is_not(None),)"),
    last("all of a labeler's rankings are looked at for the last one", ".where(Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None), ~of_file)", ".join(Ranking.group).where(Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None), Group.digest.is_(None))"),
    tags("a record that is gone is tagged", "if session.scalar(_record(kind, record_id)) is None:", "if False:"),
    tags("tags stay behind their record", "session.execute(delete(Tag).where(Tag.kind == kind, Tag.record_id.in_(records)))", "pass"),
    tags("a tag of a group is one of its ranking", "select(Tag.record_id).where(Tag.kind == kind, Tag.name == name)", "select(Tag.record_id).where(Tag.name == name)"),
    tagged("the file's tags are lost where the prompt was there", "tagged = frozenset((there.id, name) for name in given.tags)", "pass"),
    tagged("tags of a file that is refused are kept", "    _tag(session, given, {row[\"digest\"] for row in new} | left)", "    _tag(session, given, digests)"),
    conversations("others' conversations go out", "mine = Conversation.labeler_id == labeler.id, Conversation.id <= last", "mine = (Conversation.id <= last,)"),
    conversations("conversations without a word go out", 'if any(each["role"] != "system" for each in told["messages"]):', "if True:"),
    tables("a table that is too long is held whole", "            if group.num_rows >= ROWS_OF_A_GROUP:", "            if False:"),
    tables("what has no column is lost", "assert all(row.keys() == columns.keys() for row in some), ", "assert some, "),
    tables("the last rows are not written", "        if group.num_rows:\n            writer.write_table(group)", "        if False:\n            writer.write_table(group)"),
    exports("a stalled client keeps a transaction open", "        yield from batch\n", "            yield from batch\n"),
    letters("capitals are those of A to Z", '    connection.create_function("lower", 1, _lower, deterministic=True)', '    connection.create_function("other", 1, _lower, deterministic=True)'),
    votes("the better answer is not marked", 'pair.finish_reason_b == "length", vote.verdict is Verdict.B', 'pair.finish_reason_b == "length", vote.verdict is Verdict.A'),
    votes("votes have one order", 'oldest_first=here.get("sort") == OLDEST', "oldest_first=False"),
    labelers("labelers have one order", 'newest_first=here.get("sort") == NEWEST', "newest_first=False"),
    frame("an order is a filter", 'if name not in ("after", "sort"))', 'if name not in ("after",))'),
    page("equal answers are not marked", "ranks.count(rank) > 1", "ranks.count(rank) > 2"),
    page("a ranking of a file is ranked anew", " and ranking.group.digest is None", ""),
    doors("of more bad rows nothing is told", "return max(0, self.preview.num_problems - SHOWN_PROBLEMS)", "return 0"),
    preview("a preview ends at the first bad row", "rows = read(preview.refuse)", "from app.services.data.row_places import refuse\n    rows = read(refuse)"),
    preview("what has bad rows can be imported", "self.num_problems == 0 and self.rows > 0", "self.rows > 0"),
    uploads("any file of the machine is opened", "if not _KEY.fullmatch(key) or", "if"),
    uploads("every file waits", "[: -(MOST - 1)]", "[:0]"),
    doors("a box that is not ticked is", "who if form.get(AS_CONVERSATIONS) else None\n    show = partial(_page, request=request, runtime=runtime)\n    try:\n        if not", "who\n    show = partial(_page, request=request, runtime=runtime)\n    try:\n        if not"),
    doors("what is looked at is kept at once", "shown = await run_in_threadpool(_look, runtime, given, owner)", "runtime.importer.run(given.file, runtime.group_sampling.fitting())\n        shown = await run_in_threadpool(_look, runtime, given, owner)"),
    curation("tags are lost where a prompt is edited", "for name in tags_of(session, Tagged.PROMPT, prompt_id)])", "for name in []])", "tests/services/labeling/test_tags.py"),
    curation("an edited prompt changes its part", "split=old.split, language=language", "language=language"),
    curation("an edited prompt that is kept stays in use", "archive_prompt(session, prompt_id, now)\n    return new", "pass\n    return new"),
]  # fmt: skip
