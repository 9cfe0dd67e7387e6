"""Model versions: what was made, from what, by which rankings, and what is active."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, string_enum, utc_now
from app.formats.languages import SHIPPED
from app.model_info.catalogue import catalogue
from app.model_info.prompt_sets import CORPUS


class VersionKind(StrEnum):
    BASE = "base"
    SFT = "sft"
    REWARD = "reward"
    POLICY = "policy"


class VersionOrigin(StrEnum):
    SHIPPED = "shipped"
    IMPORTED = "imported"
    TRAINED = "trained"


class VersionStatus(StrEnum):
    CANDIDATE = "candidate"
    ACTIVE = "active"
    RETIRED = "retired"


_ACTIVE_ANSWERER = "status = 'active' AND kind IN ('base', 'sft', 'policy')"
_ACTIVE_REWARD = "status = 'active' AND kind = 'reward'"


class Version(Base):
    __tablename__ = "versions"
    __table_args__ = (
        # one model answers and one scores, whatever two requests do at once
        Index(
            "uq_versions_active_answerer",
            "status",
            unique=True,
            sqlite_where=text(_ACTIVE_ANSWERER),
            postgresql_where=text(_ACTIVE_ANSWERER),
        ),
        Index(
            "uq_versions_active_reward",
            "status",
            unique=True,
            sqlite_where=text(_ACTIVE_REWARD),
            postgresql_where=text(_ACTIVE_REWARD),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[VersionKind] = mapped_column(string_enum(VersionKind), index=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    """The version whose weights it started from."""
    reward_version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    """The reward model that a policy was trained against."""
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"), unique=True)
    status: Mapped[VersionStatus] = mapped_column(string_enum(VersionStatus), default=VersionStatus.CANDIDATE)
    path: Mapped[str]
    """Relative to the data folder."""
    content_hash: Mapped[str]
    hparams: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    seed: Mapped[int | None]
    precision: Mapped[str | None]
    """The number format that it was trained in; None where it was not trained here."""
    code_commit: Mapped[str | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Training metrics; after evaluation also `evaluation` (numbers) and `samples` (before/after texts)."""
    name: Mapped[str | None]
    """What somebody calls it, beside its kind and id."""
    note: Mapped[str | None]
    """What somebody wrote about it."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    discarded_at: Mapped[datetime | None]
    """Since when a candidate is not to be used (services/lifecycle/deciding.py); its files are there, and activating it
    is a change of mind."""
    activated_at: Mapped[datetime | None]
    activation_number: Mapped[int | None] = mapped_column(index=True, unique=True)
    """Grows with every activation, over all versions: which one was active last."""
    removed_at: Mapped[datetime | None]
    """Since when its files are gone (services/versions/removal.py); the row stays: rankings and others name it."""

    @property
    def origin(self) -> VersionOrigin:
        """What it is, where nothing here was its parent: shipped with the program, or somebody else's."""
        if self.parent_id is not None:
            return VersionOrigin.TRAINED
        return VersionOrigin.SHIPPED if self.imported_from is None else VersionOrigin.IMPORTED

    @property
    def waits(self) -> bool:
        """Whether somebody is still to decide about it: never used, not discarded, its files there."""
        undecided = self.status is VersionStatus.CANDIDATE and self.discarded_at is None
        return undecided and self.removed_at is None and self.kind is not VersionKind.BASE

    @property
    def ranking_source_id(self) -> int | None:
        """Whose rankings made it: a reward model's own; a policy's are those of its reward model, or its own where it
        needed none (DPO)."""
        learned = self.kind in (VersionKind.REWARD, VersionKind.POLICY)
        return self.id if learned and self.reward_version_id is None else self.reward_version_id

    @property
    def languages(self) -> list[str] | None:
        """Languages that an SFT model is for, if given; what is trained from it is for the same."""
        if self.origin is VersionOrigin.SHIPPED:
            return list(SHIPPED)
        return self.metrics.get("languages")

    @property
    def prompt_sets(self) -> tuple[str, ...]:
        """Which shipped prompts suit an SFT model, and what is trained from it: those that its entry of the catalogue
        names; the corpus's for every model without one."""
        entry = catalogue().get(self.metrics.get("published", {}).get("name", ""))
        return (CORPUS,) if entry is None else entry.prompts

    @property
    def imported_from(self) -> str | None:
        """The name of the directory that it was imported from."""
        return self.metrics.get("imported_from")


class VersionRanking(Base):
    """The exact rankings a version was trained on; a policy's are its reward version's where it has one."""

    __tablename__ = "version_rankings"
    __table_args__ = (Index("ix_version_rankings_ranking", "ranking_id"),)

    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    ranking_id: Mapped[int] = mapped_column(ForeignKey("rankings.id"), primary_key=True)
    influence: Mapped[float | None]
    """Of a reward model's: nats by which it moved the held-out loss, below 0 to the better; None where that is not
    known (app/training/reward/influence.py)."""
    influence_error: Mapped[float | None]
    """Its standard error."""
    surprise: Mapped[float | None]
    """Nats: the mean loss of its comparisons by weights that had not learned from it; None where that is not known."""
