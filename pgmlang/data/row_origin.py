"""Where rows come from, so that messages name lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class RowOrigin:
    """Where rows come from. ``first``: number of row 0 as messages count (line 2 of a CSV; 1 elsewhere).
    ``unit``: what that number counts. ``find_lines``: lines of rows in a file whose rows are not one line each.
    ``kept``: rows that remain of it; ``sep``: what stands between the cells of a text file."""

    name: str
    first: int = 1
    unit: str = "row"
    find_lines: Callable[[list[int]], list[int]] | None = None
    kept: np.ndarray | None = None
    sep: str = ""

    def lines(self, rows: Sequence[int]) -> list[int]:
        """Line numbers of rows."""
        original = [int(r if self.kept is None else self.kept[r]) for r in rows]
        return self.find_lines(original) if self.find_lines else [r + self.first for r in original]

    def cell(self, row: int, column: str) -> str:
        """A cell as messages name it: ``days.csv:17:rain``."""
        return f"{self.name}:{self.lines([row])[0]}:{column}"

    def column(self, column: str) -> str:
        return f"{self.name}:{column}"

    def take(self, rows: np.ndarray) -> RowOrigin:
        return replace(self, kept=rows if self.kept is None else self.kept[rows])
