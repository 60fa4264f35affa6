"""What hangs on data alone, taken out of terms: worked out once, before any density."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pgmlang.native.factor_terms import FactorTerm
from pgmlang.native.scalars import Array, Scalar, ScalarGraph, walk
from pgmlang.native.stages import AnyStage, Stage
from pgmlang.native.words import REDUCTIONS

CHEAP = frozenset({"number", "loop", "size", "load", "add", "sub", "mul", "neg", "real", "square"})
"""What costs no more than reading it from an array would."""


@dataclass
class Preparation:
    """Rewrites scalars. ``stages``: arrays of what was taken out."""

    graph: ScalarGraph
    stages: list[Stage] = field(default_factory=list)
    rewritten: dict[int, Scalar] = field(default_factory=dict)

    def term(self, term: FactorTerm) -> FactorTerm:
        return replace(term, value=self.scalar(term.value))

    def stage(self, stage: AnyStage) -> AnyStage:
        if isinstance(stage, Stage) and stage.array.varies:
            beside = tuple((array, self.scalar(value)) for array, value in stage.beside)
            return replace(stage, value=self.scalar(stage.value), beside=beside)
        return stage

    def scalar(self, node: Scalar) -> Scalar:
        """The scalar with its largest costly pieces of data alone read from arrays."""
        if id(node) not in self.rewritten:
            self.rewritten[id(node)] = self._rewritten(node)
        return self.rewritten[id(node)]

    def _rewritten(self, node: Scalar) -> Scalar:
        if node.op == "load" and not any(a.varies for a in node.args):
            return node  # where it is read is a whole number
        if node.varies:
            return self.graph.like(
                node, self.graph.make(node.op, *map(self.scalar, node.args), payload=node.payload)
            )
        if (node.loops or _has_sum(node)) and is_costly(node):
            loops = tuple(sorted(node.loops, key=lambda loop: (loop.depth, loop.axis)))
            array = Array("computed", (f"of_data_{len(self.stages) + 1}",), tuple(loop.axis for loop in loops))
            self.stages.append(Stage(array, loops, node, None))
            return self.graph.load(array, [self.graph.make("loop", payload=loop) for loop in loops])
        return node


def is_costly(node: Scalar) -> bool:
    """Whether working a scalar out costs more than reading it."""
    return any(scalar.op not in CHEAP for scalar in walk(node))


def _has_sum(node: Scalar) -> bool:
    return any(scalar.op in REDUCTIONS for scalar in walk(node))
