"""Which prompts are shown and trained on: in the languages of model and person, of the sets that suit the model."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.db.models.prompts import Prompt
from app.db.models.versions import Version
from app.errors import About, ConflictError, Record, UnavailableError
from app.formats.languages import UNKNOWN, Asked, codes_of, listed, primary
from app.model_info.prompt_sets import EVERYBODYS, FILES
from app.services.labeling import label_settings
from app.services.labeling.drawing import Tag, Tags
from app.services.versions import versions
from app.translation import _

MOST_TAGS = 200
SETS = (EVERYBODYS, *FILES)


class NoPromptsError(UnavailableError):
    """None in these languages: it waits for a person, not for time, so it is no 503."""

    status_code = 409
    title = "Conflict"


def model_languages(session: Session, version: Version) -> frozenset[str] | None:
    """Of the SFT model that it descends from; None where nobody said."""
    said = (versions.sft_of(session, version) or version).languages
    return frozenset(said) if said else None


def model_sets(session: Session, version: Version) -> frozenset[str]:
    """Of shipped prompts, the sets that suit the SFT model that it descends from; all, where somebody wants them all.
    What people gave is for every model."""
    if label_settings.chosen(session).draws_all_sets:
        return frozenset(SETS)
    return frozenset({EVERYBODYS, *(versions.sft_of(session, version) or version).prompt_sets})


def stored_tags(session: Session) -> list[Tag]:
    """Those of prompts in use, found by index however many prompts there are."""
    return [Tag(each, code) for each in SETS for code in session.scalars(_languages_of(each))][:MOST_TAGS]


def _languages_of(prompt_set: str) -> Select[str]:
    there = Prompt.in_use(), Prompt.prompt_set == prompt_set
    found = select(func.min(Prompt.language).label("language")).where(*there).cte("found", recursive=True)
    following = select(func.min(Prompt.language)).where(*there, Prompt.language > found.c.language)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.language.is_not(None)))
    return select(found.c.language).where(found.c.language.is_not(None)).limit(MOST_TAGS)


def tags_for_training(session: Session, version: Version) -> Tags:
    """Prompts that a version is trained and evaluated on. Raises ConflictError where there are none."""
    at_hand = AtHand(stored_tags(session), model_sets(session, version), model_languages(session, version))
    tags = at_hand.matching(at_hand.model)
    if at_hand.stored and tags == ():
        raise ConflictError(_none_in(at_hand.model or frozenset()), about=About(Record.PAGE, "data"))
    return tags


@dataclass(frozen=True)
class AtHand:
    """What there is to draw from, read once."""

    stored: list[Tag]
    """Of prompts in use."""
    sets: frozenset[str]
    """Sets of prompts that suit at least one of those versions."""
    model: frozenset[str] | None
    """Languages that all versions that write for the label page are for; None where nobody said."""

    @property
    def codes(self) -> frozenset[str]:
        """Languages that there are prompts in."""
        return codes_of(tag.language for tag in self.stored if tag.prompt_set in self.sets)

    def matching(self, wanted: frozenset[str] | None) -> Tags:
        """All is told as None, so that one index serves however many there are."""
        tags = tuple(
            tag
            for tag in self.stored
            if tag.prompt_set in self.sets and (wanted is None or primary(tag.language) in {*wanted, UNKNOWN})
        )
        return None if len(tags) == len(self.stored) < MOST_TAGS else tags

    def tags_to_draw(self, asked: Asked) -> Tags:
        """What may be shown to a person. What they chose is never widened; what was guessed from their browser gives
        way where it leaves nothing. Raises NoPromptsError, in a sentence, where nothing remains."""
        wanted = asked.languages if self.model is None else asked.languages & self.model
        if asked.languages and wanted:
            tags = self.matching(wanted)
            if tags != () or asked.chosen:
                return self._some(tags, wanted)
        elif asked.languages and asked.chosen and self.model is not None:
            raise NoPromptsError(
                _(
                    "You read {yours}; the active version is for {its}. Choose another language below, or activate a "
                    "version that is for yours.",
                    yours=listed(asked.languages),
                    its=listed(self.model),
                )
            )
        return self._some(self.matching(self.model), self.model or frozenset())

    def _some(self, tags: Tags, wanted: frozenset[str]) -> Tags:
        if self.stored and tags == ():
            raise NoPromptsError(_none_in(wanted))
        return tags


def prompts_at_hand(session: Session) -> AtHand:
    """For the label page."""
    return at_hand_for(
        session, {versions.get_version(session, each) for each in label_settings.writers(session).version_ids}
    )


def at_hand_for(session: Session, wrote: Collection[Version]) -> AtHand:
    """Where all these versions answer: in languages that all of them are for."""
    said = [found for version in wrote if (found := model_languages(session, version)) is not None]
    sets = frozenset[str]().union(*(model_sets(session, version) for version in wrote))
    return AtHand(stored_tags(session), sets, frozenset.intersection(*said) if said else None)


def tags_to_draw(session: Session, asked: Asked) -> Tags:
    """As AtHand.tags_to_draw."""
    return prompts_at_hand(session).tags_to_draw(asked)


def _none_in(wanted: frozenset[str]) -> str:
    if not wanted:
        return _("There are no prompts to show. Add some on the Data page.")
    return _(
        "There are no prompts in {languages}. Add some on the Data page, or choose another language.",
        languages=listed(wanted),
    )
