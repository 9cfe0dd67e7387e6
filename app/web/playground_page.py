"""The page of the playground: the box, its settings, and, where the server wrote them, the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import AppError
from app.services.versions import versions
from app.services.versions.answering import answering_versions
from app.settings.config import Settings
from app.translation import N_, _
from app.web.formatting import version_title
from app.web.playground_address import MAX_COLUMNS, Asked, Mode
from app.web.playground_answers import Written
from app.web.playground_code import Code
from app.web.playground_dials import DIALS, Dial, Preset, presets
from app.web.playground_examples import Example
from app.web.templating import Context, PageContext

MAX_CHOICES = 200
MODES = (
    (Mode.QUESTION, N_("One question")),
    (Mode.CONVERSATION, N_("A conversation")),
    (Mode.TEXT, N_("Continue a text")),
)


@dataclass(frozen=True)
class Choice:
    """A version that can be chosen."""

    id: int
    title: str
    kind: VersionKind

    @property
    def is_base(self) -> bool:
        return self.kind is VersionKind.BASE


@dataclass(frozen=True)
class Choices:
    """What can answer, read from the database."""

    versions: Sequence[Choice]

    def wrong(self, session: Session, version_id: int) -> str | None:
        """Why this version cannot answer."""
        if any(choice.id == version_id for choice in self.versions):
            return None
        try:
            version = versions.get_version(session, version_id)
        except AppError:
            return _("There is no version {id}; another one is chosen in its place.", id=version_id)
        if version.removed_at is not None:
            return _("Version {id} was removed; another one is chosen in its place.", id=version_id)
        if version.kind is VersionKind.REWARD:
            return _("Version {id} is a reward model: it scores answers and writes none.", id=version_id)
        return _("Version {id} is too old to be chosen here; another one is chosen in its place.", id=version_id)

    @property
    def titles(self) -> dict[int, str]:
        return {each.id: each.title for each in self.versions}

    @property
    def kinds(self) -> dict[int, VersionKind]:
        return {each.id: each.kind for each in self.versions}


def read_choices(session: Session) -> Choices:
    return Choices([_choice(version) for version in answering_versions(session)[:MAX_CHOICES]])


def _choice(version: Version) -> Choice:
    title = version_title(version)
    if version.imported_from is not None:
        title = _("{title}, imported from {source}", title=title, source=version.imported_from)
    if version.status is VersionStatus.ACTIVE:
        title = _("{title} (answers now)", title=title)
    return Choice(version.id, title, version.kind)


@dataclass(frozen=True)
class Setting:
    """A dial as it stands now."""

    dial: Dial
    value: str
    wrong: str | None


@dataclass(frozen=True, kw_only=True)
class CodePart(Context):
    template: ClassVar[str] = "playground/_code.html"
    codes: Sequence[Code]
    """The calls of each version that is asked."""
    titles: Mapping[int, str]
    """Of the versions."""


@dataclass(frozen=True, kw_only=True)
class AnswersPart(Context):
    template: ClassVar[str] = "playground/_answers.html"
    written: Sequence[Written]
    """What each version wrote."""
    titles: Mapping[int, str]
    """Of the versions."""
    seed: int
    """Of all of them."""
    code: CodePart
    """The same from outside."""


@dataclass(frozen=True, kw_only=True)
class PlaygroundPage(PageContext):
    template: ClassVar[str] = "playground/index.html"
    page: str | None = "playground"
    asked: Asked
    """What the address asks for."""
    modes: Sequence[tuple[Mode, str]] = MODES
    """The ways to ask."""
    choices: Choices
    """The versions that can be chosen."""
    columns: Sequence[int | None]
    """The version of each column; none where it is free."""
    settings: Sequence[Setting]
    """All that are numbers."""
    presets: Sequence[Preset]
    """Named settings."""
    preset: str | None
    """The name of the one that stands now."""
    examples: Sequence[tuple[Example, str]]
    """Ready-made ones, with their addresses."""
    write_now: bool
    """Whether the page's script writes the answers at once: the person came here by themselves, or from this site."""
    answers: AnswersPart | None
    """Written by the server."""


def page_of(
    asked: Asked,
    choices: Choices,
    settings: Settings,
    *,
    examples: Sequence[tuple[Example, str]],
    write_now: bool,
    answers: AnswersPart | None = None,
) -> PlaygroundPage:
    named = presets(settings)
    columns = [*asked.version_ids, *[None] * (MAX_COLUMNS - len(asked.version_ids))]
    return PlaygroundPage(
        asked=asked,
        choices=choices,
        columns=columns,
        settings=[_setting(dial, asked) for dial in DIALS],
        presets=named,
        preset=next((each.name for each in named if each.fits(asked.values)), None),
        examples=examples,
        write_now=write_now,
        answers=answers,
    )


def _setting(dial: Dial, asked: Asked) -> Setting:
    return Setting(dial, dial.shown(asked.values[dial.name]), asked.wrong.get(dial.name))
