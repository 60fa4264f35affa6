"""Distribution calls: arguments by name, supports, event axes and the type of a draw."""

from __future__ import annotations

import math
from dataclasses import replace

from pgmlang.diagnostics import Diagnostic, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.families import FAMILIES, LEARNED, SERIES, Family, Parameter, Spelling
from pgmlang.model import Choice, Dist, Distribution, Type
from pgmlang.model.expr import Apply, Const, Expr, Ref, walk
from pgmlang.model.ranges import range_of_type
from pgmlang.model.types import REAL, UNKNOWN
from pgmlang.sema.arithmetic import number_type
from pgmlang.sema.composition import composition_problem, events_problem, learned_base_problem
from pgmlang.sema.constant_kinds import as_kind, constant_problem
from pgmlang.sema.expressions import ExpressionBuilder
from pgmlang.sema.learned_densities import learned_density
from pgmlang.sema.left_side import LeftSide, argument_axes, kind_of
from pgmlang.sema.limit_order import limits_problem
from pgmlang.sema.matrices import rows_along
from pgmlang.sema.mixtures import MixtureBuilder
from pgmlang.sema.operators import guarded
from pgmlang.sema.scope import ExpressionContext, Scope
from pgmlang.sema.series import series_choice
from pgmlang.sema.spelled_arguments import spelled_arguments
from pgmlang.sema.supports import cure, cure_of_no_spread, declarable
from pgmlang.sema.tables import TableBuilder
from pgmlang.sema.wrong_arguments import argument_problem
from pgmlang.syntax import ast
from pgmlang.syntax.idioms import FOREIGN_DISTRIBUTIONS


