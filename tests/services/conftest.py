"""Rows that many service tests begin with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message, SampledAnswer
from app.db.base import utc_now
from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSource
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.hparams import SamplingParams
from app.model_info.weights import copy_directory
from app.services.labeling import groups, labelers, rankings
from app.services.labeling.label_settings import Writers
from app.services.lifecycle import installing
from app.services.prompts import prompts
from app.services.versions import versions
from tests.live import LEASE_SECONDS

MakeGroup = Callable[..., Group]
Rank = Callable[..., int]


@pytest.fixture
def make_group(sessions: sessionmaker[Session], sft: Version) -> MakeGroup:
    """Stores a ready group, or one leased to `leased_to`."""

    def make(leased_to: Labeler | None = None, text: str = "Hi", version: Version = sft) -> Group:
        with transaction(sessions) as session:
            prompt = prompts.add_prompt(session, messages=[Message(role="user", content=text)], source=PromptSource.OWN)
            return groups.add_group(
                session,
                groups.NewGroup(
                    prompt=prompt, writers=Writers.all_by(version.id), params=SamplingParams(), seed=1, is_own=True
                ),
                [SampledAnswer(f"answer {n}", [5, n, 4], "stop") for n in range(4)],
                shuffle_seed=7,
                leased_to=leased_to,
                lease_seconds=LEASE_SECONDS,
            )

    return make


@pytest.fixture
def ada(sessions: sessionmaker[Session]) -> Labeler:
    with transaction(sessions) as session:
        return labelers.get_or_create_labeler(session, "ada")


@pytest.fixture
def bob(sessions: sessionmaker[Session]) -> Labeler:
    with transaction(sessions) as session:
        return labelers.get_or_create_labeler(session, "bob")


def lease(session: Session, labeler: Labeler, lease_seconds: float = 60.0) -> Group | None:
    return groups.next_group(session, labeler=labeler, now=utc_now(), lease_seconds=lease_seconds)


def in_order(group: Group) -> dict[int, int]:
    """Ranks 1, 2, 3, 4 in the order shown."""
    return {answer.id: place + 1 for place, answer in enumerate(group.completions)}


def rank_group(session: Session, version: Version, ranks: Callable[[Group], dict[int, int]] | None = None) -> Group:
    """A group of the version's answers, leased to somebody, and ranked where `ranks` says how."""
    labeler = labelers.get_or_create_labeler(session, "somebody")
    prompt = prompts.add_prompt(session, messages=[Message(role="user", content="Hi")], source=PromptSource.OWN)
    answers = [SampledAnswer(f"answer {n}", [5, n, 4], "stop") for n in range(4)]
    group = groups.add_group(
        session,
        groups.NewGroup(
            prompt=prompt, writers=Writers.all_by(version.id), params=SamplingParams(), seed=1, is_own=True
        ),
        answers,
        shuffle_seed=7,
        leased_to=labeler,
        lease_seconds=LEASE_SECONDS,
    )
    if ranks is not None:
        rankings.submit_ranking(session, group_id=group.id, labeler=labeler, ranks=ranks(group), retrain_after=1_000)
    return group


@pytest.fixture
def model_files(tmp_path: Path) -> Path:
    """A directory that looks like a model to everything that knows no tensors."""
    directory = tmp_path / "model"
    directory.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (directory / name).write_bytes(name.encode() * 100)
    return directory


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def first(session: Session, model_files: Path, data_dir: Path) -> Version:
    return installing.install_sft(session, model_dir=model_files, data_dir=data_dir)


def plans(database: Database, action: Callable[[Session], object]) -> list[str]:
    """How SQLite runs each statement of the action, in its own words."""
    ran: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            ran.append((statement, parameters))

    event.listen(database, "before_cursor_execute", note)
    try:
        with Session(database) as session:
            action(session)
    finally:
        event.remove(database, "before_cursor_execute", note)
    assert ran
    with database.connect() as connection:
        return [
            "; ".join(str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
            for statement, parameters in ran
        ]


AddVersion = Callable[..., Version]


@pytest.fixture
def add(session: Session, first: Version, model_files: Path, data_dir: Path) -> AddVersion:
    def add_version(kind: VersionKind, metrics: dict[str, object] | None = None, **more: Any) -> Version:
        path = versions.next_version_path(session, kind)
        found = copy_directory(model_files, data_dir / path)
        return versions.add_version(
            session,
            versions.NewVersion(
                kind=kind, parent_id=first.id, path=path, content_hash=found, metrics=metrics or {}, **more
            ),
        )

    return add_version
