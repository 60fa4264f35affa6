"""Distributions as Pyro says them: its own classes, else the program's objects with Pyro's methods."""

from __future__ import annotations

import ast

from pgmlang.families import FAMILIES
from pgmlang.lower import pyast as py
from pgmlang.lower.distributions import DistributionEmitter
from pgmlang.lower.expressions import Axes
from pgmlang.model import Dist


class PyroDistributions(DistributionEmitter):
    """As the base, for ``dist`` being ``pyro.distributions``."""

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
