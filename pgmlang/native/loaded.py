"""A native program over data, run for many free vectors in threads."""

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
class LoadedProgram:
    """``arrays`` of the program's own, in its order, and the ``sizes`` of its axes. Every vector is worked out by itself, in one order
    of operations, so that results are the same for any number of ``threads``; ``seconds``: that one takes, as far as is known."""

    program: NativeProgram
    arrays: Sequence[np.ndarray]
    sizes: Sequence[int]
    threads: int = 1
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

    def each(self, chains: int, run: Callable[[slice], Any], evaluations: int, group: int = 1) -> None:
        """Runs over all chains, shared out among threads in whole groups, few enough at a time that an interrupt is heard; remembers how
        long one evaluation takes."""
        arguments = self.arguments
        assert arguments is not None
        each = self.seconds * evaluations
        groups = -(-chains // group)
        shares = min(self.threads, groups, max(1, int(each * chains / SHORTEST_SHARE)))
        most = min(chains, max(1, int(shares * LONGEST_CALL / max(each, 1e-9)))) if self.seconds else chains
        most = group * max(1, most // group)
        for start in range(0, chains, most):
            end = min(chains, start + most)
            begin = time.perf_counter()
            if shares < 2:
                run(slice(start, end))
            else:
                here = -(-(end - start) // group)
                edges = np.linspace(0, here, min(shares, here) + 1).astype(int) * group + start
                edges[-1] = end
                for done in [self._pool.submit(run, slice(a, b)) for a, b in pairwise(edges)]:
                    done.result()
            took = (time.perf_counter() - begin) * shares / ((end - start) * evaluations)
            # the first call compiles
            self.seconds = took if self.seconds == 0.0 else min(self.seconds, took)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="native")
