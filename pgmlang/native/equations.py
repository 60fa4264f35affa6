"""Solutions of differential equations as arrays: the rates as scalars of the state, and what they take in as arrays of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pgmlang.model.expr import Expr, Solution, State, Time
from pgmlang.native.elements import place_of
from pgmlang.native.formulas import NotScalar
from pgmlang.native.labels import in_order, labels_in
from pgmlang.native.placed import PlacedExpressions, Places, fresh_name
from pgmlang.native.scalars import Array, Loop, Scalar
from pgmlang.native.stages import OrderStage, SolutionStage, Stage

TIME = "the present time"
"""What the entry of the state behind all others is: no name of the language has a space."""
WORTH = "worth"
"""What holds the adjoints of slopes."""
TRUTHS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not"})
PLACES = frozenset({"number", "code", "loop", "size"})


class SolvedExpressions(PlacedExpressions, Protocol):
    """Those that solutions are said in. ``slopes``: whether derivatives are wanted."""

    slopes: bool

    def label(self, expr: Expr, places: Places) -> Scalar:
        """The code of a label."""


def present_state(terms: SolvedExpressions, expr: State | Time, places: Places) -> Scalar:
    """The present value of a name, or the time, in rates: read from the vector of the state."""
    name = TIME if isinstance(expr, Time) else expr.name
    axes = () if isinstance(expr, Time) else terms.model.by_name[name].axes
    given = {axis: terms.label(e, places) for axis, e in (() if isinstance(expr, Time) else expr.index)}
    index = [given[a] if a in given else places[a] for a in axes]
    return terms.graph.load(Array("free", (f"state {name}",), axes, terms.slopes, True), index)


def solved_value(
    terms: SolvedExpressions,
    solution: Solution,
    index: list[Scalar],
    states_at: Callable[[tuple[str, ...]], list[Scalar]],
) -> Scalar:
    """A name's value at an ``index`` along its rows and own axes; ``states_at``: the states of labels there."""
    array, own = solution_array(terms, solution.name, solution), len(terms.model.by_name[solution.name].axes)
    rows = len(index) - own
    states = states_at(array.axes[rows : len(array.axes) - own])
    return terms.graph.load(array, [*index[:rows], *states, *index[rows:]])


def solution_array(terms: SolvedExpressions, name: str, solution: Solution) -> Array:
    """The array of a name's values: at the rows, at the states of labels to be summed out that the system hangs on, and along its own
    axes. Raises NotScalar for what its rates, or its start, have no scalar form for."""
    known = _known_array(terms, name)
    if known is not None:
        return known
    model = terms.model
    around = model.batch_axes(model.enclosing(solution.plate)[:-1])
    own = [model.by_name[n].axes for n in solution.names]

    def at(expr: Expr, axes: tuple[str, ...]) -> Scalar:
        return terms.number(expr, terms.places_along((*around, *axes)))

    begun = [at(e, axes) for e, axes in zip(solution.starts, own, strict=True)]
    changing = [at(e, axes) for e, axes in zip(solution.rates, own, strict=True)]
    labels = tuple(
        loop.axis for loop in in_order({x for v in (*begun, *changing) for x in labels_in(v, terms.summed)})
    )
    systems = (*around, *labels)
    starts = tuple(
        _filled(terms, f"start_of_{n}", value, (*systems, *axes), solution)
        for n, value, axes in zip(solution.names, begun, own, strict=True)
    )
    drivers = _Drivers(terms, name)
    rates = tuple(map(drivers.apart, changing))
    ordered = _ordered(terms, name, solution, systems, labels)
    varies = any(a.varies for a in (*starts, *drivers.arrays))
    is_active = any(a.is_active for a in (*starts, *drivers.arrays))
    arrays = tuple(
        Array("computed", (n,), (*ordered.array.axes, *axes), is_active, varies)
        for n, axes in zip(solution.names, own, strict=True)
    )
    terms.stages[arrays[0].name] = SolutionStage(
        arrays, starts, rates, own_numbers(terms, own), systems, ordered,
        (*drivers.arrays, *drivers.places), solution.rtol, solution.atol, solution.max_steps, solution.solver, solution.span,
    )  # fmt: skip
    return arrays[solution.names.index(name)]


def _filled(
    terms: SolvedExpressions, what: str, value: Scalar, axes: tuple[str, ...], solution: Solution
) -> Array:  # fmt: skip
    """An array of a value along axes."""
    array = Array("computed", (fresh_name(terms, what),), axes, value.is_active, value.varies)
    terms.stages[array.name] = Stage(array, tuple(map(Loop, axes)), value, solution.span)
    return array


