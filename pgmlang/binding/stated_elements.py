"""Elements that a text says by label or position, where only the data know the labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgmlang.binding.problems import BindingProblems, listed
from pgmlang.diagnostics import Diagnostic
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Model
from pgmlang.model.expr import Const, Expr, walk
from pgmlang.model.labels import Labels, is_numbered
from pgmlang.normal.rewrite import guide_expressions, map_definitions, map_expressions, map_guide, rebuilt


def stated_elements(model: Model, problems: BindingProblems) -> Model:
    """The model with the positions that its text says (``beta[4]``) as labels. Problems: PGM0209, for labels and positions
    that no element has."""
    for constant in _elements(model):
        labels = model.labels_of(constant.type)
        if labels is not None and _label(constant, labels) is None:
            problems.errors.append(_unknown(model, constant, labels))
    if problems.errors or not any(isinstance(c.value, int) for c in _elements(model)):
        return model
    made: dict[int, Expr] = {}

    def rewriting(expr: Expr) -> Expr:
        if id(expr) not in made:
            made[id(expr)] = _named(model, expr) if isinstance(expr, Const) else rebuilt(expr, rewriting)
        return made[id(expr)]

    out = map_expressions(model, rewriting)
    guide = None if model.guide is None else map_guide(model.guide, rewriting)
    return replace(out, definitions=map_definitions(model.definitions, rewriting), guide=guide)


def _elements(model: Model) -> Iterator[Const]:
    """The elements of axes and plates, and the labels of sets, that expressions say."""
    items = (*model.factors, *model.definitions)
    stated = [e for item in items for e in model.expressions(item)]
    for expr in (*stated, *(guide_expressions(model.guide) if model.guide is not None else ())):
        yield from (n for n in walk(expr) if isinstance(n, Const) and n.type.kind == "labels")


def _named(model: Model, constant: Const) -> Const:
    labels = model.labels_of(constant.type) if constant.type.kind == "labels" else None
    return constant if labels is None else replace(constant, value=_label(constant, labels) or constant.value)


def _label(constant: Const, labels: Labels) -> str | None:
    """The label that is meant: a number is a position, unless all labels are numbers."""
    if isinstance(constant.value, int) and str(constant.value) not in labels:
        is_position = constant.value < len(labels) and not is_numbered(labels)
        return labels[constant.value] if is_position else None
    return str(constant.value) if str(constant.value) in labels else None


def _unknown(model: Model, constant: Const, labels: Labels) -> Diagnostic:
    home, value = constant.type.axis or constant.type.owner, str(constant.value)
    what = "element" if constant.type.axis else "label"
    near = did_you_mean(value, labels) or did_you_mean(
        value, [v.name for v in model.variables if v.type == constant.type]
    )
    cure = near or f"the data's labels are {listed(labels)}"
    if isinstance(constant.value, int) and not is_numbered(labels):
        message = f"`{home}` has {len(labels):,} elements in the data, from 0 on, and none at position {value}"
    else:
        message = f"`{value}` is no {what} of `{home}` in the data"
    return Diagnostic("PGM0209", message, constant.span, help=cure)
