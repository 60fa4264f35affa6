"""A column of numbers as bins: labels that are intervals, all of them known whether or not a row lies in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgmlang.data.bridge import coded_texts
from pgmlang.data.cuts import MAX_BINS, is_too_fine, quantile_cuts, settled_cuts, supervised_cuts, width_cuts
from pgmlang.data.frame import Column, TextColumn
from pgmlang.data.intervals import interval_labels
from pgmlang.data.problems import problem, quoted
from pgmlang.diagnostics.suggest import did_you_mean


@dataclass(frozen=True, eq=False)
class BinnedColumn(TextColumn):
    """Labels are all bins in their order; codes are theirs."""

    def labels_and_codes(self) -> tuple[tuple[str, ...], np.ndarray]:
        dictionary, codes = self.encoded
        return tuple(dictionary.to_pylist()), codes

    def numbers(self) -> np.ndarray:
        raise problem(
            "PGM0721", f"`{self.name}` is cut into bins, and is asked for as numbers", place=self.place.column(self.name),
            cure=f"leave `--bins {self.name}=...` out, or give it labels in the model: `{self.name} : {{...}}`",
        )  # fmt: skip


def binned(column: Column, how: Any, columns: Mapping[str, Column]) -> tuple[BinnedColumn, tuple[float, ...], str]:
    """A column cut as ``how`` says (see `cuts`), its cut points and a note. ``columns``: of the table, for a target.
    Raises PgmError PGM0612 for what is not understood, PGM0720 for an unknown target, PGM0721 for cells that are no numbers."""
    cuts = settled_cuts(column.name, how)
    if cuts is not None:
        labels = interval_labels(cuts)
        seen = column.labels_and_codes()
        if seen[0] and set(seen[0]) <= set(labels):
            # these cells are bins already: an answer read back in
            position = np.array([labels.index(x) for x in seen[0]] + [-1], np.int32)
            return _column(column, labels, position[seen[1]]), cuts, f"`{column.name}` holds its bins already"
    numbers = column.numbers()
    if cuts is None:
        cuts = _found(column, numbers, str(how), columns)
        labels = interval_labels(cuts)
    codes = np.where(np.isnan(numbers), -1, np.searchsorted(np.array(cuts), numbers, side="right")).astype(
        np.int32
    )
    counts = np.bincount(codes[codes >= 0], minlength=len(labels))
    shown = ", ".join(f"{quoted(x)} {n:,}" for x, n in list(zip(labels, counts, strict=True))[:12])
    more = ", …" if len(labels) > 12 else ""
    return _column(column, labels, codes), cuts, f"`{column.name}` is cut into {len(labels)} bins: {shown}{more}"


def _column(column: Column, labels: tuple[str, ...], codes: np.ndarray) -> BinnedColumn:
    return BinnedColumn(column.name, column.place, coded_texts(labels, codes), levels=labels)


def _found(column: Column, numbers: np.ndarray, how: str, columns: Mapping[str, Column]) -> tuple[float, ...]:
    """The cut points that the data decide."""
    name, rows = column.name, np.flatnonzero(~np.isnan(numbers))
    kind, _, argument = how.partition(":")
    if not len(rows):
        raise problem("PGM0612", f"`{name}` has no value to be cut into bins", place=column.place.column(name),
                      cure=f"leave `--bins {name}={how}` out")  # fmt: skip
    if kind == "supervised":
        return _by_target(column, numbers, argument, columns)
    values = np.sort(numbers[rows])
    number = _number(argument if kind == "width" else kind)
    is_understood = number is not None and (
        number > 0 if kind == "width" else 2 <= number <= MAX_BINS and number % 1 == 0
    )
    if number is None or not is_understood:
        raise problem(
            "PGM0612", f"`--bins {name}={how}` is not understood",
            cure=f"write `{name}=5` (equal shares), `{name}=width:10`, `{name}=[18,30,65]` or `{name}=supervised:TARGET`",
        )  # fmt: skip
    cuts = width_cuts(values, number) if kind == "width" else quantile_cuts(values, int(number))
    if not cuts or len(cuts) >= MAX_BINS:
        is_fine = bool(cuts) or (kind == "width" and is_too_fine(values, number))
        what = f"comes to more than {MAX_BINS:,} bins" if is_fine else "lies within one bin"
        raise problem("PGM0612", f"`{name}` {what}: it runs from {values[0]:g} to {values[-1]:g}",
                      place=column.place.column(name), cure=_cure_of_cuts(name, values))  # fmt: skip
    return cuts


def _by_target(
    column: Column, numbers: np.ndarray, target: str, columns: Mapping[str, Column]
) -> tuple[float, ...]:
    name = column.name
    if target not in columns:
        near = did_you_mean(target, columns) if target else ""
        raise problem("PGM0720" if target else "PGM0612", f"no column `{target}` to cut `{name}` by" if target else f"`--bins {name}=supervised` names no target",
                      place=column.place.name, cure=near or f"write `--bins {name}=supervised:TARGET`")  # fmt: skip
    labels, codes = columns[target].labels_and_codes()
    if len(labels) > 50:
        raise problem("PGM0612", f"`{target}` has {len(labels):,} different values: bins are cut by a target of few labels",
                      place=column.place.column(target), cure=f"`--bins {name}=5` cuts by equal shares")  # fmt: skip
    rows = np.flatnonzero(~np.isnan(numbers) & (codes >= 0))
    order = rows[np.argsort(numbers[rows], kind="stable")]
    cuts = supervised_cuts(numbers[order], codes[order].astype(np.int64)) if len(order) else ()
    if not cuts:
        raise problem("PGM0612", f"no cut of `{name}` tells enough of `{target}`", place=column.place.column(name),
                      cure=f"leave it out, or cut by equal shares: `--bins {name}=3`")  # fmt: skip
    return cuts


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _cure_of_cuts(name: str, values: np.ndarray) -> str:
    """What to type where no cut of sorted ``values`` is to be had."""
    if values[0] == values[-1]:
        return "a column of one value tells nothing: leave it out of the model"
    return f"give the cut points: `--bins {name}=[{values[0]:g},{values[-1]:g}]`"
