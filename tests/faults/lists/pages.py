"""Pages: what they say of jobs and versions, how they name what went wrong, HEAD."""

from tests.faults.fault import In

jobs = In("app/services/jobs/jobs.py", "tests/services/jobs/test_jobs.py")
pace = In("app/worker/pace.py", "tests/worker/test_pace.py")
ranks = In("app/services/labeling/rankings.py", "tests/services/labeling/test_rankings.py")
live = In("app/services/sampling/live_sampling.py", "tests/services/sampling/test_live_sampling.py")
prefetch = In("app/services/sampling/prefetch.py", "tests/services/sampling/test_prefetch.py")
asking = In("app/web/label.py", "tests/web/test_label.py")
figures = In("app/formats/figures.py", "tests/formats/test_figures.py")
markdown = In("app/formats/markdown.py", "tests/formats/test_markdown.py")
states = In("app/services/versions/version_states.py", "tests/services/versions/test_version_states.py")
notices = In("app/web/notices.py", "tests/web/test_train.py")
train = In("app/web/train.py", "tests/web/test_train.py")
left_out = In("app/db/models/rankings.py", "tests/services/jobs/test_ranking_counts.py")
counts = In("app/services/jobs/ranking_counts.py", "tests/services/jobs/test_ranking_counts.py")
kept_left_out = In("app/services/views/kept_left_out.py", "tests/services/views/test_kept_left_out.py")
head = In("app/http/head.py", "tests/http/test_head.py")
label = In("app/web/label.py", "tests/http/test_head.py")
pages = In("app/web/pages.py", "tests/web/test_errors.py")
errors = In("app/web/errors.py", "tests/web/test_errors.py", "tests/web/test_decision.py")
problems = In("app/http/problems.py", "tests/web/test_errors.py")

ranking = In("app/web/ranking.py", "tests/web/test_ranking.py")
ranking_form = In("app/web/ranking_form.py", "tests/web/test_ranking.py")
told_again = In("app/web/told_again.py", "tests/web/test_told_again.py")
own_prompt = In("app/web/own_prompt.py", "tests/web/test_own_prompt.py")
label_page = In("app/web/label.py", "tests/web/test_label.py")
retelling = In("app/web/retelling.py", "tests/web/test_retelling.py")
accept_language = In("app/formats/languages.py", "tests/web/test_page_language.py")
page_language = In("app/web/page_language.py", "tests/web/test_page_language.py", "tests/web/test_every_word.py")
templating = In("app/web/templating.py", "tests/web/test_pages.py", "tests/web/test_ranking.py")
starts = In("app/web/starts.py", "tests/web/test_starts.py")
versions = In("app/web/versions.py", "tests/web/test_versions.py")

playground = In("app/web/playground.py", "tests/web/test_playground.py")
dials = In("app/web/playground_dials.py", "tests/web/test_playground.py")
code = In("app/web/playground_code.py", "tests/web/test_playground_code.py")

decision = In("app/web/decision.py", "tests/web/test_decision.py")
comparing = In("app/web/comparing.py", "tests/web/test_decision.py")
card = In("templates/train/_decision.html", "tests/web/test_decision.py")
alarms_of_version = In("templates/versions/_summary.html", "tests/web/test_every_word.py")
joined = In("app/translation.py", "tests/test_translation.py")
keys = In(
    "static/js/key_rest.js",
    "tests/browser/test_label_page.py::test_a_second_press_of_enter_on_undo_does_not_send_the_ranking_again",
)
double = In(
    "static/js/double_click.js",
    "tests/browser/test_decision.py::test_a_second_press_does_not_decide_about_the_next_candidate",
)
differences = In("app/formats/differences.py", "tests/formats/test_differences.py")

QUICK_CLICKS = (
    "tests/browser/test_focus.py::test_quick_clicks_go_from_page_to_page_but_press_no_button_that_has_just_come"
)

