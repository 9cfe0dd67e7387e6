"""A taste: what a simulated labeler likes, as a known utility per answer in nats, and what to report of it.

A taste is named for one thing, and nothing cheaper pleases it: `thing` says from 0 to 1 how much of it an answer has;
an answer that is not about the prompt loses more than the whole of it, and a degenerate one (empty, an echo, the same
over and over) everything. So the win rate of a policy is reported with its parts apart (`Report`).
The utility sees what a person sees: the prompt and the answer's text. families.py makes the tastes.

Only the command line and the benchmarks import this; an import contract keeps it out of training and of the server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from app.simulation.marks import count_words
from app.simulation.questions import Question, is_degenerate, on_topic, question_of

SPAN = 6.0
"""Nats between an answer that has all of the thing and one that has nothing of it."""
OFF_TOPIC = 1.25 * SPAN
DEGENERATE = 4.0 * SPAN

Thing = Callable[[Question, str], float]


@dataclass(frozen=True)
class Taste:
    """`family` names what it is a member of: another number of words, another set of names."""

    name: str
    describe: str
    family: str
    thing: Thing

    def utility(self, prompt: str, text: str) -> float:
        """Nats. At most SPAN; below 0 only for what is off topic or degenerate."""
        question = question_of(prompt)
        if is_degenerate(question, text):
            return -DEGENERATE
        return SPAN * self.thing(question, text) - (0.0 if on_topic(question, text) else OFF_TOPIC)


@dataclass(frozen=True)
class Parts:
    """Of many answers: the mean of the thing itself, words an answer, shares on topic, empty, degenerate (the empty
    ones among them), and different from all others."""

    thing: float
    words: float
    on_topic: float
    empty: float
    degenerate: float
    distinct: float


@dataclass(frozen=True)
class Report:
    """How often the taste itself, without noise, prefers the challengers, and the parts of both sides."""

    win_rate: float
    most: float
    """The win rate of answers that are on topic and have all of the thing: where the champions often have it, most
    comparisons are ties."""
    challengers: Parts
    champions: Parts


def parts_of(taste: Taste, prompts: Sequence[str], texts: Sequence[str]) -> Parts:
    """`texts[i]` answers `prompts[i]`. Raises ValueError where there is none or the lengths differ."""
    _check(prompts, texts)
    asked = [(question_of(prompt), text) for prompt, text in zip(prompts, texts, strict=True)]
    return Parts(
        thing=fmean(taste.thing(question, text) for question, text in asked),
        words=fmean(map(count_words, texts)),
        on_topic=fmean(on_topic(question, text) for question, text in asked),
        empty=fmean(not text.strip() for text in texts),
        degenerate=fmean(is_degenerate(question, text) for question, text in asked),
        distinct=len(set(texts)) / len(texts),
    )


def win_rate(taste: Taste, prompts: Sequence[str], challengers: Sequence[str], champions: Sequence[str]) -> float:
    """Share of pairs (same index, same prompt) that the taste gives to the challenger; ties count half.

    Raises ValueError where there is no pair or the lengths differ."""
    _check(prompts, challengers, champions)
    wins = 0.0
    for prompt, challenger, champion in zip(prompts, challengers, champions, strict=True):
        difference = taste.utility(prompt, challenger) - taste.utility(prompt, champion)
        wins += 0.5 if difference == 0 else float(difference > 0)
    return wins / len(prompts)


def most_wins(taste: Taste, prompts: Sequence[str], champions: Sequence[str]) -> float:
    """Win rate of answers with the highest utility there is."""
    utilities = [taste.utility(prompt, champion) for prompt, champion in zip(prompts, champions, strict=True)]
    return fmean(0.5 if utility == SPAN else float(utility < SPAN) for utility in utilities)


def report(taste: Taste, prompts: Sequence[str], challengers: Sequence[str], champions: Sequence[str]) -> Report:
    return Report(
        win_rate(taste, prompts, challengers, champions),
        most_wins(taste, prompts, champions),
        parts_of(taste, prompts, challengers),
        parts_of(taste, prompts, champions),
    )


def _check(*lists: Sequence[str]) -> None:
    if not lists[0] or len({len(each) for each in lists}) > 1:
        raise ValueError("Tastes judge lists of the same length, with at least one answer.")
