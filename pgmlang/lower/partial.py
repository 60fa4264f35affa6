"""Which expressions are partial: infinite or no number, they or their derivatives, at some values of what they mention."""

from __future__ import annotations

from pgmlang.model import Model
from pgmlang.model.expr import Apply, Const, Expr, Reduce, Ref, references, walk
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


def partial_definitions(model: Model) -> frozenset[str]:
    """The deterministic names with a partial function in their expressions, through other names too."""
    return model.once(_partial_definitions)


def _partial_definitions(model: Model) -> frozenset[str]:
    users: dict[str, list[str]] = {}
    for definition in model.definitions:
        for ref in model.mentions(definition):
            users.setdefault(ref.name, []).append(definition.target)
    pending = [d.target for d in model.definitions if _has_partial_function(d.value)]
    out = set(pending)
    while pending:
        more = [user for user in users.get(pending.pop(), ()) if user not in out]
        out.update(more)
        pending += more
    return frozenset(out)


def _has_partial_function(expr: Expr) -> bool:
    return any(isinstance(e, Apply) and any(s is not None for s in safe_operands(e)) for e in walk(expr))


def written_out(ref: Ref, model: Model, frame: tuple[str, ...], is_stepwise: bool) -> Expr | None:
    """A deterministic name's expression as it is meant along a frame; None where it cannot be said there. ``is_stepwise``:
    inside of a step of a chain, where rows back are locals of their own."""
    if ref.lag and is_stepwise:
        return moved_body(ref, model)
    if ref.lag or ref.index:
        return None
    value = model.definition_of[ref.name].value
    plates = tuple(a for a in frame if a in model.plate_by_name)
    is_same_place = plates == model.batch_axes(model.by_name[ref.name].plates)
    return value if is_same_place or not _sums_over_plate(value) else None


def _sums_over_plate(expr: Expr) -> bool:
    """Whether an expression reduces over the elements of a plate, so that its meaning hangs on where it stands."""
    return any(isinstance(e, Reduce) and e.is_plate for e in walk(expr))


def moved_body(ref: Ref, model: Model) -> Expr | None:
    """A partial definition's expression at the lag of a reference; None where it is not partial or cannot be moved there."""
    if ref.name not in partial_definitions(model):
        return None
    body = model.once(_inliner)(ref)
    return None if any(isinstance(e, Ref) and e.name == ref.name for e in walk(body)) else body


def said_by(ref: Ref, model: Model) -> list[Ref]:
    """What a step of a chain looks at for a reference to rows back: the name, or what its expression moved there names."""
    body = moved_body(ref, model) if model.by_name[ref.name].role == "derived" else None
    return [ref] if body is None else [r for r in references(body) if r.name in model.by_name]


def _inliner(model: Model) -> Inliner:
    return Inliner(model, model.definitions)
