"""A check of a fit: how deep the trees of its draws are."""

from __future__ import annotations

from pgmlang.results.fit_figures import FitFigures
from pgmlang.results.trust import Check


def deepest(of: FitFigures) -> tuple[float, str] | None:
    depth = of.fit.sample_stats.get("tree_depth")
    return None if depth is None else (float(depth.max()), "all chains")


CHECK = Check("tree depth", deepest, True, 2, 10, "tighten the priors")
