"""Pictures of posterior draws, by arviz-plots: a row each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pgmlang.plots.canvas import titled
from pgmlang.plots.kind import Kind, Request
from pgmlang.plots.scalars import Scalars, chosen_scalars, real_names
from pgmlang.results.fit import Fit
from pgmlang.results.scalars import is_independent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 12
"""Most numbers with a panel of their own."""
SPAN = 30.0
"""Times the width of the narrowest interval that an axis may show."""
COLORS = (
    "#3465a4",
    "#f57900",
    "#4e9a06",
    "#cc3322",
    "#75507b",
    "#8f5902",
    "#06989a",
    "#c4a000",
    "#888a85",
    "#d3489b",
)
"""Of chains."""


def _panels(number: int) -> tuple[float, float]:
    """Inches of a figure with a panel for each number, four in a row."""
    return min(number, 4) * 2.8, 0.7 + 2.2 * math.ceil(number / 4)


class ArvizPlot(NamedTuple):
    """``function`` of arviz-plots; ``most``: numbers on one picture; ``needs``: a statistic of the sampler; ``is_of_chains``:
    says nothing of independent draws; ``size``: inches of the picture of so many numbers."""

    name: str
    says: str
    function: str
    most: int = PANELS
    spellings: tuple[str, ...] = ()
    needs: str = ""
    is_of_chains: bool = False
    size: Callable[[int], tuple[float, float]] = _panels
    options: Mapping[str, Any] = MappingProxyType({})


ROWS = (
    ArvizPlot("forest", "intervals of 50 and 90 %, the median between", "plot_forest", 60,
        size=lambda n: (7.0, 1.3 + 0.32 * n), options={"combined": True, "ci_kind": "eti", "ci_probs": (0.5, 0.9), "point_estimate": "median"}),
    ArvizPlot("trace", "the course of each chain", "plot_trace", is_of_chains=True),
    ArvizPlot("rank", "ranks of each chain's draws among all: flat, mostly within the grey, where chains agree", "plot_rank", is_of_chains=True),
    ArvizPlot("density", "the marginal densities", "plot_dist", spellings=("dist", "posterior", "marginals")),
    ArvizPlot("pairs", "two numbers against each other", "plot_pair", 5, ("pair", "scatter"),
        size=lambda n: (1.0 + 1.9 * n, 0.8 + 1.8 * n), options={"marginal": True}),
    ArvizPlot("energy", "energies of the sampler: how well it goes through the tails", "plot_energy", needs="energy",
        is_of_chains=True, size=lambda n: (8.0, 3.2)),
    ArvizPlot("autocorr", "how far draws remember those before", "plot_autocorr", PANELS, ("autocorrelation",), is_of_chains=True),
    ArvizPlot("ess", "effective sample size as draws come in", "plot_ess_evolution", PANELS, ("ess_evolution",),
        is_of_chains=True),
)  # fmt: skip


def _against(row: ArvizPlot) -> Callable[[Fit], str]:
    def against(fit: Fit) -> str:
        if not fit.draws:
            return "it has no draws"
        if not real_names(fit):
            return "its draws are of labels"
        if row.needs and row.needs not in fit.sample_stats:
            return f"its sampler keeps no {row.needs}"
        if row.is_of_chains and is_independent(fit):
            return "its draws are independent, of no chain"
        return "" if row.name != "pairs" or _numbers(fit) > 1 else "it has draws of one number"

    return against


def _numbers(fit: Fit) -> int:
    return sum(fit.draws[n][0, 0].size for n in real_names(fit))


def _draw(row: ArvizPlot) -> Callable[[Request], Figure]:
    def draw(request: Request) -> Figure:
        import warnings

        fit = request.fit
        scalars = chosen_scalars(fit, request.variables, row.most)
        stats = {k: v for k, v in fit.sample_stats.items() if k in ("energy", "diverging", "lp")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # arviz-plots 0.8 takes `core` for an attribute of matplotlib.style, which 3.11 does not make it by itself
            import matplotlib.style.core  # noqa: F401, I001
            import arviz_plots
        from arviz_base import from_dict
        from cycler import cycler
        from matplotlib import rc_context

        data = from_dict({"posterior": scalars.values, **({"sample_stats": stats} if stats else {})})
        options = dict(row.options)
        # colours by name: those of matplotlib 3.11, numbers, it takes for an axis more
        with warnings.catch_warnings(), rc_context({"axes.prop_cycle": cycler(color=COLORS)}):
            warnings.simplefilter("ignore")  # of its own layout
            drawn = getattr(arviz_plots, row.function)(data, backend="matplotlib", **options)
        figure: Figure = drawn.viz["figure"].item()
        figure.set_layout_engine("constrained")
        figure.set_size_inches(*row.size(len(scalars.values)))
        _tidy(row, figure, len(scalars.values))
        return titled(figure, f"{fit.model.name}: {row.says}", _note(row, scalars))

    return draw


def _tidy(row: ArvizPlot, figure: Figure, number: int) -> None:
    """What arviz-plots leaves to whoever looks: thin lines of chains, chains that are whole numbers, ticks that do not
    touch, no empty rows around many."""
    from matplotlib.ticker import FixedLocator, MaxNLocator

    for axis in figure.axes:
        # arviz-plots names the column of names by its own dimension
        if "variable" in [label.get_text() for label in axis.get_xticklabels()]:
            axis.set_xticks([])
            axis.spines["bottom"].set_visible(False)
        elif row.size is _panels and not isinstance(axis.xaxis.get_major_locator(), FixedLocator):
            axis.xaxis.set_major_locator(MaxNLocator(4, steps=(1, 2, 2.5, 5, 10)))
        if axis.get_ylabel() == "Chain":
            axis.yaxis.set_major_locator(MaxNLocator(integer=True))
        if row.name == "trace":
            for line in axis.lines:
                line.set_linewidth(0.4)
        if row.name == "forest":
            axis.margins(y=0.8 / (number + 1))


def _note(row: ArvizPlot, scalars: Scalars) -> str:
    """What the picture leaves out, and which other shows more of it."""
    if row.name == "energy":
        return ""
    if row.name == "forest" and _has_many_scales(scalars):
        return "density shows each number on an axis of its own"
    return scalars.note


def _has_many_scales(scalars: Scalars) -> bool:
    """Whether on one axis the narrowest of a few numbers would be points."""
    low, middle, high = np.array([np.quantile(v, (0.05, 0.5, 0.95)) for v in scalars.values.values()]).T
    return scalars.number <= PANELS and float(np.ptp(middle)) > SPAN * float((high - low).min())


USUAL: dict[str, tuple[int, Callable[[Fit], bool]]] = {
    "density": (45, lambda fit: _has_many_scales(chosen_scalars(fit, (), PANELS))),
    "forest": (50, lambda fit: True),
}
KINDS = tuple(
    Kind(
        row.name, row.says, _against(row), _draw(row), row.spellings, is_of_draws=True,
        usual=USUAL[row.name][0] if row.name in USUAL else None,
        suits=USUAL[row.name][1] if row.name in USUAL else lambda fit: True,
    )
    for row in ROWS
)  # fmt: skip
