"""The log-values of a native program's factors by element of a plate, at many draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pgmlang.native.loaded import LONGEST_CALL, LoadedProgram


@dataclass(eq=False)
class NativeUnitValues(LoadedProgram):
    """Sums of factors' log-values for each unit."""

    def add_to(self, out: np.ndarray, x: np.ndarray) -> None:
        """Adds those of draws ``x [S, d]`` to ``out [S, units]``, some draws at a time."""
        done = 0
        while done < len(x):
            # never long without Python, which hears interrupts
            known = self.threads * LONGEST_CALL / self.seconds if self.seconds else 1
            some = slice(done, done + max(1, min(len(x) - done, int(known))))
            here, values = x[some], out[some]

            def run(part: slice, here: np.ndarray = here, values: np.ndarray = values) -> None:
                self.module.unit_values(here[part], values[part], *self.arguments)

            self.each(len(here), run, 1)
            done = some.stop
