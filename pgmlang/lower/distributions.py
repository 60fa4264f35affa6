"""Distributions as torch syntax, and the log-probability of a factor's target under them."""

from __future__ import annotations

import ast
from dataclasses import replace

from pgmlang.lower import pyast as py
from pgmlang.lower.expressions import Axes, Emitted, Expressions, to_come
from pgmlang.model import Choice, Conditional, Density, Dist, Distribution, Factor, Model, TableDist
from pgmlang.model.expr import Apply, Choose, Expr, Ref, Rename
from pgmlang.model.types import UNIT
from pgmlang.normal import without_definitions
from pgmlang.signatures.distributions import FAMILIES, SAFE, Parameter
from pgmlang.signatures.functions import FUNCTIONS

_SPECIAL = {
    "Logistic": "logistic",
    "NegativeBinomial": "negative_binomial",
    "OrderedLogistic": "ordered_logistic",
    "LKJ": "LKJ",
}


_IN_ORDER = (["loc", "scale"], ["concentration1", "concentration0"], ["low", "high"], ["rate"], ["scale"], ["concentration"],
             ["concentration", "rate"])  # fmt: skip
"""Arguments that torch's classes take in this order too."""


class Distributions:
    """Emits the distributions of one model's conditionals. ``tables`` maps a table's parameter to its identifier."""

    def __init__(self, model: Model, expressions: Expressions) -> None:
        self.model = model
        self.expressions = expressions
        self.table_number = 0

    def frame_of(self, conditional: Conditional) -> Axes:
        """Array axes of the target."""
        return self.expressions.array_axes(conditional.target)

    def log_prob(self, conditional: Conditional) -> tuple[ast.expr, Axes]:
        """The log-probability of the target and its axes: those of the target less the event's."""
        self.table_number = 0
        frame = self.frame_of(conditional)
        value = py.name(self.expressions.names[conditional.target])
        return self._log_prob(conditional.distribution, conditional, value, frame)

    def _log_prob(
        self, distribution: Distribution, conditional: Conditional, value: ast.expr, frame: Axes
    ) -> tuple[ast.expr, Axes]:
        match distribution:
            case Choice(condition=condition, then=then, otherwise=otherwise):
                test = self.expressions.truth(condition, frame)
                with self.expressions.branch(test):
                    a, batch = self._log_prob(then, conditional, value, frame)
                with self.expressions.branch(test, is_then=False):
                    b, _ = self._log_prob(otherwise, conditional, value, frame)
                return py.call("torch.where", self.expressions.align(test, frame[: len(batch)]), a, b), batch
            case Dist(family="Flat"):
                self.expressions.uses.add("real")
                return py.binary("mul", py.call("real", value), py.constant(0.0)), frame
            case Dist(family="Truncated" | "Censored" | "ZeroInflated" | "BetaBinomial"):
                return self._special(distribution, self._supported(distribution, value, frame), frame), frame
            case Dist(family="Categorical") if picked := self._label_chance(distribution, conditional, frame):
                return self._log(picked, frame), frame
            case Dist():
                built = self.dist(distribution, frame)
                batch = frame[: len(frame) - len(distribution.event)]
                drawn = self._drawn(distribution, self._supported(distribution, value, frame))
                return py.method(built, "log_prob", drawn), batch
            case TableDist():
                return self._log(self.table_chance(distribution, conditional, frame), frame), frame
            case Density():
                raise to_come(f"`{distribution.family}`", distribution.span)

    def _label_chance(self, distribution: Dist, conditional: Conditional, frame: Axes) -> ast.expr | None:
        """The probability of the target's label, picked from a simplex without the rest of it being laid out."""
        arguments = dict(distribution.arguments)
        chances = arguments.get("p")
        if chances is None or isinstance(chances, Dist) or distribution.variant != 0:
            return None
        axis = next((a for a in chances.axes if a not in frame), None)
        variable = self.model.by_name[conditional.target]
        if axis is None or variable.type.kind != "labels":
            return None
        target = Ref(variable.type, variable.axes, None, conditional.target)
        picked = _pick(chances, axis, target, self.model)
        if picked is None:
            return None
        return self.expressions.align(self.expressions.number(picked, frame), frame)

    def table_chance(self, distribution: TableDist, conditional: Conditional, frame: Axes) -> ast.expr:
        """``table[parent, parent, target]``, one number for each element of the frame."""
        table = self._table_name(conditional)
        values = [self.expressions.emit(parent, frame) for parent in distribution.parents]
        target = Emitted(py.name(self.expressions.names[conditional.target]), frame)
        codes = [self._element_of(by, frame) for by in distribution.by]
        codes += [self.expressions.to_frame(v.node, v.axes, frame) for v in values]
        picks = [self.expressions.align(code, frame) for code in (*codes, target)]
        self.expressions.uses.add("take")
        return py.call("take", table, *picks, own=py.constant(len(frame)))

    def _log(self, chance: ast.expr, frame: Axes) -> ast.expr:
        return py.call("torch.log", self.expressions.masked(Emitted(chance, frame), py.constant(1.0)).node)

    def _supported(self, distribution: Dist, value: ast.expr, frame: Axes) -> ast.expr:
        """The target; in a branch that is not taken, a value that the distribution can have."""
        if self.expressions.taken is None:
            return value
        base = distribution
        while isinstance(inside := dict(base.arguments).get("base"), Dist):
            base = inside
        family = FAMILIES[base.family]
        if family.support == "labels":  # a code is a value of either branch
            return value
        safe = self._safe(family.support, family.event, distribution.event)
        if safe is None:
            return value
        drawn = py.call("real", value) if family.discrete else value
        self.expressions.uses.add("real")
        return self.expressions.masked(Emitted(drawn, frame), safe).node

    def _safe(self, support: str, rank: int, event: Axes, given: float | None = None) -> ast.expr | None:
        """A value well inside a support, laid out along ``rank`` event axes; None where any number will do."""
        if rank == 2:
            return py.call("torch.eye", self.expressions.size(event[-1]))
        if support == "simplex" or (support == "unit" and rank == 1):
            return py.binary("div", py.constant(1.0), self.expressions.size(event[-1]))
        number = SAFE.get(support) if given is None else given
        return None if number is None else py.constant(number)

    def _masked_argument(self, value: Emitted, parameter: Parameter, argument: Expr, event: Axes) -> Emitted:
        """An argument; in a branch that is not taken, a value that the parameter can have."""
        if self.expressions.taken is None or _is_kept(argument, parameter):
            return value
        safe = self._safe(parameter.support, parameter.event, event, parameter.safe)
        return value if safe is None else self.expressions.masked(value, safe)

    def _drawn(self, distribution: Dist, value: ast.expr) -> ast.expr:
        """The target as the family's log_prob wants it: numbers where torch computes with them."""
        family = FAMILIES[distribution.family]
        if family.discrete and family.support != "labels":
            self.expressions.uses.add("real")
            return py.call("real", value)
        return value

    def _special(self, distribution: Dist, value: ast.expr, frame: Axes) -> ast.expr:
        name = {"Truncated": "truncated_log_prob", "Censored": "censored_log_prob", "ZeroInflated": "zero_inflated_log_prob",
                "BetaBinomial": "beta_binomial_log_prob"}[distribution.family]  # fmt: skip
        self.expressions.uses.add(name)
        if distribution.family == "BetaBinomial":
            return py.call(name, *self.beta_binomial(distribution, frame), value)
        if distribution.family == "ZeroInflated":
            return py.call(name, *self.inflated(distribution, frame), value)
        return py.call(name, *self.bounded(distribution, frame), value)

    def beta_binomial(self, distribution: Dist, frame: Axes) -> list[ast.expr]:
        """n, a and b."""
        return [self._argument(distribution, k, frame) for k in ("n", "a", "b")]

    def inflated(self, distribution: Dist, frame: Axes) -> tuple[ast.expr, ast.expr]:
        """The share of zeros and the distribution of the others."""
        arguments = dict(distribution.arguments)
        base = arguments["base"]
        assert isinstance(base, Dist)
        return self._argument(distribution, "p", frame), self.dist(base, frame)

    def bounded(self, distribution: Dist, frame: Axes) -> list[ast.expr]:
        """The distribution inside and its two bounds."""
        arguments = dict(distribution.arguments)
        base = arguments["base"]
        assert isinstance(base, Dist)
        bounds = [
            self._argument(distribution, k, frame) if k in arguments else py.constant(limit)
            for k, limit in (("lower", float("-inf")), ("upper", float("inf")))
        ]
        return [self.dist(base, frame), *bounds]

    def _argument(self, distribution: Dist, name: str, frame: Axes) -> ast.expr:
        """An argument of one number."""
        argument = dict(distribution.arguments)[name]
        assert not isinstance(argument, Dist)
        parameter = next(p for p in FAMILIES[distribution.family].variants[distribution.variant] if p.name == name)
        return self._number_of(argument, frame, parameter)

    # ---- distribution objects

    def dist(self, distribution: Dist, frame: Axes) -> ast.expr:
        """A torch distribution whose batch axes are (a broadcast of) the frame without its event axes."""
        family = FAMILIES[distribution.family]
        if distribution.family == "Mixture":
            return self._mixture(distribution, frame)
        special = _SPECIAL.get(distribution.family)
        if not family.torch and special is None:
            raise to_come(f"`{distribution.family}`", distribution.span)
        batch = frame[: len(frame) - len(distribution.event)]
        parameters = {p.name: p for p in family.variants[distribution.variant]}
        positional: list[ast.expr] = []
        keywords: dict[str, ast.expr] = {}
        for name, argument in distribution.arguments:
            assert not isinstance(argument, Dist)
            parameter = parameters[name]
            if parameter.event == 0:
                node = self._number_of(argument, batch, parameter)
            elif parameter.event == 1:
                node = self._vector(argument, batch, distribution, parameter)
            else:
                node = self._matrix(argument, batch, parameter)
            if special:
                positional.append(node)
            else:
                keywords[parameter.torch] = node
        if distribution.family == "NegativeBinomial" and distribution.variant == 1:
            # torch counts successes, we failures before the n-th success
            n, p = positional
            return py.call("dist.NegativeBinomial", total_count=n, probs=py.binary("sub", py.constant(1.0), p))
        if special:
            self.expressions.uses.add(special)
            if distribution.family == "LKJ":
                positional.append(self.expressions.size(distribution.event[-1]))
            return py.call(special, *positional)
        short = "dist." + family.torch.removeprefix("torch.distributions.")
        names = [p.torch for p in family.variants[distribution.variant]]
        if distribution.variant == 0 and list(keywords) == names and names in _IN_ORDER:
            return py.call(short, *keywords.values())
        return py.call(short, **keywords)

    def _number_of(self, argument: Expr, batch: Axes, parameter: Parameter) -> ast.expr:
        value = self._masked_argument(self.expressions.number(argument, batch), parameter, argument, ())
        return self.expressions.align(value, batch)

    def _vector(self, argument: Expr, batch: Axes, distribution: Dist, parameter: Parameter) -> ast.expr:
        """A vector argument: its own axis last; a plain number is repeated along the event axis."""
        extra = [a for a in argument.axes if a not in batch]
        if not extra:
            self.expressions.uses.add("over")
            number = replace(parameter, event=0)
            return py.call(
                "over", self._number_of(argument, batch, number), self.expressions.size(distribution.event[-1])
            )
        axis = extra[0]
        value = self.expressions.number(argument, (*batch, axis))
        value = self._masked_argument(value, parameter, argument, (axis,))
        return self.expressions.align(value, (*batch, axis))

    def _matrix(self, argument: Expr, batch: Axes, parameter: Parameter) -> ast.expr:
        axes = tuple(a for a in argument.axes if a not in batch)
        value = self.expressions.number(argument, (*batch, *axes))
        value = self._masked_argument(value, parameter, argument, axes)
        return self.expressions.align(value, (*batch, *axes))

    def _mixture(self, distribution: Dist, frame: Axes) -> ast.expr:
        arguments = dict(distribution.arguments)
        share, base = arguments["p"], arguments["base"]
        assert isinstance(base, Dist)
        assert not isinstance(share, Dist)
        batch = frame[: len(frame) - len(base.event)]
        axis = next(a for a in share.axes if a not in frame)
        weights = self.expressions.align(self.expressions.number(share, (*batch, axis)), (*batch, axis))
        inner = self.dist(base, (*batch, axis, *base.event))
        return py.call("dist.MixtureSameFamily", py.call("dist.Categorical", probs=weights), inner)

    # ---- tables

    def _table_name(self, conditional: Conditional) -> ast.expr:
        """Tables are numbered in the order in which they stand in a conditional."""
        self.table_number += 1
        suffix = "" if self.table_number == 1 else str(self.table_number)
        return py.name(self.expressions.names[f"{conditional.target}.table{suffix}"])

    def table(self, distribution: TableDist, conditional: Conditional, frame: Axes) -> ast.expr:
        """``dist.Categorical(table[parent, parent])``, its batch axes along the frame."""
        table = self._table_name(conditional)
        codes = [self._element_of(by, frame) for by in distribution.by]
        values = [self.expressions.emit(parent, frame) for parent in distribution.parents]
        codes += [self.expressions.to_frame(v.node, v.axes, frame) for v in values]
        if not codes:
            return py.call("dist.Categorical", table)
        picks = [self.expressions.align(code, frame) for code in codes]
        self.expressions.uses.add("take")
        rows = py.call("take", table, *picks, own=py.constant(len(frame)), rest=py.constant(1))
        return py.call("dist.Categorical", rows)

    def _element_of(self, by: str, frame: Axes) -> Emitted:
        """The element of a plate that each element of the frame is in."""
        if by in frame:
            return Emitted(py.call("torch.arange", self.expressions.size(by)), (by,))
        inner = next((f for f in frame if f in self.model.plate_by_name and by in self.model.enclosing(f)), None)
        if inner is None:
            raise to_come(f"a table by `{by}` outside of it", None)
        return Emitted(self.expressions.layout.parent(by, inner), (inner,))


