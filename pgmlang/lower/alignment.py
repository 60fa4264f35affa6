"""Emitted values along a place's axes, and masked where the branch that they stand in is not taken."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pgmlang.lower import pyast as py
from pgmlang.lower.emitted import Axes, Emitted, as_tensor, is_number
from pgmlang.lower.layout_calls import LayoutCalls
from pgmlang.lower.names import Names
from pgmlang.model import Model


@dataclass
class Alignment:
    """How values of one model lie along the axes of a frame. ``uses`` collects the runtime functions needed, ``layout`` what
    it must answer; ``taken``: where the branch of an ``if`` that is being emitted is taken, None outside of any."""

    model: Model
    names: Names
    uses: set[str] = field(default_factory=set)
    layout: LayoutCalls = field(default_factory=LayoutCalls)
    taken: Emitted | None = None

    def array_axes(self, name: str) -> Axes:
        """Own axes of a variable's array: plates, then event axes."""
        return self.model.array_axes(self.model.by_name[name])

    def size(self, axis: str) -> ast.expr:
        """The size of an axis: a number, or asked of the layout."""
        known = self.model.axis_size(axis)
        return self.layout.size(self.model.root_axis(axis)) if known is None else py.constant(known)

    def align(self, value: Emitted, frame: Axes) -> ast.expr:
        """The value with ``None`` for every frame axis it lacks, so that chain axes stay in front; numbers stay numbers."""
        if value.axes == frame or is_number(value.node):
            return value.node
        parts: list[ast.expr] = [ast.Constant(...)]
        parts += [ast.Slice() if a in value.axes else ast.Constant(None) for a in frame]
        return py.item(value.node, *parts)

    def spread(self, value: Emitted, frame: Axes) -> Emitted:
        """The value along every axis of the frame, repeated along those it does not vary over (as a view)."""
        missing = tuple(a for a in frame if a not in value.axes)
        wide = self.repeated(value, missing)
        return Emitted(self.ordered(wide, frame), frame)

    def repeated(self, value: Emitted, axes: Axes) -> Emitted:
        """A number along further axes."""
        node = value.node
        for axis in axes:
            self.uses.add("over")
            node = py.call("over", node, self.size(axis))
        return Emitted(node, (*value.axes, *axes))

    def tensor(self, number: ast.expr) -> ast.expr:
        """A plain number as a tensor of the default dtype."""
        self.uses.add("real")
        return py.call("real", number)

    def ordered(self, value: Emitted, axes: Axes) -> ast.expr:
        """The value with exactly these axes, permuted where they stand in another order."""
        if value.axes == axes:
            return value.node
        source = [value.axes.index(a) - len(value.axes) for a in axes]
        target = list(range(-len(axes), 0))
        if source == target:
            return value.node
        return py.call(
            "torch.movedim",
            value.node,
            py.tuple_of(*map(py.constant, source)),
            py.tuple_of(*map(py.constant, target)),
        )

    def to_frame(self, node: ast.expr, node_axes: Axes, frame: Axes) -> Emitted:
        axes = tuple(a for a in frame if a in node_axes)
        return Emitted(self.ordered(Emitted(node, node_axes), axes), axes)

    def gathered(self, node: ast.expr, node_axes: Axes, frame: Axes) -> tuple[ast.expr, Axes]:
        """A value of outer elements at the rows of the frame's plates, and its axes."""
        for axis, inner in self.members_of(node_axes, frame, {}):
            dim = py.constant(node_axes.index(axis) - len(node_axes))
            node = py.method(node, "index_select", dim, self.layout.parent(axis, inner))
            node_axes = tuple(inner if a == axis else a for a in node_axes)
        return node, node_axes

    def members_of(self, axes: Axes, frame: Axes, indexed: Collection[str]) -> list[tuple[str, str]]:
        """Outer plates of a value, each with the plate of the frame whose rows belong to its elements."""
        out = []
        for axis in axes:
            if axis in frame or axis in indexed or axis not in self.model.plate_by_name:
                continue
            inner = next(
                (f for f in frame if f in self.model.plate_by_name and axis in self.model.enclosing(f)), None
            )
            if inner is not None:
                out.append((axis, inner))
        return out

    # ---- branches

    @contextmanager
    def branch(self, test: Emitted, is_then: bool = True) -> Iterator[None]:
        """What is emitted inside is looked at only where the test holds (where it does not, without ``is_then``).

        A value that is thrown away still has a gradient, zero times the derivative of each function behind it, which is
        no number where that is infinite. So inputs of partial functions are replaced *before* they are applied."""
        taken_here, outer = test, self.taken
        if not is_then:
            taken_here = Emitted(py.call("torch.logical_not", as_tensor(test.node)), test.axes)
        if outer is not None:
            axes = tuple(dict.fromkeys((*outer.axes, *taken_here.axes)))
            both = [self.align(self.to_frame(t.node, t.axes, axes), axes) for t in (outer, taken_here)]
            taken_here = Emitted(py.binary("and", *both), axes)
        self.taken = taken_here
        try:
            yield
        finally:
            self.taken = outer

    def masked(self, value: Emitted, safe: ast.expr) -> Emitted:
        """The value where the branch is taken (by any element that looks at it), and elsewhere a safe one."""
        if self.taken is None or is_number(value.node):
            return value
        test, test_axes = self.gathered(self.taken.node, self.taken.axes, value.axes)
        unseen = [i - len(test_axes) for i, a in enumerate(test_axes) if a not in value.axes]
        if unseen:
            test = py.method(test, "any", py.tuple_of(*map(py.constant, unseen)))
            test_axes = tuple(a for a in test_axes if a in value.axes)
        aligned = self.align(self.to_frame(test, test_axes, value.axes), value.axes)
        return Emitted(py.call("torch.where", as_tensor(aligned), value.node, safe), value.axes)

    @contextmanager
    def renamed(self, old: str, new: str) -> Iterator[None]:
        """Inside a Rename the branch's test has its axis by the inner name."""
        outer = self.taken
        if outer is not None:
            swap = {new: old, old: new}
            self.taken = Emitted(outer.node, tuple(swap.get(a, a) for a in outer.axes))
        try:
            yield
        finally:
            self.taken = outer
