"""The log-density of a bound model over free real values: the emitted program, evaluated for many chains at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, biject_to

from pgmlang.binding.record import Binding
from pgmlang.infer.base import Problem
from pgmlang.infer.continuous import latent_variables
from pgmlang.infer.rows import bound_evaluator
from pgmlang.lower import lower
from pgmlang.model import Model, Variable


@dataclass(frozen=True, eq=False)
class Target:
    """``names``: the latent variables; ``shapes`` of their values and ``free_shapes`` of the free real values that
    are mapped to them (a simplex of K has K - 1), laid end to end in a vector of ``dimension`` numbers."""

    program: ModuleType
    model: Model
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    free_shapes: tuple[tuple[int, ...], ...]
    observed: dict[str, Tensor]
    data: dict[str, Any]
    params: dict[str, Tensor]
    dtype: torch.dtype

    @property
    def dimension(self) -> int:
        return sum(int(np.prod(s)) for s in self.free_shapes)

    def values(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Values of the latent variables, ``[..., *shape]`` each, and the log determinant ``[...]`` of the map, at free
        values ``x [..., dimension]``."""
        free = {}
        place = 0
        for name, shape in zip(self.names, self.free_shapes, strict=True):
            size = int(np.prod(shape))
            free[name] = x[..., place : place + size].reshape(*x.shape[:-1], *shape)
            place += size
        values, log_det = self.program.constrain(free)
        return values, torch.as_tensor(log_det, dtype=x.dtype, device=x.device).expand(x.shape[:-1])

    def __call__(self, x: Tensor) -> Tensor:
        """Log-density ``[...]`` of free values ``x [..., dimension]``, up to the constant log p(data)."""
        with numerics(self.dtype):
            values, log_det = self.values(x)
            total = self.program.log_joint({**values, **self.observed}, self.data, self.params)
            return torch.as_tensor(total, dtype=x.dtype, device=x.device).expand(x.shape[:-1]) + log_det


def target_of(problem: Problem, dtype: torch.dtype = torch.float64) -> Target:
    """The log-density of a problem whose latent variables are continuous (``continuous.density_reasons`` is empty).

    Raises PgmError PGM0601 for what no program says yet.
    """
    binding, model = problem.binding, problem.model
    device = torch.device(problem.device)
    program = lower(model).load()
    latent = latent_variables(model, problem.facts)
    evaluator = bound_evaluator(binding)
    shapes = tuple(tuple(evaluator.size(a) for a in evaluator.array_axes(v)) for v in latent)
    free = tuple(_free_shape(program, v, s) for v, s in zip(latent, shapes, strict=True))
    fixed = {k: torch.as_tensor(v, dtype=dtype, device=device) for k, v in problem.fixed.items()}
    given = {v.name: _tensor(binding.values[v.name], v, dtype, device)
             for v in model.of_role("random", "input") if v.name in binding.values}  # fmt: skip
    random = {v.name for v in model.of_role("random")}
    data = _data(binding, device) | {k: v for k, v in (given | fixed).items() if k not in random}
    observed = {k: v for k, v in (given | fixed).items() if k in random}
    params = {v.name: fixed[v.name] for v in model.of_role("param")}
    return Target(program, model, tuple(v.name for v in latent), shapes, free, observed, data, params, dtype)


def _free_shape(program: ModuleType, variable: Variable, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(biject_to(program.SUPPORTS[variable.name]).inverse_shape(torch.Size(shape)))


def _tensor(values: np.ndarray, variable: Variable, dtype: torch.dtype, device: torch.device) -> Tensor:
    kind = torch.int64 if variable.type.is_discrete else dtype
    return torch.as_tensor(np.ascontiguousarray(values), device=device).to(kind)


def _data(binding: Binding, device: torch.device) -> dict[str, Any]:
    """Sizes of plates and dims, and the outer element of each row (``doc_of_token``)."""
    of = {f"{outer}_of_{inner}": torch.as_tensor(codes, dtype=torch.int64, device=device)
          for (inner, outer), codes in binding.membership.items()}  # fmt: skip
    return {"sizes": dict(binding.sizes), **of}


@contextmanager
def numerics(dtype: torch.dtype) -> Iterator[None]:
    """The program's numbers in this dtype, and no check of every argument: a proposal that is out of bounds has
    density zero, it is no error. What was set before is restored."""
    before, checked = torch.get_default_dtype(), Distribution._validate_args
    torch.set_default_dtype(dtype)
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
        Distribution.set_default_validate_args(checked)
