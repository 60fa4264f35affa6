"""Pictures of fits: one kind a row of a registry, drawn with matplotlib and, where there are draws, arviz-plots."""

from __future__ import annotations

from pgmlang.plots.draw import plot, plot_kinds, usual_kind
from pgmlang.plots.kind import Kind, Request

__all__ = ["Kind", "Request", "plot", "plot_kinds", "usual_kind"]
