"""What one installation exports, an empty one takes in and exports again: the same, but for the numbers of rows."""

import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from app.chat import SampledAnswer
from app.db.base import utc_now
from app.db.models.arena import Pair, PairSource, PairStatus, Verdict
from app.db.models.groups import Group, SkipReason
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.models.rankings import Ranking
from app.db.models.tags import Tagged
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.errors import InvalidError
from app.formats.json_lines import json_line
from app.hparams import SamplingParams
from app.preferences import competition_ranks, normalize_ranks
from app.services.arena import pairs, votes
from app.services.data import export_columns, exports, training_data, vote_exports
from app.services.data.import_summary import ImportSummary
from app.services.data.imports import Importer
from app.services.data.parquet_exports import parquet_of
from app.services.labeling import groups, labelers, rankings, skips
from app.services.labeling.label_settings import Writers
from app.services.labeling.tags import set_tags
from app.services.prompts import curation, prompts
from app.services.sampling.fitting import Fitting
from app.services.versions import versions
from tests.databases import migrated_file
from tests.live import LEASE_SECONDS, ScriptedEngine
from tests.services.data.test_interrupted_imports import Crash, crash_at

ALPHABET = 'ab你\u2028\x85\n\t\\"\U0001f600 '
texts = st.text(st.sampled_from(ALPHABET), max_size=3)
asked = st.lists(texts.filter(str.strip), min_size=1, max_size=3).filter(lambda turns: len(turns) % 2 == 1)


@dataclass(frozen=True)
class Step:
    """Somebody is asked and shown four answers, and does something with them."""

    turns: Sequence[str]
    held_out: bool
    language: str | None
    answers: Sequence[str]
    ranks: Sequence[int]
    who: int
    comment: str
    then: str
    verdict: Verdict | None = None
    """Of a vote on a pair of answers to the same prompt."""


steps = st.builds(
    Step,
    turns=asked,
    held_out=st.booleans(),
    language=st.sampled_from([None, "de"]),
    answers=st.one_of(st.lists(texts, min_size=4, max_size=4), st.just(["a"] * 4)),
    ranks=st.lists(st.integers(1, 4), min_size=4, max_size=4).flatmap(
        lambda given: st.sampled_from([normalize_ranks(given), competition_ranks(given)])
    ),
    who=st.integers(0, 2),
    comment=texts,
    then=st.sampled_from(
        ["leave", "skip", "rank", "rank", "withdraw", "again", "archive", "repeat", "second", "alone"]
    ),
    verdict=st.none() | st.sampled_from(list(Verdict)),
)
PEOPLE = (("ada", LabelerKind.PERSON), ("张 伟", LabelerKind.PERSON), ("robot", LabelerKind.SIMULATED))


