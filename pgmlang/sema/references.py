"""Names and indices: what a bare word is, and a variable with its plates indexed or rows back."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics import Label, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model.expr import Const, Element, Expr, Ref, State
from pgmlang.model.types import COUNT, NUMERIC_KINDS, TRUTH, UNKNOWN, Type
from pgmlang.sema.arithmetic import number_type
from pgmlang.sema.chains import chain_of, first_rows, lag_of
from pgmlang.sema.elements import as_label, labelled_element, present_element
from pgmlang.sema.expression_scope import ExpressionScope, listed_names, merge, renamed, unknown
from pgmlang.sema.rates import in_rates, is_state_here, of_all_times, present_value, state_type
from pgmlang.sema.scope import Along, ExpressionContext, Symbol
from pgmlang.signatures.functions import FUNCTIONS, REDUCTIONS
from pgmlang.syntax import ast
from pgmlang.syntax.pieces import quote

INFINITY = {"inf": float("inf"), "pi": 3.141592653589793}


def variable(builder: ExpressionScope, node: ast.Name, context: ExpressionContext) -> Expr:
    name = node.name
    if name in builder.aliases:
        return builder.aliases[name]
    symbol = builder.symbol(name, context)
    if symbol is None:
        return _other_name(builder, node, context)
    return reference(builder, symbol, (), node.span, context)


def _other_name(builder: ExpressionScope, node: ast.Name, context: ExpressionContext) -> Expr:
    name, span = node.name, node.span
    if name == "first":
        return first_rows(builder, 1, span, context)
    if builder.is_setting(name):
        builder.scope.used.add(name)
        value = builder.scope.settings[name]
        kind = (
            TRUTH if isinstance(value, bool) else number_type(value) if isinstance(value, int | float) else UNKNOWN
        )
        return Const(kind, (), span, value)
    if name in INFINITY:
        return Const(Type("positive"), (), span, INFINITY[name])
    if name in builder.scope.broken_names or name.split(".")[0] in builder.scope.broken_names:
        return unknown(span)
    axis = builder.axis(name)
    if axis is not None:
        return present_element(builder, axis, span, context)
    if builder.is_net(name) or builder.expander.knows(name) or name in {*FUNCTIONS, *REDUCTIONS}:
        builder.error("PGM0307", f"`{name}` is a function and needs arguments", span, help=f"write `{name}(...)`")
        return unknown(span)
    label = name.rstrip("'")
    is_label = label != name and any(label in (d.labels or ()) for d in builder.scope.axes_model.dims)
    near = f"a prime is an axis's; the label is `{label}`" if is_label else builder.scope.near_name(name, context)
    guide_only = name in builder.scope.guide_variables
    notes = ("it is defined in the guide, which the model cannot see",) if guide_only else ()
    builder.error(
        "PGM0201", f"`{name}` is not defined", span, near or "define it, or correct the name", notes=notes
    )
    return unknown(span)


def indexed(builder: ExpressionScope, node: ast.Index, context: ExpressionContext) -> Expr:
    symbol = _whole_variable(builder, node.base, context)
    if symbol is None:
        base = builder.build(node.base, context)
        if base.type is not UNKNOWN:
            builder.error("PGM0301", "only a variable can be indexed", node.span,
                        help="give the expression a name with `=` first")  # fmt: skip
        return unknown(node.span)
    return reference(builder, symbol, node.indices, node.span, context)


def _whole_variable(builder: ExpressionScope, node: ast.Expr, context: ExpressionContext) -> Symbol | None:
    """The variable that a bare name stands for; None for any other value, an argument that is one element too."""
    if not isinstance(node, ast.Name):
        return None
    if node.name not in builder.aliases:
        return builder.symbol(node.name, context)
    match builder.aliases[node.name]:
        case Ref(name=name, index=(), lag=0):
            return builder.scope.symbol(name, context)
    return None


def reference(
    builder: ExpressionScope,
    symbol: Symbol,
    indices: tuple[ast.Expr, ...],
    span: Span,
    context: ExpressionContext,
    lag: int = 0,
) -> Expr:
    """A variable, indexed; its plates that are not around this place must be indexed."""
    symbol.used = True
    is_state = is_state_here(symbol, context)
    if not is_state and in_rates(symbol, context):
        return present_value(builder, symbol, indices, span, context)
    type_, axes = state_type(builder, symbol) if is_state else builder.infer(symbol)
    if type_ is UNKNOWN and of_all_times(builder, symbol, span, context):
        return unknown(span)
    if type_ is UNKNOWN and symbol.busy:
        return Ref(UNKNOWN, axes, span, symbol.name, (), lag)
    batch = () if is_state else builder.scope.axes_model.batch_axes(symbol.plates)
    # a name means this place's element of the plates around it, unless an index says which
    slots = [p for p in batch if p not in context.plates] + list(axes)
    slots += [p for p in batch if p in context.plates]
    chosen: dict[str, Expr] = {}
    inside = replace(context, along=Along())
    for node in indices:
        left_over = [s for s in slots if s not in chosen]
        slot, value = _index_slot(builder, symbol, node, left_over, inside, len(indices) - len(chosen))
        if slot is None:
            return unknown(span)
        chosen[slot] = value
    # the present element of an axis or plate itself: that is what the name alone means
    here = [
        s for s, e in chosen.items()
        if isinstance(e, Element) and e.axis == s and (s in axes) == bool(e.axes)
        and not any(s in other.axes for t, other in chosen.items() if t != s)
    ]  # fmt: skip
    chosen = {s: e for s, e in chosen.items() if s not in here}
    moved = _moved(chosen, (*batch, *axes), context)
    chosen = {s: e for s, e in chosen.items() if s not in moved}
    left = [p for p in batch if p not in context.plates and p not in (*chosen, *here)]
    # outside of a plate that is an axis of the left-hand side, what lives in it is a vector along it
    along = tuple(p for p in (*left, *(h for h in here if h not in axes)) if p in context.rows or p in moved)
    left = [p for p in left if p not in along]
    if left:
        _outside_plate(builder, symbol, left[0], span, context)
        return unknown(span)
    free = (*along, *(a for a in axes if a not in chosen and a not in context.plates))
    inner = merge(*(e.axes for e in chosen.values()))
    clash = [a for a in inner if a in free]
    if clash:
        builder.error("PGM0308", f"axis `{clash[0]}` would occur twice in `{symbol.name}`", span,
                    help=f"say the axis a second time with a prime: `{clash[0]}'`")  # fmt: skip
        return unknown(span)
    ordered = tuple((s, chosen[s]) for s in [*batch, *axes] if s in chosen)
    out: Expr
    if is_state:
        out = State(type_, merge(inner, free), span, symbol.name, ordered)
    else:
        out = Ref(type_, merge(inner, free), span, symbol.name, ordered, lag)
    for slot, axis in moved.items():
        out = renamed(out, slot, axis)
    return out


def _moved(chosen: dict[str, Expr], own: tuple[str, ...], context: ExpressionContext) -> dict[str, str]:
    """Axes that an index only calls by another name: ``x[point']``."""
    others = {s: {a for t, e in chosen.items() if t != s for a in e.axes} for s in chosen}
    return {
        s: e.axis for s, e in chosen.items()
        if isinstance(e, Element) and e.axes == (e.axis,) and e.type.kind == "labels" and s not in context.plates
        and e.axis not in (*own, *others[s])
    }  # fmt: skip


def _index_slot(
    builder: ExpressionScope,
    symbol: Symbol,
    node: ast.Expr,
    slots: list[str],
    context: ExpressionContext,
    to_come: int,
) -> tuple[str | None, Expr]:
    """The axis an index consumes (the first of its type; of the present element its own, where indices ``to_come`` are fewer
    than axes of that type) and the index expression."""
    if not slots:
        builder.error(
            "PGM0301", f"`{symbol.name}` has nothing left to index", node.span, help="leave this index out"
        )
        return None, unknown(node.span)
    label = as_label(builder, node, context)
    if label is not None:
        element = labelled_element(builder, node, label, slots, context)
        if element is not None:
            return element
        known = [x for s in slots for x in builder.scope.axes_model.axis_labels(s) or ()]
        if isinstance(node, ast.String) or (isinstance(node, ast.Number) and known):
            shown = f'label "{label}"' if isinstance(node, ast.String) else f"element {label}"
            builder.error("PGM0209", f"no axis of `{symbol.name}` has the {shown}", node.span,
                        did_you_mean(label, known) or f"its labels are {listed_names(known)}")  # fmt: skip
            return None, unknown(node.span)
    if (meant := _label_of_number(builder, node, slots, context)) is not None:
        return meant
    value = builder.build(node, context)
    if value.type is UNKNOWN:
        # while a type is inferred from itself (``z ~ Categorical(move[prev(z)])``) its only place is the axis that is left over
        is_passing = to_come == 1 and isinstance(value, Ref) and len({builder.scope.root(s) for s in slots}) == 1
        return (slots[0] if is_passing else None), value
    of_type = [s for s in slots if value.type.kind == "labels" and value.type.axis == builder.scope.root(s)]
    if isinstance(value, Element) and value.axis in of_type and to_come < len(of_type):
        return value.axis, value
    if of_type:
        return of_type[0], value
    if isinstance(value, Element) and value.type == COUNT and not value.axes:
        # the position in a plate around the place
        return slots[0], replace(value, type=Type("labels", axis=builder.scope.root(slots[0])))
    lives = merge(symbol.plates, symbol.axes or ())
    what = (
        f"`{value.type.axis}`" if value.type.axis else f"its own labels {value.type}"
        if value.type.kind == "labels" else f"{value.type} numbers"
    )  # fmt: skip
    home = ", ".join(f"`{a}`" for a in lives) or "no plate or axis"
    cure = _index_cure(builder, symbol, node, value, slots, context)
    builder.error("PGM0301", f"wrong index type: `{symbol.name}` lives in {home}, the index has values in {what}",
                node.span, cure)  # fmt: skip
    return None, unknown(node.span)


def _label_of_number(
    builder: ExpressionScope, node: ast.Expr, slots: list[str], context: ExpressionContext
) -> tuple[str, Expr] | None:
    """The element that a word means as an index where the variable of that name has numbers, which are none: ``beta[age] * age``."""
    if not isinstance(node, ast.Name) or not any(
        node.name in (builder.scope.axes_model.axis_labels(s) or ()) for s in slots
    ):
        return None
    with builder.scope.quiet():
        value = builder.build(node, context)
    if value.type.kind == "labels" or value.type is UNKNOWN:
        return None
    return labelled_element(builder, node, node.name, slots, context)


def _index_cure(
    builder: ExpressionScope,
    symbol: Symbol,
    node: ast.Expr,
    value: Expr,
    slots: list[str],
    context: ExpressionContext,
) -> str:
    """What to type in the place of an index of another type: a label that a variable hides, or that variable's declaration."""
    if isinstance(node, ast.Name):
        if any(node.name in (builder.scope.axes_model.axis_labels(s) or ()) for s in slots):
            return f'`{node.name}` is a variable here; the label is written `"{node.name}"`'
        size = builder.scope.size(value.type.axis) if value.type.axis is not None else None
        source = builder.symbol(node.name, context)
        alike = [s for s in slots if builder.scope.size(s) == size]
        if size is not None and alike and source is not None and isinstance(source.statement, ast.Random):
            return f"declare what its values are: `{node.name} : {builder.scope.root(alike[0])} ~ ...`"
        if (
            value.type.kind == "count"
            and source is not None
            and isinstance(source.statement, ast.Random)
            and slots
        ):
            drawn = f"{node.name} : {slots[0]} ~ Categorical(1 / size({slots[0]}))"
            return f"draw an element: `{drawn}`; its number, from 0 on, is `position({node.name})`"
        if (
            ((value.type.kind in NUMERIC_KINDS and value.type.kind != "bit") or value.type.owner == node.name)
            and source is not None
            and source.role == "input"
            and not source.axes
            and slots
        ):
            return f"declare what its values are: `input {node.name} : {builder.scope.root(slots[0])}`"
        pair = builder.scope.axes_model.axis_labels(slots[0]) or ()
        if value.type.kind == "bit" and len(slots) == 1 and len(pair) == 2:
            one, zero = (f"{symbol.name}[{quote(label)}]" for label in reversed(pair))
            return f"choose by it: `if {node.name} == 1 then {one} else {zero}`"
    return f"index it by a variable whose values are elements of {', '.join(f'`{s}`' for s in slots)}"


def _outside_plate(
    builder: ExpressionScope, symbol: Symbol, plate: str, span: Span, context: ExpressionContext
) -> None:
    indexable = [
        s.name
        for s in builder.scope.variables.values()
        if s.type is not None and s.type.kind == "labels" and s.type.axis == plate
    ]
    rows = context.plates[-1:]
    cure = f"write `plate {rows[0]} in {plate} {{ ... }}` where rows belong to its elements, or " if rows else ""
    if not rows and context.target is not None and builder.scope.plates[plate].is_rows:
        cure = f"write `{context.target}[{plate}]` on the left for one with an element for each of `{plate}`, or "
    cure += (
        f"index it, as in `{symbol.name}[{indexable[0] if indexable else 'z'}]` with a variable whose values are "
    )
    cure += f"elements of `{plate}`, or reduce over the plate: `sum({symbol.name}, over = {plate})`"
    secondary = (
        (Label(builder.scope.spans[plate], f"plate `{plate}` is here"),) if plate in builder.scope.spans else ()
    )
    builder.error("PGM0304", f"`{symbol.name}` lives in plate `{plate}`, and this place is outside it", span, cure,
                secondary=secondary)  # fmt: skip


def previous(builder: ExpressionScope, node: ast.Call, context: ExpressionContext) -> Expr:
    if not node.arguments or len(node.arguments) > 2 or node.keywords:
        builder.error("PGM0305", "`prev` takes a variable and, if not 1, how many rows back", node.span)
        return unknown(node.span)
    if context.rates is not None:
        builder.error("PGM0319", "a differential equation goes through the times between the rows, where there is no row before",
                      node.span, "write the name alone: its present value")  # fmt: skip
        return unknown(node.span)
    lag = lag_of(builder, node, 1)
    target = node.arguments[0]
    chain = chain_of(builder, context)
    symbol = _whole_variable(builder, target, context)
    if lag is None:
        return unknown(node.span)
    if symbol is None and isinstance(target, ast.Name) and target.name not in builder.aliases:
        variable(builder, target, context)
        return unknown(node.span)
    if chain is None or symbol is None or chain not in symbol.plates:
        builder.error("PGM0312", "`prev` takes a variable of the chain it stands in", node.span,
                    help="make the plate a chain: `plate step = chain { ... }`")  # fmt: skip
        return unknown(node.span)
    rows = next((p for p in reversed(symbol.plates) if builder.scope.plates[p].is_rows), chain)
    if rows != chain:
        builder.error("PGM0312", f"`prev` looks at the row before in `{chain}`, and `{symbol.name}` has rows of `{rows}` in each",
                    node.span, help=f"make `{rows}` the chain, or define what looks back in `{chain}` itself, outside of `{rows}`")  # fmt: skip
        return unknown(node.span)
    if context.excluded_first < lag:
        needed = "first" if lag == 1 else f"first({lag})"
        builder.error("PGM0312", f"`prev` looks {lag} row{'s' if lag > 1 else ''} back, and there may be none",
                    node.span, f"write `if {needed} then ... else ...` with `prev` after the `else`")  # fmt: skip
        return unknown(node.span)
    return reference(builder, symbol, (), node.span, context, lag)