class DistributionBuilder:
    """Builds the right of a ``~``."""

    def __init__(self, scope: Scope, expressions: ExpressionBuilder) -> None:
        self.scope = scope
        self.expressions = expressions
        self.tables = TableBuilder(scope, expressions)
        self.mixtures = MixtureBuilder(scope, expressions, self._family)

    def build(
        self, node: ast.Expr, target: LeftSide, context: ExpressionContext
    ) -> tuple[Distribution | None, Type]:
        """The distribution (None after an error) and the type of its draws."""
        if isinstance(node, ast.If):
            return self._choice(node, target, context)
        if not isinstance(node, ast.Call):
            self._error("PGM0315", "a distribution is needed after `~`", node.span,
                        help="write `x ~ Normal(0, 1)`, or `x = ...` for a deterministic value")  # fmt: skip
            return None, UNKNOWN
        if node.function == "Table":
            return self.tables.build(node, target.name, target.axes, target.declared, context)
        if node.function in LEARNED:
            return learned_density(
                self.scope, self.expressions, node, target.name, target.axes, target.declared, context
            )
        if node.function in SERIES:
            choice = series_choice(self.expressions, node, target, context)
            return (None, REAL) if choice is None else self.build(choice, target, context)
        if node.function not in FAMILIES:
            self._unknown(node)
            return None, UNKNOWN
        if node.table is not None:
            self._error("PGM0111", f"rows belong to a `Table`, not to `{node.function}`", node.span)
        built, type_ = self._family(node, target, context)
        if built is None:
            return None, type_
        if target.declared is not None and target.declared.kind == "zerosum" and FAMILIES[built.family].zero_sum:
            return self._zero_sum(built, target)
        return built, self._declared(built, type_, target, node)

    def _error(self, code: str, message: str, span: Span | None, help: str = "") -> None:
        self.scope.report(Diagnostic(code, message, span, help=help))

    def _unknown(self, node: ast.Call) -> None:
        name, span = node.function, node.function_span or node.span
        if name.split(".")[0] in self.scope.broken_names:
            return
        if name in FOREIGN_DISTRIBUTIONS:
            self._error(
                "PGM0106", f"`{name}` is another language's name", span, f"write {FOREIGN_DISTRIBUTIONS[name]}"
            )
            return
        near = did_you_mean(name, [*FAMILIES, *SERIES, "Table", *LEARNED])
        if self.scope.nets.get(name) or self.expressions.expander.knows(name):
            near = "it is a function: write `=` for a deterministic value"
        self._error(
            "PGM0203", f"there is no distribution `{name}`", span, near or "`pgmc explain PGM0203` lists them"
        )

    def _choice(
        self, node: ast.If, target: LeftSide, context: ExpressionContext
    ) -> tuple[Distribution | None, Type]:
        condition = self.expressions.build(node.condition, context)
        then, then_type = self.build(node.then, target, guarded(self.expressions, context, condition, True))
        otherwise, other_type = self.build(
            node.otherwise, target, guarded(self.expressions, context, condition, False)
        )
        if then is None or otherwise is None or condition.type is UNKNOWN:
            return None, other_type if then_type is UNKNOWN else then_type
        if isinstance(then, Dist) and FAMILIES[then.family].improper:
            then_type = other_type
        elif (then_type.kind == "labels") != (other_type.kind == "labels"):
            self._error("PGM0401", f"the branches draw different things: {then_type} and {other_type}", node.span)
            return None, UNKNOWN
        choice = Choice(condition, then, otherwise, node.span)
        if (problem := events_problem(choice)) is not None:
            self.scope.report(problem)
            return None, then_type
        return choice, then_type

    # ---- families

    def _family(self, node: ast.Call, target: LeftSide, context: ExpressionContext) -> tuple[Dist | None, Type]:
        family = FAMILIES[node.function]
        event = target.axes[len(target.axes) - family.event :] if family.event else ()
        if len(event) < family.event:
            axes = ", ".join("abc"[: family.event])
            self._error("PGM0309", f"a draw of `{family.name}` spans {family.event} "
                        f"{'axis' if family.event == 1 else 'axes'}, `{target.name}` has {len(target.axes)}", node.span,
                        f"write `{target.name}[{axes}] ~ {family.name}(...)`")  # fmt: skip
            return None, Type(family.support) if family.support not in ("inner", "labels") else UNKNOWN
        if family.shares:
            return self.mixtures.build(node, target, context)
        taken = list(node.arguments)
        inner, inner_type = None, UNKNOWN
        if family.takes:
            inner, inner_type = self._base(family, taken, node, target, context)
            if inner is None:
                return None, inner_type
        matched = self._match(family, taken, node)
        if matched is None:
            return None, self._guess(family, inner_type)
        variant, arguments = matched
        built: list[tuple[str, Expr | Dist]] = [(family.takes[0], inner)] if inner is not None else []
        result = inner_type if family.support == "inner" else Type(family.support)
        for parameter, argument in arguments:
            along = argument_axes(self.scope, family, parameter, argument, target)
            value = self.expressions.build(argument, replace(context, along=along))
            if value.type is UNKNOWN:
                return None, self._guess(family, inner_type)
            value = self._spread(family, parameter, value, target)
            if not self._argument(family, parameter, value, target, event, node, context):
                return None, self._guess(family, inner_type)
            if parameter.event == 1 and family.event == 0 and family.has_labels_of_its_vector:
                axis = next(a for a in value.axes if a not in target.axes)
                result = Type("labels", axis=self.scope.root(axis))
            if parameter.event == 2:
                value = rows_along(self.scope, value, event)
            built.append((parameter.name, as_kind(value, kind_of(parameter))))
        if isinstance(variant, Spelling):
            built = [*spelled_arguments(variant, dict(built), node.span)]  # type: ignore[arg-type]
            variant = 0
        if family.ordinal:
            result = target.declared or UNKNOWN
            if result is UNKNOWN:
                self._error("PGM0412", f"`{target.name}` needs its labels", target.span,
                            f"write `{target.name} : {{low, mid, high}} ~ ...`")  # fmt: skip
                return None, UNKNOWN
            if not result.is_discrete:
                self._error("PGM0401", f"`{target.name}` is declared {result}, but `{family.name}` draws labels", node.span,
                            f"write its labels, `{target.name} : {{1, 2, 3}} ~ ...`, or `{{...}}` for those of the data")  # fmt: skip
                return None, result
        if family.improper:
            result = target.declared or REAL
            notes = ("prior samples, log evidence and AIS are refused while it is latent",)
            self.scope.report(
                Diagnostic("PGM0409", f"`{target.name}` has an improper density", node.span, notes=notes)
            )
        made = Dist(family.name, tuple(built), variant, event, node.span)
        problem = limits_problem(self.expressions.supports, made, inner_type)
        if problem is not None:
            self.scope.report(problem)
            return None, result
        return made, result

    def _base(
        self, family: Family, taken: list[ast.Expr], node: ast.Call, target: LeftSide, context: ExpressionContext
    ) -> tuple[Dist | None, Type]:
        """The distribution that a combinator is of, taken out of its arguments; None where there is none that it can
        be."""
        if (problem := learned_base_problem(family.name, taken)) is not None:
            self.scope.report(problem)
            return None, UNKNOWN
        candidates = [(i, a) for i, a in enumerate(taken) if isinstance(a, ast.Call) and a.function in FAMILIES]
        if not candidates:
            self._error("PGM0305", f"`{family.name}` takes a distribution", node.span,
                        f"write `{family.name}(Normal(m, s), ...)`")  # fmt: skip
            return None, UNKNOWN
        index, base = candidates[0]
        del taken[index]
        inner, inner_type = self._family(base, target, context)
        problem = None if inner is None else composition_problem(family.name, inner, node.span)
        if problem is not None:
            self.scope.report(problem)
            return None, inner_type
        return inner, inner_type

    @staticmethod
    def _guess(family: Family, inner: Type) -> Type:
        if family.support == "inner":
            return inner
        return UNKNOWN if family.support == "labels" else Type(family.support)

    def _match(
        self, family: Family, positional: list[ast.Expr], node: ast.Call
    ) -> tuple[int | Spelling, list[tuple[Parameter, ast.Expr]]] | None:
        """Arguments to the parameters of the variant, or other spelling, that they fit."""
        words = [k.name for k in node.keywords]
        for i, word in enumerate(words):
            if word in words[:i]:
                self._error("PGM0306", f"`{word}` is given twice", node.keywords[i].span)
                return None
        forms: list[tuple[int | Spelling, tuple[Parameter, ...]]] = [*enumerate(family.variants)]
        forms += [(s, s.parameters) for s in family.spellings]
        fitting = [
            (i, v)
            for i, v in forms
            if set(words) <= {p.name for p in v} and len(positional) + len(words) <= len(v)
        ]
        for form, variant in fitting:
            by_name = {k.name: k.value for k in node.keywords}
            free = [p for p in variant if p.name not in by_name]
            by_name.update({p.name: a for p, a in zip(free, positional, strict=False)})
            if all(p.name in by_name or p.default is not None for p in variant):
                if any(p.name in words for p in variant[: len(positional)]):
                    continue
                return form, [(p, by_name[p.name]) for p in variant if p.name in by_name]
        self.scope.report(argument_problem(family, positional, node))
        return None

    def _argument(
        self,
        family: Family,
        parameter: Parameter,
        value: Expr,
        target: LeftSide,
        event: tuple[str, ...],
        node: ast.Call,
        context: ExpressionContext,
    ) -> bool:
        """Checks one argument's support and axes."""
        what = f"`{parameter.name}` of `{family.name}`"
        span = value.span or node.span
        if value.type.kind == "labels":
            self._error("PGM0307", f"{what} is a number, this has labels of {value.type}", span,
                        "index an axis by it: `effect[x]`")  # fmt: skip
            return False
        supports = self.expressions.supports
        symbol = self.scope.symbol(value.name, context) if isinstance(value, Ref) else None
        # what an input is of which the text says nothing, the data say
        is_told = (
            symbol is None or symbol.role != "input" or symbol.declared is None or symbol.declared.type is not None
        )
        if (is_told or parameter.event) and supports.refuses(value, parameter.support):
            has_logit = any(p.name == "logit" for variant in family.variants for p in variant)
            self._error("PGM0410", f"{what} must be {parameter.support}, {supports.shown(value)}", span,
                        supports.cure_by_inputs(value, parameter.support, symbol) or cure(value, parameter.support, symbol, has_logit) or cure_of_no_spread(family, value, target.name))  # fmt: skip
            return False
        if problem := constant_problem(value, kind_of(parameter), parameter.event):
            self._error("PGM0410", f"{what}: {problem}", span)
            return False
        return self._argument_axes(family, parameter, value, target, event, span, what)

    def _argument_axes(
        self,
        family: Family,
        parameter: Parameter,
        value: Expr,
        target: LeftSide,
        event: tuple[str, ...],
        span: Span,
        what: str,
    ) -> bool:
        batch = target.axes[: len(target.axes) - len(event)]
        extra = [a for a in value.axes if a not in target.axes]
        if parameter.event and family.event == 0:
            if len(extra) == 1:
                return True
            if not extra:
                self._error("PGM0309", f"{what} is a vector: it needs one axis that `{target.name}` does not have", span,
                            "give it an axis, as in `share[cluster] ~ Dirichlet(1)`")  # fmt: skip
                return False
            self._left_axis(target, extra[:-1], value, span)
            return False
        if parameter.event == 2:
            roots = [self.scope.root(a) for a in value.axes if a not in batch]
            if len(roots) == 2 and roots[0] == roots[1] == self.scope.root(event[-1]):
                return True
            self._error("PGM0309", f"{what} is a matrix over `{event[-1]}` and an axis `like` it", span,
                        f"say the axis a second time with a prime: `{parameter.name}[{event[-1]}, {event[-1]}']`")  # fmt: skip
            return False
        if extra:
            self._left_axis(target, extra, value, span)
            return False
        if not parameter.event and family.event and any(a in event for a in value.axes):
            self._error("PGM0302", f"{what} is one number for a whole draw, this has axis `{event[0]}`", span)
            return False
        return True

    def _spread(self, family: Family, parameter: Parameter, value: Expr, target: LeftSide) -> Expr:
        """One number for every label of the declared axis: ``x : colour ~ Categorical(1/3)``. Reports numbers that then do
        not sum to one."""
        axis = target.declared.axis if target.declared is not None else None
        if not family.has_labels_of_its_vector or axis is None or axis in target.axes or not value.type.is_numeric:
            return value
        if any(a not in target.axes for a in value.axes):
            return value
        interval, size = self.expressions.supports.range(value).interval, self.scope.size(axis)
        if interval.low != interval.high:
            once = Const(Type("bit"), (axis,), value.span, 1)
            return Apply(value.type, (*value.axes, axis), value.span, "mul", (value, once))
        if (
            parameter.support == "unit"
            and size is not None
            and not math.isclose(interval.low * size, 1, rel_tol=1e-6)
        ):
            self._error("PGM0410", f"the probabilities of the {size} elements of `{axis}` sum to {interval.low * size:.6g}, "
                        "not to one", value.span, f"write `{parameter.name} = 1/{size}`")  # fmt: skip
        return Const(number_type(interval.low), (*value.axes, axis), value.span, interval.low)

    def _left_axis(self, target: LeftSide, extra: list[str], value: Expr, span: Span) -> None:
        name = getattr(value, "name", None) or "the value"
        left = f"{target.name}[{', '.join(target.axes)}]" if target.axes else target.name
        listed = ", ".join([*target.axes, *extra])
        cure = f"write `{target.name}[{listed}] ~ ...`, or reduce over `{extra[0]}`"
        rows = self.scope.variables[target.name].plates[-1:]
        if extra[0] in self.scope.plates and rows:
            cure = f"write `plate {rows[0]} in {extra[0]} {{ ... }}`, and `{name}` is that of the row's element of `{extra[0]}`"
        elif any(
            isinstance(n, Apply) and n.function == "mul" and all(extra[0] in a.axes for a in n.arguments)
            for n in walk(value)
        ):
            cure = f"products are summed over `{extra[0]}` by `x @ b`; or write `{target.name}[{listed}] ~ ...`"
        self._error("PGM0302", f"axis `{extra[0]}` of `{name}` is not on the left: `{left}`", span, cure)

    # ---- the draw

    def _declared(self, built: Dist, type_: Type, target: LeftSide, node: ast.Call) -> Type:
        """The target's type: the declared one where every draw fits it."""
        declared = target.declared
        if declared is None or type_ is UNKNOWN:
            return type_
        good = declared == type_
        if not good and type_.kind == "labels" and declared.kind == "labels":
            mine, its = self.scope.type_labels(declared), self.scope.type_labels(type_)
            good = declared.axis is None and (mine is None or mine == its)
        elif not good and type_.kind != "labels" and declared.kind != "labels":
            # independent draws kept in increasing order: a density on the ordered vectors, up to a constant
            element = {"ordered": Type("real"), "ordered positive": Type("positive")}.get(declared.kind)
            is_sorted = element is not None and bool(target.axes) and (
                type_.fits(element.kind) or self._draws_within(built, type_, element)
            )  # fmt: skip
            good = type_.fits(declared.kind) or is_sorted or self._draws_within(built, type_, declared)
        if good:
            return declared if declared.axis or declared.kind != "labels" else type_
        if FAMILIES[node.function].improper:
            return declared
        self._error("PGM0401", f"`{target.name}` is declared {declared}, but `{node.function}` draws {_draws(type_)}",
                    node.span, _support_cure(declared, type_, built))  # fmt: skip
        return declared

    def _zero_sum(self, built: Dist, target: LeftSide) -> tuple[Dist | None, Type]:
        """Normal numbers given that they sum to zero: one location for all of them has no say in that."""
        zero_sum, axis = Type("zerosum"), target.axes[-1:]
        if not axis:
            self._error("PGM0309", f"`{target.name}` is declared zerosum and has no axis along which it would sum to zero",
                        target.span, f"write `{target.name}[axis] : zerosum ~ ...`")  # fmt: skip
            return None, zero_sum
        arguments = {n: a for n, a in built.arguments if not isinstance(a, Dist)}
        for name, argument in arguments.items():
            if set(argument.axes) & set(axis):
                self._error("PGM0302", f"`{name}` of numbers that sum to zero is one for all of them, this has axis `{axis[0]}`",
                            argument.span or built.span, "take one number, or declare no type and subtract the mean")  # fmt: skip
                return None, zero_sum
        made = FAMILIES[FAMILIES[built.family].zero_sum]
        kept = tuple((p.name, arguments[p.name]) for p in made.variants[0])
        return Dist(made.name, kept, 0, axis, built.span), zero_sum

    def _draws_within(self, built: Dist, type_: Type, declared: Type) -> bool:
        """Whether a bounded distribution of numbers keeps to an interval that its type alone does not tell."""
        if declared.kind not in ("positive", "unit") or type_.kind not in ("real", "positive"):
            return False
        drawn, wanted = self.expressions.supports.of_distribution(built, type_).interval, range_of_type(declared)
        return drawn.within(wanted) or not (drawn.is_tight or drawn.high <= wanted.low or drawn.low >= wanted.high)


