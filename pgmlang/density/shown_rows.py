"""What rows show as compiled sums read it: columns, codes and how statistics are made of them.

Statistics that are the same in every factor (one, above all) are made once; those of rows inside of the labels' own are summed for each
row, since log-values are linear in them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import TableKey
from pgmlang.density.statistics import Indicators, RowStatistics, SampleMoments
from pgmlang.density.sufficient import IMPOSSIBLE, SufficientFactors
from pgmlang.native.expectations import ShownRows, array_of
from pgmlang.native.formulas import NotScalar

ONE, COLUMN, PRODUCT, CODE = range(4)
"""How a statistic is made (`native/runtime/row_sums`)."""


@dataclass(frozen=True, eq=False)
class Shown:
    """``rows``: the statistics made of what these show; ``places``: which of them are those of a group. Of steps of chains ``kind [rows]``
    and the statistics of each kind ``[width, kind]`` by group."""

    rows: ShownRows
    places: Mapping[TableKey, Tensor]
    kind: np.ndarray
    kinds: Mapping[TableKey, Tensor]

    def coefficients(self, by_group: Mapping[TableKey, Tensor], starts: int, states: int) -> Tensor:
        """What the statistics are multiplied by, ``[state, start, width]``, from coefficients ``[state, start or 1, width]`` by group."""
        out = torch.zeros(states, starts, len(self.rows.made), dtype=torch.float64)
        for key, values in by_group.items():
            wide = values if values.dim() == 3 else values[:, None]
            out = out.index_add(-1, self.places[key], wide.clamp(min=IMPOSSIBLE).expand(-1, starts, -1))
        return out

    def of_kinds(self, key: TableKey) -> Tensor:
        """The statistics of the kinds of steps ``[width, kind]``."""
        return self.kinds[key]


@dataclass
class _Made:
    """The recipe of statistics as it grows."""

    columns: list[np.ndarray] = field(default_factory=list)
    codes: list[np.ndarray] = field(default_factory=list)
    seen: list[np.ndarray] = field(default_factory=list)
    made: dict[tuple[int, int, int, int], int] = field(default_factory=dict)

    def place(self, kind: int, a: int = 0, b: int = 0, mask: int = -1) -> int:
        return self.made.setdefault((kind, a, b, mask), len(self.made))

    def places_of(self, statistics: RowStatistics) -> list[int]:
        """Where the statistics of rows lie, in their order. Raises NotScalar for those that are made otherwise."""
        match statistics:
            case Indicators():
                return self._of_codes(statistics)
            case SampleMoments():
                return self._of_moments(statistics)
        raise NotScalar("statistics that only torch makes")

    def _of_codes(self, statistics: Indicators) -> list[int]:
        first, points = len(self.codes), len(statistics.points)
        self.codes += list(statistics.codes.numpy())
        labels = range(0 if statistics.is_full else 1, points)
        mine = [self.place(CODE, first + e, label) for e in range(len(statistics.codes)) for label in labels]
        return mine if statistics.is_full else [self.place(ONE), *mine]

    def _of_moments(self, statistics: SampleMoments) -> list[int]:
        first, out = len(self.columns), list[int]()
        elements, width, _ = statistics.columns.shape
        self.columns += list(statistics.columns.reshape(elements * width, -1).numpy())
        for element in range(elements):
            mask = -1
            if statistics.seen is not None:
                mask = len(self.seen)
                self.seen.append(statistics.seen[element].numpy())
            mine = range(first + element * width, first + (element + 1) * width)
            out += [self.place(ONE, mask=mask), *(self.place(COLUMN, a, mask=mask) for a in mine)]
            if statistics.with_products:
                out += [self.place(PRODUCT, a, b, mask) for a in mine for b in mine if b >= a]
        return out

    def sums_of(self, joint: BoundDensity, group: SufficientFactors, plate: str) -> list[int]:
        """The statistics of inner rows, summed for each row of a plate by their weights."""
        parent = joint.layout.parent(plate, group.plate)
        first, size = len(self.columns), joint.layout.size(plate)
        weights = joint.weights.get(group.plate)
        for row in group.of_rows(slice(None)):
            weighed = row if weights is None else row * weights.to(row)
            self.columns.append(torch.zeros(size, dtype=row.dtype).index_add(0, parent, weighed).numpy())
        return [self.place(COLUMN, a) for a in range(first, len(self.columns))]


def shown_rows(
    joint: BoundDensity, axes: tuple[str, ...], groups: Collection[SufficientFactors], pairs: Collection[TableKey], most_kinds: int,
    by_row: bool,
) -> Shown:  # fmt: skip
    """What rows along ``axes`` show of groups. ``pairs``: those of steps of chains, whose kinds are all rows where they are more than
    ``most_kinds``, or where another factor says what it says ``by_row``. Raises NotScalar where they are not of these rows."""
    made, places = _Made(), {}
    count = int(np.prod([joint.layout.size(a) for a in axes]))
    kind, kinds = np.zeros(count, dtype=np.int64), dict[TableKey, Tensor]()
    steps = {g.key: g.of_rows(slice(None)) for g in groups if g.key in pairs}
    if any(g.plate != axes[0] for g in groups if g.key in pairs):
        raise NotScalar("steps of chains that rows inside of them show")
    if steps:
        every = torch.cat(list(steps.values()))
        distinct, kind = _kinds(every.numpy())
        is_whole = by_row or len(distinct) > most_kinds
        kind = np.arange(count) if is_whole else kind
        kinds = {k: s if is_whole else s[:, distinct] for k, s in steps.items()}
    for group in groups:
        if group.key in pairs:
            continue
        if (group.plate,) == axes:
            mine = [p for _, statistics in group.members for p in made.places_of(statistics)]
        elif len(axes) == 1 and (axes[0], group.plate) in joint.layout.parents:
            mine = made.sums_of(joint, group, axes[0])
        else:
            raise NotScalar(f"rows of `{group.plate}` beside labels of `{axes[0]}`")
        places[group.key] = torch.as_tensor(mine)
    recipe = array_of(list(made.made), np.int64).reshape(-1, 4)
    rows = ShownRows(
        array_of(made.columns, np.float64).reshape(-1, count), array_of(made.codes, np.int16).reshape(-1, count),
        array_of(made.seen, np.bool_).reshape(-1, count), recipe, _weights(joint, axes), count,
    )  # fmt: skip
    return Shown(rows, places, array_of(kind, np.int64), kinds)


def _kinds(statistics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A row of each kind, of rows with the same statistics ``[width, rows]``, and each row's kind."""
    number = np.zeros(statistics.shape[1], dtype=np.int64)
    for row in statistics:
        _, codes = np.unique(row, return_inverse=True)
        _, number = np.unique(number * (codes.max() + 1) + codes, return_inverse=True)
    return np.unique(number, return_index=True)[1], number


def _weights(joint: BoundDensity, axes: tuple[str, ...]) -> np.ndarray:
    """The rows' weights, empty where all are one."""
    if not any(a in joint.weights for a in axes):
        return np.zeros(0)
    sizes = [joint.layout.size(a) for a in axes]
    out = np.ones(sizes)
    for place, axis in enumerate(axes):
        if axis in joint.weights:
            out = out * np.asarray(joint.weights[axis]).reshape(-1, *[1] * (len(axes) - place - 1))
    return array_of(out.ravel(), np.float64)
