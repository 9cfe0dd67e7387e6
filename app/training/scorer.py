"""A reward model as a function of text, for the engine: app.lm may not know reward models, so it is handed this."""

from collections.abc import Callable, Sequence
from pathlib import Path

from app.chat import Message
from app.lm.checkpoint import read_tokenizer
from app.training.reward_network import load_reward_model, score_answers


def load_scorer(directory: Path) -> Callable[[Sequence[Message], Sequence[str]], list[float]]:
    """Opens a reward model; the result gives one score per answer to a conversation."""
    model, tokenizer = load_reward_model(directory), read_tokenizer(directory)

    def score(messages: Sequence[Message], answers: Sequence[str]) -> list[float]:
        prompt = tokenizer.encode_conversation(messages)
        completions = [tokenizer.encode(answer) for answer in answers]
        [scores] = score_answers(model, [prompt], [completions], ends=tokenizer.ends)
        return [float(score) for score in scores]

    return score