def _is_kept(argument: Expr, parameter: Parameter) -> bool:
    """Whether an argument is in its support whether its branch is taken or not: a variable is in its own, and what is
    safe for ``exp`` and ``sqrt`` makes them positive."""
    if isinstance(argument, Apply) and argument.function in FUNCTIONS:
        row = FUNCTIONS[argument.function]
        return row.safe is not None and row.result == parameter.support == "positive"
    is_own = argument.type.kind in (parameter.support, "simplex")
    return isinstance(argument, Ref) and not argument.lag and is_own and parameter.support in ("positive", "unit")


def with_labels_picked(model: Model) -> Model:
    """The model with the definitions that labels are picked through written out at the labels: of ``q[k] = phi[z]`` and
    ``w ~ Categorical(q)`` a program reads ``phi[z, w]`` and lays out no q."""
    if not model.definitions:
        return model
    inside = without_definitions(model).conditional_of

    def chosen(factor: Factor) -> Factor:
        if not isinstance(factor, Conditional) or not isinstance(factor.distribution, Dist):
            return factor
        named = dict(factor.distribution.arguments).get("p")
        other = inside[factor.target].distribution
        if factor.distribution.family != "Categorical" or not isinstance(named, Ref | Choose | Rename):
            return factor
        written = dict(other.arguments).get("p") if isinstance(other, Dist) else None
        if written is None or isinstance(written, Dist) or set(written.axes) != set(named.axes):
            return factor
        variable = model.by_name[factor.target]
        axis = next(
            (a for a in named.axes if variable.type.axis and model.root_axis(a) == variable.type.axis), None
        )
        target = Ref(variable.type, variable.axes, None, factor.target)
        if axis is None or _pick(written, axis, target, model) is None:
            return factor
        return replace(factor, distribution=other)

    return replace(model, factors=tuple(map(chosen, model.factors)))


def _pick(expr: Expr, axis: str, target: Ref, model: Model) -> Expr | None:
    """A simplex at the target's label, or None where it is not known to be normalised."""
    rest = tuple(a for a in expr.axes if a != axis)
    match expr:
        case Ref(type=type_, index=index, name=name) if (
            type_.kind == "simplex" and model.by_name[name].role != "derived" and axis in expr.axes
        ):
            return replace(expr, axes=rest, type=UNIT, index=(*index, (axis, target)))
        case Choose(then=then, otherwise=otherwise):
            a, b = _pick(then, axis, target, model), _pick(otherwise, axis, target, model)
            return replace(expr, axes=rest, type=UNIT, then=a, otherwise=b) if a and b else None
        case Rename(body=body, old=old, new=new) if new == axis:
            return _pick(body, old, target, model)
        case _:
            return None
