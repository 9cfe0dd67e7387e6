"""How a training is watched: which prompts are set aside, whose texts are read, and what is stored of its end."""

from typing import cast

from app.db.models.prompts import Prompt
from app.lm.text.tokenizer import Tokenizer
from app.policy_hparams import FittedPPOHparams
from app.training.policy.comparison import Measured
from app.worker.handlers.left_out import Readable
from app.worker.handlers.watching import divided, text_figures

TEXTS = ["", "法国", "The capital of France.", "It is it is it is it is."]


class Spelled:
    """Reads one token as one of the texts above."""

    def decode(self, ids: list[int]) -> str:
        return TEXTS[ids[0]]


def signs(before: int, after: int) -> dict[str, float]:
    asked = [Prompt(text="What is the capital of France?")]
    return text_figures(Measured([[[after]]]), Measured([[[before]]]), asked, cast(Tokenizer, Spelled()))


def test_each_models_signs_are_those_of_its_own_answers() -> None:
    names = ("empty", "other_script", "echo")
    for place, name in enumerate(names):
        only_policy, only_reference = signs(before=3, after=place), signs(before=place, after=3)
        assert (only_policy[f"{name}_share"], only_policy[f"{name}_reference_share"]) == (1, 0)
        assert (only_reference[f"{name}_share"], only_reference[f"{name}_reference_share"]) == (0, 1)
    repeated = signs(before=0, after=3)
    assert repeated["repetition"] > 0 == repeated["repetition_reference"]


def test_prompts_to_validate_on_are_not_trained_on() -> None:
    prompts = [Prompt(id=number, text=str(number)) for number in range(40)]
    readable = Readable(prompts, [[number] for number in range(40)], 0)
    for asked, count in ((4, 4), (48, 10)):
        parts = divided(readable, FittedPPOHparams(validation_prompts=asked))
        assert [prompt.id for prompt in parts.validation] == list(range(40 - count, 40))
        assert parts.validation_tokens == [[number] for number in range(40 - count, 40)]
        assert parts.train == [[number] for number in range(40 - count)]
    assert divided(readable, FittedPPOHparams(validation_prompts=0)).validation == []
    few = divided(Readable(prompts[:3], [[0], [1], [2]], 0), FittedPPOHparams())
    assert few.train == few.validation_tokens == [[0], [1], [2]], "better than no validation"
