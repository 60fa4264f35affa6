"""Lines now and then, for logs and pipes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Show = Callable[..., None]
"""``show(iteration, value, label=, total=, figures=)``, as `infer.run.Progress` is called; ``total`` is None where the end
is not known."""


class Watch(NamedTuple):
    """``show`` is called after each step, None where nothing is shown; ``say`` prints a line that stays."""

    show: Show | None
    say: Callable[[str], None]


def plain_lines(say: Callable[[str], None]) -> Show:
    """Says the first iterations, and then one for every ten, hundred, thousand of them: steps may be of many."""
    before = 0

    def show(iteration: int, value: float, label: str = "log-likelihood", **_: Any) -> None:
        nonlocal before
        every = 10 ** max(1, len(str(iteration)) - 1)
        if iteration in (1, 2, 5) or iteration // every > before // every:
            say(f"iteration {iteration:>4}  {label} {value:.4f}")
        before = iteration

    return show
