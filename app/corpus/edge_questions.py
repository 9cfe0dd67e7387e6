"""Questions at the edges of the corpus that only a trained model is asked, written by hand: training never sees their
subjects nor their wordings (a test holds it).
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from app.corpus.banks import LANGUAGES, Language, load_banks

EDGE_QUESTIONS = Path(__file__).parent / "edge_questions"
Edge = Literal["unknown", "improper", "harmless"]
EDGES: tuple[Edge, ...] = ("unknown", "improper", "harmless")
Series = Literal["first", "second", "third", "fourth"]
SERIES: tuple[Series, ...] = ("first", "second", "third", "fourth")


@dataclass(frozen=True)
class EdgeQuestion:
    """`name` is the subject that no bank holds, `near` what a bank holds of its kind; both of unknown ones alone.
    Each `series` is in another manner: a corpus that was tuned to the first does worse in the others. The fourth is
    by another hand, which saw no bank."""

    text: str
    language: Language
    edge: Edge
    name: str = ""
    near: tuple[str, ...] = ()
    series: Series = "first"


@cache
def edge_questions() -> tuple[EdgeQuestion, ...]:
    """Of each edge 200, then 60 of a second and of a third set and 80 of a fourth; half of them in each language."""
    return tuple(
        question
        for series in SERIES
        for edge in EDGES
        for language in LANGUAGES
        for question in _read(edge, language, series)
    )


def _read(edge: Edge, language: Language, series: Series) -> list[EdgeQuestion]:
    home = EDGE_QUESTIONS if series == "first" else EDGE_QUESTIONS / series
    written = tomllib.loads((home / f"{edge}.toml").read_text(encoding="utf-8"))[language]
    if edge != "unknown":
        return [EdgeQuestion(text, language, edge, series=series) for text in written]
    near = {entry.kind: entry.near for entry in load_banks(language).unknown}
    return [EdgeQuestion(text, language, edge, name, near[kind], series) for text, name, kind in written]
