"""What a method is given: a model joined to data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.model import Model
from pgmlang.plan.deadline import NEVER, Deadline
from pgmlang.plan.method import Facts


@dataclass(frozen=True, eq=False)
class Problem:
    """A model joined to data, with the values that were fixed, and when the run of a method on it has to end."""

    model: Model
    binding: Binding
    fixed: dict[str, np.ndarray]
    facts: Facts
    device: str = "cpu"
    deadline: Deadline = NEVER
