"""Which column says how often a row counts, or how much: one that is named, or that of the fit whose rows these are beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pgmlang.binding.problems import BindingProblems
from pgmlang.data import Frame


@dataclass(frozen=True)
class WeightColumn:
    """``option``: ``counts`` or ``weights``. ``is_of_fit``: nothing was said, and a fit was made by it; then it
    ``is_absent`` where the table has no such column, and each row counts once."""

    name: str
    option: str
    is_of_fit: bool = False
    is_absent: bool = False

    def says(self) -> str:
        """In words, for the lines that a run prints first."""
        if self.is_absent:
            return f"no column {self.name}, by which the fit weighs rows: each row once"
        return f"column {self.name}{', as in the fit' if self.is_of_fit else ''}"

    def to_json(self) -> dict[str, str]:
        return {"option": self.option, "column": self.name}

    @classmethod
    def of_json(cls, told: Mapping[str, str] | None) -> WeightColumn | None:
        return cls(told["column"], told["option"]) if told else None


def weight_column(
    counts: str | None, weights: str | None, of_fit: WeightColumn | None, frames: Mapping[str, Frame],
    mapping: Mapping[str, str], problems: BindingProblems,
) -> WeightColumn | None:  # fmt: skip
    """The column that is named, or that of a fit unless a variable is mapped to it. An empty name is none. Raises PgmError
    PGM0716 for both."""
    if counts and weights:
        problems.error("PGM0716", "both `--counts` and `--weights` are given", cure="give one of them")
        problems.stop()
    if counts:
        return WeightColumn(counts, "counts")
    if weights:
        return WeightColumn(weights, "weights")
    if of_fit is None or of_fit.name in mapping.values():
        return None
    is_there = any(of_fit.name in frame.columns for frame in frames.values())
    return replace(of_fit, is_of_fit=True, is_absent=not is_there)
