"""The order of a plate's elements that every model of one table shares, whatever order it is bound in."""

from __future__ import annotations

import numpy as np

from pgmlang.binding.record import Binding

SPLIT_SEED = 0
"""Of the shuffle that folds are cut from: fits are compared over one split, whatever seeds they are of."""


def table_order(binding: Binding, plate: str) -> np.ndarray:
    """Positions of the elements, shape (elements,): rows as they stand in their table, named elements by their names."""
    labels = binding.layout.labels.get(plate)
    if labels:
        return np.argsort(np.array(labels), kind="stable")
    if plate == binding.plate and binding.rows is not None:
        return np.argsort(binding.rows, kind="stable")
    return np.arange(binding.sizes[plate])


def split_into_folds(binding: Binding, plate: str, folds: int) -> list[np.ndarray]:
    """The elements of each fold, shuffled: the same for every model of one table."""
    order = table_order(binding, plate)
    return np.array_split(order[np.random.default_rng(SPLIT_SEED).permutation(len(order))], folds)
