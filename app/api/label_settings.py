"""How the label page's answers are written, and what its labelers are told: read and changed by whoever runs it."""

from fastapi import APIRouter
from pydantic import Field

from app.api.description import raises
from app.api.schemas import SEEN, Model, Text
from app.db.models.groups import ANSWERS_PER_GROUP
from app.errors import ConflictError, GoneError, NotFoundError, UnavailableError
from app.formats.ids import RowId
from app.formats.markdown import MAX_CHARACTERS
from app.hparams import MAX_ANSWER_TOKENS, Temperature, TopK, TopP
from app.runtime import ReadSession, RuntimeDep, UnitRoute, WriteSession
from app.services.labeling import guidelines, label_settings
from app.services.labeling.label_settings import MOST_REPEATED, MOST_SECOND, LabelChoice

router = APIRouter(prefix="/api/v1", tags=["label settings"], route_class=UnitRoute)


class LabelSettingsIn(Model):
    temperature: Temperature | None = None
    """Null, here and below: as the environment says."""
    top_k: TopK | None = None
    """0: off."""
    top_p: TopP | None = None
    """Least share of probability that the likeliest tokens have together."""
    max_tokens: int | None = Field(None, ge=1, le=MAX_ANSWER_TOKENS)
    """Longest answer."""
    version_id: RowId | None = None
    """Which version writes; null: the one that is active."""
    other_version_id: RowId | None = None
    """A second version that writes some of the four; null: the one that is active."""
    other_answers: int = Field(0, ge=0, le=ANSWERS_PER_GROUP - 1)
    """How many of the four the second one writes; 0: there is none."""
    shows_prediction: bool = True
    """Whether the label page tells, once a ranking is sent, what the reward model had predicted."""
    repeat_share: float = Field(0.0, ge=0, le=MOST_REPEATED)
    """How many cards, of all, are some that their labeler ranked before, unnoticed: they tell how sure the labeler is.
    No training learns from the second ranking. 0: none."""
    second_share: float = Field(0.0, ge=0, le=MOST_SECOND)
    """How many cards, of all, are some that another person ranked before, unnoticed: they tell how far people agree.
    Trainings learn from both rankings, for each is a preference of its own. 0: none."""
    chooses_groups: bool = False
    """Whether the next card is the one of several that is expected to teach the reward model most; a fifth stay as they
    come (docs/reward-model.md)."""
    draws_all_sets: bool = False
    """Whether shipped prompts that were written for other models are drawn and trained on, too."""


class LabelSettingsOut(LabelSettingsIn):
    version_ids: list[int]
    """What comes of it now: the version of each of the four answers. Cards never tell."""


class GuidelinesIn(Model):
    text: Text | None = Field(max_length=MAX_CHARACTERS)
    """Markdown; null or empty brings the default ones back."""
    seen: str | None = Field(None, description=SEEN)


class GuidelinesOut(Model):
    text: str
    """Markdown, as labelers see it."""
    is_default: bool
    """Whether nobody has changed them."""


@router.get("/label-settings", responses=raises(UnavailableError))
def show_settings(session: ReadSession) -> LabelSettingsOut:
    """How the four answers of a card are written."""
    choice, writers = label_settings.chosen(session), label_settings.writers(session)
    return LabelSettingsOut(**vars(choice), version_ids=list(writers.version_ids))


@router.put("/label-settings", responses=raises(NotFoundError, GoneError, UnavailableError))
def change_settings(body: LabelSettingsIn, runtime: RuntimeDep, session: WriteSession) -> LabelSettingsOut:
    """Replaces all of them. Cards that nobody holds and that were written otherwise are replaced; PPO, evaluation and
    POST /generate do not change with it."""
    choice = runtime.group_sampling.choose(session, LabelChoice(**body.model_dump()))
    runtime.prefetcher.wake()
    return LabelSettingsOut(**vars(choice), version_ids=list(label_settings.writers(session).version_ids))


@router.get("/guidelines")
def show_guidelines(session: ReadSession) -> GuidelinesOut:
    """What labelers can read beside a card."""
    return _guidelines_out(session)


@router.put("/guidelines", responses=raises(ConflictError))
def change_guidelines(body: GuidelinesIn, session: WriteSession) -> GuidelinesOut:
    """Replaces them."""
    guidelines.write(session, body.text, seen=body.seen)
    return _guidelines_out(session)


def _guidelines_out(session: ReadSession) -> GuidelinesOut:
    return GuidelinesOut(text=guidelines.shown(session), is_default=guidelines.written(session) is None)