class Installation:
    def __init__(self, path: Path, number: int = 0) -> None:
        """`number`: no two installations have the same models."""
        self.database = open_database(f"sqlite:///{path}")
        event.listen(self.database, "connect", lambda opened, _: opened.execute("PRAGMA synchronous=OFF"))
        self.write, self.read = make_session_factory(self.database), make_read_session_factory(self.database)
        with transaction(self.write) as session:
            for kind in (VersionKind.SFT, VersionKind.POLICY):
                content_hash = f"{number}{len(kind)}".ljust(64, "a")
                new = versions.NewVersion(kind=kind, parent_id=None, path="p", content_hash=content_hash)
                version = versions.add_version(session, new)
            version.status = VersionStatus.ACTIVE
            self.version_id, self.content_hash = version.id, version.content_hash

    def live(self, step: Step) -> None:
        with transaction(self.write) as session:
            turns = itertools.cycle(("user", "assistant"))
            messages = [{"role": role, "content": text} for role, text in zip(turns, step.turns, strict=False)]
            prompt = prompts.add_prompt(
                session,
                messages=prompts.validate_messages(messages, 100),
                source=PromptSource.OWN,
                split=PromptSplit.HELD_OUT if step.held_out else PromptSplit.TRAIN,
                language=step.language,
            )
            labeler = labelers.get_or_create_labeler(session, *PEOPLE[step.who])
            if step.verdict is not None:
                self._vote(session, prompt, labeler, step, step.verdict)
            group = self._card(session, prompt, labeler, step)
            if step.then == "skip":
                skips.skip_group(session, group_id=group.id, labeler=labeler, reason=SkipReason.UNSAFE)
            if step.then in ("leave", "skip"):
                return
            ranking = _rank(session, group, labeler, step)
            if step.then in ("repeat", "second", "alone"):
                self._once_more(session, group, step)
            if step.then in ("withdraw", "again", "alone"):
                rankings.withdraw_ranking(session, ranking.id, labeler, lease_seconds=LEASE_SECONDS)
            if step.then == "again":
                _rank(session, group, labeler, step)
            if step.then == "archive":
                curation.archive_prompt(session, prompt.id, utc_now())

    def _card(self, session: Session, prompt: Prompt, labeler: Labeler, step: Step) -> Group:
        return groups.add_group(
            session,
            groups.NewGroup(
                prompt=prompt,
                writers=Writers.all_by(self.version_id),
                params=SamplingParams(temperature=0.7, stop=(".",)),
                seed=3,
            ),
            [SampledAnswer(text, [5, place], "length") for place, text in enumerate(step.answers)],
            shuffle_seed=len(step.comment),
            leased_to=labeler,
            lease_seconds=LEASE_SECONDS,
        )

    def _once_more(self, session: Session, first: Group, step: Step) -> None:
        """The same card to the same labeler, or to another one (whose first ranking is withdrawn later: "alone")."""
        who = PEOPLE[step.who if step.then == "repeat" else 1 - step.who % 2]
        labeler = labelers.get_or_create_labeler(session, *who)
        group = self._card(session, session.get_one(Prompt, first.prompt_id), labeler, step)
        group.is_repeat, group.second_of = step.then == "repeat", None if step.then == "repeat" else first.id
        _rank(session, group, labeler, step)

    def _vote(self, session: Session, prompt: Prompt, labeler: Labeler, step: Step, verdict: Verdict) -> None:
        pair = Pair(
            prompt_id=prompt.id,
            source=PairSource.DRAWN,
            version_a_id=self.version_id, version_b_id=1,
            text_a=step.answers[0], text_b=step.answers[1],
            token_ids_a=[5], token_ids_b=[],
            finish_reason_a="length", finish_reason_b="stop",
            score_a=0.25, score_b=None,
            seed=4, settings=pairs.kept_settings(SamplingParams(temperature=0.7, seed=4)),
            status=PairStatus.HELD, labeler_id=labeler.id,
        )  # fmt: skip
        session.add(pair)
        session.flush()
        votes.cast_vote(
            session, pair_id=pair.id, labeler=labeler, verdict=verdict, duration_ms=900, retrain_after=999,
            data_dir=Path(),
        )  # fmt: skip

    def exported(self, *, parquet: bool = False) -> list[bytes]:
        """The files that hold all that people gave, as they are downloaded."""
        rows = (
            (exports.export_prompts(self.read), export_columns.PROMPTS),
            (exports.export_rankings(self.read), export_columns.RANKINGS),
            (vote_exports.export_votes(self.read), export_columns.VOTES),
        )
        return [file_of(each, columns, parquet=parquet) for each, columns in rows]

    def comparisons(self) -> list[dict[str, Any]]:
        return list(exports.export_comparisons(self.read, ties=True))

    def take(self, file: bytes) -> ImportSummary:
        importer = Importer(self.write, max_characters=1_000, retrain_after=999)
        fitting = Fitting(ScriptedEngine(), (self.version_id,), (self.version_id,), answer_tokens=10)
        with tempfile.TemporaryFile() as opened:
            opened.write(file)
            return importer.run(opened, fitting)

    def learned_from(self) -> list[Any]:
        with self.read() as session:
            found = training_data.ranked_answers(session, training_data.ranking_ids_in_force(session))
        return [(each.messages, sorted(zip(each.texts, each.ranks, strict=True))) for each in found]


