"""A native program over data: log-densities, gradients and trajectories of many chains, in threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from pgmlang.native.program import NativeProgram
from pgmlang.native.program_files import load_program

LONGEST_CALL = 0.1
"""Seconds of one call of compiled code, between which an interrupt is heard."""
SHORTEST_SHARE = 2e-4
"""Seconds of work that a thread is worth."""


@dataclass(eq=False)
class NativeLogDensity:
    """``arrays`` of the program's own, in its order, and the ``sizes`` of its axes. Every chain is worked out by itself, in one order
    of operations, so that results are the same for any number of ``threads``. ``has_values``: values are worked out by a function of their
    own; without it by that of the gradients, which is compiled anyway where gradients are wanted."""

    program: NativeProgram
    arrays: Sequence[np.ndarray]
    sizes: Sequence[int]
    threads: int = 1
    has_values: bool = True
    seconds: float = field(default=0.0, init=False)

    @cached_property
    def module(self) -> ModuleType:
        """The compiled program."""
        return load_program(self.program.source)

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        """What the functions of the program take beside free vectors."""
        given = tuple(np.ascontiguousarray(a).reshape(np.shape(a)) for a in self.arrays)
        sizes = tuple(map(int, self.sizes))
        return (*given, *self.module.prepare(*given, *sizes), *sizes)

    def values(self, x: np.ndarray) -> np.ndarray:
        """Log-densities ``[C]`` at free vectors ``x [C, d]``; -inf where they are not finite."""
        if not self.has_values:
            return self.values_and_gradients(x)[0]
        out = np.empty(len(x))
        self._each(len(x), lambda part: self.module.log_densities(x[part], out[part], *self.arguments), 1)
        return out

    def values_and_gradients(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-densities ``[C]`` and gradients ``[C, d]`` at ``x [C, d]``; zero where one is not finite."""
        values, gradients = np.empty(len(x)), np.empty_like(x)
        position, variance, momentum = x.copy(), np.ones(x.shape[1]), np.zeros_like(x)

        def run(part: slice) -> None:
            self.module.trajectories(
                position[part], momentum[part], values[part], gradients[part], 0.0, variance, 0, False, False,
                *self.arguments,
            )  # fmt: skip

        self._each(len(x), run, 1)
        return values, gradients

    def trajectories(
        self, position: np.ndarray, momentum: np.ndarray, values: np.ndarray, gradients: np.ndarray, step: float,
        variance: np.ndarray, steps: int,
    ) -> None:  # fmt: skip
        """``steps`` leapfrog steps of each chain, in place: ``position``, ``momentum`` and ``gradients [C, d]``, ``values [C]``;
        ``variance [d]``: the inverse mass."""
        done = 0
        while done < steps:
            # never long without Python, which hears interrupts
            chains_each = -(-len(position) // self.threads)
            longest = int(LONGEST_CALL / (self.seconds * chains_each)) if self.seconds else 1
            some = min(steps - done, max(1, longest))

            def run(part: slice, some: int = some, done: int = done) -> None:
                self.module.trajectories(
                    position[part], momentum[part], values[part], gradients[part], step, variance, some, done == 0,
                    done + some == steps, *self.arguments,
                )  # fmt: skip

            self._each(len(position), run, some)
            done += some

    def _each(self, chains: int, run: Callable[[slice], Any], evaluations: int) -> None:
        """Runs over all chains, shared out among threads, few enough at a time that an interrupt is heard; remembers how long one
        evaluation takes."""
        arguments = self.arguments
        assert arguments is not None
        each = self.seconds * evaluations
        shares = min(self.threads, chains, max(1, int(each * chains / SHORTEST_SHARE)))
        most = min(chains, max(1, int(shares * LONGEST_CALL / max(each, 1e-9)))) if self.seconds else chains
        for start in range(0, chains, max(1, most)):
            end = min(chains, start + most)
            begin = time.perf_counter()
            if shares < 2:
                run(slice(start, end))
            else:
                edges = np.linspace(start, end, min(shares, end - start) + 1).astype(int)
                for done in [self._pool.submit(run, slice(a, b)) for a, b in pairwise(edges)]:
                    done.result()
            took = (time.perf_counter() - begin) * shares / ((end - start) * evaluations)
            # the first call compiles
            self.seconds = took if self.seconds == 0.0 else min(self.seconds, took)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="native")
