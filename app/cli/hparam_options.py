"""Options of the command line that are hyper-parameters: their ranges and meanings stand in the fields."""

from typing import Any

import typer

from app.hparam_fields import MAX_NUMBER, hparam_fields


def hparam_option(hparams: type, name: str) -> Any:
    """For `Annotated[int, hparam_option(SFTHparams, "batch_rows")]`."""
    field = hparam_fields(hparams)[name]
    return typer.Option(min=field.low, max=None if field.high == MAX_NUMBER else field.high, help=field.help)
