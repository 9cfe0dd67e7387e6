"""Versions: what may be removed, and when its files go; which languages prompts are drawn in."""

from tests.faults.fault import In

REMOVAL = "tests/services/lifecycle/test_removal.py"

removal = In("app/services/lifecycle/removal.py", REMOVAL)
versions = In("app/services/versions/versions.py", REMOVAL)
numbers = In("app/services/versions/versions.py", "tests/web/test_versions.py")
model_cache = In("app/lm/inference/model_cache.py", "tests/lm/inference/test_model_cache.py")
LANGUAGES = "tests/services/labeling/test_languages.py"

languages = In("app/services/labeling/languages.py", LANGUAGES)
drawing = In("app/services/labeling/drawing.py", LANGUAGES)
groups = In("app/services/labeling/groups.py", LANGUAGES)
prefetch = In("app/services/sampling/prefetch.py", "tests/services/sampling/test_prefetch.py")
codes = In("app/formats/languages.py", "tests/formats/test_languages.py")
asked = In("app/web/languages.py", "tests/web/test_languages.py")
PARTS = "tests/lm/files/test_weight_files.py"

parts = In("app/lm/files/weight_files.py", PARTS)
files = In("app/model_info/weights.py", PARTS)
store = In(
    "app/worker/handlers/outcomes.py",
    "tests/worker/handlers/test_generic.py::test_versions_share_the_files_that_they_have_in_common",
)
answers = In("app/services/versions/answering.py", "tests/api/test_removal.py")

notices = In("app/web/notices.py", "tests/web/test_decision.py")
written = In("app/services/written.py", "tests/services/test_written.py")
verdicts = In("app/web/policy_verdict.py", "tests/web/test_policy_verdict.py")
deciding = In("app/services/lifecycle/deciding.py", "tests/services/lifecycle/test_deciding.py")
states = In("app/services/versions/version_states.py", "tests/services/versions/test_version_states.py")
zipped = In("app/model_info/zipped.py", "tests/model_info/test_zipped.py")

tree = In("app/services/views/version_tree.py", "tests/services/views/test_version_tree.py")
overview = In("app/services/views/training_overview.py", "tests/services/views/test_version_tree.py")
cards = In("app/web/version_tree.py", "tests/web/test_version_tree.py")
shares = In("app/web/shares.py", "tests/web/test_shares.py")
records = In("app/web/training_record.py", "tests/web/test_training_record.py")
fine_tuned = In("app/web/learn_record.py", "tests/web/test_training_record.py")
card = In("app/web/report_card.py", "tests/web/test_report_card.py")
page = In("app/web/version_page.py", "tests/web/test_versions.py", "tests/web/test_version_page.py")
glosses = In("app/web/glosses.py", "tests/web/test_glosses.py")
forms = In("app/web/versions.py", "tests/web/test_versions.py")

