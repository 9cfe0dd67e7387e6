"""Votes out and into an empty installation: the same statistics; and what training elsewhere may read of them."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message
from app.db.models.arena import Pair, PairSource, PairStatus, Verdict, Vote
from app.db.models.labelers import LabelerKind
from app.db.models.prompts import PromptSource, PromptSplit
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import make_session_factory, open_database, transaction
from app.errors import InvalidError
from app.formats.json_lines import json_line
from app.hparams import SamplingParams
from app.services.arena import arena_settings, pairs, votes
from app.services.arena.arena_settings import ArenaChoice
from app.services.arena.standings import standings
from app.services.data import export_columns
from app.services.data.import_summary import told
from app.services.data.imports import Importer
from app.services.data.parquet_exports import parquet_of
from app.services.data.row_doors import VOTES
from app.services.data.vote_exports import export_vote_preferences, export_votes
from app.services.labeling import labelers
from app.services.prompts import prompts
from app.services.sampling.fitting import Fitting
from app.services.versions import versions
from tests.databases import migrated_file
from tests.live import ScriptedEngine
from tests.services.data.test_parquet_exports import rows_in

Sessions = sessionmaker[Session]
HOSTILE = '<b>\u2028\n"x" \U0001f600'
VERDICTS = [*Verdict, Verdict.A, Verdict.A, Verdict.B]


@pytest.fixture
def policy(write: Sessions, sft: Version) -> Version:
    with transaction(write) as session:
        new = versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="v/2", content_hash="2" * 64)
        return versions.add_version(session, new)


@pytest.fixture
def voted(write: Sessions, sft: Version, policy: Version) -> None:
    """Seven votes of two people, every other one about a held-out prompt; and an eighth that was withdrawn."""
    with transaction(write) as session:
        for number, verdict in enumerate([*VERDICTS, Verdict.B]):
            who = labelers.get_or_create_labeler(session, ("ada", "bob")[number % 2])
            split = PromptSplit.HELD_OUT if number % 2 else PromptSplit.TRAIN
            asked = [Message(role="user", content=f"Prompt {number} {HOSTILE}")]
            prompt = prompts.add_prompt(session, messages=asked, source=PromptSource.IMPORTED, split=split)
            a, b = (policy, sft) if number % 3 else (sft, policy)
            pair = Pair(
                prompt_id=prompt.id,
                source=PairSource.HELD_OUT if number % 2 else PairSource.DRAWN,
                version_a_id=a.id, version_b_id=b.id,
                text_a=f"A {number} {HOSTILE}", text_b=f"B {number}",
                token_ids_a=[5, number], token_ids_b=[6],
                finish_reason_a="length", finish_reason_b="stop",
                score_a=0.5 + number, score_b=None,
                seed=number, settings=pairs.kept_settings(SamplingParams(temperature=0.7, seed=number)),
                status=PairStatus.HELD, labeler_id=who.id,
            )  # fmt: skip
            session.add(pair)
            session.flush()
            vote = votes.cast_vote(
                session, pair_id=pair.id, labeler=who, verdict=verdict, duration_ms=900 + number,
                retrain_after=99, data_dir=Path(),
            )  # fmt: skip
        votes.withdraw_vote(session, vote.id, who)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Sessions]:
    """An empty installation, in which an SFT model with the same files is version 3."""
    database = open_database(f"sqlite:///{migrated_file(tmp_path / 'elsewhere.db')}")
    write = make_session_factory(database)
    with transaction(write) as session:
        for path, content_hash in (("v/1", "7" * 64), ("v/2", "8" * 64), ("v/3", "0" * 64)):
            new = versions.NewVersion(kind=VersionKind.SFT, parent_id=None, path=path, content_hash=content_hash)
            versions.add_version(session, new)
        version = session.get_one(Version, 3)
        version.status = VersionStatus.ACTIVE
    yield write
    database.dispose()


def rows_of(read: Sessions) -> list[dict[str, Any]]:
    return list(export_votes(read))


def take_in(write: Sessions, rows: list[dict[str, Any]]) -> str:
    importer = Importer(write, max_characters=200, retrain_after=99)
    fitting = Fitting(ScriptedEngine(), (3,), (3,), answer_tokens=10)
    return told(importer.run(BytesIO("".join(map(json_line, rows)).encode()), fitting, VOTES))


def statistics(read: Sessions) -> list[tuple[object, ...]]:
    with read() as session:
        rows = standings(session).rows
    return [(each.strength, each.counts) for each in rows]


@pytest.mark.usefixtures("voted")
def test_an_empty_installation_takes_them_in_with_the_same_statistics(
    read: Sessions, elsewhere: Sessions, policy: Version
) -> None:
    exported = rows_of(read)
    assert len(exported) == 7
    assert take_in(elsewhere, exported) == "7 rows read: 7 new votes, 7 new prompts."
    assert statistics(elsewhere) == statistics(read)
    again = rows_of(elsewhere)
    numbers = ("vote_id", "pair_id", "prompt_id", "reward_version")
    for before, after in zip(exported, again, strict=True):
        for name in set(before) - {*numbers, "pair"}:
            assert after[name] == before[name], name
        for one, other in zip(before["pair"], after["pair"], strict=True):
            for name in ("text", "tokens", "finish_reason", "score", "content_hash"):
                assert other[name] == one[name]
        writers = {each["written_by"] for each in after["pair"]}
        assert writers == {"sft 3", f"policy {policy.id}"}  # the one is known by its files
    assert take_in(elsewhere, exported) == (
        "7 rows read: 0 new prompts; 7 rows had a prompt that was there already. 7 votes were there already."
    )
    assert take_in(elsewhere, again).endswith("7 votes were there already.")
    assert statistics(elsewhere) == statistics(read)


@pytest.mark.usefixtures("voted")
def test_into_the_installation_that_they_are_from_none_is_taken_in_twice(read: Sessions, write: Sessions) -> None:
    rows = rows_of(read)
    assert take_in(write, rows).endswith("7 votes were there already.")
    assert len(rows_of(read)) == 7
    rows[0]["pair"][0] |= {"written_by": "policy 99", "content_hash": "9" * 64}
    assert take_in(write, rows).endswith("7 votes were there already."), "whose files are not known may be the same"
    here = [side for row in rows for side in row["pair"] if side["content_hash"] not in ("0" * 64, "9" * 64)]
    rows[0]["pair"][0] |= {name: here[0][name] for name in ("written_by", "content_hash")}
    if rows[0]["pair"][0]["content_hash"] == rows[0]["pair"][1]["content_hash"]:
        rows[0]["pair"][1] |= {"written_by": "sft 3", "content_hash": "0" * 64}
    assert "1 new vote" in take_in(write, rows), "those whom others wrote are others"


@pytest.mark.usefixtures("voted")
def test_two_versions_there_with_the_files_of_one_here_stay_two_by_their_names(
    read: Sessions, elsewhere: Sessions
) -> None:
    row = rows_of(read)[0]
    for side, name in zip(row["pair"], ("sft 1", "policy 5"), strict=True):
        side |= {"written_by": name, "content_hash": "0" * 64}
    take_in(elsewhere, [row])
    with elsewhere() as session:
        [pair] = session.query(Pair)
        assert (pair.version_a_id, pair.version_b_id) == (None, None)
        names = [(writer or "").partition(" (")[0] for writer in (pair.writer_a, pair.writer_b)]
        assert [name.startswith(said) for name, said in zip(names, ("sft 1", "policy 5"), strict=True)] == [True, True]


@pytest.mark.usefixtures("voted")
def test_preferences_are_wins_on_prompts_that_may_be_trained_on(read: Sessions) -> None:
    rows = list(export_vote_preferences(read))
    given = [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows]
    assert given == [(f"A 0 {HOSTILE}", "B 0"), (f"A 4 {HOSTILE}", "B 4"), ("B 6", f"A 6 {HOSTILE}")]
    assert {row["split"] for row in rows} == {"train"}  # held-out ones, ties and both bad are left out
    assert rows[0]["prompt"] == [{"role": "user", "content": f"Prompt 0 {HOSTILE}"}]
    assert (rows[0]["chosen_written_by"], rows[0]["rejected_written_by"]) == ("sft 1", "policy 2")
    assert list(export_vote_preferences(read, LabelerKind.SIMULATED)) == []


@pytest.mark.usefixtures("voted")
@pytest.mark.parametrize("on", [True, False])
def test_imported_votes_are_trained_on_by_the_setting_alone_and_held_out_ones_never(
    read: Sessions, elsewhere: Sessions, on: bool
) -> None:
    with transaction(elsewhere) as session:
        arena_settings.choose(session, ArenaChoice(train_on_votes=on), retrain_after=99)
    take_in(elsewhere, rows_of(read))
    with elsewhere() as session:
        learned = session.query(Ranking).filter(Ranking.in_force()).count()
    assert learned == (4 if on else 0)  # of seven: three are held out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"verdict": "c"}, "line 2: verdict must be one of a, b, tie, both_bad"),
        ({"pair": [{"text": "one"}]}, "line 2: pair must be a list of two objects"),
        ({"pair": [{"text": "one", "written_by": "x"}, {"text": "two"}]}, "line 2: pair[1] needs text and written_by"),
        ({"prompt": None}, "line 2: it has pair, but nothing that they answer"),
        ({"created_at": "yesterday"}, "line 2: created_at must be a time"),
        ({"verdict": None}, "line 2: it is a prompt without answers that were compared"),
    ],
)
@pytest.mark.usefixtures("voted")
def test_one_bad_line_is_named_and_nothing_of_the_file_is_kept(
    read: Sessions, elsewhere: Sessions, change: dict[str, object], says: str
) -> None:
    rows = rows_of(read)
    rows[1] |= change
    with pytest.raises(InvalidError) as caught:
        take_in(elsewhere, rows)
    assert says.lower() in caught.value.message.lower()
    assert "Nothing of this file was kept." in caught.value.message
    with elsewhere() as session:
        assert session.query(Vote).count() == session.query(Pair).count() == 0


@pytest.mark.usefixtures("voted")
def test_parquet_has_a_column_for_everything(read: Sessions) -> None:
    for rows, columns in (
        (list(export_votes(read)), export_columns.VOTES),
        (list(export_vote_preferences(read)), export_columns.VOTE_PREFERENCES),
    ):
        assert rows
        assert len(rows_in(b"".join(parquet_of(rows, columns)), columns)) == len(rows)
    assert rows_in(b"".join(parquet_of(export_votes(read), export_columns.VOTES)), export_columns.VOTES) == list(
        export_votes(read)
    )
