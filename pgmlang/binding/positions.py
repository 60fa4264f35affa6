"""Positions that are indices: an axis has an element at each of them."""

from __future__ import annotations

from pgmlang.binding.problems import BindingProblems
from pgmlang.diagnostics import Diagnostic
from pgmlang.layout import Layout
from pgmlang.model import Model
from pgmlang.model.expr import Element, Ref, walk


def check_positions(model: Model, layout: Layout, problems: BindingProblems) -> None:
    """PGM0209 for ``effect[position(day)]`` where a sequence of days is longer than the axis of effects."""
    seen: set[tuple[str, str]] = set()
    for item in (*model.factors, *model.definitions):
        for expr in model.expressions(item):
            for node in walk(expr):
                for axis, index in node.index if isinstance(node, Ref) else ():
                    if not isinstance(index, Element) or model.root_axis(index.axis) == model.root_axis(axis):
                        continue
                    positions = layout.positions(index.axis)
                    most, size = int(positions.max(initial=-1)) + 1, layout.size(axis)
                    if most > size and (axis, index.axis) not in seen:
                        seen.add((axis, index.axis))
                        problems.errors.append(
                            Diagnostic(
                                "PGM0209", f"`{index.axis}` has {most:,} positions in the data, and `{axis}` only {size:,} elements",
                                index.span, help=f"give `{axis}` {most:,}, as in `dim {axis}[{most}]`",
                            )
                        )  # fmt: skip
