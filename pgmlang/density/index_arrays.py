"""Sizes and index arrays that emitted programs take as data: outer elements of rows, positions in chains."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import PgmError
from pgmlang.model import Model
from pgmlang.model.evaluate import Evaluator


def has_size(evaluator: Evaluator, axis: str) -> bool:
    """Whether anybody knows the size of an axis."""
    try:
        evaluator.size(axis)
    except PgmError:
        return False
    return True


def sizes_of(model: Model, evaluator: Evaluator, binding: Binding) -> dict[str, int]:
    """Sizes of plates and dims, those of sized plates too."""
    known = {p.name: evaluator.size(p.name) for p in model.plates if has_size(evaluator, p.name)}
    return {**binding.sizes, **known}


def index_arrays(model: Model, evaluator: Evaluator, device: torch.device) -> dict[str, Tensor]:
    """``doc_of_token`` for every pair of plates; positions and rows before in chains."""
    out: dict[str, np.ndarray] = {}
    for plate in model.plates:
        for outer in model.enclosing(plate.name)[:-1]:
            element = evaluator.parent_element(plate.name, outer, None)
            if element is not None:
                out[f"{outer}_of_{plate.name}"] = element.values
        if plate.structure is not None and plate.structure.kind == "chain" and has_size(evaluator, plate.name):
            position, order, rank = evaluator.chain(plate.name)
            out[f"position_in_{plate.name}"] = position
            for lag in sorted(
                {r.lag for f in (*model.factors, *model.definitions) for r in model.mentions(f)} - {0}
            ):
                before = order[np.maximum(rank - lag, 0)]
                out[f"previous_{lag}_in_{plate.name}"] = np.where(position >= lag, before, 0)
    return {k: torch.as_tensor(np.asarray(v), dtype=torch.int64, device=device) for k, v in out.items()}
