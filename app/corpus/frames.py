"""How people talk of a thing and ask for a task, by a grammar (`banks/<language>/frames/*.toml`): everyday talk,
pretexts, fragments. The known, the unknown, the harmless and the improper stand in the same ones, so that a frame
tells nothing.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from random import Random

from app.corpus.banks import BANKS_DIRECTORY, BankError, Language
from app.corpus.entries import Strings
from app.corpus.grammar import Grammar
from app.corpus.wording import capital, pick, without_article

SHOUTED_SHARE = 0.02  # of English texts about tasks, those in capitals
TIDY_SHARE = 0.5  # of English texts, those with capitals
COUNTED = re.compile(r"an? \S+(?: \S+)?", re.IGNORECASE)
"""Names that stand after "my", and of which there are many: with "a" and at most two words."""


@dataclass(frozen=True)
class Frames:
    """Patterns around {x}; English ones of things also around {b}, {d} and {s} (bare, determined, several)."""

    grammar: Grammar
    tasks: Strings
    things: Strings


@cache
def load_frames(language: Language) -> Frames:
    """Of all files of the bank. Raises BankError where two have a slot of the same name."""
    slots: dict[str, Strings] = {}
    tasks, things = list[str](), list[str]()
    for path in sorted((BANKS_DIRECTORY / language / "frames").glob("*.toml")):
        read = {key: tuple(values) for key, values in tomllib.loads(path.read_text(encoding="utf-8")).items()}
        tasks += read.pop("tasks", ())
        things += read.pop("things", ())
        if twice := slots.keys() & read:
            raise BankError(f"{language}/frames/{path.name}: slots {sorted(twice)} are in another file, too")
        slots |= read
    return Frames(Grammar(slots, language), tuple(tasks), tuple(things))


def task_asked(rng: Random, task: str, language: Language) -> str:
    frames = load_frames(language)
    text = _tidy(rng, frames.grammar.written(rng, pick(rng, frames.tasks), x=task), language)
    return text.upper() if language == "en" and rng.random() < SHOUTED_SHARE else text


def thing_told(rng: Random, name: str, language: Language) -> tuple[str, str]:
    """A text that speaks of the thing, and the thing as it is called there: "my yak" is a yak, "they sell yaks" are
    yaks."""
    frames, counted = load_frames(language), COUNTED.fullmatch(name) is not None
    fitting = [pattern for pattern in frames.things if counted or not ("{d}" in pattern or "{s}" in pattern)]
    pattern, bare = pick(rng, fitting), without_article(name)
    text = frames.grammar.written(rng, pattern, x=name, b=bare, d=bare, s=plural(bare))
    called = bare if "{b}" in pattern else plural(bare) if "{s}" in pattern else name
    return _tidy(rng, text, language), called


def plural(word: str) -> str:
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search(r"(s|x|z|ch|sh)$", word) else "s")


def _tidy(rng: Random, text: str, language: Language) -> str:
    """With capitals where a careful writer has them, or as it is."""
    if language == "zh" or rng.random() >= TIDY_SHARE:
        return text
    text = re.sub(r"\bi\b", "I", text)
    return re.sub(r"(?:^|(?<=[.!?] ))\w", lambda first: capital(first[0]), text)
