"""The state of a version as people see it: candidate, in use, discarded, superseded, rolled back, removed."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind, VersionStatus
from app.services.versions import versions


class VersionState(StrEnum):
    ACTIVE = "active"
    """It answers, or scores."""
    CANDIDATE = "candidate"
    """It has never been active."""
    DISCARDED = "discarded"
    """It has never been active, and somebody decided against it; its files are still there."""
    REFERENCE = "reference"
    """The SFT model that the active policy comes from: PPO begins there and is held near it."""
    ROLLED_BACK = "rolled_back"
    """It was active; an earlier version was put back in its place."""
    SUPERSEDED = "superseded"
    """It was active; a newer version took its place."""
    ORIGIN = "origin"
    """It was active, and versions that are there were made from it: it is what they stand on, and nobody's reject."""
    RESTING = "resting"
    """A reward model for another SFT model than the one that answers now."""
    BASE = "base"
    """A base model: it goes on with texts, and answers nobody."""
    REMOVED = "removed"
    """Its files are gone, its record stays."""


@dataclass(frozen=True)
class Standing:
    """Which versions are active now: what a version is follows from that."""

    answerer: Version | None
    reward: Version | None
    reference: Version | None
    origins: frozenset[int] = frozenset()
    """Ids of those that a version with files was made from."""

    def state_of(self, version: Version) -> VersionState:
        if version.removed_at is not None:
            return VersionState.REMOVED
        if version.kind is VersionKind.BASE:
            return VersionState.BASE
        if version.status is VersionStatus.CANDIDATE and version.discarded_at is not None:
            return VersionState.DISCARDED
        if version.status is not VersionStatus.RETIRED:
            return VersionState(version.status)
        if self.reference is not None and version.kind is VersionKind.SFT and version.id == self.reference.id:
            return VersionState.REFERENCE
        scores = version.kind is VersionKind.REWARD
        if scores and self.reference is not None and version.parent_id != self.reference.id:
            return VersionState.RESTING
        successor = self.reward if scores else self.answerer
        earlier = successor is not None and successor.id < version.id
        if earlier:
            return VersionState.ROLLED_BACK
        return VersionState.ORIGIN if version.id in self.origins else VersionState.SUPERSEDED


def standing(session: Session) -> Standing:
    answerer = versions.active_answerer_or_none(session)
    reference = None if answerer is None else versions.sft_of(session, answerer)
    there = select(Version.parent_id).where(Version.parent_id.is_not(None), Version.removed_at.is_(None))
    origins = frozenset(parent_id for parent_id in session.scalars(there.distinct()) if parent_id is not None)
    return Standing(answerer, versions.active_reward(session), reference, origins)
