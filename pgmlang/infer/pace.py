"""How many iterations a sampler takes between two looks at the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SHORT = 0.3
"""Seconds that an interruption may cost."""


@dataclass
class StepBudget:
    """Blocks of at most ``most`` iterations that take about ``SHORT`` seconds: what is under way when a run is stopped
    is lost. Where blocks end changes no draw."""

    most: int
    count: int = 1

    @contextmanager
    def block(self, left: int) -> Iterator[int]:
        """The number of iterations of the next block, timed while it runs."""
        count = min(self.count, left)
        begun = time.monotonic()
        yield count
        took = time.monotonic() - begun
        self.count = max(1, min(self.most, 4 * count, int(count * SHORT / max(took, 1e-9))))
