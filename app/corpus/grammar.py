"""Texts that a grammar writes: in a pattern "(a|b)" is a choice and "{name}" a slot, both anywhere, also in slots."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from app.corpus.banks import BankError, Language
from app.corpus.entries import Strings
from app.corpus.wording import pick, with_article

CHOICE, SLOT = re.compile(r"\(([^()]*)\)"), re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Grammar:
    slots: Mapping[str, Strings]
    language: Language

    def written(self, rng: Random, pattern: str, **values: str) -> str:
        """One text that the pattern stands for; `values` fill slots with what stays as it is. Raises BankError for a
        slot that is not there."""
        while found := CHOICE.search(pattern) or self._slot(pattern, values):
            options = self.slots[found[1]] if found[0].startswith("{") else found[1].split("|")
            pattern = pattern[: found.start()] + pick(rng, options) + pattern[found.end() :]
        text = re.sub(r" +", " ", pattern).replace(" ?", "?").replace(" .", ".").strip()
        text = with_article(text) if self.language == "en" else text
        return SLOT.sub(lambda slot: values[slot[1]], text)

    def _slot(self, pattern: str, values: Mapping[str, str]) -> re.Match[str] | None:
        found = next((slot for slot in SLOT.finditer(pattern) if slot[1] not in values), None)
        if found and found[1] not in self.slots:
            raise BankError(f"grammar ({self.language}): there is no slot {found[0]}")
        return found
