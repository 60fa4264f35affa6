"""Whether the rows of a plate are plain, so that they can be gone through in blocks, and how much one lays out."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from pgmlang.density.keys import TableKey
from pgmlang.density.row_subset import has_only_rows_of
from pgmlang.density.sufficient import SufficientFactors
from pgmlang.density.summing import Marginaliser
from pgmlang.model.row_plates import row_reductions

CACHED_STATISTICS = 2**24
"""Statistics of all rows that are kept; more are made again at each pass."""


def is_cached(group: SufficientFactors) -> bool:
    """Whether a group's statistics of all rows are kept."""
    return group.width * group.points.whole.layout.size(group.plate) <= CACHED_STATISTICS


def axes_of(sums: Marginaliser, key: TableKey) -> tuple[str, ...]:
    """The axes of a factor."""
    return sums.joint.factor_axes[key]


def plate_of_blocks(sums: Marginaliser) -> str | None:
    """The plate whose rows can be gone through in blocks, None where there is none."""
    joint = sums.joint
    plates = [p.name for p in joint.model.plates if p.is_rows]
    if (
        len(plates) != 1
        or joint.partition is not None
        or sums.lagged_names
        or not has_only_rows_of(joint, plates[0])
        or any(True for _ in row_reductions(joint.model))
    ):
        return None
    (plate,) = plates
    held = {*joint.latent, *joint.learned, *joint.fixed} - set(sums.names)
    if any(plate in joint.axes(n) for n in held if n in joint.model.by_name):
        return None
    if any(joint.axes(n)[:1] != (plate,) for n in sums.names):
        return None
    return plate if all(not s or plate in axes_of(sums, k) for k, s in sums.scopes.items()) else None


def numbers_of_a_row(sums: Marginaliser, groups: tuple[SufficientFactors, ...], starts: int, plate: str) -> int:
    """Numbers of the largest intermediate result of a row: a table over the values of what is summed together, for each
    start, of every element; or its statistics."""
    joint = sums.joint

    def states(scope: Collection[int]) -> int:
        return math.prod(joint.num_states(sums.names[i]) for i in scope if i < len(sums.names))

    def elements(name: Any) -> int:
        shape = zip(joint.axes(name), joint.shapes[name], strict=True) if name in joint.shapes else ()
        return math.prod(n for a, n in shape if a != plate)

    tables = [states(s) * elements(k) for k, s in sums.scopes.items()]
    steps = [math.prod(joint.num_states(n) for n in step.names) for step in sums.steps]
    widths = [g.width for g in groups if not is_cached(g)]
    return max([1, *(starts * n for n in (*tables, *steps, *(states(g.scope) for g in groups))), *widths])
