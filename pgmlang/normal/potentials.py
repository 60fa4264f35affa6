"""Potentials as terms: the log-potentials of a place are one sum, however it was written, and each term a factor."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.model.model import Factor, Model, Potential
from pgmlang.normal.algebra import Algebra


def split_potentials(model: Model) -> Model:
    """``factor a + b`` is ``factor a`` and ``factor b``, in the same plates; names of factors say nothing of them."""
    algebra = Algebra(model)
    places: dict[tuple[str, ...], list[Potential]] = {}
    for potential in model.potentials:
        places.setdefault(potential.plates, []).append(potential)
    out: list[Factor] = list(model.conditionals)
    for plates, potentials in places.items():
        spans = {id(t): p.span for p in reversed(potentials) for _, t in algebra.terms(algebra(p.value))[0]}
        whole = algebra.sum([algebra(p.value) for p in potentials], potentials[0].span)
        terms, constant = algebra.terms(whole)
        for factor, term in terms:
            value = algebra.product((algebra.constant(factor), term), term.span) if factor != 1 else term
            out.append(Potential(value, plates, None, spans.get(id(term), potentials[0].span)))
        if constant != 0:
            out.append(Potential(algebra.constant(constant), plates, None, potentials[0].span))
    return replace(model, factors=tuple(out))
