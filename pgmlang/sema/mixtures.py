"""Mixtures of a distribution along an axis: the axis of its weights, and of its components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pgmlang.diagnostics import Diagnostic, Span
from pgmlang.families import FAMILIES
from pgmlang.model import Dist, Type
from pgmlang.model.types import UNKNOWN
from pgmlang.sema.composition import composition_problem, learned_base_problem, mixture_problem, names_vary_along
from pgmlang.sema.constant_kinds import as_kind, constant_problem
from pgmlang.sema.expression_scope import merge
from pgmlang.sema.expressions import ExpressionBuilder
from pgmlang.sema.left_side import LeftSide, argument_axes
from pgmlang.sema.scope import Along, ExpressionContext, Scope
from pgmlang.sema.vectors import is_written_out, written_length
from pgmlang.syntax import ast


def _cure_of_several(node: ast.Call, target: LeftSide) -> str:
    """What to write in the place of components that are written out one by one; empty where there are none."""
    given = [*node.arguments[1:], *(k.value for k in node.keywords)]
    parts = [*given[0].entries] if len(given) == 1 and isinstance(given[0], ast.Vector) else given
    names = [p.function for p in parts if isinstance(p, ast.Call) and p.function in FAMILIES]
    if len(names) < 2 or len(names) != len(parts):
        return ""
    if len(set(names)) == 1:
        return f"write the arguments of all components as vectors, as in `{names[0]}([a, b], ...)`"
    labels = [f"part{i}" for i in range(1, len(names) + 1)]
    chosen = " else ".join(
        f"if part == {label} then {name}(...)" for label, name in zip(labels[:-1], names[:-1], strict=True)
    )
    return f"choose among families by a label: `part : {{{', '.join(labels)}}} ~ Categorical(...)` and `{target.name} ~ {chosen} else {names[-1]}(...)`"


class MixtureBuilder:
    """Builds ``Mixture(share, Normal(mean, sd))``; ``family`` builds the distribution that it is of."""

    def __init__(
        self,
        scope: Scope,
        expressions: ExpressionBuilder,
        family: Callable[[ast.Call, LeftSide, ExpressionContext], tuple[Dist | None, Type]],
    ) -> None:
        self.scope = scope
        self.expressions = expressions
        self._family = family

    def _error(self, code: str, message: str, span: Span | None, help: str = "") -> None:
        self.scope.report(Diagnostic(code, message, span, help=help))

    def build(self, node: ast.Call, target: LeftSide, context: ExpressionContext) -> tuple[Dist | None, Type]:
        """The distribution over the axis that the weights have beyond the target's, and the type of its draws."""
        family = FAMILIES[node.function]
        if (problem := learned_base_problem(family.name, node.arguments)) is not None:
            self.scope.report(problem)
            return None, UNKNOWN
        good = len(node.arguments) == 2 and isinstance(node.arguments[1], ast.Call) and not node.keywords
        if not good or node.arguments[1].function not in FAMILIES:  # type: ignore[union-attr]
            self._error("PGM0305", f"`{family.name}` takes weights and a distribution", node.span,
                        _cure_of_several(node, target) or f"write `{family.name}(share, Normal(mean, sd))`")  # fmt: skip
            return None, UNKNOWN
        weights = family.variants[0][0]
        along = self._components(node, target, context) or argument_axes(
            self.scope, family, weights, node.arguments[0], replace(target, declared=None)
        )
        share = self.expressions.build(node.arguments[0], replace(context, along=along))
        if share.type is UNKNOWN:
            return None, UNKNOWN
        if why := constant_problem(share, "simplex", 1):
            self._error("PGM0410", f"the weights of a `{family.name}`: {why}", node.arguments[0].span)
            return None, UNKNOWN
        extra = [a for a in share.axes if a not in target.axes]
        if len(extra) != 1:
            self._error(
                "PGM0309",
                f"the weights of a `{family.name}` have one axis, that of the components",
                node.arguments[0].span,
            )
            return None, UNKNOWN
        axis = extra[0]
        base, type_ = self._component(node.arguments[1], axis, target, context)  # type: ignore[arg-type]
        if base is None:
            return None, type_
        problem = composition_problem(family.name, base, node.span) or mixture_problem(
            self.scope, base, axis, node.arguments[1].span
        )
        if problem is not None:
            self.scope.report(problem)
            return None, type_
        return Dist(
            family.name,
            ((family.shares, as_kind(share, "simplex")), (family.takes[0], base)),
            0,
            base.event,
            node.span,
        ), type_

    def _components(self, node: ast.Call, target: LeftSide, context: ExpressionContext) -> Along | None:
        """The axis of weights that are written out (``Mixture([p, 1 - p], Normal(mu, sd))``): the one that the components' names
        have; None where they have none, and for any other weights."""
        share, base = node.arguments
        length = written_length(share) if is_written_out(share, diagonals=False) else None
        candidates = (*self.scope.dims, *self.scope.plates) if length is not None else ()
        fitting = []
        for axis in candidates:
            if self.scope.size(axis) != length or axis in (*target.axes, *context.plates):
                continue
            saved = dict(self.expressions.expander.calls)
            with self.scope.quiet():
                built = self._component(base, axis, target, context)[0]  # type: ignore[arg-type]
            self.expressions.expander.calls = saved
            if built is not None and names_vary_along(self.scope, built, axis):
                fitting.append(axis)
        return Along((*target.axes, fitting[0]), 1) if len(fitting) == 1 else None

    def _component(
        self, base: ast.Call, axis: str, target: LeftSide, context: ExpressionContext
    ) -> tuple[Dist | None, Type]:
        """The distribution that a mixture along ``axis`` is of."""
        inside = replace(context, plates=merge(context.plates, (axis,))) if axis in self.scope.plates else context
        return self._family(base, replace(target, axes=(axis, *target.axes)), inside)
