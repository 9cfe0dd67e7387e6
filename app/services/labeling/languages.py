"""The languages in which prompts are shown: those of the model that the person reads, too."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.prompts import Prompt
from app.db.models.versions import Version
from app.errors import ConflictError, UnavailableError
from app.formats.languages import UNKNOWN, Asked, listed, primary
from app.services.labeling import label_settings
from app.services.labeling.drawing import Tags
from app.services.versions import versions
from app.translation import _

MOST_TAGS = 200


class NoPromptsError(UnavailableError):
    """None in these languages: it waits for a person, not for time, so it is no 503."""

    status_code = 409
    title = "Conflict"


def model_languages(session: Session, version: Version) -> frozenset[str] | None:
    """Of the SFT model that it descends from; None where nobody said."""
    said = (versions.sft_of(session, version) or version).languages
    return frozenset(said) if said else None


def stored_tags(session: Session) -> list[str]:
    """Those of prompts in use, found by index however many prompts there are."""
    tags = select(func.min(Prompt.language).label("language")).where(Prompt.in_use()).cte("tags", recursive=True)
    following = select(func.min(Prompt.language)).where(Prompt.in_use(), Prompt.language > tags.c.language)
    tags = tags.union_all(select(following.scalar_subquery()).where(tags.c.language.is_not(None)))
    tagged = select(tags.c.language).where(tags.c.language.is_not(None)).limit(MOST_TAGS)
    return list(session.scalars(tagged))


def tags_for_training(session: Session, version: Version) -> Tags:
    """Prompts that a version is trained and evaluated on. Raises ConflictError where there are none."""
    model, stored = model_languages(session, version), stored_tags(session)
    tags = _matching(stored, model)
    if stored and tags == ():
        raise ConflictError(_none_in(model or frozenset()))
    return tags


@dataclass(frozen=True)
class LanguagesAtHand:
    """What there is to draw from, read once."""

    stored: list[str]
    """Tags of prompts in use."""
    model: frozenset[str] | None
    """Languages that all versions that write for the label page are for; None where nobody said."""

    def tags_to_draw(self, asked: Asked) -> Tags:
        """What may be shown to a person. What they chose is never widened; what was guessed from their browser gives
        way where it leaves nothing. Raises NoPromptsError, in a sentence, where nothing remains."""
        wanted = asked.languages if self.model is None else asked.languages & self.model
        if asked.languages and wanted:
            tags = _matching(self.stored, wanted)
            if tags != () or asked.chosen:
                return _some(self.stored, tags, wanted)
        elif asked.languages and asked.chosen and self.model is not None:
            raise NoPromptsError(
                _(
                    "You read {yours}; the active version is for {its}. Choose another language below, or activate a "
                    "version that is for yours.",
                    yours=listed(asked.languages),
                    its=listed(self.model),
                )
            )
        return _some(self.stored, _matching(self.stored, self.model), self.model or frozenset())


def languages_at_hand(session: Session) -> LanguagesAtHand:
    wrote = {versions.get_version(session, each) for each in label_settings.writers(session).version_ids}
    said = [found for version in wrote if (found := model_languages(session, version)) is not None]
    return LanguagesAtHand(stored_tags(session), frozenset.intersection(*said) if said else None)


def tags_to_draw(session: Session, asked: Asked) -> Tags:
    """As LanguagesAtHand.tags_to_draw."""
    return languages_at_hand(session).tags_to_draw(asked)


def _matching(stored: list[str], wanted: frozenset[str] | None) -> Tags:
    """All is told as None, so that one index serves however many there are."""
    if wanted is None:
        return None
    tags = tuple(tag for tag in stored if primary(tag) in wanted or primary(tag) == UNKNOWN)
    return None if len(tags) == len(stored) < MOST_TAGS else tags


def _some(stored: list[str], tags: Tags, wanted: frozenset[str]) -> Tags:
    if stored and tags == ():
        raise NoPromptsError(_none_in(wanted))
    return tags


def _none_in(wanted: frozenset[str]) -> str:
    return _(
        "There are no prompts in {languages}. Add some on the Data page, or choose another language.",
        languages=listed(wanted),
    )
