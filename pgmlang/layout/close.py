"""Closing a layout: what a model's text and its data say of the axes, put together once."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pgmlang.layout.layout import Layout, MissingMask
from pgmlang.model import Model
from pgmlang.model.lattice import grid_edges


def close_layout(
    model: Model,
    sizes: Mapping[str, int] | None = None,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    membership: Mapping[tuple[str, str], np.ndarray] | None = None,
    missing: Mapping[str, MissingMask] | None = None,
) -> Layout:
    """The layout of a model. ``sizes`` and ``labels``: what the data say, by plate or dim; ``membership``: by (row
    plate, plate around it) the outer element of each row; ``missing``: cells without a value, by variable."""
    named = close_labels(model, labels or {})
    edges = _edges(model)
    known = close_sizes(model, {**{p: len(e) for p, e in edges.items()}, **(sizes or {})}, named)
    chains = {p.name: p.parents for p in model.plates if model.is_chain(p.name)}
    return Layout(known, named, close_parents(model, membership or {}), chains, edges, missing or {})


def close_sizes(
    model: Model, sizes: Mapping[str, int], labels: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, int]:
    """Sizes of all plates and dims that anybody tells: the data, the model, labels. A dim ``like`` another has its
    size."""
    out = dict(sizes)
    for axis in (*model.dim_by_name, *model.plate_by_name):
        root = model.root_axis(axis)
        plate = model.plate_by_name.get(root)
        told = sizes.get(axis, sizes.get(root, model.axis_size(axis)))
        if told is None and plate is not None and plate.structure is not None and plate.structure.kind == "grid":
            told = math.prod(plate.structure.shape)
        if told is None and labels and labels.get(root):
            told = len(labels[root])
        if told is not None:
            out[axis] = told
    return out


def close_labels(model: Model, labels: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Labels of all plates and dims that have any: the data's, the model's, those of the dim that another is
    ``like``."""
    out = dict(labels)
    for axis in (*model.dim_by_name, *model.plate_by_name):
        root = model.root_axis(axis)
        dim = model.dim_by_name.get(root)
        named = labels.get(axis) or labels.get(root) or (dim.labels if dim is not None else None)
        if named:
            out[axis] = named
    return out


def close_parents(
    model: Model, membership: Mapping[tuple[str, str], np.ndarray]
) -> dict[tuple[str, str], np.ndarray]:
    """The outer element of each element of a plate, for every plate around it, through those between."""
    out = {pair: np.asarray(codes, dtype=np.int64) for pair, codes in membership.items()}
    # a plate stands behind those around it, so what is between is closed before
    for plate in sorted(model.plates, key=lambda p: len(model.enclosing(p.name))):
        for outer in model.enclosing(plate.name)[:-1]:
            between = next((m for m in plate.parents if (plate.name, m) in out and (m, outer) in out), None)
            if (plate.name, outer) not in out and between is not None:
                out[plate.name, outer] = out[between, outer][out[plate.name, between]]
    return out


def _edges(model: Model) -> dict[str, np.ndarray]:
    """The ends of the edges of grids."""
    out = {}
    for plate in model.plates:
        structure = plate.structure
        if structure is None or structure.kind != "edges" or structure.of is None:
            continue
        grid = model.plate_by_name[structure.of].structure
        if grid is not None and grid.kind == "grid":
            out[plate.name] = np.asarray(grid_edges(grid.shape), dtype=np.int64).reshape(-1, 2)
    return out
