"""Distributions as torch syntax, and the log-probability of a factor's target under them."""

from __future__ import annotations

import ast

from pgmlang.lower import pyast as py
from pgmlang.lower.expressions import Axes, Emitted, Expressions, to_come
from pgmlang.model import Choice, Conditional, Density, Dist, Distribution, Model, TableDist
from pgmlang.model.expr import Expr
from pgmlang.signatures.distributions import FAMILIES

_SPECIAL = {"Logistic": "Logistic", "NegativeBinomial": "NegativeBinomial2", "OrderedLogistic": "ordered_logistic"}


class Distributions:
    """Emits the distributions of one model's conditionals. ``tables`` maps a table's parameter to its identifier."""

    def __init__(self, model: Model, expressions: Expressions) -> None:
        self.model = model
        self.expressions = expressions
        self.table_number = 0

    def frame_of(self, conditional: Conditional) -> Axes:
        """Array axes of the target."""
        return self.expressions.array_axes(conditional.target)

    def log_prob(self, conditional: Conditional) -> ast.expr:
        """The summed log-probability of the target; leading chain axes are left."""
        self.table_number = 0
        frame = self.frame_of(conditional)
        value = py.name(self.expressions.names[conditional.target])
        node, batch = self._log_prob(conditional.distribution, conditional, value, frame)
        dims = tuple(range(-len(batch), 0))
        return py.method(node, "sum", py.tuple_of(*map(py.constant, dims))) if dims else node

    def _log_prob(
        self, distribution: Distribution, conditional: Conditional, value: ast.expr, frame: Axes
    ) -> tuple[ast.expr, Axes]:
        match distribution:
            case Choice(condition=condition, then=then, otherwise=otherwise):
                a, batch = self._log_prob(then, conditional, value, frame)
                b, _ = self._log_prob(otherwise, conditional, value, frame)
                test = self.expressions.align(self.expressions.emit(condition, frame), frame[: len(batch)])
                return py.call("torch.where", test, a, b), batch
            case Dist(family="Flat"):
                self.expressions.uses.add("real")
                return py.binary("mul", py.call("real", value), py.constant(0.0)), frame
            case Dist(family="Truncated" | "Censored" | "ZeroInflated" | "BetaBinomial"):
                return self._special(distribution, value, frame), frame
            case Dist():
                built = self.dist(distribution, frame)
                batch = frame[: len(frame) - len(distribution.event)]
                return py.method(built, "log_prob", self._drawn(distribution, value)), batch
            case TableDist():
                return py.method(self.table(distribution, conditional, frame), "log_prob", value), frame
            case Density():
                raise to_come(f"`{distribution.family}`", distribution.span)

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
        arguments = dict(distribution.arguments)
        if distribution.family == "BetaBinomial":
            return py.call(name, *(self._argument(arguments[k], frame) for k in ("n", "a", "b")), value)
        base = arguments["base"]
        assert isinstance(base, Dist)
        inner = self.dist(base, frame)
        if distribution.family == "ZeroInflated":
            return py.call(name, self._argument(arguments["p"], frame), inner, value)
        bounds = [
            self._argument(arguments[k], frame) if k in arguments else py.constant(limit)
            for k, limit in (("lower", float("-inf")), ("upper", float("inf")))
        ]
        return py.call(name, inner, *bounds, value)

    def _argument(self, argument: Expr | Dist, frame: Axes) -> ast.expr:
        assert not isinstance(argument, Dist)
        return self.expressions.align(self.expressions.number(argument, frame), frame)

    # ---- distribution objects

    def dist(self, distribution: Dist, frame: Axes) -> ast.expr:
        """A torch distribution whose batch axes are (a broadcast of) the frame without its event axes."""
        family = FAMILIES[distribution.family]
        if distribution.family == "Mixture":
            return self._mixture(distribution, frame)
        special = _SPECIAL.get(distribution.family)
        if distribution.family == "NegativeBinomial" and distribution.variant == 1:
            raise to_come("NegativeBinomial(n, p)", distribution.span)
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
                node = self._number_of(argument, batch)
            elif parameter.event == 1:
                node = self._vector(argument, frame, batch, distribution)
            else:
                node = self._matrix(argument, frame, batch)
            if special:
                positional.append(node)
            else:
                keywords[parameter.torch] = node
        if special:
            self.expressions.uses.add(special)
            return py.call(special, *positional)
        short = "dist." + family.torch.removeprefix("torch.distributions.")
        names = [p.torch for p in family.variants[distribution.variant]]
        if distribution.variant == 0 and list(keywords) == names and len(names) <= 2 and not family.discrete:
            return py.call(short, *keywords.values())
        return py.call(short, **keywords)

    def _number_of(self, argument: Expr, batch: Axes) -> ast.expr:
        return self.expressions.align(self.expressions.number(argument, batch), batch)

    def _vector(self, argument: Expr, frame: Axes, batch: Axes, distribution: Dist) -> ast.expr:
        """A vector argument: its own axis last; a plain number is repeated along the event axis."""
        extra = [a for a in argument.axes if a not in batch]
        if not extra:
            self.expressions.uses.add("over")
            return py.call("over", self._number_of(argument, batch), self.expressions.size(distribution.event[-1]))
        axis = extra[0]
        value = self.expressions.number(argument, (*batch, axis))
        return self.expressions.align(value, (*batch, axis))

    def _matrix(self, argument: Expr, frame: Axes, batch: Axes) -> ast.expr:
        axes = tuple(a for a in argument.axes if a not in batch)
        value = self.expressions.number(argument, (*batch, *axes))
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

    def table(self, distribution: TableDist, conditional: Conditional, frame: Axes) -> ast.expr:
        """``dist.Categorical(table[parent, parent])``; the target's codes are along the frame."""
        self.table_number += 1
        suffix = "" if self.table_number == 1 else str(self.table_number)
        table = py.name(self.expressions.names[f"{conditional.target}.table{suffix}"])
        indices: list[ast.expr] = []
        for by in distribution.by:
            indices.append(self._by(by, frame))
        for parent in distribution.parents:
            value = self.expressions.emit(parent, frame)
            index = self.expressions.align(value, frame)
            indices.append(py.method(index, "long") if parent.name in self.model.definition_of else index)
        picked = py.item(table, *indices) if indices else table
        return py.call("dist.Categorical", picked)

    def _by(self, by: str, frame: Axes) -> ast.expr:
        if by in frame:
            index = py.call("torch.arange", self.expressions.size(by))
            return self.expressions.align(Emitted(index, (by,)), frame)
        inner = next((f for f in frame if f in self.model.plate_by_name and by in self.model.enclosing(f)), None)
        if inner is None:
            raise to_come(f"a table by `{by}` outside of it", None)
        key = f"{by}_of_{inner}"
        self.expressions.indices[key] = f"the {by} of each {inner}"
        return self.expressions.align(Emitted(py.entry("data", key), (inner,)), frame)
