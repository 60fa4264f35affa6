"""The layout of a binding as tensors on a device: what emitted programs are handed beside the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import PgmError
from pgmlang.lower.runtime.layout import TensorLayout
from pgmlang.model import Model
from pgmlang.model.evaluate import Evaluator


class BoundLayout(TensorLayout):
    """The layout of bound data, with ``seen``: True at the cells that were seen, of variables some of whose missing cells
    drop out."""

    def __init__(self, *fields: Any, seen: dict[str, Tensor] | None = None) -> None:
        super().__init__(*fields)
        self.seen = seen or {}

    def is_seen(self, name: str) -> Tensor:
        """Which cells of a variable were seen."""
        return self.seen[name]


def has_size(evaluator: Evaluator, axis: str) -> bool:
    """Whether anybody knows the size of an axis."""
    try:
        evaluator.size(axis)
    except PgmError:
        return False
    return True


def tensor_layout(model: Model, evaluator: Evaluator, binding: Binding, device: torch.device) -> BoundLayout:
    """Sizes, every pair of plates of which one is inside the other, positions and rows before in chains."""

    def tensor(values: np.ndarray) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=torch.int64, device=device)

    sizes = {
        **binding.sizes,
        **{p.name: evaluator.size(p.name) for p in model.plates if has_size(evaluator, p.name)},
    }
    layout = BoundLayout(sizes)
    lags = {1, *(r.lag for f in (*model.factors, *model.definitions) for r in model.mentions(f))} - {0}
    for plate in model.plates:
        for outer in model.enclosing(plate.name)[:-1]:
            element = evaluator.parent_element(plate.name, outer, None)
            if element is not None:
                layout.parents[outer, plate.name] = tensor(element.values)
        if model.is_chain(plate.name) and has_size(evaluator, plate.name):
            position, order, rank = evaluator.chain(plate.name)
            layout.positions[plate.name] = tensor(position)
            for lag in sorted(lags):
                before = order[np.maximum(rank - lag, 0)]
                layout.before[plate.name, lag] = tensor(np.where(position >= lag, before, 0))
    return layout
