"""What the policy of a run answered to the same prompts, look by look, in the page's language."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.db.models.jobs import JobAnswers
from app.formats.figures import MINUS, number
from app.formats.strict_json import to_json
from app.translation import _


@dataclass(frozen=True)
class Said:
    """One answer, and when it was given."""

    step: int
    answer: str
    figures: str
    """Step, KL and score."""


@dataclass(frozen=True)
class Asked:
    """One prompt, and what was said to it in the order of steps."""

    prompt: str
    said: list[Said] = field(default_factory=list)


@dataclass(frozen=True)
class RunAnswers:
    prompts: list[Asked]
    looks: str
    """JSON for the script: the step of each look, and what is said of it."""
    scored: bool
    """Whether any answer has a score."""


def run_answers(looks: Sequence[JobAnswers]) -> RunAnswers | None:
    """None where the policy was not looked at yet."""
    if not looks:
        return None
    asked: dict[int, Asked] = {}
    for look in looks:
        for answer in look.answers:
            prompt = asked.setdefault(answer["prompt_id"], Asked(answer["prompt"]))
            prompt.said.append(Said(look.step, answer["answer"], _figures(look, answer)))
    words = to_json([{"step": look.step, "words": " · ".join(_of_look(look))} for look in looks])
    scored = any(answer["gain"] is not None for look in looks for answer in look.answers)
    return RunAnswers(list(asked.values()), words, scored)


def _of_look(look: JobAnswers) -> list[str]:
    step = _("Step {step}", step=number(look.step))
    return [step] if look.kl is None else [step, _("KL {kl} nats an answer", kl=number(look.kl))]


def _figures(look: JobAnswers, answer: dict[str, Any]) -> str:
    told = _of_look(look)
    if answer["gain"] is not None:
        told.append(_("score {score}", score=f"{answer['gain']:+.2f}".replace("-", MINUS)))
    return " · ".join(told)
