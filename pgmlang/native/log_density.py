"""The log-densities of a native program over data, their gradients and trajectories, of many chains in threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import numpy as np

from pgmlang.native.costs import FEWEST_IN_LANES
from pgmlang.native.lane_forms import LANES, NoLanes
from pgmlang.native.lane_programs import program_over_lanes
from pgmlang.native.loaded import LONGEST_CALL, LoadedProgram
from pgmlang.native.program_files import load_program


@dataclass(eq=False)
class NativeLogDensity(LoadedProgram):
    """The log-density of free vectors. ``has_values``: values are worked out by a function of their own; without it by that of the
    gradients, which is compiled anyway where gradients are wanted."""

    has_values: bool = True

    @cached_property
    def over_lanes(self) -> ModuleType | None:
        """The program over groups of chains; None where it has no such form."""
        try:
            return load_program(program_over_lanes(self.program.source))
        except NoLanes:
            return None

    def _of(self, chains: int) -> tuple[ModuleType, int]:
        """The program that works so many chains out, and how many at once."""
        if chains >= FEWEST_IN_LANES and self.over_lanes is not None:
            return self.over_lanes, LANES
        return self.module, 1

    def _run(self, chains: int, run: Callable[[ModuleType, slice], None], steps: int) -> None:
        """Runs a part of the chains after another, over lanes where there are enough of them. Where numba has no types for a program
        over lanes it says so before anything has run: each chain is then worked out alone."""
        module, group = self._of(chains)
        try:
            self.each(chains, lambda part: run(module, part), steps, group)
        except Exception as error:
            if module is self.module or not type(error).__module__.startswith("numba."):
                raise
            self.__dict__["over_lanes"] = None
            self.each(chains, lambda part: run(self.module, part), steps, 1)

    def values(self, x: np.ndarray) -> np.ndarray:
        """Log-densities ``[C]`` at free vectors ``x [C, d]``; -inf where they are not finite."""
        if not self.has_values:
            return self.values_and_gradients(x)[0]
        out = np.empty(len(x))
        self._run(len(x), lambda module, part: module.log_densities(x[part], out[part], *self.arguments), 1)
        return out

    def values_and_gradients(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-densities ``[C]`` and gradients ``[C, d]`` at ``x [C, d]``; zero where one is not finite."""
        values, gradients = np.empty(len(x)), np.empty_like(x)
        position, variance, momentum = x.copy(), np.ones(x.shape[1]), np.zeros_like(x)

        def run(module: ModuleType, part: slice) -> None:
            module.trajectories(
                position[part], momentum[part], values[part], gradients[part], 0.0, variance, position[:0], values[:0], 0, False, False,
                *self.arguments,
            )  # fmt: skip

        self._run(len(x), run, 1)
        return values, gradients

    def trajectories(
        self, position: np.ndarray, momentum: np.ndarray, values: np.ndarray, gradients: np.ndarray, step: float,
        variance: np.ndarray, directions: np.ndarray, gains: np.ndarray, steps: int,
    ) -> None:  # fmt: skip
        """``steps`` leapfrog steps of each chain, in place: ``position``, ``momentum`` and ``gradients [C, d]``, ``values [C]``; the inverse
        mass is ``diag(variance [d]) + directions [r, d]^T diag(gains [r]) directions``."""
        done = 0
        while done < steps:
            # never long without Python, which hears interrupts
            chains_each = -(-len(position) // self.threads)
            longest = int(LONGEST_CALL / (self.seconds * chains_each)) if self.seconds else 1
            some = min(steps - done, max(1, longest))

            def run(module: ModuleType, part: slice, some: int = some, done: int = done) -> None:
                module.trajectories(
                    position[part], momentum[part], values[part], gradients[part], step, variance, directions, gains, some, done == 0,
                    done + some == steps, *self.arguments,
                )  # fmt: skip

            self._run(len(position), run, some)
            done += some
