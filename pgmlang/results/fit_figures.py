"""A fit and the figures of its draws, worked out once for all checks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from pgmlang.results.convergence import Convergence
from pgmlang.results.draws import num_chains_and_draws
from pgmlang.results.fit import Fit
from pgmlang.results.scalars import figures_of, scalar_names


class FitFigures:
    """``chains``, ``draws``: how many; ``by_name``: the figures of each variable's scalars."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self.chains, self.draws = num_chains_and_draws(fit)

    @cached_property
    def by_name(self) -> dict[str, Convergence]:
        return {name: figures_of(self.fit, name) for name in self.fit.draws}

    def worst(self, values: Callable[[Convergence], np.ndarray], highest: bool) -> tuple[float, str] | None:
        """The highest (or lowest) of a figure among all scalars and the scalar's name; NaN left out."""
        best: tuple[float, str, int] | None = None
        for name, figure in self.by_name.items():
            figures = values(figure)
            if np.isnan(figures).all():
                continue
            element = int(np.nanargmax(figures) if highest else np.nanargmin(figures))
            if best is None or ((figures[element] > best[0]) == highest and figures[element] != best[0]):
                best = (float(figures[element]), name, element)
        if best is None:
            return None
        names = scalar_names(self.fit, best[1])
        return best[0], next(n for i, n in enumerate(names) if i == best[2])
