"""The maps from free real values to supports, as scalars: torch's own (``biject_to``), so that both providers have one density."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from pgmlang.lower import pyast as py
from pgmlang.lower.supports import bounds_of, moving_bounds
from pgmlang.model import Model
from pgmlang.model.expr import Expr
from pgmlang.native.formulas import NotScalar, scalar_of
from pgmlang.native.scalars import Scalar, ScalarGraph
from pgmlang.native.templates import filled

NONE: Mapping[str, Scalar] = MappingProxyType({})
"""No bounds that move."""


@dataclass(frozen=True)
class Support:
    """Numbers between ``low`` and ``high``, each None where there is none."""

    low: float | None = None
    high: float | None = None

    @property
    def is_moved(self) -> bool:
        """Whether values are other than the free ones."""
        return self.low is not None or self.high is not None

    def value(self, graph: ScalarGraph, free: Scalar, moving: Mapping[str, Scalar] = NONE) -> Scalar:
        """The value of a free one; ``moving``: the bounds that hang on other values, ``low`` and ``high``."""
        texts = ("x", "low + exp(x)", "high - exp(x)", "low + (high - low) * sigmoid(x)")
        return self._said(graph, free, moving, texts)

    def log_det(self, graph: ScalarGraph, free: Scalar, moving: Mapping[str, Scalar] = NONE) -> Scalar:
        """The logarithm of the derivative of `value`."""
        return self._said(graph, free, moving, ("0.0", "x", "x", "log(high - low) - softplus(x) - softplus(-x)"))

    def _said(
        self, graph: ScalarGraph, free: Scalar, moving: Mapping[str, Scalar], texts: tuple[str, str, str, str]
    ) -> Scalar:
        """One of ``texts``: without bounds, with one below, with one above, with both."""
        fixed = {"low": self.low, "high": self.high}
        values = {k: graph.number(v) for k, v in fixed.items() if v is not None}
        for end, bound in moving.items():
            # within what the type allows
            inner = "max" if end == "low" else "min"
            values[end] = graph.make(inner, bound, values[end]) if end in values else bound
        text = texts[("low" in values) + 2 * ("high" in values)]
        return scalar_of(graph, text, {"x": free, **values})


@dataclass(frozen=True)
class MovingSupport(Support):
    """Numbers between bounds of which some hang on other values (`lower.supports.moving_bounds` says which); ``low`` and ``high`` are what the type
    allows besides."""

    @property
    def is_moved(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True)
class LabelCodes(Support):
    """Codes of labels, in a vector of numbers."""

    def value(self, graph: ScalarGraph, free: Scalar, moving: Mapping[str, Scalar] = NONE) -> Scalar:
        """The code of a number."""
        return graph.make("whole", free)


@dataclass(frozen=True)
class VectorSupport:
    """Vectors along a variable's last axis, by the function ``name`` of ``runtime/vectors.py`` and its adjoint ``name_adjoint``. ``fewer``: by how
    many numbers its free vectors are shorter; ``rank``: how many axes a value spans."""

    name: str
    fewer: int = 0
    rank: ClassVar[int] = 1

    @property
    def adjoint_name(self) -> str:
        """The function that hands adjoints on."""
        return f"{self.name}_adjoint"

    def width(self, size: ast.expr) -> ast.expr:
        """How many free numbers a vector of that size has."""
        return py.binary("sub", size, py.constant(self.fewer)) if self.fewer else size


@dataclass(frozen=True)
class MatrixSupport(VectorSupport):
    """Matrices along a variable's last two axes, by their Cholesky factors: ``name`` of ``runtime/matrices.py`` makes these. ``fewer``: by how many
    numbers a row of a free matrix is shorter than the factor's; ``is_factor``: the values are the factors themselves."""

    is_factor: bool = False
    rank: ClassVar[int] = 2

    def width(self, size: ast.expr) -> ast.expr:
        """How many free numbers a matrix of that size has."""
        return filled("n * (n - 1) // 2" if self.fewer else "n * (n + 1) // 2", {"n": size})


AnySupport = Support | VectorSupport
VECTORS: Mapping[str, VectorSupport] = {
    "simplex": VectorSupport("simplex", fewer=1),
    "ordered": VectorSupport("ordered"),
    "ordered positive": VectorSupport("positive_ordered"),
    "zerosum": VectorSupport("zero_sum", fewer=1),
    "unitvector": VectorSupport("unit_vector"),
    "cov": MatrixSupport("covariance_root"),
    "corr": MatrixSupport("correlation_root", fewer=1),
    "cholesky_corr": MatrixSupport("correlation_factor", fewer=1, is_factor=True),
}
"""Supports of vectors and matrices by the kind of a type."""


def moving_bounds_of(model: Model, name: str) -> dict[str, Expr]:
    """The bounds of a variable that hang on other values, by ``low`` and ``high``."""
    conditional = model.conditional_of.get(name)
    return moving_bounds(conditional.distribution) if conditional is not None else {}


def supports_of_text(model: Model, names: Iterable[str]) -> dict[str, AnySupport]:
    """The supports that the text of a model gives its variables. Raises NotScalar for what has none."""
    out: dict[str, AnySupport] = {}
    for name in names:
        variable = model.by_name[name]
        if variable.type.kind in VECTORS:
            out[name] = VECTORS[variable.type.kind]
            continue
        if moving_bounds_of(model, name):
            out[name] = MovingSupport(*bounds_of(model, variable))
            continue
        if variable.type.kind not in ("real", "positive", "unit"):
            raise NotScalar(f"`{name}`, which is {variable.type}")
        low, high = bounds_of(model, variable)
        if low is None and high is None and variable.type.kind != "real":
            low, high = 0.0, 1.0 if variable.type.kind == "unit" else None
        out[name] = Support(low, high)
    return out
