"""The widest table of a model's factors, known before any is made."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pgmlang.layout import Layout
from pgmlang.model import Model, Potential
from pgmlang.model.dependence import names_behind
from pgmlang.model.expr import Expr
from pgmlang.normal import canonical_factors
from pgmlang.tables.terms import additive_terms


def log2_widest(model: Model, layout: Layout) -> float:
    """log2 of the cells of the largest table that an element of a factor would have: every element of a variable that the
    factor sums or picks over counts. Infinite while sizes are not known."""
    normal = canonical_factors(model)
    return max((_log2_cells(normal, layout, e, axes) for e, axes in _pieces(normal)), default=0.0)


def _pieces(model: Model) -> Iterator[tuple[tuple[Expr, ...], set[str]]]:
    """The expressions of each table with the axes along which it is repeated."""
    for factor in model.factors:
        if isinstance(factor, Potential):
            batch = set(model.batch_axes(factor.plates))
            for term in additive_terms(model, factor.value):
                yield (term.value,), batch | set(term.axes)
        else:
            yield tuple(model.expressions(factor)), set(model.array_axes(model.by_name[factor.target]))


def _log2_cells(model: Model, layout: Layout, expressions: tuple[Expr, ...], axes: set[str]) -> float:
    """Of the random variables that the expressions name."""
    rows = {p.name for p in model.plates if p.is_rows}
    cells = 0.0
    for name in names_behind(model, *expressions):
        variable = model.by_name[name]
        if variable.role not in ("random", "field"):
            continue
        states = len(model.labels_of(variable.type) or (0, 1))
        others = [a for a in model.array_axes(variable) if a not in axes and a not in rows]
        if not all(map(layout.has_size, others)):
            return math.inf
        cells += math.prod(layout.shape(tuple(others))) * math.log2(max(2, states))
    return cells
