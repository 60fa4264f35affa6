"""How far a fit is: a bar with the time left on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pgmlang.cli.console import say

Show = Callable[..., None]
"""``show(iteration, value, label=, total=)``; ``total`` is None where the end is not known."""


@contextmanager
def progress(quiet: bool) -> Iterator[Show | None]:
    """What `infer.fit` calls after each step; None when nothing is to be said."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _lines()


def _lines() -> Show:
    """Says the first iterations, and then one for every ten, hundred, thousand of them: steps may be of many."""
    before = 0

    def show(iteration: int, value: float, label: str = "log-likelihood", **_: Any) -> None:
        nonlocal before
        every = 10 ** max(1, len(str(iteration)) - 1)
        if iteration in (1, 2, 5) or iteration // every > before // every:
            say(f"iteration {iteration:>4}  {label} {value:.4f}")
        before = iteration

    return show


@contextmanager
def _bar() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def show(
            iteration: int, value: float, label: str = "log-likelihood", total: int | None = None, **_: Any
        ) -> None:
            bars.update(task, completed=iteration, total=total, description=f"{label} {value:.4f}")

        yield show
