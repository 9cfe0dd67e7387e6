"""Each ready-made example shows on the shipped model what its card says, by the measures that found it."""

import pytest

from app.hparams import SamplingParams
from app.layout import SFT_MODEL
from app.training.text_signs import repetition
from app.translation import LANGUAGES, speaking
from app.web.playground_examples import EXAMPLES, Example
from bench.playground_examples import answers, unknown_share

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
    """A third of its runs of three words and more stood there before; at the usual temperature fewer."""
    example = BY_NAME["greedy"]
    [greedy] = written(example, language)
    assert repetition(greedy) > 0.33
    rolled = written(example, language, temperature=1.0, n=4)
    assert sum(map(repetition, rolled)) / 4 < repetition(greedy) / 2


def test_a_high_temperature_rambles() -> None:
    """In each answer one word of twenty and more stands nowhere in the corpus; at the usual temperature none."""
    example = BY_NAME["wild"]
    assert min(map(unknown_share, written(example, "en"))) > 0.05
    assert max(map(unknown_share, written(example, "en", temperature=0.8))) == 0


def test_the_address_has_the_prompt_in_the_language_of_the_page() -> None:
    with speaking("zh"):
        assert "%E8%AF%B7" in BY_NAME["greedy"].address()
    assert "version=2&version=1" in BY_NAME["base"].address(2, 1)
