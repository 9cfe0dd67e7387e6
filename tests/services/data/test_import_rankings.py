"""Preferences come in: as rankings of two and more answers, once, all or none, and never as what was ranked here."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from app.chat import Message
from app.db.base import utc_now
from app.db.models.groups import Completion, Group, GroupStatus
from app.db.models.jobs import Job
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt, PromptImport, PromptSource
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.db.session import make_read_session_factory, make_session_factory, transaction
from app.errors import InvalidError
from app.services.data import exports, imports, training_data
from app.services.data.import_labelers import GivenLabelers
from app.services.data.import_summary import ImportSummary, told
from app.services.data.imports import Importer
from app.services.data.row_doors import ANY, COMPARED, PROMPTS
from app.services.data.row_forms import Form
from app.services.jobs import ranking_counts
from app.services.labeling import groups, labelers, rankings
from app.services.prompts import curation
from app.services.prompts.prompts import NewPrompt, prompt_row
from app.services.sampling.fitting import Fitting
from tests.live import LEASE_SECONDS, ScriptedEngine
from tests.services.conftest import MakeGroup, in_order

Import = Callable[..., ImportSummary]


@pytest.fixture
def write(database: Database) -> sessionmaker[Session]:
    return make_session_factory(database)


@pytest.fixture
def read(database: Database) -> sessionmaker[Session]:
    return make_read_session_factory(database)


@pytest.fixture
def importer(write: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch) -> Importer:
    """A few rows at a time."""
    monkeypatch.setattr(imports, "ROWS_AT_ONCE", 6)
    return Importer(write, max_characters=200, retrain_after=4)


@pytest.fixture
def fitting(sft: Version) -> Fitting:
    return Fitting(ScriptedEngine(), (sft.id,), (sft.id,), answer_tokens=10)


@pytest.fixture
def take(importer: Importer, fitting: Fitting) -> Import:
    def run(*rows: dict[str, Any], wanted: frozenset[Form] = ANY) -> ImportSummary:
        return importer.run(BytesIO("\n".join(map(json.dumps, rows)).encode()), fitting, wanted)

    return run


def pair(prompt: str = "q", chosen: str = "a", rejected: str = "b", **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def count(read: sessionmaker[Session], table: type[Any]) -> int:
    with read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def stored(read: sessionmaker[Session]) -> list[tuple[str, list[tuple[str, int]]]]:
    """Prompt, and answers with their ranks, of what is learned from."""
    with read() as session:
        ranked = training_data.ranked_answers(session, training_data.ranking_ids_in_force(session))
    return [(each.messages[0]["content"], list(zip(each.texts, each.ranks, strict=True))) for each in ranked]


def test_pairs_ties_and_rankings_are_learned_from(take: Import, read: sessionmaker[Session]) -> None:
    three = {"prompt": "r", "answers": ["x", "y", "z"], "scores": [1, 3, 1]}
    assert take(pair(), pair(chosen="c", tie=True), three) == ImportSummary(lines=3, new=2, repeated=1, rankings=3)
    assert stored(read) == [
        ("q", [("a", 1), ("b", 2)]),
        ("q", [("c", 1), ("b", 1)]),
        ("r", [("x", 2), ("y", 1), ("z", 2)]),
    ]
    with read() as session:
        for group in session.scalars(select(Group)):
            assert (group.version_id, group.status, group.import_id) == (None, GroupStatus.RANKED, None)
        [labeler] = session.scalars(select(Labeler)).all()
        assert (labeler.name, labeler.kind) == ("imported", LabelerKind.IMPORTED)
        assert session.scalar(select(func.count()).where(Prompt.in_use())) == 2
        assert ranking_counts.count_rankings(session) == ranking_counts.RankingCounts(people=0, simulated=0, imported=3)


def test_the_same_comes_in_once(take: Import, read: sessionmaker[Session]) -> None:
    rows = [pair(), pair(), pair(rejected="c"), pair(labeler="ada"), pair(tie=True), pair(created_at="2026-01-01")]
    assert take(*rows) == ImportSummary(lines=6, new=1, repeated=5, rankings=5, repeated_rankings=1)
    assert take(*rows) == ImportSummary(lines=6, repeated=6, repeated_rankings=6)
    assert count(read, Ranking) == 5


def test_what_is_archived_stays_so_and_what_ships_is_archived_as_in_the_file(
    take: Import, write: sessionmaker[Session], read: sessionmaker[Session]
) -> None:
    """Shipped prompts are in every installation, and nobody can delete them: an export says which were put away."""
    take(pair(prompt="here"), pair(prompt="away", archived_at="2026-01-01"))
    with transaction(write) as session:
        session.add(prompt_of("shipped"))
    rows = [pair(prompt=prompt, chosen="c", archived_at="2026-02-01") for prompt in ("here", "away", "shipped")]
    summary = take(*rows)
    with read() as session:
        since = {prompt.text: prompt.archived_at for prompt in session.scalars(select(Prompt))}
        shipped = session.scalar(select(Prompt.id).where(Prompt.text == "shipped")) or 0
    february = datetime(2026, 2, 1, tzinfo=UTC)
    assert since == {"here": None, "away": datetime(2026, 1, 1, tzinfo=UTC), "shipped": february}
    put_away = frozenset({(shipped, february)})
    assert summary == ImportSummary(lines=3, repeated=3, kept=1, put_away=put_away, rankings=3, archived=1)
    assert "1 prompt that ships with Fourfold is archived here, too" in told(summary)
    assert "1 ranking is about archived prompts: kept, but not trained on" in told(summary)
    assert [prompt for prompt, _ in stored(read)] == ["here", "here"]
    assert take(*rows) == ImportSummary(lines=3, repeated=3, kept=1, repeated_rankings=3)


def prompt_of(text: str) -> Prompt:
    new = NewPrompt([Message(role="user", content=text)], source=PromptSource.SHIPPED)
    return Prompt(**prompt_row(new))


def test_who_wrote_the_answers_is_exported_again(take: Import, read: sessionmaker[Session]) -> None:
    take(pair(written_by="policy 7"), pair(prompt="r"))
    assert [row["written_by"] for row in exports.export_rankings(read)] == ["policy 7", None]


def test_what_this_installation_exported_is_not_taken_in_again(
    take: Import, write: sessionmaker[Session], read: sessionmaker[Session], make_group: MakeGroup, ada: Labeler
) -> None:
    for _ in range(2):
        group = make_group(leased_to=ada)
        with transaction(write) as session:
            ranks = in_order(group)
            rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=ranks, retrain_after=99)
    [row, other] = exports.export_rankings(read)
    assert take(row, other) == ImportSummary(lines=2, repeated=2, repeated_rankings=2)
    another = take({**row, "comment": "another"}, {**row, "comment": "a third"}, row)
    assert another == ImportSummary(lines=3, repeated=3, repeated_rankings=3, other_comments=2)
    assert "2 of them have another comment in the file than here, where they stay as they are." in told(another)
    assert take({**row, "created_at": "2026-01-01"}).rankings == 1
    take(pair(), pair(chosen="c"), pair(chosen="c", rejected="a", labeler="eve"))
    everything = list(exports.export_rankings(read))
    assert len(everything) == 6
    assert take(*everything) == ImportSummary(lines=6, repeated=6, repeated_rankings=6)


def test_answers_of_one_text_say_nothing(take: Import, read: sessionmaker[Session]) -> None:
    same = {"prompt": "q", "answers": ["x", "x", "y"], "ranks": [1, 2, 3]}
    assert take(pair(rejected="a"), same) == ImportSummary(lines=2, new=1, repeated=1, rankings=1, same_text=1)
    assert count(read, Ranking) == 1


def test_rankings_about_held_out_prompts_are_kept_and_not_learned_from(
    take: Import, read: sessionmaker[Session]
) -> None:
    take({"prompt": "q", "split": "held_out"})
    summary = take(pair(), pair(prompt="r", split="held_out"), pair(prompt="s"), pair(split="train", chosen="c"))
    assert summary == ImportSummary(lines=4, new=2, repeated=2, kept=1, rankings=4, held_out=3)
    assert stored(read) == [("s", [("a", 1), ("b", 2)])]
    assert count(read, Ranking) == 4
    assert "3 rankings are about held-out prompts: kept, but not trained on." in told(summary)


@dataclass(frozen=True)
class Named:
    labeler: str | None
    labeler_kind: LabelerKind | None = None


def test_a_labeler_of_two_batches_goes_with_the_file_that_brought_them(write: sessionmaker[Session]) -> None:
    """And whoever was here before stays."""
    with transaction(write) as session:
        labelers.get_or_create_labeler(session, "ada")
    for _batch in range(2):
        with transaction(write) as session:
            given = GivenLabelers(session, import_id=7)
            assert [given.find("line 1", Named(name)).import_id for name in ("ada", "eve")] == [None, 7]


def test_a_labeler_is_whom_the_file_names(
    take: Import, write: sessionmaker[Session], read: sessionmaker[Session]
) -> None:
    with transaction(write) as session:
        labelers.get_or_create_labeler(session, "ada")
        labelers.get_or_create_labeler(session, "robot", LabelerKind.SIMULATED)
    take(
        pair(labeler="ada"),
        pair(prompt="1", labeler="bob", labeler_kind="person"),
        pair(prompt="2", labeler="eve"),
        pair(prompt="3", labeler="robot", labeler_kind="simulated"),
        pair(prompt="4", labeler=17),
    )
    with read() as session:
        query = select(Ranking).options(selectinload(Ranking.labeler)).order_by(Ranking.id)
        named = [(each.labeler.name, each.labeler.kind.value) for each in session.scalars(query)]
    assert named == [
        ("ada", "person"),
        ("bob", "person"),
        ("eve", "imported"),
        ("robot", "simulated"),
        ("17", "imported"),
    ]
    for name, kind, says in (
        ("ada", "simulated", "belongs to a person here, and in the file to a simulated labeler"),
        ("robot", "person", "belongs to a simulated labeler here, and in the file to a person"),
    ):
        with pytest.raises(
            InvalidError, match=rf"^Line 2: the name '{name}' {says}.* Nothing of this file was kept\.$"
        ):
            take(pair(prompt="new"), pair(labeler=name, labeler_kind=kind))
    with pytest.raises(InvalidError, match=r"^Line 1: A labeler's name is empty"):
        take(pair(labeler="\u200b"))
    assert count(read, Ranking) == 5
    assert count(read, PromptImport) == 0


def test_a_file_goes_through_the_door_of_its_form(take: Import, read: sessionmaker[Session]) -> None:
    three = {"prompt": "r", "answers": ["x", "y"], "scores": [1, 3]}
    for rows, wanted, says in (
        ([{"prompt": "q"}, pair()], PROMPTS, "Line 2: it holds two answers that were compared.*/import/comparisons"),
        ([three], PROMPTS, "Line 1: it holds ranked answers.*/import/rankings"),
        ([three, {"prompt": "q"}], COMPARED, "Line 2: it is a prompt without answers.*/import/prompts"),
        ([{"prompt": "q", "completion": "a"}], COMPARED, "Line 1: it is a prompt with one answer.*/import/prompts"),
    ):
        with pytest.raises(InvalidError, match=says):
            take(*rows, wanted=wanted)
    assert count(read, Prompt) == 0
    summary = take({"prompt": "q"}, three, pair(), {"instruction": "i", "output": "o", "history": [1]})
    assert summary == ImportSummary(
        lines=4, new=3, repeated=1, rankings=2, answers_not_kept=1, columns_not_kept=frozenset({"history"})
    )


class Crash(BaseException):
    """As a killed process leaves the database."""


ROWS = [pair(prompt=f"{number % 3}", chosen=f"{number}") for number in range(5)]


@pytest.mark.parametrize("crashes_at", range(8))
def test_after_a_crash_there_are_all_or_none_and_the_next_import_waits_for_nothing(
    take: Import,
    write: sessionmaker[Session],
    read: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
    crashes_at: int,
) -> None:
    """Three steps store, the fourth shows, the others let in."""
    step, steps = Importer._step, iter(range(1_000))

    def crashing(self: Importer, action: Callable[[Session], Any]) -> Any:
        if next(steps) >= crashes_at:
            raise Crash
        if crashes_at < 4:
            assert stored(read) == []
        return step(self, action)

    with monkeypatch.context() as patch:
        patch.setattr(Importer, "_step", crashing)
        with pytest.raises(Crash):
            take(*ROWS)
    next_start = Importer(write, max_characters=200, retrain_after=99)
    if crashes_at % 2:  # the same again, before anything is cleaned up
        with read() as session:
            version = session.scalars(select(Version)).one()
        again = BytesIO("\n".join(map(json.dumps, ROWS)).encode())
        summary = next_start.run(again, Fitting(ScriptedEngine(), (version.id,), (version.id,), answer_tokens=10))
        assert (summary.rankings, summary.repeated_rankings) == ((5, 0) if crashes_at < 4 else (0, 5))
    next_start.clean_up()
    kept = 5 if crashes_at % 2 or crashes_at >= 4 else 0
    assert len(stored(read)) == kept
    assert (count(read, Ranking), count(read, Completion), count(read, Group)) == (kept, 2 * kept, kept)
    assert (count(read, Prompt), count(read, PromptImport)) == (3 if kept else 0, 0)


def test_enough_imported_rankings_queue_a_training(take: Import, read: sessionmaker[Session]) -> None:
    take(*ROWS[:3])
    assert count(read, Job) == 0
    take(*ROWS[3:])
    with read() as session:
        [job] = session.scalars(select(Job)).all()
        assert (job.kind, job.num_rankings) == ("train_reward", 5)


def test_undo_and_withdrawing_make_no_card_of_an_imported_group(
    take: Import, write: sessionmaker[Session], ada: Labeler
) -> None:
    take(pair(labeler="ada", labeler_kind="person"))
    with transaction(write) as session:
        assert rankings.last_ranking(session, ada) is None
        [ranking_id] = training_data.ranking_ids_in_force(session)
        rankings.withdraw_ranking(session, ranking_id, ada, lease_seconds=LEASE_SECONDS)
    with transaction(write) as session:
        assert training_data.ranking_ids_in_force(session) == []
        assert groups.next_group(session, labeler=ada, now=utc_now(), lease_seconds=9) is None
    assert take(pair(labeler="ada", labeler_kind="person")).rankings == 0, "withdrawn is withdrawn"


def test_archiving_a_prompt_takes_its_imported_rankings_out(
    take: Import, write: sessionmaker[Session], read: sessionmaker[Session]
) -> None:
    take(pair(), pair(prompt="r", archived_at="2026-01-01"))
    assert [prompt for prompt, _ in stored(read)] == ["q"]
    with transaction(write) as session:
        [number] = session.scalars(select(Prompt.id).where(Prompt.text == "q"))
        curation.archive_prompt(session, number, utc_now())
    assert stored(read) == []


def test_what_became_of_a_file_is_told_whole() -> None:
    """Each count that is not zero is said, and none else."""
    everything = ImportSummary(
        lines=1_000, new=2, repeated=3, kept=4, rankings=5, repeated_rankings=6, held_out=7, same_text=8, archived=11,
        answers_not_kept=9, questions_not_kept=10, columns_not_kept=frozenset({"x", "a"}),
        put_away=frozenset((number, datetime(2026, 1, 1, tzinfo=UTC)) for number in range(12)),
    )  # fmt: skip
    assert told(everything) == (
        "1,000 rows read: 2 new prompts and 5 new rankings; 3 rows had a prompt that was there already. 6 rankings "
        "were there already. 4 rows give their prompts another split, language or place (archived) than they have "
        "here: they stay as they are. 12 prompts that ship with Fourfold are archived here, too, as in the file. 7 "
        "rankings are about held-out prompts: kept, but not trained on. 11 rankings are about archived prompts: kept, "
        "but not trained on until the prompts are restored. 8 comparisons of a text with itself said nothing and were "
        "left out. 9 answers were not compared with another and not kept: only the prompts are. 10 later questions "
        "were not kept either. Unknown columns were not kept: a, x."
    )
    assert told(ImportSummary(lines=1, new=1)) == "1 row read: 1 new prompt."
    assert told(ImportSummary(lines=1, repeated=1)) == (
        "1 row read: 0 new prompts; 1 row had a prompt that was there already."
    )