FAULTS = [
    decision("what is not settled is called by the worst name", "FOOLS[0] if alarm.is_grave else AHEAD", "FOOLS[0]"),
    decision("an alarm of the verdict is silent", 'if told.get("over_optimized") else []', "if False else []"),
    alarms_of_version(
        "a page puts an English stop behind a name", '{{ _("{title}.", title=alarm.name) }}', "{{ alarm.name }}."
    ),
    joined("nothing is the head of the catalogue", '.gettext(message) if message else ""', ".gettext(message)"),
    joined(
        "sentences are joined as in English",
        '_("{before} {sentence}", before=before, ',
        '"{before} {sentence}".format(before=before, ',
    ),
    errors(
        "a refusal leaves the old card where it is",
        '{"HX-Trigger": OUT_OF_DATE} if problem.status in OLD else {}',
        "{}",
    ),
    errors(
        "a refusal leads nowhere",
        "ahead = [] if problem.about is None else [way_of(problem.about)]",
        "ahead: list[Action] = []",
    ),
    card(
        "the card's Discard does not say what was seen",
        '{{ seen(candidate, seen_id) }}\n      <button class="button danger"',
        '\n      <button class="button danger"',
    ),
    decision("nobody is told that chance may decide", "win is not None and win.error and win.may_be_chance:", "False:"),
    decision("the button is filled whatever warns", "self.win.low > 0.5 and not self.alarms", "self.win.low > 0.5"),
    decision(
        "votes name no opponent",
        "return result_sentence(found), match.against, alarm_of",
        "return result_sentence(found), match.version, alarm_of",
    ),
    comparing("another version's comparison is told", 'if job.params.get("version_id") == version.id]', "]"),
    card(
        "the next candidate's button has the focus of the last one",
        'id="discard-candidate-{{ candidate.id }}"',
        'id="discard-candidate"',
    ),
    keys(
        "a second Enter sends what an undo brought back",
        "return Date.now() - before < SECOND_PRESS_MS;",
        "return false;",
    ),
    kept_left_out("a page waits for many rankings", "found if found.total >= MANY else None", "None"),
    kept_left_out("few rankings are some seconds old", "found if found.total >= MANY else None", "found"),
    kept_left_out(
        "another training's rankings are taken", "if kept is None or kept.newest != newest:", "if kept is None:"
    ),
    kept_left_out("they are never found anew", "if self._clock() >= self._until and", "if False and"),
    counts("those left out since are counted by all", "func.count().filter(Ranking.id > newest)", "func.count()"),
    double("a double click decides twice", ": pressed !== hit)", ": false)"),
    double("a quick click on a new page's link is lost", 'pressed?.localName === "button"', "true", QUICK_CLICKS),
    double("a double click presses a new page's button", 'pressed?.localName === "button"', "false", QUICK_CLICKS),
    decision("older candidates are hidden", "others=waiting[1:]", "others=[]"),
    decision(
        "what was discarded cannot be taken back",
        "discarded=deciding.last_discarded(session)",
        "discarded=None",
    ),
    differences("texts without a word in common are marked all over", "if shared < LEAST_SHARED *", "if shared < 0 *"),
    differences(
        "a blank is a difference",
        "[word.rstrip() for word in old], [word.rstrip() for word in new]",
        "list(old), list(new)",
    ),
    playground("a link from elsewhere has answers written", "own = same_origin(request.headers) and", "own ="),
    playground("a prefetch has answers written", 'and "sec-purpose" not in request.headers', ""),
    playground("answers are written to a form with something wrong", "if asked.wrong or not own:", "if not own:"),
    dials("a value beyond its range is taken", "inside = min(max(value, self.least), self.most)", "inside = value"),
    code("a prompt that begins with a dash is an option", 'return ["--", asked.prompt]', "return [asked.prompt]"),
    code("a shell reads what a prompt holds", "--data-raw {shlex.quote(body)}", "--data-raw '{body}'"),
    ranking_form("a gap between ranks is kept", "dense = competition_ranks(given)", "dense = given"),
    ranking("a refused ranking forgets the comment", "            former_comment=comment,\n", ""),
    told_again(
        "an older ranking is told again",
        "== str(last.id):\n        return replace(card, told=of_r",
        '!= "":\n        return replace(card, told=of_r',
    ),
    own_prompt("who connects again begins anew", "after=last_event_id", "after=0"),
    own_prompt("pieces have no numbers", "id=str(piece.number), ", ""),
    own_prompt("a failure of the stream speaks as the API does", "retold(error.page_message)", "str(error)"),
    label_page(
        "the languages are read again for the page",
        "session, nothing, at_hand=at_hand",
        "session, nothing",
    ),
    templating(
        "a part forgets the form's token",
        "for each in fields(Shared)}))",
        'for each in fields(Shared) if each.name != "csrf_token"}))',
    ),
    starts("a form asks for nothing", "for name in kind.start.asks),", "for name in ()),"),
    starts("an empty input is a value", " if text}\n", "}\n"),
    starts(
        "a form starts what lacks a version",
        "missing = _(NO_POLICY) if versions and not options else",
        "missing =",
    ),
    versions("who decides second wins", 'if "seen" not in form:', "if True:", "tests/web/test_decision.py"),
    versions(
        "activated on its page, it comes back on another",
        '{"version": f"/versions/{version.id}?',
        '{"version": f"/train?',
    ),
    jobs(
        "time left stands still between two steps",
        "(job.ends_at - now).total_seconds()",
        "(job.ends_at - job.heartbeat_at).total_seconds()",
    ),
    jobs(
        "time left of a job that stops",
        "job.status is not JobStatus.RUNNING or job.cancel_requested",
        "job.status is not JobStatus.RUNNING",
    ),
    jobs("time left after the clock was set back", "job.heartbeat_at > now + CLOCK_TOLERANCE", "False"),
    pace("every estimate is told", "max(TOLERANCE * (end - now), pace)", "0.0"),
    pace("a machine that turns slow or quick is not admitted", "max(TOLERANCE * (end - now), pace)", "1e9"),
    pace("pace since the beginning", "maxlen=RECENT_STEPS + 1", "maxlen=None"),
    pace("one step more", "now + pace * steps_left", "now + pace * (steps_left + 1)"),
    ranks(
        "another order under a key is dropped",
        "    if (repeated.ranks, repeated.comment) != (sent, comment):",
        "    if False:",
    ),
    live(
        "answers are shown as they were sampled, then change places",
        "replace(event, index=places[event.index])",
        "event",
    ),
    live(
        "a twin's replacement moves the others",
        "kept.append(next(fresh, answer) if answer.text in seen else answer)",
        "kept.insert(0, next(fresh, answer) if answer.text in seen else answer)",
    ),
    live(
        "a prompt that is sent twice is asked twice",
        "        if asked is not None:\n",
        "        if asked is not None and False:\n",
    ),
    live("a key is taken for another prompt", "if known.prompt.messages != list(messages):", "if False:"),
    live(
        "answers that are there are written again",
        "            if group.status is GroupStatus.SAMPLING:  # else",
        "            if True:  # else",
    ),
    prefetch("nobody is asked for", "if self._ready_groups or self._waiting:", "if self._ready_groups:"),
    prefetch("asked once, sampled for ever", "            self._waiting -= waiting\n", "            pass\n"),
    asking("whoever waits asks for nothing", "    if lease_first:\n        runtime.prefetcher.ask(asked)\n", ""),
    figures("a hundred million and a quarter is a hundred million", "count < LARGE or", "True or"),
    figures("wholly done before the end", "min(99, math.floor(100 * share))", "round(100 * share)"),
    figures("a hyphen for a minus", 'text.replace("-", MINUS)', "text"),
    markdown("HTML in a text is HTML", '"html": False', '"html": True'),
    markdown("any address is linked", "return _ADDRESS.match(url) is not None", "return True"),
    markdown("an empty address is linked", ' if tokens[idx].attrs["href"] else ""', ""),
    markdown("pages of this program are linked", "(?:https?://|mailto:)", "(?:https?:)?//|mailto:|/"),
    markdown("a page that a link opens may steer this one", "noopener noreferrer nofollow", "nofollow"),
    markdown("where a link leads is not told", "if shown in (address,", "if shown or shown in (address,"),
    markdown("what is nested too deep is dropped", "block.level >= MAX_NESTING - 1", "block.level > MAX_NESTING"),
    markdown("short rows below a long one are filled up without end", " or _most_cells(text) > MAX_CELLS", ""),
    markdown("the cells of a table bring a style", 'block.attrs.pop("style", "")', 'block.attrs.get("style", "")'),
    figures("minus nought", "        text = text[1:]\n", "        pass\n"),
    states("the reference is called superseded", "            return VersionState.REFERENCE\n", "            pass\n"),
    states("rolled back the wrong way round", "successor.id < version.id", "successor.id > version.id"),
    states("a resting reward model was superseded", "            return VersionState.RESTING\n", "            pass\n"),
    notices("a second press begins", "    if fresh:\n", "    if True:\n"),
    train(
        "a press behind others begins at once",
        "alone = not jobs.list_jobs(session, statuses=LIVE, limit=1).items",
        "alone = True",
    ),
    left_out(
        "rankings of archived prompts are counted", "return [archived, held_out, repeats]", "return [held_out, repeats]"
    ),
    left_out("withdrawn rankings are counted", "union(withdrawn, *of_groups,", "union(*of_groups,"),
    left_out("votes are counted though nothing is trained on them", ", _of_votes().where(off_votes))", ")"),
    left_out("votes are never counted", "_of_votes().where(off_votes)", "_of_votes()"),
    left_out(
        "a million rankings are walked through",
        "select(cls.id).where(cls.id > 0, cls.withdrawn",
        "select(cls.id).where(cls.withdrawn",
    ),
    counts(
        "what is left out of files is people's",
        "counted[kinds.get(labeler_id, LabelerKind.PERSON)] -= count",
        "counted[LabelerKind.PERSON] -= count",
    ),
    counts("later ones are counted among the earlier", "- (all_gone - gone_later)", "- all_gone"),
    head("HEAD is an address of its own", '"method": "GET", "state": state', '"state": state'),
    head("HEAD is told of to nobody", '"head": True', '"head": False'),
    label("HEAD takes a card", " and not wants_head_only(request)", ""),
    errors("a page speaks as the API does", "problem.page or problem.detail", "problem.detail"),
    pages("labeling is next to everything", "page is not near", 'page.path != "/"'),
    problems(
        "a page is told of methods",
        '        page=_("This address only accepts',
        '        page=None and _("This address only accepts',
    ),
    retelling("a sentence half translated", "if again is None and _PROSE.search(value):", "if False:"),
    accept_language("a language that is refused is spoken", " if not any(map(_REFUSED.fullmatch, options))]", "]"),
    page_language(
        "the switch leads elsewhere",
        'RedirectResponse(back if is_own(back) else "/", 303)',
        "RedirectResponse(back, 303)",
    ),
    page_language("programs are answered in the page's language", '(*API_PREFIXES, "/static/")', '("/static/",)'),
    page_language("the switch forgets", "if code in LANGUAGES:\n        response", "if False:\n        response"),
]
