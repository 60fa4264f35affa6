"""Potentials as terms: the log-potentials of a place are one sum, however it was written, and each term a factor."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.model.expr import Apply, Expr, Reduce
from pgmlang.model.model import Factor, Model, Potential
from pgmlang.normal.algebra import Algebra

MOST_TERMS = 256
"""Most terms of a place that products of sums are multiplied out to; of more they are left as they are."""


def split_potentials(model: Model) -> Model:
    """``factor a + b`` is ``factor a`` and ``factor b``, in the same plates; names of factors say nothing of them."""
    algebra = Algebra(model)
    places: dict[tuple[str, ...], list[Potential]] = {}
    for potential in model.potentials:
        places.setdefault(potential.plates, []).append(potential)
    out: list[Factor] = list(model.conditionals)
    for plates, potentials in places.items():
        spans = {
            id(algebra.coefficient(t)[1]): p.span
            for p in reversed(potentials)
            for t in _multiplied_out(algebra, algebra(p.value))
        }
        parts = [t for p in potentials for t in _multiplied_out(algebra, algebra(p.value))]
        whole = algebra.sum(parts, potentials[0].span)
        terms, constant = algebra.terms(whole)
        for factor, term in terms:
            value = algebra.product((algebra.constant(factor), term), term.span) if factor != 1 else term
            out.append(Potential(value, plates, None, spans.get(id(term), potentials[0].span)))
        if constant != 0:
            out.append(Potential(algebra.constant(constant), plates, None, potentials[0].span))
    return replace(model, factors=tuple(out))


def _multiplied_out(algebra: Algebra, expr: Expr) -> list[Expr]:
    """The terms of a log-potential: ``v @ (W @ h + b)`` is ``v @ W @ h`` and ``v @ b``."""
    done: list[Expr] = []
    pending = [expr]
    while pending:
        value = pending.pop()
        terms, constant = algebra.terms(value)
        if constant != 0:
            done.append(algebra.constant(constant))
        for factor, term in terms:
            parts = _distributed(algebra, term)
            if parts is None or len(done) + len(pending) + len(parts) > MOST_TERMS:
                done.append(algebra.product((algebra.constant(factor), term), term.span))
            else:
                pending += [algebra.product((algebra.constant(factor), p), term.span) for p in parts]
    return done


def _distributed(algebra: Algebra, term: Expr) -> list[Expr] | None:
    """The parts of a product, or sum of products, of which one factor is a sum; None where none is."""
    sums: list[Reduce] = []
    inner = term
    while isinstance(inner, Reduce) and inner.function == "sum":
        sums.append(inner)
        inner = inner.body
    factors = algebra.factors(inner)
    sum_index = next((i for i, f in enumerate(factors) if isinstance(f, Apply) and f.function == "add"), None)
    if sum_index is None:
        return None
    terms, constant = algebra.terms(factors[sum_index])
    parts = [algebra.product((algebra.constant(c), t), term.span) for c, t in terms]
    if constant != 0:
        parts.append(algebra.constant(constant))
    others = [f for i, f in enumerate(factors) if i != sum_index]
    out = []
    for summand in parts:
        value = algebra.product((*others, summand), term.span)
        for reduction in reversed(sums):
            value = algebra.reduction("sum", value, reduction.axis, reduction.is_plate, term.span)
        out.append(value)
    return out
