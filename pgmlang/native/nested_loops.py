"""Loops of reductions, told apart from those over the same axis that they come to stand in.

`(x - mean(x, over = day))` of each day and predictor sums over the days of a predictor, which varies along no day; it is worked out in the
innermost loop that it does vary along, and that one may stand in the loop over days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pgmlang.native.factor_terms import FactorTerm
from pgmlang.native.scalars import Loop, Scalar, ScalarGraph, walk
from pgmlang.native.stages import AnyStage, Stage
from pgmlang.native.words import REDUCTIONS


@dataclass
class NestedLoops:
    """Rewrites what is worked out in nests of loops, so that no loop stands in itself."""

    graph: ScalarGraph
    rewritten: dict[tuple[int, tuple[Loop, ...]], Scalar] = field(default_factory=dict)

    def term(self, term: FactorTerm) -> FactorTerm:
        return replace(term, value=self._within(term.value, term.loops))

    def stages(self, stages: Iterable[AnyStage]) -> list[AnyStage]:
        return [self._stage(s) if isinstance(s, Stage) else s for s in stages]

    def _stage(self, stage: Stage) -> Stage:
        beside = tuple((array, self._within(value, stage.loops)) for array, value in stage.beside)
        return replace(stage, value=self._within(stage.value, stage.loops), beside=beside)

    def _within(self, node: Scalar, nest: tuple[Loop, ...]) -> Scalar:
        """A scalar that is worked out in a nest of loops: in the innermost that it varies along."""
        if not node.args:
            return node
        around = nest[: max((i + 1 for i, loop in enumerate(nest) if loop in node.loops), default=0)]
        key = id(node), around
        if key not in self.rewritten:
            payload, inside = node.payload, around
            args = node.args
            if node.op in REDUCTIONS:
                if payload in around:
                    payload = self._apart(node, around)
                    args = (self._renamed(args[0], node.payload, payload),)
                inside = (*around, payload)
            args = tuple(self._within(a, inside) for a in args)
            same = payload is node.payload and all(a is b for a, b in zip(args, node.args, strict=True))
            other = node if same else self.graph.make(node.op, *args, payload=payload)
            self.rewritten[key] = self.graph.like(node, other)
        return self.rewritten[key]

    def _apart(self, node: Scalar, around: tuple[Loop, ...]) -> Loop:
        """A loop over the axis of a reduction that neither what is around nor what is inside of it knows."""
        inside = {s.payload for s in walk(node) if s.op == "loop" or s.op in REDUCTIONS}
        axis = node.payload.axis
        return Loop(axis, 1 + max(loop.depth for loop in inside.union(around) if loop.axis == axis))

    def _renamed(self, value: Scalar, old: Loop, new: Loop) -> Scalar:
        """A scalar along another loop."""
        done: dict[int, Scalar] = {}

        def of(node: Scalar) -> Scalar:
            if old not in node.loops:
                return node
            if id(node) not in done:
                made = (
                    self.graph.make("loop", payload=new)
                    if node.op == "loop"
                    else self.graph.make(node.op, *map(of, node.args), payload=node.payload)
                )
                done[id(node)] = self.graph.like(node, made)
            return done[id(node)]

        return of(value)
