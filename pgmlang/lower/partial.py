"""Which expressions are partial: infinite or no number, they or their derivatives, at some values of what they mention."""

from __future__ import annotations

from pgmlang.model import Model
from pgmlang.model.dependence import nodes_behind
from pgmlang.model.expr import Apply, Const, Expr, Reduce, Ref, walk
from pgmlang.normal.inline import Inliner
from pgmlang.signatures.functions import FUNCTIONS, SAFE_OPERANDS


def safe_operands(expr: Apply) -> tuple[float | None, ...]:
    """For each argument of a function a value where it and its derivative are finite, None where they always are."""
    if expr.function in FUNCTIONS:
        return (FUNCTIONS[expr.function].safe,) * len(expr.arguments)
    if expr.function == "pow" and _is_whole_power(expr.arguments[1]):
        return (None, None)
    return SAFE_OPERANDS.get(expr.function, (None,) * len(expr.arguments))


def _is_whole_power(exponent: Expr) -> bool:
    return isinstance(exponent, Const) and not isinstance(exponent.value, str) and exponent.value in range(1, 9)


def is_partial(expr: Expr, model: Model) -> bool:
    """Whether an expression has a partial function in it, through deterministic names too."""
    applied = (node for node in nodes_behind(model, expr) if isinstance(node, Apply))
    return any(s is not None for node in applied for s in safe_operands(node))


def sums_over_plate(expr: Expr) -> bool:
    """Whether an expression reduces over the elements of a plate, so that its meaning hangs on where it stands."""
    return any(isinstance(e, Reduce) and e.is_plate for e in walk(expr))


def written_out(ref: Ref, model: Model, frame: tuple[str, ...], is_stepwise: bool) -> Expr | None:
    """A deterministic name's expression as it is meant along a frame; None where it cannot be said there. ``is_stepwise``:
    inside of a step of a chain, where rows back are locals of their own."""
    value = model.definition_of[ref.name].value
    if value.type.kind == "labels":
        return None
    if ref.index or ref.lag:
        body = None if is_stepwise else moved_body(ref, model)
        return None if body is None or sums_over_plate(body) else body
    plates = tuple(a for a in frame if a in model.plate_by_name)
    is_same_place = plates == model.batch_axes(model.by_name[ref.name].plates)
    return value if is_same_place or not sums_over_plate(value) else None


def moved_body(ref: Ref, model: Model) -> Expr | None:
    """A partial definition's expression at the index or lag of a reference; None where it cannot be moved there."""
    if not is_partial(model.definition_of[ref.name].value, model):
        return None
    body = model.once(_inliner)(ref)
    return None if any(isinstance(e, Ref) and e.name == ref.name for e in walk(body)) else body


def _inliner(model: Model) -> Inliner:
    return Inliner(model, model.definitions)
