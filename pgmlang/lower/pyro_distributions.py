"""Distributions as Pyro says them, where it has a class of its own for what torch lacks."""

from __future__ import annotations

import ast
from collections.abc import Callable

from pgmlang.families import FAMILIES
from pgmlang.lower import pyast as py
from pgmlang.lower.distributions import Distributions
from pgmlang.lower.expressions import Axes, to_come
from pgmlang.model import Choice, Conditional, Dist, Distribution, TableDist

ShapeOf = Callable[[Axes], ast.expr]
"""The shape of some axes, as syntax."""


class PyroDistributions(Distributions):
    """As the base, for ``dist`` being ``pyro.distributions``. Raises PGM0601 for what Pyro has no class for."""

    def site(
        self, distribution: Distribution, conditional: Conditional, frame: Axes, shape_of: ShapeOf
    ) -> tuple[ast.expr, Axes]:
        """The distribution of a sample statement, laid out over the whole batch, and its batch axes."""
        match distribution:
            case Choice(condition=condition, then=then, otherwise=otherwise):
                a, batch = self.site(then, conditional, frame, shape_of)
                b, _ = self.site(otherwise, conditional, frame, shape_of)
                test = self.expressions.align(self.expressions.truth(condition, frame), frame[: len(batch)])
                if batch:
                    test = py.call("torch.broadcast_to", test, shape_of(batch))
                return py.call("dist.MaskedMixture", test, b, a), batch
            case TableDist():
                return _wide(self.table(distribution, conditional, frame), frame, shape_of), frame
            case Dist() if FAMILIES[distribution.family].improper:
                nothing = py.call("torch.Size")
                shape = shape_of(frame) if frame else nothing
                return py.call("dist.ImproperUniform", py.name("constraints.real"), shape, nothing), frame
            case Dist():
                batch = frame[: len(frame) - len(distribution.event)]
                return _wide(self.dist(distribution, frame), batch, shape_of), batch
            case _:
                raise to_come("this distribution in Pyro", conditional.span)

    def dist(self, distribution: Dist, frame: Axes, *, is_base: bool = False) -> ast.expr:
        """Pyro's own class where it has one, else the program's object with Pyro's methods."""
        family = FAMILIES[distribution.family]
        if is_base:
            return super().dist(distribution, frame, is_base=True)
        if not family.pyro:
            self.expressions.uses.add("in_pyro")
            return py.call("in_pyro", super().dist(distribution, frame))
        text, arguments = family.pyro[distribution.variant], self.arguments_of(distribution, frame)
        if text not in (*family.torch, *(f.draw for f in family.formulas)) or text.count("(") > 1:
            # torch's classes take plain numbers, Pyro's and functions want tensors
            self.expressions.uses.add("real")
            arguments = {name: py.call("real", node) for name, node in arguments.items()}
        return self.template(text, arguments)


def _wide(built: ast.expr, batch: Axes, shape_of: ShapeOf) -> ast.expr:
    return py.method(built, "expand", shape_of(batch)) if batch else built
