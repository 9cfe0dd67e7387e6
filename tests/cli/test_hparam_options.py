"""Options that are hyper-parameters have the ranges of their fields."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from app.cli.hparam_options import hparam_option
from app.hparams import PretrainHparams


def test_ranges_and_meanings_come_from_the_fields() -> None:
    rows = hparam_option(PretrainHparams, "context_tokens")
    assert (rows.min, rows.max, rows.help) == (16, 512, "Tokens per row.")
    assert hparam_option(PretrainHparams, "seed").max is None


@pytest.mark.parametrize("given", [["--context-tokens", "8"], ["--learning-rate", "2"], ["--seed", "-1"]])
def test_what_is_out_of_range_is_refused(given: list[str]) -> None:
    app = typer.Typer()

    @app.command()
    def pretrain(
        context_tokens: Annotated[int, hparam_option(PretrainHparams, "context_tokens")] = 128,
        learning_rate: Annotated[float, hparam_option(PretrainHparams, "learning_rate")] = 3e-3,
        seed: Annotated[int, hparam_option(PretrainHparams, "seed")] = 0,
    ) -> None:
        del context_tokens, learning_rate, seed

    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2
    assert given[0] in result.output
