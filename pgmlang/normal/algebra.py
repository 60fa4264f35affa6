"""Expressions in canonical form: constants folded, sums and products flat and in one order, one spelling a function,
choices on constants resolved, sums over axes outside of products."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics.source import Span
from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Contract,
    Expr,
    Identity,
    MatrixApply,
    Reduce,
    Rename,
    Stack,
    children,
)
from pgmlang.model.model import Model
from pgmlang.normal.functions import Functions
from pgmlang.normal.rewrite import map_definitions, map_expressions, map_guide, rebuilt

CHAINED = {"add": ("add", "sub"), "sub": ("add", "sub"), "mul": ("mul",)}
"""Operators that are made flat along their left side, with their kin."""


def canonical(model: Model) -> Model:
    """The model with every expression in canonical form."""
    algebra = Algebra(model)
    out = map_expressions(model, algebra)
    guide = map_guide(out.guide, algebra) if out.guide is not None else None
    return replace(out, definitions=map_definitions(out.definitions, algebra), guide=guide)


class Algebra(Functions):
    """Canonical expressions of one model. Calling it gives an expression's canonical form."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self._made: dict[int, tuple[Expr, Expr]] = {}
        self._renamed: dict[tuple[int, str, str], Expr] = {}

    def __call__(self, expr: Expr) -> Expr:
        pending = [expr]
        while pending:
            node = pending[-1]
            if id(node) in self._made:
                pending.pop()
                continue
            # what is inside comes first, so that depth costs no stack
            inside = [e for e in self._operands(node) if id(e) not in self._made]
            if inside:
                pending.extend(inside)
                continue
            made = self._canonical(node)
            self._made[id(node)] = (node, made)
            self._made[id(made)] = (made, made)
        return self._made[id(expr)][1]

    def _operands(self, expr: Expr) -> tuple[Expr, ...]:
        """The parts that an expression's canonical form is made of: of a run of one operator those of all of it."""
        if not isinstance(expr, Apply) or expr.function not in CHAINED:
            return children(expr)
        kin = CHAINED[expr.function]
        parts = [expr.arguments[1]]
        node = expr.arguments[0]
        while isinstance(node, Apply) and node.function in kin and id(node) not in self._made:
            parts.append(node.arguments[1])
            node = node.arguments[0]
        return (*parts, node)

    def _canonical(self, expr: Expr) -> Expr:
        span = expr.span
        match expr:
            case Const(value=value):
                # a label, or a number laid out along an axis
                return self.shared(expr) if isinstance(value, str) or expr.axes else self.constant(value, span)
            case Apply(function="add" | "sub" | "mul"):
                return self._chain(expr)
            case Apply(function=function, arguments=arguments):
                return self.function(function, tuple(self(a) for a in arguments), span)
            case Contract(left=left, right=right, axis=axis):
                return self.reduction("sum", self.product((self(left), self(right)), span), axis, False, span)
            case Reduce(function=function, body=body, axis=axis, is_plate=is_plate):
                return self.reduction(function, self(body), axis, is_plate, span)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                return self.choice(self(condition), self(then), self(otherwise), span)
            case Rename(body=body, old=old, new=new):
                return self.renamed(self(body), old, new, span)
            case _:
                return self.shared(rebuilt(expr, self))

    def _chain(self, expr: Apply) -> Expr:
        """A run of one operator along its left side, flat at once: long sums are not built up term by term."""
        kin = CHAINED[expr.function]
        parts: list[Expr] = []
        node: Expr = expr
        while isinstance(node, Apply) and node.function in kin and (node is expr or id(node) not in self._made):
            left, right = node.arguments
            made = self(right)
            parts.append(self.product((self.constant(-1), made), node.span) if node.function == "sub" else made)
            node = left
        parts.append(self(node))
        parts.reverse()
        return self.sum(parts, expr.span) if "add" in kin else self.product(parts, expr.span)

    # ---- choices, sums over axes, names of axes

    def choice(self, condition: Expr, then: Expr, otherwise: Expr, span: Span | None) -> Expr:
        """``if``: resolved where the condition is a constant or the branches are the same."""
        condition, is_turned = self.condition(condition)
        if is_turned:
            then, otherwise = otherwise, then
        if isinstance(condition, Const):
            return then if condition.value else otherwise
        if then is otherwise:
            return then
        return self.choose(condition, then, otherwise, span)

    def condition(self, condition: Expr) -> tuple[Expr, bool]:
        """A condition without ``not``, ``!=`` and ``<=`` at its head, and whether the branches trade places."""
        if isinstance(condition, Apply) and condition.function == "not":
            inner, is_turned = self.condition(condition.arguments[0])
            return inner, not is_turned
        if isinstance(condition, Apply) and condition.function == "ne":
            return self.function("eq", condition.arguments, condition.span), True
        if isinstance(condition, Apply) and condition.function == "le":
            return self.function("lt", condition.arguments[::-1], condition.span), True
        return condition, False

    def reduction(self, function: str, body: Expr, axis: str, is_plate: bool, span: Span | None) -> Expr:
        """A reduction: sums term by term, with what is a number in front and inner sums in one order."""
        if not is_plate and axis not in body.axes and function not in ("softmax", "cumsum"):
            size = self.model.axis_size(axis)
            if size is not None and function == "sum":
                return self.product((self.constant(size), body), span)
            if size is not None and function == "prod":
                return self.power(body, float(size), span)
            if function in ("mean", "min", "max"):
                return body
            body = self.product((body, self.ones(axis)), span)
        if function == "sum":
            return self._summed(body, axis, is_plate, span)
        return self.reduce(function, body, axis, is_plate, span)

    def _summed(self, body: Expr, axis: str, is_plate: bool, span: Span | None) -> Expr:
        if not is_plate and (along_diagonal := self._along_diagonal(body, axis, span)) is not None:
            return along_diagonal
        terms, constant = self.terms(body)
        split = constant == 0 and (is_plate or all(axis in t.axes for _, t in terms))
        if split and (len(terms) > 1 or (terms and terms[0][0] != 1)):
            parts = [
                self.product((self.constant(c), self._summed(t, axis, is_plate, span)), span) for c, t in terms
            ]
            return self.sum(parts, span)
        if (
            isinstance(body, Reduce)
            and body.function == "sum"
            and not (is_plate or body.is_plate)
            and body.axis > axis
            and axis in body.body.axes
        ):
            inner = self._summed(body.body, axis, False, span)
            return self.reduction("sum", inner, body.axis, False, span)
        return self.reduce("sum", body, axis, is_plate, span)

    def _composed(self, body: Rename, old: str, new: str, span: Span | None) -> Expr | None:
        """An axis of a value with other names by another name yet: in as few steps as there are axes that have one, in one order; None
        where two would exchange theirs and no third name is at hand."""
        steps, inner = [(old, new)], body.body
        steps.append((body.old, body.new))
        while isinstance(inner, Rename):
            steps.append((inner.old, inner.new))
            inner = inner.body
        wanted = {axis: axis for axis in inner.axes}
        for before, after in reversed(steps):
            wanted.update({axis: after for axis, name in wanted.items() if name == before})
        here = {axis: axis for axis in inner.axes}
        out: Expr = inner

        def step(axis: str, name: str) -> Expr:
            axes = tuple(name if a == here[axis] else a for a in out.axes)
            made = self.shared(Rename(out.type, axes, span, out, here[axis], name))
            here[axis] = name
            return made

        while pending := sorted(axis for axis in here if here[axis] != wanted[axis]):
            free = next((axis for axis in pending if wanted[axis] not in here.values()), None)
            if free is not None:
                out = step(free, wanted[free])
                continue
            spare = sorted({name for pair in steps for name in pair} - {*here.values()})
            if not spare:
                return None
            out = step(pending[0], spare[0])
        return out

    def _along_diagonal(self, body: Expr, axis: str, span: Span | None) -> Expr | None:
        """The sum of a product with an identity over one of its axes: the rest along the other one. None for what has no identity,
        and where the rest varies along both."""
        factors = self.factors(body)
        for i, factor in enumerate(factors):
            if not isinstance(factor, Identity) or axis not in factor.axes:
                continue
            other = factor.rows if axis == factor.columns else factor.columns
            rest = [*factors[:i], *factors[i + 1 :]]
            if any(axis in f.axes and other in f.axes for f in rest):
                return None
            out = self.product([self.renamed(f, axis, other, span) for f in rest], span)
            return out if other in out.axes else self.product((out, self.ones(other)), span)
        return None

    def renamed(self, body: Expr, old: str, new: str, span: Span | None) -> Expr:
        """An axis by another name, said at the variables themselves where nothing stands in between."""
        if old not in body.axes or old == new:
            return body
        key = (id(body), old, new)
        if key not in self._renamed:
            self._renamed[key] = self._renaming(body, old, new, span)
        return self._renamed[key]

    def _renaming(self, body: Expr, old: str, new: str, span: Span | None) -> Expr:
        axes = tuple(new if a == old else a for a in body.axes)
        match body:
            case Apply(function="add", arguments=arguments):
                return self.sum([self.renamed(a, old, new, span) for a in arguments], span)
            case Apply(function="mul", arguments=arguments):
                return self.product([self.renamed(a, old, new, span) for a in arguments], span)
            case Apply(function=function, arguments=arguments):
                return self.function(function, tuple(self.renamed(a, old, new, span) for a in arguments), span)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                c, a, b = (self.renamed(e, old, new, span) for e in (condition, then, otherwise))
                return self.choice(c, a, b, span)
            case Stack(entries=entries, axis=axis):
                listed = tuple(self.renamed(e, old, new, span) for e in entries)
                return self.shared(replace(body, axes=axes, entries=listed, axis=new if axis == old else axis))
            case Identity(rows=rows, columns=columns):
                named = [new if a == old else a for a in (rows, columns)]
                return self.shared(Identity(body.type, tuple(named), span, *sorted(named)))
            case MatrixApply(body=inner, rows=rows, columns=columns) if old not in (rows, columns):
                return self.shared(replace(body, axes=axes, body=self.renamed(inner, old, new, span)))
            case MatrixApply(function="inverse" | "cholesky", body=inner, rows=rows, columns=columns) if (
                new not in inner.axes
            ):
                named = [new if a == old else a for a in (rows, columns)]
                inner = self.renamed(inner, old, new, span)
                return self.shared(MatrixApply(body.type, axes, span, body.function, inner, *named))
            case Rename() if (composed := self._composed(body, old, new, span)) is not None:
                return composed
        return self.shared(Rename(body.type, axes, span, body, old, new))
