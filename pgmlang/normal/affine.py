"""How an expression hangs on one variable: by itself, by a power of it times what is free of it, linearly, or otherwise.

The one recogniser of linear forms: conjugate pairs, layers and couplings ask here. It reads the normal form, so that
``m``, ``sqrt(v)`` and ``1 / sqrt(tau)`` need no rules of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product

from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Element,
    Expr,
    First,
    Identity,
    Reduce,
    Ref,
    Rename,
    children,
    inside_out,
)
from pgmlang.model.model import Model
from pgmlang.normal.nodes import number
from pgmlang.normal.piecewise import literal_of

MOST_CONDITIONS = 6
"""Most conditions on data by whose cases an expression is told."""


@dataclass(frozen=True)
class Form:
    """``power``: p where the expression is ``c * x^p`` with c free of x, element by element (0: free of it; None: no
    such). ``is_bare``: c is 1. ``is_linear``: ``A x + b`` with A and b free of x. ``is_complement``: it is ``1 - x``.
    ``is_zero``: it is nothing."""

    power: float | None
    is_bare: bool = False
    is_linear: bool = False
    is_complement: bool = False
    is_zero: bool = False

    @property
    def is_free(self) -> bool:
        return self.power == 0


FREE = Form(0.0, is_linear=True)
ONE = Form(0.0, is_bare=True, is_linear=True)
ZERO = Form(0.0, is_linear=True, is_zero=True)
ITSELF = Form(1.0, is_bare=True, is_linear=True)
OPPOSITE = Form(1.0, is_linear=True, is_complement=True)
"""``-x``, one short of a complement; seen from outside a multiple like others."""
COMPLEMENT = Form(None, is_linear=True, is_complement=True)
LINEAR = Form(None, is_linear=True)
OTHER = Form(None)

Cases = Mapping[int, bool]
"""Whether conditions hold, by the identity of their nodes."""


def form_in(model: Model, expr: Expr, names: str | Collection[str], *, with_lags: bool = False) -> Form:
    """The form of an expression of a normal model in one variable (or in several together). Picking an element by a code
    counts as the variable; looking back in a chain only ``with_lags``."""
    return _joined(list(forms_in(model, expr, names, with_lags=with_lags)))


def forms_in(
    model: Model, expr: Expr, names: str | Collection[str], *, with_lags: bool = False
) -> tuple[Form, ...]:
    """The forms that an expression has in the rows that data tell apart: ``t * x + (1 - t) * y`` is x where t is 1, and
    free of x elsewhere. One form for all rows where no condition on data stands in it, or too many do."""
    wanted = {names} if isinstance(names, str) else set(names)
    literals = {id(n): literal for n in inside_out(expr) if (literal := literal_of(model, n)) is not None}
    atoms = list({id(atom): atom for atom, _ in literals.values()}.values())
    if not atoms or len(atoms) > MOST_CONDITIONS:
        return (_form_of(model, expr, wanted, {}, with_lags),)
    out: dict[Form, None] = {}
    for values in product((True, False), repeat=len(atoms)):
        holds = {id(a): v for a, v in zip(atoms, values, strict=True)}
        if _is_possible(atoms, holds):
            cases = {node: holds[id(atom)] == sign for node, (atom, sign) in literals.items()}
            out.setdefault(_form_of(model, expr, wanted, cases, with_lags))
    return tuple(out)


def _is_possible(atoms: list[Expr], holds: Cases) -> bool:
    """Whether no label is said to be two."""
    equal: dict[int, int] = {}
    for atom in atoms:
        if holds[id(atom)] and isinstance(atom, Apply) and atom.function == "eq":
            for a, b in (atom.arguments, atom.arguments[::-1]):
                if isinstance(a, Const) and equal.setdefault(id(b), id(a)) != id(a):
                    return False
    return True


def _form_of(model: Model, expr: Expr, wanted: set[str], cases: Cases, with_lags: bool) -> Form:
    made: dict[int, Form] = {}
    for node in inside_out(expr):
        if id(node) in cases:
            made[id(node)] = ONE if cases[id(node)] else ZERO
        else:
            made[id(node)] = _form(model, node, wanted, made, with_lags)
    return made[id(expr)]


def _form(model: Model, expr: Expr, wanted: set[str], made: dict[int, Form], with_lags: bool) -> Form:
    match expr:
        case Ref(name=name, lag=lag):
            if not all(made[id(e)].is_free for _, e in expr.index):
                return OTHER
            if name in wanted:
                return OTHER if lag and not with_lags else ITSELF
            definition = model.definition_of.get(name)
            hangs = definition is not None and wanted & set(model.random_parents(definition))
            return OTHER if hangs else FREE
        case Const() | First() | Element() | Identity():
            return FREE
        case Apply(function="mul", arguments=arguments):
            if number(arguments[0]) == -1 and made[id(arguments[1])] == ITSELF:
                return OPPOSITE
            return _product([made[id(a)] for a in arguments])
        case Apply(function="add", arguments=arguments):
            return _sum(arguments, [made[id(a)] for a in arguments])
        case Apply(function="pow", arguments=(base, exponent)) if number(exponent) is not None:
            inner = made[id(base)]
            if inner.is_free:
                return FREE
            if inner.power is None:
                return OTHER
            return Form(inner.power * float(number(exponent) or 0), inner.is_bare)
        case Rename(body=body):
            return made[id(body)]
        case Choose(condition=condition, then=then, otherwise=otherwise):
            return _joined([made[id(then)], made[id(otherwise)]]) if made[id(condition)].is_free else OTHER
        case Reduce(function="sum" | "mean", body=body, axis=axis, is_plate=is_plate):
            return _reduced(expr, made[id(body)], _varies(model, body, axis, is_plate, wanted))
    return FREE if all(made[id(c)].is_free for c in children(expr)) else OTHER


def _product(forms: list[Form]) -> Form:
    if any(f.is_zero for f in forms):
        return ZERO
    forms = [f for f in forms if f != ONE] or [ONE]
    if len(forms) == 1:
        return forms[0]
    hanging = [f for f in forms if not f.is_free]
    if not hanging:
        return FREE
    if len(hanging) == 1:
        return Form(hanging[0].power, False, hanging[0].is_linear)
    powers = [f.power for f in hanging]
    if None in powers:
        return OTHER
    return Form(sum(p for p in powers if p is not None))


def _sum(arguments: tuple[Expr, ...], forms: list[Form]) -> Form:
    listed = [(a, f) for a, f in zip(arguments, forms, strict=True) if not f.is_zero]
    if not listed:
        return ZERO
    if len(listed) == 1:
        return listed[0][1]
    (_, first), (last, other) = listed
    if first.is_free and other.is_free:
        return FREE
    if first == OPPOSITE and number(last) == 1:
        return COMPLEMENT
    is_linear = first.is_linear and other.is_linear
    if first.power == other.power and first.power is not None:
        # c * x^p + d * x^p
        return Form(first.power, False, is_linear)
    return LINEAR if is_linear else OTHER


def _joined(forms: list[Form]) -> Form:
    """Each element has one of these forms: those that are free of the variable say nothing of it."""
    hanging = [f for f in forms if not f.is_free]
    if not hanging:
        return forms[0] if len(set(forms)) == 1 else FREE
    powers = {f.power for f in hanging}
    is_linear = all(f.is_linear for f in forms)
    if len(powers) == 1 and None not in powers:
        return Form(hanging[0].power, all(f.is_bare for f in hanging), is_linear)
    if all(f.is_complement and f.power is None for f in hanging):
        return COMPLEMENT
    return LINEAR if is_linear else OTHER


def _reduced(expr: Reduce, inner: Form, varies: bool) -> Form:
    if inner.is_free:
        return FREE
    if not varies and inner.power is not None:
        return Form(inner.power, False, inner.is_linear)
    return LINEAR if inner.is_linear else OTHER


def _varies(model: Model, body: Expr, axis: str, is_plate: bool, wanted: set[str]) -> bool:
    """Whether the variable has an element of its own for each element that a sum is over."""
    for node in inside_out(body):
        if not isinstance(node, Ref) or node.name not in wanted:
            continue
        if axis in node.axes or node.index or (is_plate and axis in model.by_name[node.name].plates):
            return True
    return False
