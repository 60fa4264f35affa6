"""Compiled sweeps of labels as a block among others: given what is latent outside, labels are swept with what is conjugate to them integrated
out, which is then drawn given the labels (a partially collapsed sampler: van Dyk and Park 2008)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.native.collapsed_arrays import with_outside
from pgmlang.native.collapsed_sweeps import CollapsedSweeps


@dataclass(frozen=True, eq=False)
class CollapsedBlock:
    """Each chain has priors of its own, those that its values outside give."""

    names: tuple[str, ...]
    sweeps: CollapsedSweeps
    joint: BoundDensity

    def start(self, generator: Generator, values: dict[str, Tensor]) -> Any:
        return ()

    def step(
        self, generator: Generator, values: dict[str, Tensor], state: Any, iteration: int
    ) -> tuple[dict[str, Tensor], Any, Tensor | None]:
        labels = self._labels(values)
        streams = torch.randint(2**63 - 1, (len(labels),), generator=generator).numpy().astype(np.uint64)
        outside = {n: values[n].numpy() for n in self.sweeps.arrays.form.outside}

        def run(chain: int) -> dict[str, np.ndarray]:
            part = slice(chain, chain + 1)
            arrays = with_outside(self.sweeps.arrays, {n: v[chain] for n, v in outside.items()})
            sweeps = self.sweeps.over(arrays)
            remembered = sweeps.remembered(labels[part])
            sweeps.sweep(labels[part], remembered, streams[part])
            return sweeps.values(labels[part], remembered, streams[part], self.names)

        drawn = list(self._pool.map(run, range(len(labels))))
        fresh = {
            n: torch.from_numpy(np.concatenate([d[n] for d in drawn])).to(values[n].dtype) for n in self.names
        }
        return {**values, **fresh}, state, None

    def _labels(self, values: dict[str, Tensor]) -> np.ndarray:
        """Labels ``[C, elements]`` of all label variables."""
        names = [v.name for v in self.sweeps.arrays.labels]
        return np.concatenate([values[n].flatten(1).numpy().astype(np.int32) for n in names], 1)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.sweeps.threads, thread_name_prefix="collapsed")
