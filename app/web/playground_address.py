"""What an address of the playground asks for: read with the nearest sense where it makes none, and written again.

static/js/playground_address.js reads and writes the same addresses in the browser.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode

from app.chat import Message, Prompt, RawText, joined
from app.db.models.versions import VersionKind
from app.formats.ids import parse_id
from app.formats.texts import clean_text, shows_anything
from app.services.versions.answering import prompt_for
from app.settings.config import Settings
from app.translation import _
from app.web.playground_dials import DIALS, SEED, Dial, cut, default_values, stop_texts

MAX_COLUMNS = 3
MAX_TURNS = 64
ANSWERS = Dial("n", "", "", 1, 8, 1, whole=True)
USUAL_ANSWERS = 2
Entries = Sequence[tuple[str, str]]


class Mode(StrEnum):
    """How the box is read."""

    QUESTION = "question"
    CONVERSATION = "conversation"
    TEXT = "text"


@dataclass(frozen=True)
class Turn:
    role: str
    """`user` or `assistant`."""
    text: str


@dataclass(frozen=True)
class Asked:
    """What an address, or the form, asks for."""

    mode: Mode = Mode.QUESTION
    prompt: str = ""
    """A question, or a text to go on with."""
    system: str = ""
    turns: tuple[Turn, ...] = ()
    version_ids: tuple[int, ...] = ()
    n: int = USUAL_ANSWERS
    values: dict[str, float] = field(default_factory=dict)
    """Of DIALS, by name."""
    stop: str = ""
    """As it was typed."""
    seed: int | None = None
    wrong: dict[str, str] = field(default_factory=dict)
    """A sentence for each field whose value could not be taken as it was."""

    @property
    def stop_texts(self) -> tuple[str, ...]:
        return stop_texts(self.stop)[0]

    @property
    def is_empty(self) -> bool:
        """Nothing is asked yet."""
        if self.mode is Mode.CONVERSATION:
            return not any(shows_anything(text) for text in (self.system, *(turn.text for turn in self.turns)))
        return not shows_anything(self.prompt)

    def to_prompt(self, kind: VersionKind) -> Prompt:
        """As the API reads what static/js/playground_address.js sends, for a version of this kind."""
        if self.mode is Mode.TEXT:
            return RawText(self.prompt)
        said = [Message(role=each["role"], content=clean_text(each["content"])) for each in self.messages]
        return prompt_for(kind, joined(said))

    @property
    def messages(self) -> list[Message]:
        """Of a question or a conversation."""
        if self.mode is Mode.QUESTION:
            return [Message(role="user", content=self.prompt)]
        system = [Message(role="system", content=self.system)] if shows_anything(self.system) else []
        turns = [
            Message(role="assistant" if turn.role == "assistant" else "user", content=turn.text)
            for turn in self.turns
            if shows_anything(turn.text)
        ]
        return system + turns

    def query(self) -> str:
        """Everything, in one order: the same request has one address."""
        entries: list[tuple[str, str]] = [("mode", self.mode)]
        if self.mode is Mode.CONVERSATION:
            entries += [("system", self.system)] if self.system else []
            entries += [(turn.role, turn.text) for turn in self.turns if turn.text]
        else:
            entries.append(("prompt", self.prompt))
        entries += [("version", str(version_id)) for version_id in self.version_ids]
        entries.append(("n", str(self.n)))
        entries += [(dial.name, dial.shown(self.values[dial.name])) for dial in DIALS]
        entries += [("stop", self.stop)] if self.stop else []
        entries += [("seed", str(self.seed))] if self.seed is not None else []
        return urlencode(entries)


def read_address(entries: Entries, settings: Settings, version_wrong: Callable[[int], str | None]) -> Asked:
    """`version_wrong` says why a version cannot answer, and None where it can."""
    wrong: dict[str, str] = {}

    def number(dial: Dial, default: float) -> float:
        value, said = dial.read(last(entries, dial.name), default)
        if said is not None:
            wrong[dial.name] = said
        return value

    mode = _mode(last(entries, "mode"), wrong)
    turns = [Turn(name, _one_form(value)) for name, value in entries if name in ("user", "assistant")]
    if len(turns) > MAX_TURNS:
        wrong["turns"] = _("A conversation here has at most {most} turns; the last {most} are shown.", most=MAX_TURNS)
    stop, (_stops, stop_wrong) = _one_form(last(entries, "stop")), stop_texts(last(entries, "stop"))
    if stop_wrong is not None:
        wrong["stop"] = stop_wrong
    seed_text = last(entries, "seed").strip()
    defaults = default_values(settings)
    return Asked(
        mode=mode,
        prompt=_one_form(last(entries, "prompt")),
        system=_one_form(last(entries, "system")),
        turns=tuple(turns[-MAX_TURNS:]),
        version_ids=_version_ids(entries, version_wrong, wrong),
        n=int(number(ANSWERS, USUAL_ANSWERS)),
        values={dial.name: number(dial, defaults[dial.name]) for dial in DIALS},
        stop=stop,
        seed=_seed(seed_text, wrong),
        wrong=wrong,
    )


def last(entries: Entries, name: str) -> str:
    """A button of the form comes behind the field of its name, and counts."""
    return next((value for key, value in reversed(entries) if key == name), "")


def _one_form(text: str) -> str:
    """Forms send \\r\\n, scripts \\n."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _mode(text: str, wrong: dict[str, str]) -> Mode:
    known = {mode.value: mode for mode in Mode}
    if not text or text in known:
        return known.get(text, Mode.QUESTION)
    wrong["mode"] = _("This address asks for “{typed}”, which is no way to ask here.", typed=cut(text))
    return Mode.QUESTION


def _seed(text: str, wrong: dict[str, str]) -> int | None:
    if not text:
        return None
    value, said = SEED.read(text, -1)
    if said is None:
        return int(value)
    if value < 0:
        wrong["seed"] = _("“{typed}” is no number; leave it empty for a new seed.", typed=cut(text))
        return None
    wrong["seed"] = said
    return int(value)


def _version_ids(
    entries: Entries, version_wrong: Callable[[int], str | None], wrong: dict[str, str]
) -> tuple[int, ...]:
    ids: list[int] = []
    for text in (value.strip() for name, value in entries if name == "version" and value.strip()):
        version_id = parse_id(text)
        if version_id is None:
            wrong["version"] = _("“{typed}” is no version.", typed=cut(text))
        elif (said := version_wrong(version_id)) is not None:
            wrong["version"] = said
        elif version_id not in ids:
            ids.append(version_id)
    if len(ids) > MAX_COLUMNS:
        wrong["version"] = _(
            "At most {most} versions stand side by side; the first {most} are shown.", most=MAX_COLUMNS
        )
    return tuple(ids[:MAX_COLUMNS])
