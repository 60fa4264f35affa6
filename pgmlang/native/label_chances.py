"""The posterior of labels given values, as compiled loops: responsibilities of mixtures, smoothed chances of hidden chains, those of labels of
groups and of missing cells.

They are slopes of the log of the sum over the labels, by zeros that are added to what each state is worth (Darwiche 2003; Eisner 2016): the same
elimination and the same adjoints as those of the density, without the derivatives by anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from pgmlang.native.program import NativeProgram
from pgmlang.native.program_files import load_program


@dataclass(eq=False)
class NativeLabelChances:
    """``arrays`` of the program's own, in its order, and the ``sizes`` of its axes; ``labels``: the variables, in the order in which the program
    gives them."""

    program: NativeProgram
    arrays: Sequence[np.ndarray]
    sizes: Sequence[int]
    labels: tuple[str, ...]

    @cached_property
    def module(self) -> ModuleType:
        """The compiled program."""
        return load_program(self.program.source)

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        """What the program takes beside a free vector."""
        given = tuple(np.ascontiguousarray(a).reshape(np.shape(a)) for a in self.arrays)
        sizes = tuple(map(int, self.sizes))
        return (*given, *self.module.prepare(*given, *sizes), *sizes)

    def __call__(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Posterior chances ``[C, *axes, states]`` of each variable at free vectors ``x [C, d]`` (`density.target.Target.free` gives those of
        values). Where rows have weights, one row of each."""
        each = [self.module.label_chances(row, *self.arguments) for row in x]
        return {name: _normalised(np.stack([one[i] for one in each])) for i, name in enumerate(self.labels)}


def _normalised(weights: np.ndarray) -> np.ndarray:
    total = weights.sum(-1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
