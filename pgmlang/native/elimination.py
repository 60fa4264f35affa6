"""Discrete latents summed out of terms: log-sum-exps over their states from the inner plates outwards, and over the paths of chains.

The steps are those of `graph.summable`. A term that holds summed labels varies along loops over their states. At each step the terms that hold
its labels are brought to the labels' own elements, added up and summed out: what is left is one more term, which the labels still to be
summed may be in (plated variable elimination: Obermeyer et al. 2019, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pgmlang.diagnostics import Span
from pgmlang.graph.summable import Step
from pgmlang.native.factor_terms import FactorTerm, FactorTerms
from pgmlang.native.formulas import NotScalar
from pgmlang.native.labels import in_order, labels_in, states, states_before
from pgmlang.native.placed import fresh_name
from pgmlang.native.prepared import is_costly
from pgmlang.native.scalars import Array, Loop, Scalar, rewritten, walk
from pgmlang.native.stages import ProbeStage, SequenceStage, Stage


@dataclass(frozen=True)
class Elimination:
    """Sums labels out of the terms of ``factors``. ``in_part``: the variables some of whose cells are given."""

    factors: FactorTerms
    in_part: frozenset[str]

    def remaining(self, terms: Iterable[FactorTerm], steps: Sequence[Step]) -> list[FactorTerm]:
        """The terms that are left when all labels are summed out. Raises NotScalar for what has no such form."""
        names = [name for step in steps for name in step.names]
        pool = [*terms, *(self._given(name) for name in names if name in self.in_part)]
        for step in steps:
            own = {of(name) for name in step.names for of in (states, states_before)}
            mine = [t for t in pool if t.value.loops & own]
            pool = [t for t in pool if not t.value.loops & own]
            pool.append(self._chain(step, mine) if step.chain else self._label(step.names[0], mine))
        return pool

    # ---- terms at the elements of labels

    def _given(self, name: str) -> FactorTerm:
        """Nothing at the value that a cell has, minus infinity at others; nothing where it is open."""
        make, graph = self.factors.graph.make, self.factors.graph
        axes = self._axes(name)
        here = [self._at(Loop(a)) for a in axes]
        is_open = graph.load(Array("open", (name,), axes), here)
        is_it = make("eq", self._at(states(name)), graph.load(Array("values", (name,), axes), here))
        possible = make("or", is_open, is_it)
        value = make("where", possible, graph.number(0.0), graph.number(-math.inf))
        return FactorTerm(f"cells of {name}", self.factors.loops_along(axes), value, self._span(name))

    def _along(self, term: FactorTerm, axes: tuple[str, ...]) -> Scalar:
        """A term at the elements of axes: its own that are not among them, and the rows of each outer element, are added up."""
        graph, make = self.factors.graph, self.factors.graph.make
        gone = [loop for loop in term.loops if loop.axis not in axes]
        own = {loop.axis for loop in term.loops}
        value = self.factors.times_weights(term.value, [loop.axis for loop in gone])
        if own.issuperset(axes):
            for loop in reversed(gone):
                size = graph.make("size", payload=loop.axis)
                value = make("sum", value, payload=loop) if loop in value.loops else make("mul", size, value)
            return value
        places = {loop.axis: self._at(loop) for loop in term.loops}
        labels = self._labels(value)
        at = [self.factors.place_of(a, places) for a in axes]
        array = self._array(f"{term.name}_by_{axes[-1]}", (*axes, *(loop.axis for loop in labels)), value)
        by_label = [self._at(loop) for loop in labels]
        self._stage(Stage(array, (*term.loops, *labels), value, term.span, "sum", (*at, *by_label)))
        return graph.load(array, [*(self._at(Loop(a)) for a in axes), *by_label])

    def _added(self, parts: Iterable[Scalar]) -> Scalar:
        total = self.factors.graph.number(0.0)
        for part in parts:
            total = self.factors.graph.make("add", total, part)
        return total

    # ---- labels of elements

    def _label(self, name: str, mine: Sequence[FactorTerm]) -> FactorTerm:
        """One label of each element summed out."""
        graph, axes, loop = self.factors.graph, self._axes(name), states(name)
        parts = [self._along(t, axes) for t in mine]
        others = {other for part in parts for other in self._labels(part)} - {loop}
        # worked out once for each element and state, not once for each state of labels beside it too
        parts = [self._kept(p, axes, name) if others - p.loops else p for p in parts]
        if parts:
            total = self._added(parts)
            # a state that is not possible may have infinite slopes
            total = graph.guard(total) if any(node.number == -math.inf for node in walk(total)) else total
            value = graph.make("logsumexp", total, payload=loop)
        else:
            value = graph.make("log", graph.make("size", payload=name))
        return FactorTerm(f"sum over {name}", self.factors.loops_along(axes), value, self._span(name))

    def _kept(self, value: Scalar, axes: tuple[str, ...], name: str) -> Scalar:
        """A value as the element of an array, where it costs more than reading that."""
        if not value.varies or not is_costly(value):
            return value
        labels = self._labels(value)
        loops = (*(Loop(a) for a in axes), *labels)
        array = self._array(f"of_{name}", tuple(loop.axis for loop in loops), value)
        self._stage(Stage(array, loops, value, self._span(name)))
        return self.factors.graph.load(array, [self._at(loop) for loop in loops])

    # ---- chains

    def _chain(self, step: Step, mine: Sequence[FactorTerm]) -> FactorTerm:
        """The labels of a chain's rows summed out along its sequences."""
        chain, graph = step.chain, self.factors.graph
        assert chain is not None
        name, time = "_".join(step.names), Loop(chain)
        now, back = tuple(map(states, step.names)), tuple(map(states_before, step.names))
        parts = [self._along(t, (chain,)) for t in mine]
        moves = self._added(p for p in parts if p.loops & set(back))
        position = graph.load(Array("position", (chain,), (chain,)), [self._at(time)])
        is_first = graph.make("lt", position, graph.number(1.0))
        # at a first row nothing depends on the row before, whose states are as good as one
        begins = rewritten(graph, moves, {id(is_first): graph.number(1.0),
                                          **{id(self._at(loop)): graph.code(0) for loop in back}})  # fmt: skip
        goes_on = rewritten(graph, moves, {id(is_first): graph.number(0.0)})
        at_first = graph.make("where", is_first, graph.guard(begins), graph.number(0.0))
        emission = self._added((*(p for p in parts if not p.loops & set(back)), at_first))
        which = self._plate_of(goes_on, chain)
        at: Loop | None = time
        if which is not None:
            at = Loop(which)
            goes_on = self._seen_from(goes_on, chain, which)
        elif time in goes_on.loops:
            goes_on = graph.make("where", is_first, graph.number(0.0), graph.guard(goes_on))
        else:
            at = None
        rest = in_order({*self._labels(emission), *self._labels(goes_on)} - {*now, *back})
        of_rest = rest if set(rest) & goes_on.loops else ()
        here = self._filled(f"emission_of_{name}", (*rest, time, *now), emission, step)
        moved = self._filled(
            f"transition_of_{name}", (*of_rest, *([at] if at else []), *back, *now), goes_on, step
        )
        axes = (*(loop.axis for loop in rest), chain)
        is_active, varies = here.is_active or moved.is_active, here.varies or moved.varies
        array = Array("computed", (fresh_name(self.factors, f"paths_of_{name}"),), axes, is_active, varies)
        self._stage(SequenceStage(
            array, chain, here, moved, tuple(loop.axis for loop in now), tuple(loop.axis for loop in rest),
            of_plate=Array("parent", (which, chain), (chain,)) if which is not None else None,
            is_of_rows=at == time, varies_with_rest=bool(of_rest), span=self._span(step.names[0]),
        ))  # fmt: skip
        value = graph.load(array, [*map(self._at, rest), self._at(time)])
        return FactorTerm(f"sum over the paths of {name}", (time,), value, self._span(step.names[0]))

    def _filled(self, name: str, loops: tuple[Loop, ...], value: Scalar, step: Step) -> Array:
        """An array of a value, filled row by row."""
        array = self._array(name, tuple(loop.axis for loop in loops), value)
        rows_first = tuple(sorted(loops, key=lambda loop: loop in self._all_labels))
        places = tuple(self._at(loop) for loop in loops)
        self._stage(Stage(array, rows_first, value, self._span(step.names[0]), None, places))
        return array

    def _plate_of(self, value: Scalar, chain: str) -> str | None:
        """The plate around a chain that says all that a value hangs on of its rows; None where there is none."""
        if Loop(chain) not in value.loops:
            return None
        around = [p for p in self.factors.model.enclosing(chain) if p != chain]
        return next((p for p in around if Loop(chain) not in self._seen_from(value, chain, p).loops), None)

    def _seen_from(self, value: Scalar, chain: str, plate: str) -> Scalar:
        """A value with the elements of a plate themselves in place of those that rows belong to."""
        load = self.factors.graph.load(Array("parent", (plate, chain), (chain,)), [self._at(Loop(chain))])
        return rewritten(self.factors.graph, value, {id(load): self._at(Loop(plate))})

    # ---- small things

    @property
    def _all_labels(self) -> Collection[Loop]:
        return {of(name) for name in self.factors.summed for of in (states, states_before)}

    def _labels(self, value: Scalar) -> tuple[Loop, ...]:
        return labels_in(value, self.factors.summed)

    def _axes(self, name: str) -> tuple[str, ...]:
        return self.factors.model.array_axes(self.factors.model.by_name[name])

    def _span(self, name: str) -> Span | None:
        return self.factors.model.by_name[name].span

    def _at(self, loop: Loop) -> Scalar:
        return self.factors.graph.make("loop", payload=loop)

    def _array(self, name: str, axes: tuple[str, ...], value: Scalar) -> Array:
        return Array("computed", (fresh_name(self.factors, name),), axes, value.is_active, value.varies)

    def _stage(self, stage: Stage | SequenceStage) -> None:
        self.factors.stages[stage.array.name] = stage


