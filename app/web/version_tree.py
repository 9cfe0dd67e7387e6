"""The tree of versions as cards: what came of what, in use or not, and how good each was measured to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind
from app.formats.figures import number, percent
from app.kinds.registry import kind_of
from app.model_info.scorer_format import is_outdated
from app.preferences import NOTHING_LEARNED
from app.services.versions.bounds import measured
from app.services.versions.version_states import Standing
from app.services.views.version_tree import Node, version_tree
from app.settings.config import Settings
from app.translation import N_, _
from app.web.decision import win_rate_of
from app.web.shares import Share
from app.web.templating import Context
from app.web.training_record import training_record

ON_THE_TRAIN_PAGE, AT_ONCE = 40, 400
"""How many versions are listed, the newest ones; `AT_ONCE` on a page of their own, which leads to the older ones."""
POLICIES_SHOWN, REWARDS_SHOWN = 6, 2
"""Made from one version; the older ones are folded."""
JOB_STAGES = {
    "train_policy": N_("PPO"),
    "train_grpo": N_("RLOO or GRPO"),
    "train_dpo": N_("DPO"),
    "train_best_of_n": N_("Best of n"),
    "show_cheating": N_("PPO without a penalty"),
}
"""What made a policy, in the field's words."""


@dataclass(frozen=True)
class Measure:
    """One figure of a card."""

    name: str
    value: str


@dataclass(frozen=True)
class Card:
    version: Version
    stage: str
    """What made it, in a few words; empty where nobody knows."""
    num_rankings: int
    """That made it."""
    share_name: str
    """What `share` is."""
    share: Share | None
    """A policy's win rate, a reward model's accuracy; None where nothing was measured."""
    measures: list[Measure]
    """Other figures."""
    is_outdated: bool
    """Whether it is a reward model that this program cannot read any more."""
    made: "Branch"
    """What was made from it."""


@dataclass(frozen=True)
class Branch:
    shown: list[Card]
    older: list[Card]
    """Folded."""


@dataclass(frozen=True, kw_only=True)
class Tree(Context):
    """All versions, by what was made from what."""

    template: ClassVar[str] = "versions/_tree.html"
    roots: Branch
    """What writes text, from base models to policies."""
    rewards: Branch
    """What scores."""
    has_policies: bool
    """Whether one was ever made."""
    removed: list[Version]
    """Without files, which nothing stands on."""
    num_older: int
    """How many are too old to be listed here."""
    oldest: int | None
    """The id below which they are."""
    standing: Standing
    """What each version is today."""
    back: str
    """The page that the tree stands on, for its forms: list (the train page) or all."""


def tree(session: Session, settings: Settings, *, back: str, below: int | None = None) -> Tree:
    """`below`: of the older versions alone, those whose ids are below one."""
    found = version_tree(session, limit=ON_THE_TRAIN_PAGE if back == "list" else AT_ONCE, below=below)
    roots = [_card(node, settings) for node in found.roots]
    return Tree(
        roots=Branch(roots, []),
        rewards=_branch(found.rewards, settings, REWARDS_SHOWN),
        has_policies=any(_has_policies(node) for node in found.roots)
        or any(version.kind is VersionKind.POLICY for version in found.removed),
        removed=found.removed,
        num_older=found.num_older,
        oldest=found.oldest,
        standing=found.standing,
        back=back,
    )


def _has_policies(node: Node) -> bool:
    return node.version.kind is VersionKind.POLICY or any(map(_has_policies, node.children))


def _branch(nodes: Sequence[Node], settings: Settings, shown: int) -> Branch:
    """The newest ones, and those that are in use."""
    near = [node for place, node in enumerate(nodes) if place < shown or node.is_in_use]
    far = [node for node in nodes if node not in near]
    return Branch([_card(node, settings) for node in near], [_card(node, settings) for node in far])


def _card(node: Node, settings: Settings) -> Card:
    version = node.version
    scores = version.kind is VersionKind.REWARD
    return Card(
        version=version,
        stage=stage_of(version, node.job_kind, settings),
        num_rankings=node.num_rankings,
        share_name=_("Accuracy") if scores else _("Win rate"),
        share=accuracy_of(version) if scores else win_rate_of(version),
        measures=_measures(version),
        is_outdated=scores and is_outdated(settings.version_directory(version.path)),
        made=_branch(node.children, settings, POLICIES_SHOWN),
    )


def stage_of(version: Version, job_kind: str | None, settings: Settings) -> str:
    """What made the version, in a few words; empty where nobody knows."""
    if version.imported_from is not None:
        return _("imported from {source}", source=version.imported_from)
    if job_kind in JOB_STAGES:
        return _(JOB_STAGES[job_kind])
    if version.kind in (VersionKind.BASE, VersionKind.SFT):
        record = training_record(settings.version_directory(version.path))
        return "" if record is None else record.stage
    return "" if job_kind is None or version.kind is VersionKind.REWARD else _(kind_of(job_kind).title)


def accuracy_of(version: Version) -> Share | None:
    """A reward model's, on pairs that it did not learn from."""
    rate = version.metrics.get("held_out_accuracy")
    if rate is None or version.metrics.get("verdict") == NOTHING_LEARNED:
        return None
    return Share(rate, version.metrics.get("held_out_accuracy_error"))


def _measures(version: Version) -> list[Measure]:
    if version.metrics.get("verdict") == NOTHING_LEARNED:
        return [Measure(_("Accuracy"), _("nothing learned"))]
    found = measured(version.metrics.get("evaluation") or {})
    said = [
        (_("Reward"), "reward/mean", 2),
        (_("KL"), "kl", 1),
        (_("Length"), "length_mean", 0),
    ]
    told = [Measure(name, number(float(found[key]), digits)) for name, key, digits in said if key in found]
    if "knowledge" in found:
        told.append(Measure(_("Remembers"), percent(found["knowledge"])))
    return told
