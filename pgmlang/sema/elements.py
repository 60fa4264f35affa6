"""Elements of axes and plates: the present one, one by its label or position, and how many there are."""

from __future__ import annotations

from pgmlang.diagnostics import Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model.expr import Const, Element, Expr, Reduce, walk
from pgmlang.model.labels import is_numbered
from pgmlang.model.types import COUNT, Type
from pgmlang.sema.arithmetic import number_type
from pgmlang.sema.expression_scope import ExpressionScope, unknown, wrong_arity
from pgmlang.sema.scope import ExpressionContext
from pgmlang.syntax import ast


def as_label(builder: ExpressionScope, node: ast.Expr, context: ExpressionContext) -> str | None:
    """What a bare word or string means as a label, None if it is an expression."""
    if isinstance(node, ast.String):
        return node.value
    if isinstance(node, ast.Name) and is_free_word(builder, node, context):
        return None if builder.is_setting(node.name) else node.name
    if isinstance(node, ast.Number):
        return node.text
    return None


def is_free_word(builder: ExpressionScope, node: ast.Name, context: ExpressionContext) -> bool:
    """Whether a name is no variable's and no argument's."""
    return node.name not in builder.aliases and builder.symbol(node.name, context) is None


def axis_named(builder: ExpressionScope, node: ast.Expr, context: ExpressionContext) -> str | None:
    """The axis or plate that an expression names, None if it is anything else."""
    if not isinstance(node, ast.Name) or not is_free_word(builder, node, context) or builder.is_setting(node.name):
        return None
    return builder.axis(node.name)


def present_element(
    builder: ExpressionScope, axis: str, span: Span, context: ExpressionContext, type_: Type | None = None
) -> Expr:
    """The label of the element that a place is at, or (``type_`` count) its position; of an axis or plate that is not
    around the place, along it."""
    structure = builder.scope.plates[axis].structure if axis in builder.scope.plates else None
    if type_ is None and structure is not None and structure.kind == "chain":
        builder.error("PGM0307", f"the rows of the chain `{axis}` have no labels of their own", span,
                      help=f"write `position({axis})`, 0 on the first row, or an `input` of the rows")  # fmt: skip
        return unknown(span)
    axes = () if axis in context.plates else (axis,)
    return Element(type_ or Type("labels", axis=builder.scope.root(axis)), axes, span, axis)


def labelled_element(
    builder: ExpressionScope, node: ast.Expr, word: str, slots: list[str], context: ExpressionContext
) -> tuple[str, Const] | None:
    """The first axis of some that has an element of this label, or at this position, and the element; None if there is
    none. Of an axis whose labels only the data know the element is looked for at the binding."""
    known = {s: builder.scope.axes_model.axis_labels(s) for s in slots}

    def element(slot: str, value: str | int) -> tuple[str, Const]:
        return slot, Const(Type("labels", axis=builder.scope.root(slot)), (), node.span, value)

    for slot, labels in known.items():
        if labels is not None and word in labels:
            return element(slot, word)
    is_number = isinstance(node, ast.Number)
    if is_number and word.isdecimal():
        for slot, labels in known.items():
            if labels is None:
                return element(slot, int(word))
            if int(word) < len(labels) and not is_numbered(labels):
                return element(slot, labels[int(word)])
    open_slots = [s for s, labels in known.items() if labels is None]
    is_word = isinstance(node, ast.Name) and axis_named(builder, node, context) is None
    if open_slots and (isinstance(node, ast.String) or (is_word and _is_unclaimed(builder, word))):
        return element(open_slots[0], word)
    return None


def _is_unclaimed(builder: ExpressionScope, word: str) -> bool:
    """Whether nothing else in the text is called so, something with an error in it too."""
    scope = builder.scope
    is_function = builder.is_net(word) or builder.expander.knows(word)
    return not (is_function or "." in word or word in {*scope.broken_names, *scope.guide_variables})


def axis_function(builder: ExpressionScope, node: ast.Call, context: ExpressionContext) -> Expr:
    """``position(axis)``: of the present element, from 0 on, ``position(label)`` of the element of that label; ``size(axis)``: how many
    elements there are."""
    for keyword in node.keywords:
        builder.error("PGM0306", f"`{node.function}` has no argument `{keyword.name}`", keyword.span)
    if len(node.arguments) != 1 or node.keywords:
        if not node.keywords:
            wrong_arity(builder, node, 1)
        return unknown(node.span)
    argument = node.arguments[0]
    axis = builder.axis(argument.name) if isinstance(argument, ast.Name) else None
    if axis is None and node.function == "position":
        place = position_of_label(builder, argument, node.span, context)
        if place is not None:
            return place
    if axis is None:
        name = argument.name if isinstance(argument, ast.Name) else "this"
        near = did_you_mean(name, [*builder.scope.dims, *builder.scope.plates])
        builder.error("PGM0201", f"`{name}` is not an axis", argument.span or node.span,
                      near or f"`{node.function}` takes a dim or plate")  # fmt: skip
        return unknown(node.span)
    if node.function == "position":
        return present_element(builder, axis, node.span, context, COUNT)
    return number_of_elements(builder, axis, node.span)


def position_of_label(
    builder: ExpressionScope, node: ast.Expr, span: Span, context: ExpressionContext
) -> Expr | None:
    """The position, from 0 on, of the element of a dim or plate that a value is the label of; None where it is none."""
    with builder.scope.quiet():
        label = builder.build(node, context)
    kind, along = label.type, {a for part in walk(label) for a in part.axes}
    if kind.kind != "labels" or kind.axis is None or not builder.scope.is_axis(kind.axis):
        return None
    axis = kind.axis
    while axis == kind.axis or axis in along:
        axis = builder.scope.second(axis)  # none that the label itself is picked along
    element = ast.Name(axis, span=span)
    chosen = ast.If(
        ast.Binary("==", element, node, span=span),
        ast.Call("position", (element,), span=span),
        ast.Number(0.0, "0", span=span),
        span=span,
    )
    return builder.build(
        ast.Call("sum", (chosen,), (ast.Keyword("over", element, span=span),), span=span), context
    )


def number_of_elements(builder: ExpressionScope, axis: str, span: Span) -> Expr:
    """How many elements an axis has; of a plate those of the outer elements that a place is in."""
    size = builder.scope.size(axis)
    if size is not None:
        return Const(number_type(size), (), span, size)
    is_plate = axis in builder.scope.plates
    one = Const(number_type(1), () if is_plate else (axis,), span, 1)
    return Reduce(COUNT, (), span, "sum", one, axis, is_plate)
