"""The page of a version, put together: first what a person wants of it, then where it comes from, then raw figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind
from app.formats.figures import fact
from app.model_info.scorer_format import is_outdated
from app.services.lifecycle import deciding, removal
from app.services.versions.version_states import Standing
from app.services.views.label_agreement import label_agreement
from app.services.views.training_overview import VersionDetails, version_details
from app.settings.config import Settings
from app.translation import N_, _
from app.web.decision import Case, case_of
from app.web.glosses import figure_gloss, hparam_gloss
from app.web.learn_fit import Fit, fit_at
from app.web.report_card import ReportCard, report_card
from app.web.reward_report import RewardReport, reward_report
from app.web.shares import Share
from app.web.templating import PageContext
from app.web.training_record import TrainingRecord, training_record
from app.web.version_tree import accuracy_of, stage_of

TOLD_ABOVE = frozenset(
    {"evaluation", "evaluations_apart", "samples", "reliability", "flags", "languages", "imported_from"}
)
"""Of a version's record, what stands elsewhere on its page."""
LEADS = {
    VersionKind.BASE: N_("It read texts and learned to go on with them, and nothing else: it answers nobody."),
    VersionKind.SFT: N_("It learned from pairs of questions and answers to answer. Policies begin as it."),
}
"""What a model without rankings is."""
IMPORTED = N_("Somebody else made it. It answers in the chat format that it came with, and policies can begin as it.")
IMPORTED_PLAIN = N_("Somebody else made it. It came without a chat format: conversations are written for it as text.")


@dataclass(frozen=True)
class RawFigure:
    name: str
    value: str
    is_text: bool
    gloss: str
    """What it means, in a sentence; empty where nobody knows."""


@dataclass(frozen=True)
class RawFigures:
    title: str
    figures: list[RawFigure]


@dataclass(frozen=True)
class Typed:
    """What stands in the form for name and note, and why it was refused."""

    name: str
    note: str
    error: str = ""
    about_note: bool = False
    """Whether the note was refused, and not the name."""


@dataclass(frozen=True, kw_only=True)
class VersionPage(PageContext):
    template: ClassVar[str] = "versions/index.html"
    page: str | None = "train"
    version: Version
    """The one that is shown."""
    notice: str
    """What came of the last button that was pressed; empty without one."""
    details: VersionDetails
    """Its lineage, its rankings and its job."""
    standing: Standing
    """What each version is today."""
    stage: str
    """What made it, in a few words; empty where nobody knows."""
    lead: str
    """What a base or SFT model is; empty for the others."""
    case: Case | None
    """What speaks for a policy and against it; none for the other kinds."""
    reward: RewardReport | None
    """What a reward model learned; none for the other kinds."""
    accuracy: Share | None
    """A reward model's, where it was measured."""
    record: TrainingRecord | None
    """How a base or SFT model was trained, where that is known."""
    fit: Fit | None
    """The curve of that training, at its end."""
    card: ReportCard | None
    """What an SFT model was measured to do, where a report card lies beside it."""
    newest_rankings: list[Ranking]
    """Of those that made it, with their prompts and labelers."""
    raw: list[RawFigures]
    """All figures of its record."""
    why_it_stays: str | None
    """Why it cannot be removed; none where it can."""
    frees: int
    """Bytes that its removal frees."""
    weighs: int
    """Bytes of its files."""
    typed: Typed
    """Its name and note, as they stand in their form."""
    max_name: int = deciding.MAX_NAME_CHARACTERS
    """Longest name."""
    max_note: int = deciding.MAX_NOTE_CHARACTERS
    """Longest note."""
    back: str = "version"
    """Where its forms come back to."""


def version_page(
    session: Session, settings: Settings, version_id: int, *, notice: str = "", typed: Typed | None = None
) -> VersionPage:
    details = version_details(session, version_id)
    version, job_kind = details.version, None if details.job is None else details.job.kind
    directory = settings.version_directory(version.path)
    record = training_record(directory) if version.kind in LEADS else None
    return VersionPage(
        version=version,
        notice=notice,
        details=details,
        standing=details.standing,
        stage=stage_of(version, job_kind, settings),
        lead=_lead(version),
        case=case_of(session, version) if version.kind is VersionKind.POLICY else None,
        reward=reward_report(
            version,
            label_agreement(session, version.id),
            enough_accuracy=settings.auto_policy_accuracy,
            outdated=is_outdated(directory),
        ),
        accuracy=accuracy_of(version) if version.kind is VersionKind.REWARD else None,
        record=record,
        fit=fit_at(record.points, len(record.points) - 1) if record is not None and record.points else None,
        card=report_card(directory) if version.kind is VersionKind.SFT else None,
        newest_rankings=details.newest_rankings,
        raw=_raw(details, job_kind, record),
        why_it_stays=removal.why_it_stays(session, version, settings),
        frees=removal.freed_bytes([directory]),
        weighs=_weight(directory),
        typed=typed or Typed(version.name or "", version.note or ""),
    )


def _lead(version: Version) -> str:
    if version.imported_from is not None:
        return _(IMPORTED_PLAIN if version.metrics.get("plain_format") else IMPORTED)
    return _(LEADS[version.kind]) if version.kind in LEADS else ""


def _weight(directory: Path) -> int:
    try:
        return sum(path.stat().st_size for path in directory.iterdir() if path.is_file())
    except OSError:  # it was removed, or has an impossible name
        return 0


def _raw(details: VersionDetails, job_kind: str | None, record: TrainingRecord | None) -> list[RawFigures]:
    version = details.version
    hidden = TOLD_ABOVE | ({"verdict", "validations"} if version.kind is VersionKind.POLICY else set())
    hidden |= {"learning_curve", "blocks", "penalty_curve"} if version.kind is VersionKind.REWARD else set()
    measured = {name: value for name, value in version.metrics.items() if name not in hidden}
    apart = version.metrics.get("evaluations_apart") or {}
    trained = version.origin == "trained"
    hparams = version.hparams or ({} if record is None else record.hparams)
    groups = [
        RawFigures(_("Evaluation on held-out prompts"), _figures(details.evaluation)),
        *(
            RawFigures(_("Evaluation at temperature {temperature}", temperature=temperature), _figures(found))
            for temperature, found in apart.items()
        ),
        RawFigures(_("Training metrics") if trained else _("About the model"), _figures(_known(measured, record))),
        RawFigures(_("Hyper-parameters"), _hparams(hparams, job_kind, details.fitted)),
    ]
    return [group for group in groups if group.figures]


def _known(measured: Mapping[str, Any], record: TrainingRecord | None) -> Mapping[str, Any]:
    """Of a version, and of its record where no job kept any."""
    if record is None:
        return measured
    return {"loss/train": record.loss, "loss/held_out": record.held_out, "parameters": record.parameters, **measured}


def _figures(found: Mapping[str, Any]) -> list[RawFigure]:
    return [RawFigure(name, fact(value), isinstance(value, str), figure_gloss(name)) for name, value in found.items()]


def _hparams(found: Mapping[str, Any], job_kind: str | None, fitted: set[str]) -> list[RawFigure]:
    said = []
    for name, value in found.items():
        gloss = hparam_gloss(name, job_kind)
        followed = _("It followed the model's size.") if name in fitted else ""
        told = _("{one} {other}", one=gloss, other=followed) if gloss and followed else gloss or followed
        said.append(RawFigure(name, fact(value), isinstance(value, str), told))
    return said
