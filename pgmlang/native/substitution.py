"""Scalars with some of their pieces replaced."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from pgmlang.native.prepared import Preparation, is_costly
from pgmlang.native.scalars import Array, Loop, Scalar, ScalarGraph, walk
from pgmlang.native.stages import Stage


@dataclass
class Replacement:
    """Rewrites scalars: ``new`` says what stands for a scalar, None where it is only rewritten within."""

    graph: ScalarGraph
    new: Callable[[Scalar], Scalar | None]
    known: dict[int, Scalar] = field(default_factory=dict)

    def scalar(self, node: Scalar) -> Scalar:
        """The scalar, its pieces replaced."""
        if id(node) not in self.known:
            new = self.new(node)
            if new is None:
                made = self.graph.make(node.op, *map(self.scalar, node.args), payload=node.payload)
                new = self.graph.like(node, made)
            self.known[id(node)] = new
        return self.known[id(node)]


@dataclass
class TakenOut:
    """Costly pieces read from arrays: those of data alone, by ``preparation``, and those along few loops, which are filled once a sweep.
    ``drawn``: variables that none of these may hang on."""

    preparation: Preparation
    drawn: Collection[str]
    stages: dict[int, Stage] = field(default_factory=dict)

    def piece(self, node: Scalar, held: Collection[Loop], element: Collection[Loop]) -> Scalar | None:
        """What reads the array of a piece; None where it is none: cheap, along the ``element`` that is drawn, or, where it is not of data
        alone, along loops whose places are ``held``."""
        if node.loops & set(element) or not is_costly(node):
            return None
        if not node.varies:
            return self.preparation.scalar(node) if node.loops else None
        if node.loops & set(held) or not self._is_still(node):
            return None
        loops = tuple(sorted(node.loops, key=lambda loop: (loop.depth, loop.axis)))
        graph = self.preparation.graph
        if id(node) not in self.stages:
            axes = tuple(loop.axis for loop in loops)
            array = Array("computed", (f"of_sweep_{len(self.stages) + 1}",), axes, False, True)
            self.stages[id(node)] = Stage(array, loops, node, None)
        return graph.load(self.stages[id(node)].array, [graph.make("loop", payload=loop) for loop in loops])

    def _is_still(self, node: Scalar) -> bool:
        return not any(s.op == "load" and s.payload.of[0] in self.drawn for s in walk(node))
