"""The density of some rows, whose terms stand for all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.binding.record import Binding
from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.tensor_layout import BoundLayout


def restricted_to_rows(joint: BoundDensity, plate: str, chosen: np.ndarray) -> BoundDensity:
    """The density of some elements of a row plate, whose terms then stand for all: inner rows come along, outer
    elements stay. ``chosen``: indices, ``[B]``."""
    if has_only_rows_of(joint, plate):
        subset = _sliced(joint, plate, torch.as_tensor(np.asarray(chosen), dtype=torch.int64, device=joint.device))
        inner = [p.name for p in joint.model.plates if plate in joint.model.enclosing(p.name)]
        factor = joint.layout.size(plate) / max(1, len(chosen))
        return replace(subset, scale={**joint.scale, **dict.fromkeys(inner, factor)})
    restricted = joint.binding.rows_of(plate, chosen)
    held = {k: v for k, v in joint.held.items() if plate not in joint.axes(k)}
    whole = joint.binding.sizes[plate]
    subset = density_of_binding(joint.model, restricted, held, joint.dtype, joint.device, joint.programs)
    inner = [p.name for p in joint.model.plates if plate in joint.model.enclosing(p.name)]
    scale = {p: whole / max(1, len(chosen)) for p in inner}
    return replace(subset, scale={**joint.scale, **scale}, origin=joint.whole, partition=joint.partition)


def block_of_rows(joint: BoundDensity, plate: str, rows: slice) -> BoundDensity:
    """The density of a block of rows of the only row plate, whose terms stand for themselves; views, where it is of plain
    rows."""
    return _sliced(joint, plate, rows)


def rows_apart(joint: BoundDensity, plate: str, rows: np.ndarray) -> BoundDensity:
    """The density of some rows of a plate, each by itself: those before them in a chain are none of it."""
    return _sliced(joint, plate, torch.as_tensor(rows, dtype=torch.int64, device=joint.device))


def has_only_rows_of(joint: BoundDensity, plate: str) -> bool:
    """Whether a plate is the only one of rows, and these are plain: no order, nothing else sized by them."""
    return [p.name for p in joint.model.plates if p.is_rows] == [plate] and (
        joint.model.plate_by_name[plate].structure is None
    )


def _sliced(joint: BoundDensity, plate: str, rows: Tensor | slice) -> BoundDensity:
    """`rows` of a plate: its axis is indexed."""
    size = len(range(joint.layout.size(plate))[rows]) if isinstance(rows, slice) else len(rows)

    def cut(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            k: v[(*[slice(None)] * joint.axes(k).index(plate), rows)] if plate in joint.axes(k) else v
            for k, v in values.items()
        }

    def bound_rows() -> Binding:
        every = np.arange(joint.layout.size(plate))
        return joint.binding.rows_of(plate, every[rows if isinstance(rows, slice) else rows.cpu().numpy()])

    layout = BoundLayout(
        {**joint.layout.sizes, plate: size},
        {k: v[rows] if k[1] == plate else v for k, v in joint.layout.parents.items()},
        {k: v[rows] if k == plate else v for k, v in joint.layout.positions.items()},
        joint.layout.before,
        seen=cut(joint.layout.seen),
    )
    shapes = {
        k: tuple(size if a == plate else n for a, n in zip(joint.axes(k), s, strict=True))
        if k in joint.model.by_name else s
        for k, s in joint.shapes.items()
    }  # fmt: skip
    return replace(
        joint, data=cut(joint.data), layout=layout, observed=cut(joint.observed), missing=cut(joint.missing),
        unseen=cut(joint.unseen), intervened=cut(joint.intervened), shapes=shapes, weights={k: v[rows] if k == plate else v for k, v in joint.weights.items()},
        rows_bound=bound_rows, origin=joint.whole,
    )  # fmt: skip


def with_latent_cells(joint: BoundDensity, names: Collection[str] | None = None) -> BoundDensity:
    """The density whose missing cells are latent, those too that nothing hangs on and that drop out of a likelihood.
    ``names``: of these variables alone; the missing cells of others go on dropping out."""
    latent = {n: mask for n, mask in joint.unseen.items() if names is None or n in names}
    if not latent:
        return joint
    layout = joint.layout
    seen = {n: torch.ones_like(mask) if n in latent else mask for n, mask in layout.seen.items()}
    whole = BoundLayout(layout.sizes, layout.parents, layout.positions, layout.before, seen=seen)
    unseen = {n: mask for n, mask in joint.unseen.items() if n not in latent}
    return replace(joint, missing={**joint.missing, **latent}, unseen=unseen, layout=whole)
