"""What a method climbed, over its iterations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pgmlang.plots.canvas import BLUE, new_figure, titled
from pgmlang.plots.kind import Kind, Request
from pgmlang.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _against(fit: Fit) -> str:
    return "" if len(fit.trace) > 1 else "its method climbs nothing in steps"


def _draw(request: Request) -> Figure:
    fit = request.fit
    values = np.asarray(fit.trace, dtype=float)
    figure = new_figure(7.0, 3.4)
    axis = figure.subplots()
    axis.plot(np.arange(1, len(values) + 1), values, color=BLUE, linewidth=1.2)
    finite = values[np.isfinite(values)]
    if len(finite) > 20:
        # most climbs come from far below
        low, high = finite[len(finite) // 20 :].min(), finite.max()
        axis.set_ylim(low - 0.05 * (high - low) - 1e-12, high + 0.05 * (high - low) + 1e-12)
    axis.set_xlabel("reports of the method")
    axis.set_ylabel(fit.objective)
    return titled(figure, f"{fit.model.name}: {fit.objective}, by {fit.method}")


KIND = Kind("objective", "what the method climbed", _against, _draw, ("loss", "course", "convergence"), usual=90)
