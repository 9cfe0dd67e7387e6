"""How a training of a policy is watched, and what is stored of its end: for every kind of job that trains one.

Prompts to validate on are set aside from those that it trains on; a judge that learned from other rankings says how
good its answers are; and the bounds of app/services/versions/bounds.py are looked at during the training already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.db.models.prompts import Prompt
from app.hparams import SamplingParams
from app.lm.text.tokenizer import Tokenizer
from app.policy_hparams import FittedEpisodeHparams
from app.services.versions import bounds
from app.training.policy.comparison import Comparison, Measured
from app.training.policy.episodes import PolicyResult
from app.training.policy.knowledge import Questions
from app.training.policy.validating import Watch
from app.training.stopping import Validation
from app.training.text_signs import TextSigns, text_signs
from app.worker.handlers.handler import Work
from app.worker.handlers.left_out import END_TOKENS, Readable
from app.worker.handlers.several_turns import questions_of

ASIDE = 4
"""At most one in so many prompts is set aside to validate on."""


@dataclass(frozen=True)
class Divided:
    """Tokens of the prompts to train on, and the prompts to validate on with theirs."""

    train: list[list[int]]
    validation: list[Prompt]
    validation_tokens: list[list[int]]


def divided(readable: Readable, hparams: FittedEpisodeHparams) -> Divided:
    """The last ones are set aside; where there are too few, the same ones are trained and validated on."""
    prompts, tokens = readable.prompts, readable.tokens
    count = min(hparams.validation_prompts, len(prompts) // ASIDE)
    if not count:
        return Divided(tokens, prompts[: hparams.validation_prompts], tokens[: hparams.validation_prompts])
    return Divided(tokens[:-count], prompts[-count:], tokens[-count:])


def watch_of(work: Work[Any], hparams: FittedEpisodeHparams, tokenizer: Tokenizer, prompts: Divided) -> Watch | None:
    """None where no prompts are to be validated on."""
    if not prompts.validation:
        return None
    reward_id, max_kl = work.inputs["reward_version_id"], work.run.settings.auto_activate_max_kl
    comparison = Comparison(
        work.models.policy(work.inputs["reference_version_id"]),
        work.models.reward(reward_id),
        work.models.judge(reward_id),
        SamplingParams(temperature=hparams.temperature, max_tokens=hparams.max_tokens),
        hparams.validation_samples,
        tokenizer.ends,
        tokenizer.pad_id,
    )

    def signs(after: Measured, before: Measured, figures: dict[str, float]) -> list[str]:
        read = figures | text_figures(after, before, prompts.validation, tokenizer)
        return [flag.sentence for flag in bounds.answer_flags(read, max_kl)]

    asked = Readable(prompts.validation, prompts.validation_tokens, 0)
    return Watch(comparison, asked.tokens, signs, questions_in_turns(work, asked, tokenizer, hparams.max_tokens))


def questions_in_turns(work: Work[Any], prompts: Readable, tokenizer: Tokenizer, max_tokens: int) -> Questions:
    """As far as the job's models can read them, an answer included."""
    return questions_of(tokenizer, prompts, work.models.context_tokens(*work.version_ids) - max_tokens - END_TOKENS)


def text_figures(
    after: Measured, before: Measured, prompts: Sequence[Prompt], tokenizer: Tokenizer
) -> dict[str, float]:
    """What the answers' texts show, of the policy and of the SFT model."""
    questions = [prompt.text for prompt in prompts]

    def read(answers: list[list[list[int]]]) -> TextSigns:
        return text_signs(questions, [[tokenizer.decode(answer) for answer in group] for group in answers])

    new, old = read(after.answers), read(before.answers)
    return {
        "empty_share": new.empty_share,
        "empty_reference_share": old.empty_share,
        "echo_share": new.echo_share,
        "echo_reference_share": old.echo_share,
        "other_script_share": new.other_script_share,
        "other_script_reference_share": old.other_script_share,
        "repetition": new.repetition,
        "repetition_reference": old.repetition,
    }


def stored_metrics(result: PolicyResult, prompts: Divided, tokenizer: Tokenizer) -> dict[str, Any]:
    """Of a new policy: the last batch's, what flags it, and where somebody watched the verdict with its history and the
    answers that show it."""
    stored: dict[str, Any] = result.metrics | {"flags": bounds.flags_to_store(result.metrics)}
    if result.verdict is None:
        return stored
    verdict = result.verdict.as_json() | {
        "ways": [_row(each) | {"way": each.way, "knowledge": each.figures.get("knowledge")} for each in result.ways],
        "examples": [
            {
                "prompt_id": prompts.validation[example.prompt_index].id,
                "prompt": prompts.validation[example.prompt_index].text,
                "before": tokenizer.decode(example.before),
                "after": tokenizer.decode(example.after),
                "reward_gain": example.optimized,
                "judge_gain": example.judged,
            }
            for example in result.examples
        ],
    }
    return stored | {"verdict": verdict, "validations": [_row(each) for each in result.history]}


def _row(validation: Validation) -> dict[str, Any]:
    return {
        "episodes": validation.episodes,
        "kl": validation.kl,
        "reward_gain": validation.optimized_gain,
        "judge_gain": validation.judged_gain,
        "win_rate": validation.figures.get("win_rate"),
        "signs": list(validation.signs),
    }