def _rank(session: Session, group: Group, labeler: Labeler, step: Step) -> Ranking:
    ranks = {answer.id: step.ranks[answer.sample_index] for answer in groups.get_group(session, group.id).completions}
    return rankings.submit_ranking(
        session, group_id=group.id, labeler=labeler, ranks=ranks, comment=step.comment, retrain_after=999
    )


def file_of(rows: Iterable[dict[str, Any]], columns: export_columns.Columns, *, parquet: bool) -> bytes:
    return b"".join(parquet_of(rows, columns)) if parquet else "".join(map(json_line, rows)).encode()


@contextmanager
def installations(count: int) -> Iterator[list[Installation]]:
    with tempfile.TemporaryDirectory() as folder:
        made = [migrated_file(Path(folder) / f"{number}.db") for number in range(count)]
        found = [Installation(path, number) for number, path in enumerate(made)]
        yield found
        for each in found:
            each.database.dispose()


NUMBERS = {"id", "ranking_id", "group_id", "prompt_id", "version", "vote_id", "pair_id", "reward_version"}


def without_numbers(files: Sequence[bytes]) -> list[list[Any]]:
    return [plain_rows([json.loads(line) for line in file.decode().split("\n") if line]) for file in files]


def plain_rows(rows: list[dict[str, Any]]) -> list[Any]:
    """What refers to another row of the file names its place."""
    places = {row.get("group_id"): place for place, row in enumerate(rows)}
    return [_plain(row | ({"second_of": places[row["second_of"]]} if row.get("second_of") else {})) for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name not in NUMBERS}
    return [_plain(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, max_size=5), parquet=st.booleans())
@example(
    history=[
        Step(["q"], False, None, ["a", "b", "c", "d"], [1, 1, 2, 3], 0, "so", then, Verdict.A)
        for then in ("second", "repeat", "alone", "archive")
    ],
    parquet=True,
)
def test_an_export_restores_what_people_gave(history: list[Step], parquet: bool) -> None:
    """Also from there: what wrote the answers keeps its name and its files' hash, of models that are not there."""
    with installations(3) as (first, second, third):
        for step in history:
            first.live(step)
        files = first.exported()
        for source, target in ((first, second), (second, third)):
            for file in source.exported(parquet=parquet):
                if file:
                    assert target.take(file).columns_not_kept == frozenset()
            assert without_numbers(target.exported()) == without_numbers(files)
            assert target.learned_from() == first.learned_from()
        for installation, file in (
            *((second, file) for file in files),
            *((first, file) for file in (*files[1:], *second.exported()[1:])),
        ):
            if file:
                again = installation.take(file)
                assert (again.new, again.rankings, again.votes, again.kept) == (0, 0, 0, 0), "nothing is taken in twice"
                assert again.repeated == again.lines
        assert without_numbers(first.exported()) == without_numbers(files)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=1, max_size=3), parquet=st.booleans())
def test_comparisons_alone_are_the_same_elsewhere(history: list[Step], parquet: bool) -> None:
    """One that stands in the file twice (of answers with one text) is taken once."""
    with installations(2) as (first, second):
        for step in history:
            first.live(step)
        rows = first.comparisons()
        file = file_of(rows, export_columns.COMPARISONS, parquet=parquet)
        if file:
            assert second.take(file).columns_not_kept == frozenset()
        once = [row for place, row in enumerate(plain_rows(rows)) if row not in plain_rows(rows)[:place]]
        assert plain_rows(second.comparisons()) == once


