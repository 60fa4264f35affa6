"""How large expressions are once every name in them is written out: what a text of some lines may grow to."""

from __future__ import annotations

import itertools
import math

from pgmlang.diagnostics import Diagnostic
from pgmlang.model import Model
from pgmlang.model.expr import Expr, Ref, children
from pgmlang.sema.limits import MAX_SIZE

MOST_NODES = 50_000
"""Operations that an expression may consist of once everything is written out: tables, conditionals and linear forms are
read from it so."""


class Sizes:
    """Operations of expressions as trees; what they share is looked at once, so that this takes time as their texts do.
    ``names``: those of the deterministic names met so far, by which a reference counts."""

    def __init__(self, names: dict[str, int] | None = None) -> None:
        self.names = names if names is not None else {}
        self._known: dict[int, tuple[Expr, int]] = {}

    def of(self, value: Expr) -> int:
        """The number of operations and names of an expression."""
        work = [value]
        while work:
            node = work[-1]
            inner = [c for c in children(node) if id(c) not in self._known]
            if inner and id(node) not in self._known:
                work += inner
                continue
            work.pop()
            if id(node) not in self._known:
                size = self.names.get(node.name, 1) if isinstance(node, Ref) and not node.lag else 1
                # the node is kept, so that no other one takes its number
                self._known[id(node)] = node, size + sum(self._known[id(c)][1] for c in children(node))
        return self._known[id(value)][1]


def too_many_elements(model: Model) -> list[Diagnostic]:
    """PGM0311 for variables whose axes, where the text gives their sizes, come to more elements than are read."""
    problems = []
    for variable in model.variables:
        axes = (*model.batch_axes(variable.plates), *variable.axes)
        count = math.prod(model.axis_size(a) or 1 for a in axes)
        if count > MAX_SIZE:
            message = f"`{variable.name}` has {count:,} elements; the limit is {MAX_SIZE:,}"
            problems.append(Diagnostic("PGM0311", message, variable.span, help="make one of its axes shorter"))
    return problems


def too_many_weights(model: Model) -> list[Diagnostic]:
    """PGM0311 for networks of more weights than are read, where the text gives the sizes of their axes."""
    problems = []
    for net in model.nets:
        ends = [
            math.prod(1 if a == "real" else model.axis_size(a) or 1 for a in axes)
            for axes in (net.inputs, net.outputs)
        ]
        widths = [ends[0], *(int(width) for width in net.arguments), ends[1]]
        count = sum((before + 1) * after for before, after in itertools.pairwise(widths))
        if count > MAX_SIZE:
            message = f"the network `{net.name}` has {count:,} weights; the limit is {MAX_SIZE:,}"
            problems.append(Diagnostic("PGM0311", message, net.span, help="make its hidden layers smaller"))
    return problems


def too_large(model: Model, order: list[str]) -> list[Diagnostic]:
    """PGM0107 for the first deterministic names that come to more than `MOST_NODES`. ``order``: names after those that
    they need."""
    sizes = Sizes()
    problems = []
    for name in order:
        definition = model.definition_of.get(name)
        if definition is None:
            continue
        size = sizes.of(definition.value)
        if size > MOST_NODES:
            problems.append(
                Diagnostic("PGM0107", f"`{name}` written out has more than {MOST_NODES:,} operations", definition.span,
                           help="make it smaller: each name stands for all that it is made of")
            )  # fmt: skip
            size = 1
        sizes.names[name] = size
    return problems
