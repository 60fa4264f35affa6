"""Two fits of one model side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.display import DisplayColumn, DisplayTable, TableTuple, as_frame, column
from pgmlang.results.fit import Fit
from pgmlang.results.precision import fixed
from pgmlang.results.summary import row_name, summary_rows

SHOWN = 20
"""Scalars that are printed of two fits."""
FAR = 4.0
"""Means further apart than this many Monte Carlo errors are flagged."""


@dataclass(frozen=True)
class Difference:
    """A scalar in two fits. ``in_mcse``: the difference (second less first) over the error of both together, None
    where neither fit has draws of it; ``sd_ratio``: second over first, None where one is not known; ``mcses``: the Monte Carlo
    errors of the means, None where there are no draws."""

    name: str
    means: tuple[float, float]
    difference: float
    in_mcse: float | None
    sd_ratio: float | None
    is_far: bool
    mcses: tuple[float | None, float | None] = (None, None)

    @property
    def mcse(self) -> float | None:
        """The Monte Carlo error of the difference; None where it is not known."""
        return abs(self.difference / self.in_mcse) if self.in_mcse else None


class Differences(TableTuple[Difference]):
    """Scalars of two fits, those furthest apart first; prints the first SHOWN."""

    __slots__ = ()

    @property
    def display(self) -> DisplayTable:
        return self.table(SHOWN)

    def table(self, limit: int | None = None) -> DisplayTable:
        """The first of them side by side, with how many there are and how many lie far apart."""
        shown = self[:limit]
        columns = [column("name", [d.name for d in shown], is_head=True)]
        for i, heading in enumerate(("first", "second")):
            texts = tuple(fixed(d.means[i], d.mcses[i]) for d in shown)
            columns.append(DisplayColumn(heading, texts, tuple(d.means[i] for d in shown), is_number=True))
        gaps = tuple(fixed(d.difference, d.mcse, 3) for d in shown)
        columns += [
            DisplayColumn("difference", gaps, tuple(d.difference for d in shown), is_number=True),
            column("in mcse", [_finite(d.in_mcse) for d in shown], lambda v: f"{v:.1f}"),
            column("sd ratio", [d.sd_ratio for d in shown], lambda v: f"{v:.3f}"),
            column("", ["far" if d.is_far else None for d in shown]),
        ]
        left_out = len(self) - len(shown)
        notes = [f"... and {left_out:,} more"] if left_out else []
        far = sum(d.is_far for d in self)
        notes.append(f"{len(self)} scalars, {far} further apart than four Monte Carlo errors")
        return DisplayTable(tuple(columns), notes=tuple(notes))

    @property
    def frame(self) -> Any:
        return as_frame({
            "name": [d.name for d in self],
            "first": [d.means[0] for d in self], "second": [d.means[1] for d in self],
            **{n: [getattr(d, n) for d in self] for n in ("difference", "in_mcse", "sd_ratio", "is_far")},
        })  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def compare(fits: Sequence[Fit]) -> Differences:
    """The scalars that both fits have, those furthest apart first.

    Raises PgmError PGM0904 where the fits are not of one model; ValueError where there are not two.
    """
    if len(fits) != 2:
        raise ValueError(f"two fits are compared, not {len(fits)}")
    one, other = fits
    if not is_of_one_model(one, other):
        message = f"these are fits of different models, `{one.model.name}` and `{other.model.name}`"
        raise PgmError(
            Diagnostic(
                "PGM0904", message, help="rank them by what they predict: `pgmc compare A.fit B.fit --data FILE`"
            )
        )
    second = {_key(r): r for r in summary_rows(other)}
    differences = [_difference(r, second[_key(r)]) for r in summary_rows(one) if _key(r) in second]
    comparable = [d for d in differences if d is not None]
    return Differences(sorted(comparable, key=lambda d: (-abs(d.in_mcse or 0.0), -abs(d.difference))))


def is_of_one_model(one: Fit, other: Fit) -> bool:
    """Whether two fits are of the same text and settings."""
    texts = [(f.source, f.modules, f.model.settings) for f in (one, other)]
    return texts[0] == texts[1] or one.model == other.model


def _key(row: dict[str, Any]) -> str:
    return row["name"] if "shares" in row or "label" not in row else row_name(row)


def _difference(one: dict[str, Any], other: dict[str, Any]) -> Difference | None:
    """None where a mean is not known."""
    means = [one["mean"], other["mean"]]
    if "shares" in one and "shares" in other:
        # the share of the label that is most common in the first fit
        means[1] = other["shares"].get(one["label"], 0.0)
    if None in means:
        return None
    difference = means[1] - means[0]
    mcses = (one.get("mcse"), other.get("mcse"))
    errors = [e for e in mcses if e is not None]
    error = math.hypot(*errors)
    in_mcse = None
    if errors:
        in_mcse = difference / error if error > 0 else math.copysign(math.inf, difference) if difference else 0.0
    ratio = other["sd"] / one["sd"] if one.get("sd") and other.get("sd") is not None else None
    is_far = in_mcse is not None and abs(in_mcse) > FAR
    return Difference(row_name(one), (means[0], means[1]), difference, in_mcse, ratio, is_far, mcses)
