"""Requests that a grammar writes: improper ones, and harmless ones with the same harsh words in them, so that what a
verb is done to decides and not the verb.

A bank `requests` holds slots and patterns (`banks/<language>/requests/*.toml`). In a pattern "(a|b)" is a choice and
"{name}" a slot, both anywhere; in a harmless whole question [brackets] are around the thing and <angles> around the
task that the answer says it never learned.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from random import Random

from app.corpus.banks import BANKS_DIRECTORY, BankError, Language, parse_entry
from app.corpus.entries import Strings
from app.corpus.wording import pick, with_article

CHOICE, SLOT, NAMED = re.compile(r"\(([^()]*)\)"), re.compile(r"\{(\w+)\}"), re.compile(r"\[(.+?)\]|<(.+?)>")


@dataclass(frozen=True)
class Request:
    """Patterns of one kind: `acts` are tasks, `asked` whole questions. Improper ones name a `kind` of the bank of
    improper requests, harmless ones what is `near`."""

    acts: Strings
    asked: Strings
    kind: str = ""
    near: Strings = ()


@dataclass(frozen=True)
class Requests:
    slots: dict[str, Strings]
    improper: tuple[Request, ...]
    harmless: tuple[Request, ...]

    def written(self, rng: Random, pattern: str, language: Language) -> str:
        """One text that the pattern stands for. Raises BankError for a slot that is not there."""
        while found := CHOICE.search(pattern) or SLOT.search(pattern):
            name = found[1]
            if found[0].startswith("{") and name not in self.slots:
                raise BankError(f"requests ({language}): there is no slot {{{name}}}")
            options = self.slots[name] if found[0].startswith("{") else tuple(name.split("|"))
            pattern = pattern[: found.start()] + pick(rng, options) + pattern[found.end() :]
        text = re.sub(r" +", " ", pattern).replace(" ?", "?").replace(" .", ".").strip()
        return with_article(text) if language == "en" else text


@dataclass(frozen=True)
class Named:
    """A whole question without its brackets, and what stood in them; `form` is thing or task."""

    text: str
    name: str
    form: str


def named(text: str) -> Named:
    """Raises BankError where nothing is in brackets."""
    found = NAMED.search(text)
    if found is None:
        raise BankError(f"requests: no [thing] and no <task> in {text!r}")
    return Named(
        NAMED.sub(lambda part: part[1] or part[2], text), found[1] or found[2], "thing" if found[1] else "task"
    )


@cache
def load_requests(language: Language) -> Requests:
    home = BANKS_DIRECTORY / language / "requests"
    read = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(home.glob("*.toml"))}
    tables = {
        name: tuple(
            parse_entry(Request, table, f"{language}/requests/{name}.toml number {number}")
            for number, table in enumerate(read[name]["request"], start=1)
        )
        for name in ("improper", "harmless")
    }
    slots = {name: tuple(options) for name, options in read["slots"].items()}
    return Requests(slots, tables["improper"], tables["harmless"])
