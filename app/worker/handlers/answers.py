"""What a policy in training answers, as text: for every kind of job that trains one."""

import math
from collections.abc import Mapping

from app.db.models.prompts import Prompt
from app.lm.text.tokenizer import Tokenizer
from app.services.jobs.job_answers import MOST_CHARACTERS, AnswersInWords
from app.training.context import Answers
from app.worker.run import InWords


def answers_in_words(tokenizer: Tokenizer, prompts: Mapping[tuple[int, ...], Prompt]) -> InWords:
    """`prompts`: by their tokens. Long texts are cut, and end with an ellipsis."""

    def in_words(told: Answers) -> AnswersInWords:
        asked = [prompts[tuple(answer.prompt)] for answer in told.answers]
        answers = [
            {
                "prompt_id": prompt.id,
                "prompt": _cut(prompt.text),
                "answer": _cut(tokenizer.decode(answer.answer)),
                "gain": _finite(answer.gain),
            }
            for prompt, answer in zip(asked, told.answers, strict=True)
        ]
        return AnswersInWords(told.step, _finite(told.kl), answers)

    return in_words


def _finite(value: float | None) -> float | None:
    """NaN and infinity are no JSON."""
    return value if value is not None and math.isfinite(value) else None


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
