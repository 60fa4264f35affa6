"""The maps from free real values to supports, as scalars: torch's own (``biject_to``), so that both providers have one density."""

from __future__ import annotations

from dataclasses import dataclass

from pgmlang.native.formulas import scalar_of
from pgmlang.native.scalars import Scalar, ScalarGraph


@dataclass(frozen=True)
class Support:
    """Numbers between ``low`` and ``high``, each None where there is none."""

    low: float | None = None
    high: float | None = None

    @property
    def is_moved(self) -> bool:
        """Whether values are other than the free ones."""
        return self.low is not None or self.high is not None

    def value(self, graph: ScalarGraph, free: Scalar) -> Scalar:
        """The value of a free one."""
        return self._said(graph, free, "x", "low + exp(x)", "high - exp(x)", "low + (high - low) * sigmoid(x)")

    def log_det(self, graph: ScalarGraph, free: Scalar) -> Scalar:
        """The logarithm of the derivative of `value`."""
        inside = "log(high - low) - softplus(x) - softplus(-x)"
        return self._said(graph, free, "0.0", "x", "x", inside)

    def _said(self, graph: ScalarGraph, free: Scalar, real: str, above: str, below: str, between: str) -> Scalar:
        values = {"x": free}
        values |= {k: graph.number(v) for k, v in (("low", self.low), ("high", self.high)) if v is not None}
        if self.low is None and self.high is None:
            text = real
        elif self.high is None:
            text = above
        else:
            text = below if self.low is None else between
        return scalar_of(graph, text, values)
