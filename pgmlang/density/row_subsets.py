"""Some rows of a binding, with all that belongs to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pgmlang.binding.record import Binding


def binding_rows(binding: Binding, plate: str, chosen: np.ndarray) -> Binding:
    """A binding of some elements of a row plate and the rows inside of them, in the order chosen."""
    model = binding.model
    keep = {plate: np.asarray(chosen, dtype=np.int64)}
    place = np.full(binding.sizes[plate], -1, dtype=np.int64)
    place[keep[plate]] = np.arange(len(keep[plate]))
    for inner in model.plates:
        if inner.name != plate and inner.is_rows and (inner.name, plate) in binding.membership:
            at = place[binding.membership[inner.name, plate]]
            order = np.argsort(at, kind="stable")
            keep[inner.name] = order[at[order] >= 0]
    values = {}
    for name, array in binding.values.items():
        axes = (*model.batch_axes(model.by_name[name].plates), *model.by_name[name].axes)
        for position, axis in enumerate(axes):
            if axis in keep:
                array = np.take(array, keep[axis], position)
        values[name] = array
    membership = {}
    for (inner_name, outer), codes in binding.membership.items():
        picked = codes[keep[inner_name]] if inner_name in keep else codes
        membership[inner_name, outer] = place[picked] if outer == plate else picked
    sizes = {**binding.sizes, **{p: len(k) for p, k in keep.items()}}
    weights = binding.weights
    if weights is not None and binding.plate in keep:
        weights = weights[keep[binding.plate]]
    labels = {
        k: tuple(v[i] for i in keep[k]) if k in keep and len(v) == binding.sizes[k] else v
        for k, v in binding.labels.items()
    }
    missing = {k: int(_is_missing(values[k]).sum()) for k, n in binding.missing.items() if n and k in values}
    return replace(binding, values=values, membership=membership, sizes=sizes, weights=weights, labels=labels,
                   missing={k: n for k, n in missing.items() if n}, rows=None)  # fmt: skip


def _is_missing(values: np.ndarray) -> np.ndarray:
    return np.asarray(values < 0) if values.dtype.kind in "iu" else np.isnan(values)