def _ordered(
    terms: SolvedExpressions, name: str, solution: Solution, systems: tuple[str, ...], labels: tuple[str, ...]
) -> OrderStage:
    """The rows in the order in which they are reached, for each state of the labels."""
    rows = (*terms.model.batch_axes(terms.model.enclosing(solution.plate)), *labels)
    along_rows, outer = terms.places_along(rows), terms.places_along(systems)
    times = _filled(terms, f"times_of_{name}", terms.number(solution.times, along_rows), rows, solution)
    begin = _filled(terms, f"start_time_of_{name}", terms.number(solution.start_time, outer), systems, solution)
    number = terms.graph.make("float", _number_of(terms, systems, along_rows))
    of_row = _filled(terms, f"solution_of_{solution.plate}", number, rows, solution)
    if any(a.varies for a in (times, begin, of_row)):
        raise NotScalar(f"`{name}`, whose times hang on what is latent")
    order = Array("computed", (fresh_name(terms, f"order_of_{name}"),), rows)
    ordered = terms.stages[order.name] = OrderStage(order, times, begin, of_row, solution.span)
    return ordered


def _known_array(terms: SolvedExpressions, name: str) -> Array | None:
    solved = (s for s in terms.stages.values() if isinstance(s, SolutionStage))
    return next((a for s in solved for a in s.arrays if a.name == name), None)


FIRST = Loop("first rate")
"""The place in a vector where the rates of a state begin."""


def own_numbers(terms: SolvedExpressions, own: list[tuple[str, ...]]) -> tuple[Scalar, ...]:
    """The number of each state's present element among all numbers of the state, from `FIRST` on."""
    graph, out = terms.graph, []
    begin = graph.make("loop", payload=FIRST)
    for axes in own:
        number, width = None, graph.code(1)
        for axis in axes:
            size, place = graph.make("size", payload=axis), graph.make("loop", payload=Loop(axis))
            number = place if number is None else graph.make("add", graph.make("mul", number, size), place)
            width = size if width.op == "code" else graph.make("mul", width, size)
        out.append(begin if number is None else graph.make("add", begin, number))
        begin = graph.make("add", begin, width)
    return tuple(out)


def _number_of(terms: SolvedExpressions, systems: tuple[str, ...], rows: Places) -> Scalar:
    """Which system a row is of, in row-major order."""
    graph = terms.graph
    number = graph.code(0)
    for i, axis in enumerate(systems):
        place = rows[axis] if axis in rows else place_of(terms, axis, rows)
        size = graph.make("size", payload=axis)
        number = place if i == 0 else graph.make("add", graph.make("mul", number, size), place)
    return number


@dataclass
class _Drivers:
    """What rates take in beside the state. ``arrays``: their values, one for each system; ``places``: those that elements of the
    state are looked up in."""

    terms: SolvedExpressions
    name: str
    arrays: list[Array] = field(default_factory=list)
    places: list[Array] = field(default_factory=list)
    known: dict[int, Scalar] = field(default_factory=dict)
    hangs: dict[int, bool] = field(default_factory=dict)

    def apart(self, node: Scalar) -> Scalar:
        """A rate in which all that hangs on no state is read from arrays."""
        if id(node) not in self.known:
            self.known[id(node)] = self._apart(node)
        return self.known[id(node)]

    def _apart(self, node: Scalar) -> Scalar:
        graph = self.terms.graph
        if node.op in PLACES:
            return node
        if not self._hangs_on_state(node) and node.op not in TRUTHS:
            return self._driver(node)
        if node.op == "load":
            self._note_places(node)
            return node
        return graph.like(node, graph.make(node.op, *map(self.apart, node.args), payload=node.payload))

    def _hangs_on_state(self, node: Scalar) -> bool:
        if id(node) not in self.hangs:
            is_state = (
                node.op == "load" and node.payload.kind == "free" and node.payload.of[0].startswith("state ")
            )
            self.hangs[id(node)] = is_state or any(map(self._hangs_on_state, node.args))
        return self.hangs[id(node)]

    def _driver(self, node: Scalar) -> Scalar:
        graph, loops = self.terms.graph, in_order(node.loops)
        base = graph.hints.get(id(node), "driver")
        array = Array(
            "computed", (fresh_name(self.terms, f"{base}_of_{self.name}"),), tuple(loop.axis for loop in loops),
            node.is_active, node.varies,
        )  # fmt: skip
        self.terms.stages[array.name] = Stage(array, loops, node, None)
        self.arrays.append(array)
        return graph.load(array, [graph.make("loop", payload=loop) for loop in loops])

    def _note_places(self, node: Scalar) -> None:
        pending = list(node.args)
        while pending:
            place = pending.pop()
            if place.op == "load" and place.payload not in self.places:
                if place.payload.varies:
                    raise NotScalar(f"`{self.name}`, an element of whose state hangs on what is latent")
                self.places.append(place.payload)
            pending += place.args
