"""What a method is given: a model joined to data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.model import Model
from pgmlang.plan.deadline import NEVER, Deadline
from pgmlang.plan.method import Facts
from pgmlang.plan.record import PlanBlock


@dataclass(frozen=True, eq=False)
class Problem:
    """A model joined to data, with the values that were fixed, when the run of a method on it has to end, and the ``blocks``
    of the plan that is carried out. ``start``: values ``[point, *shape]`` of params and latent numbers that the user has it begin at, if any."""

    model: Model
    binding: Binding
    fixed: dict[str, np.ndarray]
    facts: Facts
    device: str = "cpu"
    deadline: Deadline = NEVER
    blocks: tuple[PlanBlock, ...] = ()
    start: Mapping[str, np.ndarray] = field(default_factory=dict)

    def kernel_of(self, name: str) -> str:
        """The kernel that the plan has for a variable."""
        return next(b.kernel for b in self.blocks if name in b.variables)

    def has_kernel(self, kernel: str) -> bool:
        """Whether the plan has it for any variable."""
        return any(b.kernel == kernel for b in self.blocks)
