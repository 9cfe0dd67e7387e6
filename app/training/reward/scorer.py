"""A reward model as a function of text, handed to the engine, since app.lm may not know reward models."""

from collections.abc import Callable, Sequence
from pathlib import Path

from app.chat import Message, Scored
from app.errors import InvalidError
from app.lm.files.checkpoint import read_tokenizer
from app.lm.text.end_tokens import EndTokens
from app.training.reward.network import load_reward_model
from app.training.reward.scorer_files import has_scorers, load_scorers
from app.training.reward.scoring import Answered, AnswerScorer
from app.translation import _


def load_scorer(directory: Path) -> Callable[[Sequence[Message], Sequence[str]], list[Scored]]:
    """Opens a reward model; the result gives one score per answer to a conversation, and its deviation, which a version
    of before, a network alone, does not know. It raises
    InvalidError, with count and limit, where the model cannot read prompt and answer together."""
    with_scorers = has_scorers(directory)
    model: AnswerScorer = load_scorers(directory)["whole"] if with_scorers else load_reward_model(directory)
    tokenizer = read_tokenizer(directory)

    def score(messages: Sequence[Message], answers: Sequence[str]) -> list[Scored]:
        prompt = tokenizer.encode_conversation(messages)
        read = [tokenizer.encode_answered(messages, answer) for answer in answers]
        check_lengths(prompt, [ids[len(prompt) :] for ids in read], model.config.context_tokens)
        scores, deviations = model.score([parted(prompt, ids, tokenizer.ends) for ids in read], tokenizer.ends)
        known: list[float | None] = deviations.tolist() if with_scorers else [None] * len(answers)
        return [Scored(*each) for each in zip(scores.tolist(), known, strict=True)]

    return score


def parted(prompt: Sequence[int], ids: Sequence[int], ends: EndTokens) -> Answered:
    """Prompt and answer of what the template writes of both: the answer begins where `ids` leaves the prompt, and holds
    no end but its last token (some templates write an older answer in another way once it is followed by another)."""
    same = next((place for place, (a, b) in enumerate(zip(prompt, ids, strict=False)) if a != b), len(prompt))
    within = [place + 1 for place, token in enumerate(ids[:-1]) if place >= same and token in ends.all]
    cut = max([same, *within])
    return ids[:cut], ids[cut:]


def check_lengths(prompt: Sequence[int], completions: Sequence[Sequence[int]], context_tokens: int) -> None:
    """Raises InvalidError for the first answer (token ids, as the template ends it) that does not fit."""
    before, limit = len(prompt), context_tokens - len(prompt)
    if limit < 1:
        raise InvalidError(
            _(
                "The prompt has {count} tokens; the reward model reads {most}, the answer included. Shorten it.",
                count=f"{before:,}",
                most=f"{context_tokens:,}",
            )
        )
    for number, completion in enumerate(completions, start=1):
        if len(completion) > limit:
            raise InvalidError(
                _(
                    "Answer {number} has {count} tokens; after this prompt of {before} at most {most} fit. Shorten one "
                    "of them.",
                    number=number,
                    count=f"{len(completion):,}",
                    before=f"{before:,}",
                    most=f"{limit:,}",
                )
            )
