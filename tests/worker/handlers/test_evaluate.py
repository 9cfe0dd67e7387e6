"""Whose texts an evaluation's signs are read off."""

from typing import cast

from app.db.models.prompts import Prompt
from app.lm.text.tokenizer import Tokenizer
from app.training.evaluate import Answers, Evaluation
from app.worker.handlers import evaluate

TEXTS = ["", "法国", "The capital of France.", "It is it is it is it is."]


class Spelled:
    """Reads one token as one of the texts above."""

    def decode(self, ids: list[int]) -> str:
        return TEXTS[ids[0]]


def signs(before: int, after: int) -> dict[str, float]:
    found = Evaluation({}, [], Answers(before=[[[before]]], after=[[[after]]]))
    asked = [Prompt(text="What is the capital of France?")]
    return evaluate._signs(found, asked, cast(Tokenizer, Spelled()))


def test_each_models_signs_are_those_of_its_own_answers() -> None:
    names = ("empty", "other_script", "echo")
    for place, name in enumerate(names):
        only_policy, only_reference = signs(before=3, after=place), signs(before=place, after=3)
        assert (only_policy[f"{name}_share"], only_policy[f"{name}_reference_share"]) == (1, 0)
        assert (only_reference[f"{name}_share"], only_reference[f"{name}_reference_share"]) == (0, 1)
    repeated = signs(before=0, after=3)
    assert repeated["repetition"] > 0 == repeated["repetition_reference"]
