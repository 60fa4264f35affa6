"""A program of sweeps over data: Gibbs chains of discrete variables given all else, in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from pgmlang.native.conditional_program import ConditionalProgram
from pgmlang.native.program_files import load_program

FEWEST_DRAWS = 2_000
"""Draws that a thread is worth."""


@dataclass(eq=False)
class ConditionalChains:
    """``arrays``, ``lists`` and ``sizes`` of the program's own, in its order; ``orders``: for each variable drawn the places ``[n, axes]`` of its
    elements that are. Every chain is drawn by itself from its own seed, so that results are the same for any number of ``threads``."""

    program: ConditionalProgram
    arrays: Sequence[np.ndarray]
    lists: Sequence[np.ndarray]
    sizes: Sequence[int]
    orders: Sequence[np.ndarray]
    threads: int = 1

    @cached_property
    def module(self) -> ModuleType:
        """The compiled program."""
        return load_program(self.program.source)

    @cached_property
    def _still(self) -> tuple[Any, ...]:
        """What the functions of the program take that is the same in all chains."""
        given = tuple(np.ascontiguousarray(a).reshape(np.shape(a)) for a in self.arrays)
        sizes = tuple(map(int, self.sizes))
        lists = tuple(np.ascontiguousarray(a) for a in self.lists)
        return (*given, *lists, *self.module.prepare(*given, *sizes), *sizes)

    @cached_property
    def num_steps(self) -> int:
        """Elements of real variables, each of which has a step."""
        named = zip(self.program.drawn, self.orders, strict=True)
        return sum(len(order) for name, order in named if name in self.program.walks)

    def sweep(
        self, values: Sequence[np.ndarray], seeds: np.ndarray, steps: np.ndarray | None = None, rate: float = 0.0
    ) -> np.ndarray:
        """Draws every element once, in place: ``values`` of the program's ``[chain, *shape]``, ``seeds [chain]`` of 64 bits. Elements of real
        variables move by their ``steps [chain, num_steps]``, logarithms, which learn at a ``rate``, in place; gives the mean chance ``[chain]`` that these were
        taken."""
        accepted = np.ones(len(seeds))

        def run(part: slice) -> None:
            walks = (steps[part], rate, accepted[part]) if steps is not None and self.program.walks else ()
            self.module.sweep(*(v[part] for v in values), seeds[part], *walks, *self.orders, *still)

        still = self._still
        self._each(len(seeds), run)
        return accepted / max(1, self.num_steps)

    def _each(self, chains: int, run: Callable[[slice], None]) -> None:
        shares = min(self.threads, chains, max(1, chains * sum(map(len, self.orders)) // FEWEST_DRAWS))
        if shares < 2:
            run(slice(None))
            return
        cuts = np.linspace(0, chains, shares + 1).astype(int)
        for done in [self._pool.submit(run, slice(a, b)) for a, b in pairwise(cuts)]:
            done.result()

    def log_weights(self, name: str, values: Sequence[np.ndarray], places: np.ndarray, number: int) -> np.ndarray:
        """Log-weights ``[chain, n, number]`` of the states of a variable's elements at ``places [n, axes]`` given all else."""
        out = np.empty((len(values[0]), len(places), number))
        getattr(self.module, f"log_weights_of_{name}")(*values, places, out, *self._still)
        return out

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="sweeps")