def test_what_stands_in_an_export() -> None:
    """Who wrote and who ranked is told by names that say the same elsewhere; nothing tells a simulated taste."""
    with installations(2) as (first, second):
        first.live(Step(["q"], False, None, ["a", "b", "c", "d"], [1, 1, 2, 3], 2, "so", "rank"))
        for file in first.exported():
            second.take(file)
        for installation in (first, second):
            [row] = exports.export_rankings(installation.read)
            assert (row["written_by"], row["labeler"], row["labeler_kind"]) == ("policy 2", "robot", "simulated")
            wrote = {(each["written_by"], each["content_hash"]) for each in row["answers"]}
            assert wrote == {("policy 2", first.content_hash)}
            [pair, *_] = exports.export_comparisons(installation.read)
            assert pair["chosen_content_hash"] == pair["rejected_content_hash"] == first.content_hash
            assert set(row) == {
                *("ranking_id", "group_id", "prompt_id", "prompt", "split", "language", "archived_at", "answers"),
                *("version", "written_by", "settings", "comment", "duration_ms", "labeler", "labeler_kind"),
                *("is_repeat", "second_of", "tags", "group_tags", "created_at"),
            }
        pairs = [list(exports.export_comparisons(each.read, ties=True)) for each in (first, second)]
        assert without_numbers([json_line(pair).encode() for pair in pairs[0]]) == without_numbers(
            [json_line(pair).encode() for pair in pairs[1]]
        )


def test_parquet_goes_in_as_it_came_out() -> None:
    with installations(2) as (first, second):
        for then in ("rank", "archive"):
            first.live(Step([f"q {then}"], False, "de", ["a", "b", "c", "\x85"], [1, 1, 2, 3], 0, "so", then))
        with transaction(first.write) as session:
            for kind in Tagged:
                set_tags(session, kind, 1, [f"{kind} 你好", "b"])
        for rows, columns in (
            (exports.export_prompts(first.read), export_columns.PROMPTS),
            (exports.export_rankings(first.read), export_columns.RANKINGS),
        ):
            second.take(b"".join(parquet_of(rows, columns)))
        assert without_numbers(second.exported()) == without_numbers(first.exported())


def test_tags_of_what_is_there_already_are_added_once_all_of_the_file_is_in() -> None:
    with installations(1) as (installation,):
        installation.take(b'{"prompt": "Why?", "tags": ["a"]}\n{"prompt": "How?", "tags": "x, y"}')
        with pytest.raises(InvalidError, match="Line 2"):
            installation.take(b'{"prompt": "Why?", "tags": ["b"]}\n{"promt": 1}')
        for step in (1, 2):
            with pytest.MonkeyPatch.context() as patch:
                crash_at(step, patch)
                with pytest.raises(Crash):
                    installation.take(b'{"prompt": "Why?", "tags": ["z"]}')
            assert "z" not in {name for row in exports.export_prompts(installation.read) for name in row["tags"]}
        again = installation.take(b'{"prompt": "Why?", "tags": ["b", "a"]}\n{"prompt": "Who?", "tags": [{"odd": 1}]}')
        assert again.columns_not_kept == {"tags"}, "of another kind"
        assert {row["prompt"][0]["content"]: row["tags"] for row in exports.export_prompts(installation.read)} == {
            "Why?": ["a", "b"], "How?": ["x", "y"], "Who?": [],
        }  # fmt: skip


def test_a_ranking_of_a_card_that_came_again_is_no_training_data_elsewhere_either() -> None:
    with installations(2) as (first, second):
        for ranks in ([1, 2, 3, 4], [2, 1, 3, 4]):
            first.live(Step(["q"], False, None, ["a", "b", "c", "d"], ranks, 2, "", "rank"))
        with transaction(first.write) as session:
            newest = select(func.max(Group.id)).scalar_subquery()
            session.execute(update(Group).where(Group.id == newest).values(is_repeat=True))
        for file in first.exported():
            second.take(file)
        for installation in (first, second):
            assert [row["is_repeat"] for row in exports.export_rankings(installation.read)] == [False, True]
            pairs = [row["chosen"][0]["content"] for row in exports.export_comparisons(installation.read)]
            assert sorted(pairs) == ["a", "a", "a", "b", "b", "c"]
            counted = exports.count_export(installation.read)
            assert (counted.rankings, counted.comparisons) == (2, 6)
            with installation.read() as session:
                assert len(training_data.ranking_ids_in_force(session)) == 1
