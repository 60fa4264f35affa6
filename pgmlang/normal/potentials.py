"""Potentials as terms: the log-potentials of a place are one sum, however it was written, and each term a factor."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.model.expr import Apply, Expr, Reduce, Ref
from pgmlang.model.model import Factor, Model, Potential
from pgmlang.model.types import REAL
from pgmlang.normal.algebra import Algebra

MOST_TERMS = 256
"""Most terms that one product of sums is multiplied out to; where they are more it is left as it is."""
MOST_SUMMANDS = 4096
"""Most summands of a written potential that become factors of their own. (Names that are sums of names may have 2^60.)"""


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


def separate_terms(model: Model) -> Model:
    """``factor a + b`` as ``factor a`` and ``factor b``, each as it is written: what a program evaluates brings together
    what one term does, so that a sum is as wide as its widest term. A term without a field stays with one that has one."""
    if not model.potentials:
        return model
    factors: list[Factor] = []
    for factor in model.factors:
        factors += _separated(model, factor) if isinstance(factor, Potential) else [factor]
    return model if len(factors) == len(model.factors) else replace(model, factors=tuple(factors))


def _separated(model: Model, potential: Potential) -> list[Potential]:
    terms = _written_terms(model, potential)
    with_fields: list[Expr] = []
    others: list[Expr] = []
    for term in terms:
        parents = model.random_parents(Potential(term, potential.plates))
        has_field = any(model.by_name[n].role == "field" for n in parents)
        (with_fields if has_field else others).append(term)
    if len(with_fields) < 2:
        return [potential]
    for term in others:
        axes = tuple(dict.fromkeys((*with_fields[0].axes, *term.axes)))
        with_fields[0] = Apply(REAL, axes, potential.span, "add", (with_fields[0], term))
    return [replace(potential, value=term) for term in with_fields]


def _written_terms(model: Model, potential: Potential) -> list[Expr]:
    """The summands of a potential, those of names of the same place too."""
    done: list[Expr] = []
    pending: list[tuple[Expr, bool]] = [(potential.value, False)]
    while pending and len(done) + len(pending) <= MOST_SUMMANDS:
        value, is_negative = pending.pop()
        match value:
            case Apply(function="add", arguments=(a, b)):
                pending += [(b, is_negative), (a, is_negative)]
            case Apply(function="sub", arguments=(a, b)):
                pending += [(b, not is_negative), (a, is_negative)]
            case Apply(function="neg", arguments=(a,)):
                pending.append((a, not is_negative))
            case Ref(name=name, index=(), lag=0) if (
                name in model.definition_of and model.by_name[name].plates == potential.plates
            ):
                pending.append((model.definition_of[name].value, is_negative))
            case _:
                done.append(Apply(REAL, value.axes, value.span, "neg", (value,)) if is_negative else value)
    return [potential.value] if pending else done


def _multiplied_out(algebra: Algebra, expr: Expr) -> list[Expr]:
    """The terms of a log-potential: ``v @ (W @ h + b)`` is ``v @ W @ h`` and ``v @ b``."""
    terms, constant = algebra.terms(expr)
    done = [algebra.constant(constant)] if constant != 0 else []
    for factor, term in terms:
        done += _expanded(algebra, algebra.product((algebra.constant(factor), term), term.span))
    return done


def _expanded(algebra: Algebra, expr: Expr) -> list[Expr]:
    """The terms that one term is multiplied out to: how many does not hang on what it is summed with."""
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
