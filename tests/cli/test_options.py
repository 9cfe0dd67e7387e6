"""Options as the fields of a dataclass: the terminal sees them as if they were the command's own parameters."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from app.cli.options import with_options


@dataclass(frozen=True)
class Order:
    dish: Annotated[str, typer.Argument(help="What to cook.")]
    plates: Annotated[int, typer.Option(min=1, help="How many.")] = 2
    quick: Annotated[bool, typer.Option("--quick", help="In a hurry.")] = False


@with_options(Order)
def cook(order: Order) -> None:
    """Cook a meal."""
    print(order)


def answer(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(cook)
    return CliRunner().invoke(app, arguments).output


def test_the_command_gets_one_object_with_the_defaults() -> None:
    assert answer("soup") == f"{Order('soup')}\n"
    assert answer("soup", "--plates", "3", "--quick") == f"{Order('soup', 3, quick=True)}\n"


def test_bounds_and_help_are_those_of_the_fields() -> None:
    assert "greater than or equal to 1" in answer("soup", "--plates", "0")
    shown = answer("--help")
    assert "Cook a meal." in shown
    assert all(words in shown for words in ("What to cook.", "How many.", "--quick", "In a hurry."))
    assert cook.__name__ == "cook"