FAULTS = [
    card("an empty share is shown", "if not asked:\n        return None", "if asked < 0:\n        return None"),
    card("a card that is none breaks the page", "except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):", "except OSError:"),
    card("the easiest set alone is counted", ' or each.endswith(f" set, {check}")', ''),
    card("anything is a count", "if type(value) is not int or not 0 <= value <= MOST:", "if False:"),
    card("more pass than were asked", "if passed > asked:", "if False:"),
    card("the wrong share is shown", "CardLine(_(name), said, passed, asked)", "CardLine(_(name), said, asked - passed, asked)"),
    page("a policy shows the card of what it began as", "report_card(directory) if version.kind is VersionKind.SFT else None", "report_card(directory)", "tests/web/test_report_card.py"),
    In("templates/versions/_origin.html", "tests/web/test_version_page.py")("a model that was installed was made then", '{% if version.origin == "trained" %}', "{% if true %}"),
    page("what removal frees is nothing", "frees=removal.freed_bytes([directory])", "frees=0"),
    page("a version weighs what its removal frees", "weighs=_weight(directory)", "weighs=0"),
    page("flags stand among the raw figures", '"reliability", "flags", "languages"', '"reliability", "languages"'),
    page("an accuracy of nothing is shown", "accuracy=accuracy_of(version) if version.kind is VersionKind.REWARD else None", "accuracy=None"),
    numbers("the oldest rankings are numbered first", "order_by(VersionRanking.ranking_id.desc()).limit(most)", "order_by(VersionRanking.ranking_id).limit(most)"),
    page("nobody is told what followed the model's size", "if name in fitted else", "if False else"),
    glosses("a figure has no gloss", 'return _(FIGURES[name]) if name in FIGURES else ""', 'return ""', "tests/web/test_versions.py"),
    glosses("pretraining's hyper-parameters have no gloss", "else (PretrainHparams, SFTHparams)", "else ()"),
    forms("what was typed is lost", "typed = Typed(name, note, error.page_message,", 'typed = Typed("", "", error.page_message,'),
    forms("the name is blamed for the note", "about_note=error.param == written.NOTE", "about_note=False"),
    forms("a refused name is said to be saved", "return render(request, page, status_code=error.status_code)", "return render(request, page)"),
    overview("what a policy was trained from is told as a twin", "return self.version.origin is VersionOrigin.SHIPPED and shipped", "return shipped"),
    overview("the shipped SFT model alone has a twin", "shipped >= {VersionKind.BASE, VersionKind.SFT}", "bool(shipped)"),
    tree("the shipped SFT model comes from nowhere", "return _shipped_base(session) if _is_shipped_sft(version) else None", "return None"),
    tree("an imported model comes from the shipped base", "version.kind is VersionKind.SFT and version.origin is VersionOrigin.SHIPPED", "version.kind is VersionKind.SFT"),
    tree("what is in use is too old to be listed", "for each in (*newest, *active)}", "for each in newest}"),
    tree("removed versions stay in the tree", "    newest = session.scalars(select(Version).where(there, known)", "    newest = session.scalars(select(Version).where(known)"),
    tree("the reward model that scores is lost among the old ones", "key=lambda node: not node.is_in_use)", "key=lambda node: 0)"),
    cards("what is in use is folded", "if place < shown or node.is_in_use]", "if place < shown]"),
    cards("what learned nothing has an accuracy", 'if rate is None or version.metrics.get("verdict") == NOTHING_LEARNED:', "if rate is None:"),
    shares("a share has no interval", "self.rate - Z_95 * (self.error or 0.0)", "self.rate"),
    shares("an interval goes beyond what is possible", "min(1.0, self.rate + Z_95", "max(0.0, self.rate + Z_95"),
    shares("a standard error is shown as the interval", "error=percent(Z_95 * self.error)", "error=percent(self.error)"),
    fine_tuned("a part that was stopped showed all its pairs", 'return round(int(part["hparams"].get("total_pairs", 0)) * share)', 'return int(part["hparams"].get("total_pairs", 0))'),
    fine_tuned("the time of old records is left out", ' or part.get("wall_seconds_last_run")', ""),
    records("only the last part of a fine-tuning counts", "        parts.append(parts[-1][\"base\"])\n", "        break\n"),
    written("an old page overwrites what somebody else wrote", "return clean_text(self.there) not in (clean_text(self.seen), clean_text(self.text))", "return False"),
    written("what was not touched takes back what somebody else wrote", "or (self.seen is not None and clean_text(self.text) == clean_text(self.seen))", ""),
    deciding("a note is overwritten unseen", "check_seen([a_name, a_note], _about(version))", "check_seen([a_name], _about(version))", "tests/web/test_written.py"),
    In("app/web/label_settings.py", "tests/web/test_written.py")("a preview forgets what was seen", "text=text, seen=seen, preview=to_html(text)", "text=text, preview=to_html(text)"),
    verdicts("a page has two win rates by the judge", "said = [each for each in said if \"win_rate\" not in figures or not _is_of_win_rate(each)]", "pass"),
    verdicts("a win rate in words of before stands beside another one", "saying.say == TEXT and OLD_WIN_RATE in saying.sentence", "False"),
    In("app/policy_sayings.py", "tests/web/test_policy_verdict.py")("a verdict is told in the English of its training", "if said is None or", "if True or"),
    In("app/services/versions/bounds.py", "tests/web/test_policy_verdict.py")("a flag stays as its training said it", "anew.get(each[\"name\"]) or ", ""),
    deciding("two versions have one name", "if other.name is not None and other.name.casefold() == clean.casefold():", "if False:"),
    deciding("a refused note leaves the new name", "    new_note = version.note if a_note.is_kept else", "    version.name = new_name\n    new_note = version.note if a_note.is_kept else"),
    deciding("of two who decide the second wins", "now.id not in (seen.in_place_id, version.id):", "False:"),
    deciding("a page of before overrides that it was discarded", "    if decided in AGAINST and seen.decided not in (decided, None):\n", "    if False:\n"),
    deciding("who discards does not know that another one answers by now", "        return version\n    _check_seen(session, version, seen)\n    about = _about(version)\n", "        return version\n    about = _about(version)\n"),
    deciding("who takes back does not know that another one answers by now", "    _check_seen(session, version, seen)\n    version.discarded_at = None\n", "    version.discarded_at = None\n"),
    deciding("a refusal leads to the version that was not decided about", "raise ConflictError(_(DECIDED, what=_in_use(now)), about=_about(now))", "raise ConflictError(_(DECIDED, what=_in_use(now)), about=_about(version))"),
    deciding("a page of before overrides that somebody went back", "    Decided.USED: N_(", "    Decided.IN_USE: N_("),
    forms("a page of before says not what was decided", "Decided(decided) if decided in set(Decided) else None", "None", "tests/web/test_decision.py"),
    deciding("a discarded candidate waits still", "Version.discarded_at.is_(None), ", ""),
    deciding("what was used is discarded", "    if not version.waits:\n", "    if False:\n"),
    deciding("what is in use is said to wait again", "    if version.discarded_at is None:\n", "    if False:\n"),
    deciding("only the newest policy is offered back", "open_ones.order_by(Version.discarded_at.desc(), Version.id.desc())", "open_ones.order_by(Version.id.desc())"),
    notices("what is not so any more is said again", " or not _is_so(VersionNotice(said), version):", ":"),
    deciding("a removed version is taken back", "    if version.removed_at is not None:\n", "    if False:\n"),
    removal("a discarded version is kept because it is new", " and each.discarded_at is None]", "]"),
    states("a base for others is called superseded", "if version.id in self.origins else", "if False else"),
    states("removed versions need their origin", ", Version.removed_at.is_(None))", ")"),
    zipped("a download waits for its last file", "                    yield target.taken()\n    yield", "                    pass\n    yield"),
    removal("the active version goes", "if version.status is VersionStatus.ACTIVE:", "if False:", "tests/api/test_removal.py"),
    removal("the reference goes", "    reasons.setdefault(sft.id, ", "    dict().setdefault(sft.id, "),
    removal("what rolling back returns to goes", "in _rollback_targets(session, sft):", "in ():"),
    removal("the reward model of the former SFT model goes", "        roots |= {root.id} if root is not None else set()\n", ""),
    removal("what a job chose goes", "[*job.params.items(), *chosen.items()]", "[*job.params.items()]"),
    removal("what a job names goes", "[*job.params.items(), *chosen.items()]", "[*chosen.items()]"),
    removal("what a job that can go on needs goes", "(*LIVE, JobStatus.FAILED)", "LIVE"),
    removal("a failed job keeps versions for ever", "job.status in LIVE or job_folders.has_checkpoint(settings, job.id)", "True"),
    removal("cards lose their version", "or_(waits, is_written)", "is_written"),
    removal("answers being written lose their version", "or_(waits, is_written)", "waits"),
    removal("a card that was given up keeps its version", ", Group.created_at > begun)", ")"),
    removal("parents go", '        yield version.parent_id, N_("Version {id} was made from it.")\n', "        yield from ()\n"),
    removal("a policy's reward model goes", '        yield version.reward_version_id, N_("Version {id} was trained against it.")\n', "        yield from ()\n"),
    removal("none is kept because it is new", "in kept[:keep]:", "in kept[:0]:"),
    removal("imported models are pruned", "if version.origin is not VersionOrigin.TRAINED:", "if False:"),
    removal("more goes than was shown", "if each.version.id in shown]", "]"),
    removal("shared files count as freed", "if names[file] == status.st_nlink else 0", ""),
    removal("a folder in force is deleted", "if removed_at is not None} - kept", "if removed_at is not None}"),
    removal("read-only folders stay", "path.chmod(0o755)", "pass"),
    versions("a removed version is used", "    if version.removed_at is not None:\n        said = N_(", "    if False:\n        said = N_("),
    versions("a removed reward model comes back", "Version.activation_number.is_not(None), Version.removed_at.is_(None)\n", "Version.activation_number.is_not(None)\n"),
    model_cache("what is opened is rounded before norms are folded in", "model, tokenizer = load_model(directory, layers=False)\n        layers = read_layers(directory, model.config)", "model, tokenizer = load_model(directory, dtype=dtype)\n        layers = None"),
    model_cache("a removed version is called damaged", "            self._directory(version_id)  # its", "            # its"),
    answers("a removed version that is loaded answers", "versions.usable_version(session, version_id)", "versions.get_version(session, version_id)"),
    languages("the model's languages do not count", "asked.languages & self.model", "asked.languages"),
    languages("a person's languages do not count", "    if asked.languages and wanted:\n", "    if False:\n"),
    languages("a guess keeps people from ranking", "if tags != () or asked.chosen:", "if True:"),
    languages("what was chosen is widened", "elif asked.languages and asked.chosen and self.model is not None:", "elif False:"),
    languages("unknown languages are for nobody", "in {*wanted, UNKNOWN})", "in wanted)"),
    languages("regions are other languages", "primary(tag.language) in {*wanted", "tag.language in {*wanted"),
    languages("training asks for nothing", "    if at_hand.stored and tags == ():\n        raise ConflictError", "    if False:\n        raise ConflictError"),
    drawing("all languages are drawn", "Prompt.prompt_set == tag.prompt_set, Prompt.language == tag.language", "(Prompt.prompt_set == tag.prompt_set,)"),
    groups("cards in any language", ".where(_free(session, now), _in_language(tags)).limit(1)", ".where(_free(session, now)).limit(1)"),
    groups("own prompts are let go of", "not_(_in_language(tags)), not_(own), ", "not_(_in_language(tags)), "),
    prefetch("one language starves another", "for asked in taken if self._has_prompts(asked)]", "for asked in []]"),
    prefetch("languages without prompts stop the prefetching", "                return False\n", "                return True\n"),
    codes("what a browser refuses is drawn", "if not any(map(_REFUSED.fullmatch, options))", ""),
    asked("what was chosen is forgotten", "if of_labeler is not None:", "if False:"),
    asked("the browser's languages are not read", 'accepted(request.headers.get("accept-language", ""))', 'accepted("")'),
    asked("the held card stays", "        labelers.choose_languages(session, labeler, chosen)\n", "        labeler.languages = sorted(chosen)\n"),
    parts("numbers are rounded to half", "        if torch.equal(half.to(torch.float32).view(torch.int32), tensor.view(torch.int32)):\n", "        if True:\n"),
    parts("nothing is stored in half", "exactly(tensor.detach())", "tensor.detach()"),
    parts("all in one part", "    layer = _LAYER.match(name)\n", "    layer = None\n"),
    files("a damaged file is shared", "        if file_hash(source) != digest:\n            return False\n", ""),
    files("a file system without links stops a training", "    except OSError:\n        return False\n    finally:\n        beside", "    finally:\n        beside"),
    files("nothing is shared", "        beside.replace(target)\n", ""),
    store("versions share nothing", "    share_files(fresh, _other_versions(run))\n", "    pass\n"),
]  # fmt: skip
