"""A reward model as a function of text, handed to the engine, since app.lm may not know reward models."""

from collections.abc import Callable, Sequence
from pathlib import Path

from app.chat import Message
from app.errors import InvalidError
from app.lm.files.checkpoint import read_tokenizer
from app.training.reward.network import load_reward_model
from app.training.reward.scoring import score_answers
from app.translation import _


def load_scorer(directory: Path) -> Callable[[Sequence[Message], Sequence[str]], list[float]]:
    """Opens a reward model; the result gives one score per answer to a conversation. It raises InvalidError, with count
    and limit, where the model cannot read prompt and answer together."""
    model, tokenizer = load_reward_model(directory), read_tokenizer(directory)

    def score(messages: Sequence[Message], answers: Sequence[str]) -> list[float]:
        prompt = tokenizer.encode_conversation(messages)
        read = [tokenizer.encode_answered(messages, answer) for answer in answers]
        check_lengths(prompt, [ids[len(prompt) :] for ids in read], model.config.context_tokens)
        scores = score_answers(model, [ids[:-1] for ids in read], [[ids[-1:]] for ids in read], ends=tokenizer.ends)
        return [score for [score] in scores]

    return score


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
