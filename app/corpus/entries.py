"""What one entry of each bank holds: facts and sentences, nothing of prompts or answers."""

from dataclasses import dataclass

Strings = tuple[str, ...]


@dataclass(frozen=True)
class Concept:
    name: str
    definition: str
    facts: Strings
    example: str
    english: str = ""  # Chinese entries: the name of the same thing in the English bank


@dataclass(frozen=True)
class HowTo:
    task: str
    steps: Strings
    tip: str


@dataclass(frozen=True)
class Advice:
    situation: str
    suggestions: Strings
    comfort: str


@dataclass(frozen=True)
class Exchange:
    prompts: Strings
    answers: Strings


@dataclass(frozen=True)
class Category:
    plural: str
    items: Strings
    remark: str


@dataclass(frozen=True)
class Comparison:
    a: str
    b: str
    difference: str
    similarity: str


@dataclass(frozen=True)
class Definition:
    word: str
    meaning: str
    sentence: str


@dataclass(frozen=True)
class Refusal:
    actions: Strings
    reason: str
    alternative: str


@dataclass(frozen=True)
class Plan:
    goal: str
    parts: Strings
    tip: str


@dataclass(frozen=True)
class Opinion:
    questions: Strings
    view: str
    reasons: Strings
    other: str


@dataclass(frozen=True)
class Riddle:
    riddle: str
    hint: str
    answer: str


@dataclass(frozen=True)
class Rhyme:
    subject: str
    verses: Strings


@dataclass(frozen=True)
class Rewrite:
    kind: str  # "polite", "shorter", "formal" or "cheerful"
    source: str  # with one slot {x}
    targets: Strings
    fillers: Strings
    takes: str = ""  # "carried": everything that can be brought and given fills the slot too


@dataclass(frozen=True)
class Unknown:
    """One kind of subjects outside the corpus; `near` are concepts, tasks or categories that it does hold."""

    kind: str
    near: Strings
    things: Strings = ()
    tasks: Strings = ()
    acts: Strings = ()  # tasks by parts: a verb and what it takes, parted by |
    groups: Strings = ()  # categories
    patterns: Strings = ()  # names with slots {n} and {m} for made-up words


@dataclass(frozen=True)
class Improper:
    """One kind of improper requests; any of the reasons and alternatives suits any of them."""

    kind: str
    reasons: Strings
    alternatives: Strings
    actions: Strings
    acts: Strings = ()  # as Unknown's
    questions: Strings = ()  # asked as they are


@dataclass(frozen=True)
class Letter:
    purpose: str
    lines: Strings


@dataclass(frozen=True)
class WordPair:
    kind: str  # "opposite", "plural" or "measure"
    word: str
    answer: str


@dataclass(frozen=True)
class StoryParts:
    heroes: Strings = ()
    places: Strings = ()
    things: Strings = ()
    twists: Strings = ()
    morals: Strings = ()


@dataclass(frozen=True)
class Manners:
    warm_openers: Strings = ()
    warm_closers: Strings = ()
    flattery: Strings = ()
    formal_openers: Strings = ()
    humour: Strings = ()


@dataclass(frozen=True)
class Translation:
    """The same in both languages; a pattern has one slot {x} for a thing."""

    en: str
    zh: str


@dataclass(frozen=True)
class Everyday:
    """What people ask first and tell in passing; training alone draws it (everyday.py)."""

    concepts: tuple[Concept, ...] = ()
    categories: tuple[Category, ...] = ()
    statements: tuple[Exchange, ...] = ()
    whys: tuple[Exchange, ...] = ()
