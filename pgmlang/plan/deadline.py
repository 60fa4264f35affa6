"""When a run has to end. Every phase of a method asks it, the search for a start as well as the steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pgmlang.diagnostics import Diagnostic, PgmError


class OutOfTime(PgmError):
    """The time limit came within a phase that leaves nothing before its end."""


@dataclass(frozen=True, eq=False)
class Deadline:
    """So many ``seconds`` by a ``clock`` after it was made; None: never."""

    seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "begun", self.clock())

    def is_over(self) -> bool:
        return self.seconds is not None and self.clock() - self.begun >= self.seconds

    def check(self, phase: str, missing: str) -> None:
        """Raises OutOfTime (PGM0804) once it is over, for a ``phase`` before the end of which nothing can be kept."""
        if self.is_over():
            message = f"stopped by the time limit of {self.seconds or 0:g} s within {phase}: {missing}"
            raise OutOfTime(Diagnostic("PGM0804", message, help="a longer `--max-time`"))


NEVER = Deadline()
