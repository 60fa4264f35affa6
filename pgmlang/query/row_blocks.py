"""Blocks of new rows whose mixtures fit in memory, where rows are independent given what the fit says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgmlang.density.row_subset import block_of_rows, has_only_rows_of
from pgmlang.query.new_rows import NewRows
from pgmlang.query.node_posterior import latents_behind
from pgmlang.query.quadrature import most_nodes

MOST = 500_000
"""Most cells times parts of a mixture in work: a distribution function may be an integral of a hundred nodes at each."""


def row_blocks(rows: NewRows, names: Sequence[str]) -> Iterator[NewRows]:
    """The rows in order, all of them at once where they are few, or cannot be told apart."""
    plate = rows.joint.binding.plate
    total = rows.joint.layout.size(plate) if plate else 1
    most = max(1, MOST // max((_parts_of_row(rows, n) for n in names), default=1))
    if total <= most or not _are_apart(rows, plate):
        yield rows
        return
    for start in range(0, total, most):
        yield replace(rows, joint=block_of_rows(rows.joint, plate, slice(start, min(start + most, total))))


def _are_apart(rows: NewRows, plate: str) -> bool:
    is_shared = any(plate in rows.joint.axes(n) for n in rows.given if n in rows.joint.model.by_name)
    return has_only_rows_of(rows.joint, plate) and rows.unit() == plate and not rows.num_known and not is_shared


def _parts_of_row(rows: NewRows, name: str) -> int:
    """Cells of a variable in a row, times the configurations of the labels and the nodes of the real latents behind it."""
    joint, plate = rows.joint, rows.joint.binding.plate
    cells = math.prod(joint.layout.size(a) for a in joint.axes(name) if a != plate)
    latents = latents_behind(rows, (name,))
    labels = [n for n in latents if joint.model.by_name[n].type.is_discrete]
    return cells * math.prod(joint.num_states(n) for n in labels) * most_nodes(len(latents) - len(labels))
