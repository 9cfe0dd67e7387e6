"""How the four answers of the label page are written: which versions, how many each, with which settings.

Whoever runs the installation chooses (the Train page, PUT /api/v1/label-settings); what they left open is as the
environment says. It holds for cards and for people's own prompts on the label page, and for nothing else: PPO and
evaluation sample by their own hyper-parameters (one temperature, all tokens: app/hparams.py), and /generate by what a
request says, else by the environment.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from app.db.models.groups import ANSWERS_PER_GROUP
from app.db.models.label_settings import LabelSettings
from app.errors import InvalidError
from app.formats.figures import percent
from app.hparams import SamplingParams
from app.services.versions import versions
from app.services.versions.answering import answering_version
from app.translation import _

THE_ROW = 1
MOST_REPEATED = 0.5
"""Of cards: nothing is learned from a repeat."""
MOST_SECOND = 0.5
"""Of cards: answers that nobody has seen teach more."""


@dataclass(frozen=True)
class Writers:
    """Which version writes which of the four answers, in the order in which they are sampled (not shown)."""

    version_ids: tuple[int, ...]

    @classmethod
    def all_by(cls, version_id: int) -> "Writers":
        return cls((version_id,) * ANSWERS_PER_GROUP)

    @property
    def only(self) -> int | None:
        """The version, where one writes all four."""
        return self.version_ids[0] if len(set(self.version_ids)) == 1 else None

    @property
    def counts(self) -> dict[int, int]:
        """How many each version writes, in their order."""
        return {version_id: self.version_ids.count(version_id) for version_id in self.version_ids}

    @property
    def key(self) -> str:
        """How `Group.sampled_as` begins."""
        return " ".join(map(str, self.version_ids)) + ";"


@dataclass(frozen=True)
class LabelSampling:
    """What the next card is sampled by."""

    writers: Writers
    params: SamplingParams

    @property
    def key(self) -> str:
        """Other versions or settings, another key; seeds apart."""
        params = self.params
        return (
            f"{self.writers.key} temperature {params.temperature}, top-p {params.top_p}, top-k {params.top_k}, "
            f"{params.max_tokens} tokens"
        )


@dataclass(frozen=True)
class LabelChoice:
    """What was chosen; None is left open: the environment's, or the version that is active."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    version_id: int | None = None
    other_version_id: int | None = None
    other_answers: int = 0
    """How many of the four the other version writes; 0: there is no other one."""
    shows_prediction: bool = True
    """Whether labelers are told, once a ranking is sent, what the reward model had predicted."""
    repeat_share: float = 0.0
    """How many cards, of all, are some that their labeler ranked before (repeats.py)."""
    second_share: float = 0.0
    """How many cards, of all, are some that another labeler ranked before (repeats.py)."""
    chooses_groups: bool = False
    """Whether the next card is the one of several that is expected to teach the reward model most (choosing.py)."""
    draws_all_sets: bool = False
    """Whether shipped prompts that were written for other models are drawn and trained on, too (languages.py)."""

    @property
    def sampling(self) -> dict[str, Any]:
        """The settings that were chosen."""
        given = {name: getattr(self, name) for name in ("temperature", "top_k", "top_p", "max_tokens")}
        return {name: value for name, value in given.items() if value is not None}


def chosen(session: Session) -> LabelChoice:
    row = session.get(LabelSettings, THE_ROW)
    if row is None:
        return LabelChoice()
    return LabelChoice(
        temperature=row.temperature,
        top_k=row.top_k,
        top_p=row.top_p,
        max_tokens=row.max_tokens,
        version_id=row.version_id,
        other_version_id=row.other_version_id,
        other_answers=row.other_answers,
        shows_prediction=row.shows_prediction,
        repeat_share=row.repeat_share,
        second_share=row.second_share,
        chooses_groups=row.chooses_groups,
        draws_all_sets=row.draws_all_sets,
    )


def choose(session: Session, choice: LabelChoice) -> LabelChoice:
    """What holds from now on: cards that nobody holds and that were sampled otherwise are to be replaced
    (`groups.expire_stale`). Raises InvalidError, NotFoundError, and GoneError for a version whose files are gone."""
    if not 0 <= choice.other_answers < ANSWERS_PER_GROUP:
        raise InvalidError(_("The second version writes 0 to {most} answers.", most=ANSWERS_PER_GROUP - 1))
    if not 0 <= choice.repeat_share <= MOST_REPEATED:
        raise InvalidError(_("Of cards, none to {most} come again.", most=percent(MOST_REPEATED)))
    if not 0 <= choice.second_share <= MOST_SECOND:
        raise InvalidError(_("Of cards, none to {most} go to a second person.", most=percent(MOST_SECOND)))
    if choice.other_answers == 0:
        choice = replace(choice, other_version_id=None)
    elif choice.version_id == choice.other_version_id:
        raise InvalidError(_("Both versions are the same. Choose two, or let one write all four answers."))
    for version_id in (choice.version_id, choice.other_version_id):
        if version_id is not None:
            answering_version(session, version_id, kinds=versions.MAY_ANSWER)
    row = label_settings_row(session)
    row.temperature, row.max_tokens = choice.temperature, choice.max_tokens
    row.top_k, row.top_p = choice.top_k, choice.top_p
    row.version_id, row.other_version_id = choice.version_id, choice.other_version_id
    row.other_answers, row.shows_prediction = choice.other_answers, choice.shows_prediction
    row.repeat_share, row.second_share = choice.repeat_share, choice.second_share
    row.chooses_groups, row.draws_all_sets = choice.chooses_groups, choice.draws_all_sets
    session.flush()
    return choice


def label_settings_row(session: Session) -> LabelSettings:
    row = session.get(LabelSettings, THE_ROW)
    if row is None:
        row = LabelSettings(id=THE_ROW, other_answers=0)
        session.add(row)
        session.flush()
    return row


def writers(session: Session) -> Writers:
    """Raises UnavailableError where none is chosen and none is active."""
    choice = chosen(session)
    first = choice.version_id or versions.active_answerer(session).id
    if choice.other_answers == 0:
        return Writers.all_by(first)
    other = choice.other_version_id or versions.active_answerer(session).id
    return Writers((first,) * (ANSWERS_PER_GROUP - choice.other_answers) + (other,) * choice.other_answers)


def label_sampling(session: Session, default: SamplingParams) -> LabelSampling:
    """`default`: what holds where nobody chose (the environment's). Raises UnavailableError where no version is
    active."""
    choice = chosen(session)
    return LabelSampling(writers(session), replace(default, **choice.sampling))