def probes_of(factors: FactorTerms, steps: Sequence[Step]) -> list[tuple[ProbeStage, FactorTerm]]:
    """A probe of every label of `steps`, ``[*axes, states]``, and the term that adds it to the density."""
    out = []
    for name in (name for step in steps for name in step.names):
        variable = factors.model.by_name[name]
        axes = factors.model.array_axes(variable)
        array = Array("computed", (fresh_name(factors, f"probe_of_{name}"),), (*axes, name), True, True)
        stage = ProbeStage(array, variable.span)
        factors.stages[array.name] = stage
        at = [factors.graph.make("loop", payload=loop) for loop in (*map(Loop, axes), states(name))]
        value = factors.graph.load(array, at)
        out.append((stage, FactorTerm(array.name, factors.loops_along(axes), value, variable.span)))
    return out


def without_labels(
    factors: FactorTerms, terms: Iterable[FactorTerm], steps: Sequence[Step], in_part: Collection[str]
) -> list[FactorTerm]:
    """The terms of a density with the labels of ``steps`` summed out, of variables ``in_part`` those of cells that are open. Raises NotScalar
    for what has no such form."""
    out = Elimination(factors, frozenset(in_part)).remaining(terms, steps)
    left = [label.axis for term in out for label in labels_in(term.value, factors.summed)]
    if left:
        raise NotScalar(f"the sum over `{left[0]}`")
    return out
