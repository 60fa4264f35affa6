"""What varies along the inner loops of a nest alone, taken out of it: worked out once for each element of its own, into an array.

In the density of a mixture, the logarithms of the weights do not vary along the rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pgmlang.native.factor_terms import FactorTerm
from pgmlang.native.prepared import is_costly
from pgmlang.native.scalars import Array, Loop, Scalar, ScalarGraph
from pgmlang.native.stages import AnyStage, Stage
from pgmlang.native.words import REDUCTIONS


@dataclass
class Hoisting:
    """Rewrites stages and terms in the order in which they are worked out; ``stages``: those of each before it."""

    graph: ScalarGraph
    stages: list[AnyStage] = field(default_factory=list)
    taken: dict[int, Scalar] = field(default_factory=dict)
    rewritten: dict[tuple[int, tuple[Loop, ...]], Scalar] = field(default_factory=dict)

    def all(
        self, stages: Iterable[AnyStage], terms: Iterable[FactorTerm]
    ) -> tuple[list[AnyStage], list[FactorTerm]]:
        """All stages, with those taken out among them, and the terms."""
        for stage in stages:
            if isinstance(stage, Stage) and not stage.looks_back:
                value = self._within(stage.value, stage.loops)
                self.stages.append(replace(stage, value=value))
            else:
                self.stages.append(stage)
        rewritten = [replace(t, value=self._within(t.value, t.loops)) for t in terms]
        return self.stages, rewritten

    def _within(self, node: Scalar, nest: tuple[Loop, ...]) -> Scalar:
        """A scalar that is worked out in a nest of loops."""
        if not node.varies or not node.args:
            return node
        depth = max((i + 1 for i, loop in enumerate(nest) if loop in node.loops), default=0)
        around = nest[:depth]
        if node.loops != frozenset(around) and is_costly(node):
            return self._out(node, tuple(loop for loop in around if loop in node.loops))
        if node.op == "div" and node.args[1].varies and node.args[1].loops < node.loops:
            return self._within(self._times_reciprocal(node), nest)
        key = id(node), around
        if key not in self.rewritten:
            inner = (*around, node.payload) if node.op in REDUCTIONS else around
            args = tuple(self._within(a, inner) for a in node.args)
            same = all(a is b for a, b in zip(args, node.args, strict=True))
            other = node if same else self.graph.make(node.op, *args, payload=node.payload)
            self.rewritten[key] = self.graph.like(node, other)
        return self.rewritten[key]

    def _times_reciprocal(self, node: Scalar) -> Scalar:
        """A quotient whose denominator varies along fewer loops, as a product with what is worked out in these."""
        over, under = node.args
        reciprocal = self.graph.hint(self.graph.make("div", self.graph.number(1.0), under), "reciprocal")
        if id(node) in self.graph.guarded:
            self.graph.guard(reciprocal)
        return self.graph.like(node, self.graph.make("mul", over, reciprocal))

    def _out(self, node: Scalar, loops: tuple[Loop, ...]) -> Scalar:
        if id(node) not in self.taken:
            value = self._within(node, loops)
            axes = tuple(loop.axis for loop in loops)
            name = f"{self.graph.hints.get(id(node), node.op)}_by_{'_'.join(axes)}_{len(self.taken) + 1}"
            array = Array("computed", (name,), axes, node.is_active, True)
            self.stages.append(Stage(array, loops, value, None))
            self.taken[id(node)] = self.graph.load(array, [self.graph.make("loop", payload=a) for a in loops])
        return self.taken[id(node)]
