"""Which prompt comes next, and that it is found by index however many there are."""

import random
from collections.abc import Callable

import pytest
from sqlalchemy import Dialect, insert, text
from sqlalchemy import Engine as Database
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.schema import CreateIndex

from app.chat import Message
from app.db.base import utc_now
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.session import transaction
from app.errors import UnavailableError
from app.services.data import training_data
from app.services.labeling import drawing, groups
from app.services.labeling.label_settings import Writers
from app.services.prompts import prompts
from tests.services.conftest import MakeGroup, plans


def add(session: Session, words: str, split: PromptSplit = PromptSplit.TRAIN) -> Prompt:
    return prompts.add_prompt(
        session, messages=[Message(role="user", content=words)], source=PromptSource.OWN, split=split
    )


def drawn(session: Session, times: int) -> set[str]:
    rng = random.Random(0)
    return {drawing.draw_prompt(session, rng).text for _ in range(times)}


def test_drawn_prompts_are_the_least_shown_training_ones(session: Session, make_group: MakeGroup) -> None:
    make_group(text="seen twice"), make_group(text="seen twice"), make_group(text="seen once")
    assert drawn(session, 10) == {"seen once"}
    add(session, "new"), add(session, "also new")
    add(session, "kept for evaluation", PromptSplit.HELD_OUT)
    session.flush()
    assert drawn(session, 40) == {"new", "also new"}


def test_a_group_that_nobody_saw_counts_no_longer(sessions: sessionmaker[Session], make_group: MakeGroup) -> None:
    first = make_group(text="sampled by a former version")
    assert first.version_id is not None
    with transaction(sessions) as session:
        add(session, "shown once"), add(session, "shown twice")
        session.execute(text("UPDATE prompts SET shown = 1 WHERE text = 'shown once'"))
        session.execute(text("UPDATE prompts SET shown = 2 WHERE text = 'shown twice'"))
    with transaction(sessions) as session:
        assert groups.expire_stale(session, sampled_as=Writers.all_by(first.version_id + 1).key) == 1
        assert drawn(session, 10) == {"sampled by a former version"}
        assert session.get_one(Prompt, first.prompt_id).shown == 0


def test_where_all_are_archived_the_way_back_is_said(session: Session) -> None:
    add(session, "kept for evaluation", PromptSplit.HELD_OUT).archived_at = utc_now()
    session.flush()
    with pytest.raises(UnavailableError, match="There are no prompts to show"):
        drawing.draw_prompt(session, random.Random(0))
    add(session, "put away").archived_at = utc_now()
    session.flush()
    with pytest.raises(UnavailableError, match=r"All prompts are archived\. Restore some on the Data page"):
        drawing.draw_prompt(session, random.Random(0))


def test_a_showing_gives_a_new_place_among_equals(sessions: sessionmaker[Session], make_group: MakeGroup) -> None:
    with transaction(sessions) as session:
        prompt = add(session, "Hi")
        session.flush()
        before = prompt.draw_key
    make_group(text="Hi")
    with transaction(sessions) as session:
        stored = session.get_one(Prompt, prompt.id)
        assert (stored.shown, len(stored.draw_key)) == (1, len(before))
        assert stored.draw_key != before == stored.digest[: len(before)]


