"""Answers that nobody sampled, put into groups where the model's own answers hardly differ in what a taste sees.

A taste for truth or relevance teaches nothing where all four answers are true and to the point. In such a group half of
the answers are kept and the others are replaced: by answers to other prompts, by their own sentences in another order,
or by facts of something else. Each function takes the groups of one split and gives as many of the same size.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from app.corpus.checks import SENTENCE
from app.lm.text.tokenizer import Tokenizer
from app.simulation.questions import question_of
from bench.pools import Group

Foil = Callable[[Sequence[Group], Tokenizer, Random], list[Group]]


def other_prompts(groups: Sequence[Group], tokenizer: Tokenizer, rng: Random) -> list[Group]:
    """Half of each group's answers were given to other prompts of the same language."""
    language = [question_of(group.prompt).language for group in groups]
    foiled = []
    for place, group in enumerate(groups):
        others = [i for i in range(len(groups)) if i != place and language[i] == language[place]]
        chosen = [groups[rng.choice(others)] for _ in range(len(group.texts) // 2)] if others else []
        foiled.append(_replaced(group, [rng.choice(other.texts) for other in chosen], tokenizer, rng))
    return foiled


def shuffled(groups: Sequence[Group], tokenizer: Tokenizer, rng: Random) -> list[Group]:
    """The second half of each group's answers are the first half's with their sentences in another order."""
    return [
        _replaced(group, [_shuffled(text, rng) for text in group.texts[: len(group.texts) // 2]], tokenizer, rng)
        for group in groups
    ]


def other_facts(groups: Sequence[Group], tokenizer: Tokenizer, rng: Random) -> list[Group]:
    """Half of each group's answers keep their first sentence; the others come from an answer to another prompt of the
    same topic and language, so that they sound alike. Where there is none, the group stays."""
    asked = [question_of(group.prompt) for group in groups]
    foiled = []
    for place, group in enumerate(groups):
        kind = (asked[place].topic, asked[place].language)
        others = [i for i, one in enumerate(asked) if i != place and (one.topic, one.language) == kind]
        if not others:
            foiled.append(group)
            continue
        told = [rng.choice(groups[rng.choice(others)].texts) for _ in range(len(group.texts) // 2)]
        mixed = [_first_of(text) + _rest_of(other) for text, other in zip(group.texts, told, strict=False)]
        foiled.append(_replaced(group, mixed, tokenizer, rng))
    return foiled


FOILS: dict[str, Foil] = {"other prompts": other_prompts, "shuffled": shuffled, "other facts": other_facts}


def _replaced(group: Group, texts: Sequence[str], tokenizer: Tokenizer, rng: Random) -> Group:
    """The group's last answers become these; the order of all is drawn."""
    kept = len(group.texts) - len(texts)
    ids = [*group.answers[:kept], *([*tokenizer.encode(text), tokenizer.end_id] for text in texts)]
    whole = [*group.texts[:kept], *texts]
    order = rng.sample(range(len(whole)), len(whole))
    return replace(group, texts=[whole[i] for i in order], answers=[ids[i] for i in order])


def _pieces(text: str) -> list[str]:
    """Its lines where there are several, else its sentences."""
    return text.splitlines(keepends=True) if "\n" in text else SENTENCE.findall(text)


def _shuffled(text: str, rng: Random) -> str:
    pieces = [piece.rstrip("\n") for piece in _pieces(text)]
    return ("\n" if "\n" in text else "").join(rng.sample(pieces, len(pieces))).strip()


def _first_of(text: str) -> str:
    return "".join(_pieces(text)[:1])


def _rest_of(text: str) -> str:
    return "".join(_pieces(text)[1:]) or text
