"""Each ready-made example shows on the shipped model what its card says, by the measures that found it."""

import tomllib

import pytest

from app.chat import GenerationRequest, Message
from app.db.models.versions import VersionKind
from app.hparams import SamplingParams
from app.layout import BASE_MODEL, SFT_MODEL
from app.lm.inference.engine import LocalEngine
from app.services.versions.answering import prompt_for
from app.training.text_signs import repetition
from app.translation import LANGUAGES, speaking
from app.web.playground_examples import EXAMPLES, Example
from bench.playground_examples import answers, unknown_share
from tests.repository import REPOSITORY

BY_NAME = {example.name: example for example in EXAMPLES}


def written(example: Example, language: str, **changed: float) -> list[str]:
    given = {name: float(value) for name, value in example.settings.items()} | changed
    params = SamplingParams(
        temperature=given["temperature"], max_tokens=int(given["max_tokens"]), seed=int(given["seed"])
    )
    [texts] = answers(SFT_MODEL, [example.prompts[language]], params, n=int(given["n"]))
    return texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_greedy_repeats_itself(language: str) -> None:
    """Both answers are the same, and a tenth of their runs of three words and more stood there before; at the usual
    temperature four are different, and fewer are."""
    example = BY_NAME["greedy"]
    greedy, again = written(example, language)
    assert greedy == again
    assert repetition(greedy) > 0.1
    rolled = written(example, language, temperature=1.0, n=4)
    assert len(set(rolled)) == 4
    assert sum(map(repetition, rolled)) / 4 < repetition(greedy) / 2


def test_a_high_temperature_rambles() -> None:
    """In each answer one word of twenty-five and more stands nowhere in the corpus; at the usual temperature none."""
    example = BY_NAME["wild"]
    assert min(map(unknown_share, written(example, "en"))) > 0.04
    assert max(map(unknown_share, written(example, "en", temperature=0.8))) == 0


def jokes(language: str) -> list[str]:
    """All that the shipped model was taught to tell."""
    bank = tomllib.loads((REPOSITORY / "app" / "corpus" / "banks" / language / "chat.toml").read_text("utf-8"))
    asked = {"en": "Tell me a joke.", "zh": "讲个笑话"}[language]
    [told] = [each["answers"] for each in bank["exchange"] if asked in each["prompts"]]
    return list(told)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_base_model_goes_on_where_an_sft_model_answers(language: str) -> None:
    """Both answers of the SFT model hold a joke that it was taught, and neither of the base model's."""
    example = BY_NAME["base"]
    messages = [Message(role="user", content=example.prompts[language])]
    params = SamplingParams(temperature=0.8, max_tokens=96, seed=1)
    engine = LocalEngine({1: BASE_MODEL, 2: SFT_MODEL}.__getitem__, threads=1)
    try:
        wrote = {
            kind: engine.generate(GenerationRequest(prompt_for(kind, messages), version_id=number, params=params, n=2))
            for kind, number in ((VersionKind.BASE, 1), (VersionKind.SFT, 2))
        }
    finally:
        engine.close()
    told = {kind: [any(joke in each.text for joke in jokes(language)) for each in wrote[kind]] for kind in wrote}
    assert told == {VersionKind.BASE: [False, False], VersionKind.SFT: [True, True]}


def test_the_address_has_the_prompt_in_the_language_of_the_page() -> None:
    with speaking("zh"):
        assert "%E7%BB%99" in BY_NAME["greedy"].address()
    assert "version=2&version=1" in BY_NAME["base"].address(2, 1)
