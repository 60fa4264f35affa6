"""The guide that a model writes down (``guide { ... }``): its params, and its draws by the emitted ``propose``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeKey, GuideParam
from pgmlang.density.simulation import propose
from pgmlang.model import Model
from pgmlang.plan.guided import LINKS, guided_names

MOST = 20_000_000
"""Most numbers drawn at a time."""


@dataclass(frozen=True, eq=False)
class WrittenGuide:
    """The guide of a model; a guide of nothing where none is written."""

    model: Model

    @property
    def is_written(self) -> bool:
        return self.model.guide is not None

    @property
    def names(self) -> tuple[str, ...]:
        return guided_names(self.model)

    def begin(self, joint: BoundDensity) -> dict[FreeKey, Tensor]:
        """Free values of the guide's own params: zeros."""
        free: dict[FreeKey, Tensor] = {}
        for variable in self.model.guide.variables if self.model.guide else ():
            if variable.role == "param":
                shape = tuple(joint.layout.size(a) for a in self.model.array_axes(variable))
                free[GuideParam(variable.name)] = torch.zeros(shape, dtype=joint.dtype, device=joint.device)
        return free

    def params(self, free: Mapping[FreeKey, Tensor]) -> dict[str, Tensor]:
        """The guide's params from free values."""
        params = {k.name: v for k, v in free.items() if isinstance(k, GuideParam)}
        for variable in self.model.guide.variables if self.model.guide else ():
            if variable.role == "param" and variable.type.kind in LINKS:
                params[variable.name] = getattr(params[variable.name], LINKS[variable.type.kind])()
        return params

    def sample(
        self,
        joint: BoundDensity,
        generator: Generator,
        params: Mapping[str, Tensor],
        nets: Any,
        shape: tuple[int, ...],
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Draws and their log-densities element by element, ``[*shape, *axes]`` with the axes of `axes`."""
        return propose(joint, generator, params, nets, shape) if self.is_written else ({}, {})

    def axes(self, joint: BoundDensity, name: str) -> tuple[str, ...]:
        """Axes of the log-density of a variable's draws."""
        return tuple(joint.program.GUIDE_FACTORS[name])

    def sample_globals(
        self,
        joint: BoundDensity,
        generator: Generator,
        params: Mapping[str, Tensor],
        nets: Any,
        shape: tuple[int, int],
    ) -> dict[str, Tensor]:
        """Draws ``[chain, draw, ...]`` of what the guide says of variables outside of rows: what new rows hang on."""
        rows = {p.name for p in self.model.plates if p.is_rows}
        names = [n for n in self.names if not rows & set(self.model.by_name[n].plates)]
        if not names:
            return {}
        chains, draws = shape
        size = sum(math.prod(joint.shapes[n]) for n in self.names)
        step = max(1, MOST // (chains * size))
        parts = [
            propose(joint, generator, params, nets, (chains, min(step, draws - start)))[0]
            for start in range(0, draws, step)
        ]
        return {n: torch.cat([p[n] for p in parts], 1) for n in names}
