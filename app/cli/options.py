"""Commands with many options take them as the fields of one dataclass."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from app.cli.paths import path_argument

Options = TypeVar("Options")
CompileModel = Annotated[bool, typer.Option("--compile", help="Use torch.compile: faster, needs a C++ compiler.")]
WorkFolder = Annotated[
    Path | None, typer.Option(parser=path_argument, help="Folder for the resumable state (default: beside OUT).")
]


def with_options(options: Callable[..., Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """A decorator for typer's commands. `options` is a dataclass whose fields are annotated as typer wants parameters
    to be; typer sees the signature of its `__init__`, the command gets an instance."""

    def decorate(command: Callable[[Options], None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            command(options(**given))

        signature = inspect.signature(options, eval_str=True)
        run.__signature__ = signature  # type: ignore[attr-defined]
        run.__annotations__ = {name: field.annotation for name, field in signature.parameters.items()}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate
