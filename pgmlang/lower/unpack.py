"""The first lines of every emitted function: local names for what ``values``, ``data`` and ``params`` hold."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from pgmlang.lower import pyast as py
from pgmlang.lower.distributions import DistributionEmitter
from pgmlang.lower.emitted import Emitted, as_tensor, is_number
from pgmlang.lower.equations import solved
from pgmlang.lower.expressions import ExpressionEmitter, prev_name
from pgmlang.lower.names import Names
from pgmlang.lower.partial import said_by
from pgmlang.lower.recursion import recursion_statement
from pgmlang.lower.writer import Writer
from pgmlang.model import Conditional, Definition, Factor, Model, TableDist
from pgmlang.model.dependence import definitions_behind, names_behind
from pgmlang.model.expr import Ref, Solution
from pgmlang.model.recursions import recursions
from pgmlang.tables.learned import tables_of


class Emitter:
    """What the emitters of one program share. ``items``: the factors and definitions in use. ``steps`` takes the functions of
    the steps of recursions and of the rates of differential equations; ``rates``: the names of those that it has."""

    def __init__(
        self,
        model: Model,
        names: Names,
        expressions: ExpressionEmitter,
        partly_seen: Collection[str] = (),
        steps: Writer | None = None,
    ) -> None:
        self.model = model
        self.names = names
        self.expressions = expressions
        self.distributions = DistributionEmitter(model, expressions, partly_seen)
        self.steps = Writer("") if steps is None else steps
        self.rates: set[str] = set()
        self._recursions: dict[tuple[str, ...], ast.stmt] = {}

    def mentioned(self, items: Collection[Factor | Definition]) -> set[str]:
        """Names that the items mention and those of their targets, through definitions."""
        targets = [item for item in items if isinstance(item, Conditional | Definition)]
        return {*(item.target for item in targets), *names_behind(self.model, *items)}

    def names_above(self, item: Conditional) -> set[str]:
        """Names that a conditional hangs on, through definitions; its target only where it hangs on its own past."""
        return set(names_behind(self.model, item))

    def definitions_for(self, items: Collection[Factor]) -> list[Definition]:
        """The definitions that the items need."""
        wanted = self.mentioned(items)
        return [d for d in self.model.definitions if d.target in wanted]

    def unpack(
        self,
        items: Collection[Factor | Definition],
        out: Writer,
        source: str = "values",
        only: set[str] | None = None,
    ) -> None:
        """Assigns the local names that the items need; ``source`` holds random variables and fields."""
        wanted = self.mentioned(items)
        for variable in self.model.variables:
            name = variable.name
            if (
                variable.role in ("derived", "index")
                or name not in wanted
                or (only is not None and name not in only)
            ):
                continue
            holder = {"input": "data", "param": "params"}.get(variable.role, source)
            out.assign(self.names[name], py.entry(holder, name), note=self.shape_note(name))
        for table in tables_of(self.model):
            is_wanted = only is None or table.name in only
            if table.is_learned and is_wanted and _has_table(items, table.target):
                out.assign(self.names[table.name], py.entry("params", table.name), table.distribution.span)

    def previous(
        self,
        items: Collection[Factor | Definition],
        out: Writer,
        source: str = "values",
        roles: tuple[str, ...] = ("random", "field", "input"),
    ) -> None:
        """Assigns ``prev(x, k)`` of the variables of these roles that the items look back at."""
        seen: dict[str, Ref] = {}
        everything = (*items, *definitions_behind(self.model, *items))
        for ref in (r for item in everything for r in self.model.mentions(item)):
            role = self.model.by_name[ref.name].role if ref.name in self.model.by_name else ""
            if ref.lag and role in roles:
                seen.setdefault(prev_name(ref), ref)
            if self.expressions.is_stepwise and ref.lag:
                lags = [r for r in said_by(ref, self.model) if r.lag and self.model.by_name[r.name].role in roles]
                seen |= {prev_name(r): r for r in lags if prev_name(r) not in seen}
        for key, ref in sorted(seen.items()):
            axes = self.expressions.array_axes(ref.name)
            chain = self.expressions.chain_of(axes)
            holder = "data" if self.model.by_name[ref.name].role == "input" else source
            self.expressions.uses.add("previous")
            value = py.call("previous", py.name(holder), py.constant(ref.name), py.constant(ref.lag),
                            self.expressions.layout.previous(chain, ref.lag), py.constant(axes.index(chain) - len(axes)))  # fmt: skip
            out.assign(self.names[key], value)

    def shape_note(self, name: str) -> str:
        variable = self.model.by_name[name]
        axes = [*self.model.batch_axes(variable.plates), *variable.axes]
        return f"[{', '.join(axes)}] {variable.type}" if axes else str(variable.type)

    def definition(self, item: Definition, out: Writer, *, is_by_row: bool = False) -> None:
        """``name = value`` of a deterministic variable, laid out along all its axes; of a recursion all its names at once,
        where its first one stands. ``is_by_row``: inside of a loop over the steps of a chain, values before are at hand."""
        expressions = self.expressions
        recursion = None if is_by_row or expressions.is_stepwise else recursions(self.model).get(item.target)
        if recursion is not None:
            if item.target == recursion.names[0]:
                if recursion.names not in self._recursions:
                    self._recursions[recursion.names] = recursion_statement(expressions, recursion, self.steps)
                out.statement(self._recursions[recursion.names], item.span, self.shape_note(item.target))
            return
        if isinstance(item.value, Solution):
            node = solved(expressions, item.value, self.steps, self.rates)
            out.assign(self.names[item.target], node, item.span, self.shape_note(item.target))
            return
        frame = expressions.array_axes(item.target)
        is_label = item.value.type.kind == "labels"
        value = expressions.emit(item.value, frame) if is_label else expressions.number(item.value, frame)
        if is_label:
            value = Emitted(as_tensor(value.node), value.axes)
        # a name may be indexed, lagged or reduced along any of its axes, which one of size one or a number cannot be
        value = expressions.spread(value, frame)
        node = value.node if frame or not is_number(value.node) else expressions.tensor(value.node)
        out.assign(self.names[item.target], node, item.span, self.shape_note(item.target))

    def shape_of(self, axes: Iterable[str]) -> ast.expr:
        """The sizes of axes as a tuple."""
        return py.tuple_of(*(self.expressions.size(a) for a in axes))


def _has_table(items: Iterable[Factor | Definition], target: str) -> bool:
    return any(isinstance(i, Conditional) and i.target == target and _tables_in(i.distribution) for i in items)


def _tables_in(distribution: object) -> bool:
    if isinstance(distribution, TableDist):
        return True
    branches = (getattr(distribution, "then", None), getattr(distribution, "otherwise", None))
    return any(b is not None and _tables_in(b) for b in branches)
