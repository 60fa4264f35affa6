"""The layout of a binding as tensors on a device: what emitted programs are handed beside the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgmlang.layout import Layout
from pgmlang.lower.partial import said_by
from pgmlang.lower.runtime.layout import TensorLayout
from pgmlang.model import Model
from pgmlang.model.row_plates import elements_compared


class BoundLayout(TensorLayout):
    """The layout of bound data, with ``seen``: True at the cells that were seen, of variables some of whose missing cells
    drop out."""

    def __init__(self, *fields: Any, seen: dict[str, Tensor] | None = None) -> None:
        super().__init__(*fields)
        self.seen = seen or {}

    def is_seen(self, name: str) -> Tensor:
        """Which cells of a variable were seen."""
        return self.seen[name]


def tensor_layout(layout: Layout, model: Model, device: torch.device) -> BoundLayout:
    """The layout on a device, with the rows before of every chain at each lag that the model looks back."""

    def tensor(values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.int64, device=device)

    mentioned = [r for f in (*model.factors, *model.definitions) for r in model.mentions(f) if r.lag]
    lags = sorted({1, *(r.lag for m in mentioned for r in (m, *said_by(m, model)))} - {0})
    sequences = {chain: layout.sequences(chain) for chain in layout.chains if layout.has_size(chain)}
    rows = [
        p
        for p in model.once(elements_compared)
        if p in model.plate_by_name and p not in sequences and layout.has_size(p)
    ]
    return BoundLayout(
        dict(layout.sizes),
        {(outer, inner): tensor(codes) for (inner, outer), codes in layout.parents.items()},
        {p: tensor(layout.positions(p)) for p in rows} | {p: tensor(s.position) for p, s in sequences.items()},
        {(chain, lag): tensor(s.previous(lag)) for chain, s in sequences.items() for lag in lags},
    )