def _draws(type_: Type) -> str:
    return f"elements of `{type_.axis}`" if type_.kind == "labels" and type_.axis else f"{type_} values"


def _support_cure(declared: Type, type_: Type, drawn: Dist) -> str:
    family = drawn.family
    if declared.kind == "positive" and FAMILIES[family].limits is not None:
        return "give it a lower bound of zero or more, or use Gamma, LogNormal or HalfNormal"
    has_tails = FAMILIES[drawn.path[-1]].has_tails
    if declared.kind == "positive" and type_.kind == "real" and not has_tails:
        return "use Gamma, LogNormal or HalfNormal"
    if declared.kind == "positive" and type_.kind == "real":
        return f"truncate it, `Truncated({family}(...), lower = 0)`, or use Gamma, LogNormal or HalfNormal"
    if declared.kind == "zerosum":
        return "draw it from `Normal(0, s)`, given that it sums to zero"
    if declared.kind == "unitvector":
        return "draw it from `UniformSphere()`"
    if (
        declared.kind == "ordered positive"
        and type_.kind == "real"
        and FAMILIES[family].limits is None
        and has_tails
    ):
        return f"truncate it, `Truncated({family}(...), lower = 0)`, or draw its elements from Gamma, LogNormal or HalfNormal"
    if declared.kind == "ordered positive":
        return "draw its elements from a positive distribution, such as `Gamma` or `HalfNormal`"
    if declared.kind == "unit":
        return "use Beta or Uniform(0, 1)"
    if declared.kind == "labels" and declared.axis is None:
        return "a variable with labels of its own is `~ Table(...)`"
    if declared.kind == "labels":
        return f"use `Categorical(p)` with `p` over the axis `{declared.axis}`"
    return f"declare it `{declarable(type_)}`, or leave the type out"
