"""A bar under work that takes long, with words behind it; where there is no terminal, a line now and then."""

import time
from collections.abc import Callable, Generator
from typing import Protocol, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

TELL_EVERY_SECONDS = 15.0


class Step(Protocol):
    """How far the work is."""

    @property
    def step(self) -> int: ...


AnyStep = TypeVar("AnyStep", bound=Step)
Result = TypeVar("Result")


def with_progress_bar(
    coming: Generator[AnyStep, None, Result],
    title: str,
    total_of: Callable[[AnyStep], int],
    words_of: Callable[[AnyStep], str],
) -> Result:
    """Drains what comes, and returns its result."""
    console, told = Console(), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None, said="")
        while True:
            try:
                step = next(coming)
            except StopIteration as end:
                result: Result = end.value
                return result
            said = words_of(step)
            bar.update(task, total=total_of(step), completed=step.step, said=said)
            if not console.is_terminal and time.monotonic() - told > TELL_EVERY_SECONDS:
                told = time.monotonic()
                typer.echo(f"{title}: {said}")