def test_what_is_not_in_use_is_not_drawn(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        add(session, "in use")
        add(session, "archived").archived_at = utc_now()
        add(session, "of an unfinished import").import_id = 7
        aside = add(session, "too long")
        session.flush()
        drawing.set_aside(session, aside.id, reason="It is too long.", key="k")
    with sessions() as session:
        assert drawn(session, 40) == {"in use"}


def test_every_equal_prompt_is_drawn_sometimes(sessions: sessionmaker[Session]) -> None:
    """Wherever chance leads, also behind the last key."""
    with transaction(sessions) as session:
        for number in range(8):
            add(session, f"prompt {number}").draw_key = f"{number:x}".ljust(16, "0")
    with sessions() as session:
        assert len(drawn(session, 200)) == 8


def test_no_prompts_is_said_with_what_to_do(session: Session) -> None:
    with pytest.raises(UnavailableError, match="There are no prompts to show"):
        drawing.draw_prompt(session, random.Random(0))
    for words in ("long", "longer"):
        prompt = add(session, words)
        session.flush()
        drawing.set_aside(session, prompt.id, reason="It is too long.", key="k")
    with pytest.raises(UnavailableError, match="There are 2 prompts, but none that the active version can answer"):
        drawing.draw_prompt(session, random.Random(0))


def test_prompts_judged_by_another_version_are_found(session: Session) -> None:
    for key in ("a", "b", "b", "c"):
        prompt = add(session, f"prompt {random.random()}")
        session.flush()
        drawing.set_aside(session, prompt.id, reason="r", key=key)
    assert drawing.judged_otherwise(session, "b", 10) == [1, 4]
    assert drawing.judged_otherwise(session, "b", 1) == [1]
    drawing.take_in_again(session, [1, 4])
    assert drawing.judged_otherwise(session, "b", 10) == []
    assert drawing.count_set_aside(session) == 2


@pytest.fixture
def many(database: Database) -> Database:
    """Three thousand prompts, half of them put away in each of the three ways or held out, and no statistics."""
    row = {"text": "t", "messages": [], "split": "train", "source": "imported", "language": "en", "shown": 0}
    away: list[dict[str, object]] = [
        {"archived_at": utc_now()}, {"set_aside": "r", "set_aside_for": "k"}, {"import_id": 1}, {"split": "held_out"}
    ]  # fmt: skip
    with database.begin() as connection:
        for n in range(3_000):
            changes = away[n % 4] if n < 1_500 else {}
            new = {**row, "digest": f"{n:064x}", "draw_key": f"{n:016x}", "created_at": utc_now(), **changes}
            connection.execute(insert(Prompt).values(**new))
    return database


@pytest.mark.sqlite
def test_drawing_reads_no_table_from_end_to_end(many: Database) -> None:
    for plan in plans(many, lambda session: drawing.draw_prompt(session, random.Random(0))):
        assert "ix_prompts_drawing" in plan
        assert "SCAN" not in plan
        assert "TEMP B-TREE" not in plan


def test_the_same_plan_is_open_to_postgresql() -> None:
    """The partial index has the very words of the condition, without parameters."""
    [index] = [each for each in Prompt.__table__.indexes if each.name == "ix_prompts_drawing"]  # type: ignore[attr-defined]
    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = str(CreateIndex(index).compile(dialect=dialect))
    where = made.partition(" WHERE ")[2]
    assert where == "archived_at IS NULL AND set_aside IS NULL AND import_id IS NULL"
    for statement in (drawing.least_shown(), drawing.shown_so_often(0, "")):
        asked = str(statement.compile(dialect=dialect)).replace("prompts.", "")
        assert where in asked


def test_a_training_takes_all_prompts_or_a_part_by_its_seed(session: Session) -> None:
    """In the order of their digests; behind the last one the first ones follow."""
    everything = [add(session, f"prompt {number}") for number in range(40)]
    everything[0].archived_at = utc_now()
    add(session, "kept for evaluation", PromptSplit.HELD_OUT)
    session.flush()
    ordered = [prompt.id for prompt in sorted(everything[1:], key=lambda prompt: prompt.digest)]
    assert training_data.training_prompt_ids(session, 39, seed=5) == ordered
    found = [training_data.training_prompt_ids(session, 10, seed=seed) for seed in range(30)]
    assert training_data.training_prompt_ids(session, 10, seed=3) == found[3]
    for part in found:
        start = ordered.index(part[0])
        assert part == (ordered + ordered)[start : start + 10]
    assert set().union(*map(set, found)) == set(ordered)


def test_evaluations_take_the_same_prompts_every_time(session: Session) -> None:
    held_out = [add(session, f"prompt {number}", PromptSplit.HELD_OUT) for number in range(9)]
    session.flush()
    ordered = [prompt.id for prompt in sorted(held_out, key=lambda prompt: prompt.digest)]
    assert training_data.held_out_prompt_ids(session, 5) == ordered[:5]


@pytest.mark.parametrize(
    "choose",
    [lambda s: training_data.training_prompt_ids(s, 50, seed=1), lambda s: training_data.held_out_prompt_ids(s, 50)],
)
@pytest.mark.sqlite
def test_a_job_reads_no_table_from_end_to_end(many: Database, choose: Callable[[Session], object]) -> None:
    for plan in plans(many, choose):
        assert "SCAN" not in plan
        assert "TEMP B-TREE" not in plan
