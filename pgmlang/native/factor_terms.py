"""The factors of a Model as terms of scalars: what is added up over which loops."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pgmlang.diagnostics import Span
from pgmlang.families import FAMILIES
from pgmlang.lower.factors import factor_names
from pgmlang.model import Choice, Conditional, Dist, Distribution, Model, Potential, TableDist
from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Contract,
    Element,
    Expr,
    First,
    Identity,
    MatrixApply,
    NetCall,
    Reduce,
    Ref,
    Rename,
    Solution,
    Stack,
    State,
    Time,
)
from pgmlang.model.recursions import recursions
from pgmlang.native.density_terms import density_of, table_term
from pgmlang.native.elements import code_of, place_of, present_element
from pgmlang.native.equations import present_state, solved_value
from pgmlang.native.formulas import NotScalar, word_of
from pgmlang.native.labels import labelled_by, labels_in, states, states_before
from pgmlang.native.marked_cells import by_mark, is_surely_possible
from pgmlang.native.matrix_terms import latent_matrix, latent_root, matrix_function
from pgmlang.native.placed import UNMARKED, Marks, Places
from pgmlang.native.recursions import recursive_array
from pgmlang.native.reductions import reduced
from pgmlang.native.scalars import Array, Loop, Scalar, ScalarGraph
from pgmlang.native.stages import AnyStage, Stage, VectorStage
from pgmlang.native.supports import AnySupport, MatrixSupport, MovingSupport, VectorSupport, moving_bounds_of
from pgmlang.native.vector_terms import vector_parts
from pgmlang.native.vectors_written_out import written_out
from pgmlang.native.words import WORDS


@dataclass(frozen=True)
class FactorTerm:
    """``value`` added up over ``loops``, outermost first: what a factor is. ``unit``: to which element of an array it is added; None:
    to one total."""

    name: str
    loops: tuple[Loop, ...]
    value: Scalar
    span: Span | None
    unit: Scalar | None = None

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        """All that it is made of."""
        return (self.value,) if self.unit is None else (self.value, self.unit)


DEEPEST = 100
"""Levels of expressions, through definitions, that are followed."""


@dataclass
class FactorTerms:
    """Makes terms of one model's factors. ``latent``: the variables with derivatives, whose arrays ``values`` gives as scalars by
    their elements; ``plain``: those whose maps from free values have no part in the density; ``summed``: labels that are to be summed out,
    whose terms have loops over their states; ``slopes``: whether derivatives by the latent variables are wanted."""

    model: Model
    latent: Mapping[str, AnySupport]
    marks: Marks = UNMARKED
    plain: frozenset[str] = frozenset()
    summed: frozenset[str] = frozenset()
    slopes: bool = True
    graph: ScalarGraph = field(default_factory=ScalarGraph)
    stages: dict[str, AnyStage] = field(default_factory=dict)
    gathered: dict[tuple[str, int, tuple[str, ...]], Array] = field(default_factory=dict)
    unwritten: set[str] = field(default_factory=set)
    recursive: dict[str, Array] = field(default_factory=dict)
    cholesky_factors: dict[object, Array] = field(default_factory=dict)
    inlined: dict[tuple[str, tuple[int, ...]], Scalar] = field(default_factory=dict)
    depth: int = 0

    # ---- factors

    def terms(self) -> list[FactorTerm]:
        """All factors, each row once. Raises NotScalar for what has no scalar form."""
        return [term for name, factor in factor_names(self.model).items() for term in self._terms(name, factor)]

    def of_units(self, wanted: Collection[str], plate: str | None) -> list[FactorTerm]:
        """The factors of these names, each element to that of a plate which it belongs to; without a plate all to one."""
        out = []
        for name, factor in factor_names(self.model).items():
            for term in self._terms(name, factor) if name in wanted else ():
                places = self.places_along(tuple(loop.axis for loop in term.loops))
                unit = self.graph.code(0) if plate is None else self.place_of(plate, places)
                out.append(replace(term, unit=unit))
        return out

    def _terms(self, name: str, factor: Conditional | Potential) -> list[FactorTerm]:
        if isinstance(factor, Conditional) and self.event(factor.distribution):
            return [
                self._unless_set(FactorTerm(name, self.loops_along(axes), value, factor.span), factor.target)
                for axes, value in vector_parts(self, factor)
            ]
        return [self._term(name, factor)]

    def _term(self, name: str, factor: Conditional | Potential) -> FactorTerm:
        if isinstance(factor, Potential):
            axes = self.model.batch_axes(factor.plates)
            places = self.places_along(axes)
            return FactorTerm(name, self.loops_along(axes), self.number(factor.value, places), factor.span)
        variable = self.model.by_name[factor.target]
        axes = self.model.array_axes(variable)
        places = self.places_along(axes)
        target = Ref(variable.type, variable.axes, factor.span, factor.target)
        value = self._log_prob(factor.distribution, target, places)
        if factor.target in self.marks.partly_seen:
            value = by_mark(self.graph, "seen", factor.target, [*places.items()], value, self.graph.number(0.0))
        return self._unless_set(FactorTerm(name, self.loops_along(axes), value, factor.span), factor.target)

    def _unless_set(self, term: FactorTerm, target: str) -> FactorTerm:
        """The term, zero in cells that an intervention set."""
        if target not in self.marks.set_cells:
            return term
        places = self.places_along(
            tuple(loop.axis for loop in term.loops if labelled_by(loop.axis) not in self.summed)
        )
        value = by_mark(self.graph, "set", target, [*places.items()], self.graph.number(0.0), term.value)
        return replace(term, value=value)

    def by_weight(self, term: FactorTerm) -> FactorTerm:
        """The term, each row as often as its weight says, and the sum as often as the rows that it stands for."""
        axes = [loop.axis for loop in term.loops]
        value = self.times_weights(term.value, axes)
        scaled = next((a for a in axes if a in self.marks.scaled), None)
        if scaled is not None:
            value = self.graph.make("mul", self.graph.load(Array("scale", (scaled,), ()), ()), value)
        return replace(term, value=value)

    def times_weights(self, value: Scalar, plates: Iterable[str]) -> Scalar:
        """A value times the weights of the rows of those plates that have any."""
        for plate in plates:
            if plate in self.marks.weighted:
                place = self.graph.make("loop", payload=Loop(plate))
                weight = self.graph.load(Array("weight", (plate,), (plate,)), (place,))
                value = self.graph.make("mul", weight, value)
        return value

    def event(self, distribution: Distribution) -> tuple[str, ...]:
        match distribution:
            case Dist(event=event):
                return event
            case Choice(then=then, otherwise=otherwise):
                return self.event(then) or self.event(otherwise)
            case TableDist():
                return ()
        raise NotScalar("a learned density")

    def loops_along(self, axes: tuple[str, ...]) -> tuple[Loop, ...]:
        return tuple(Loop(a) for a in axes)

    def places_along(self, axes: tuple[str, ...]) -> dict[str, Scalar]:
        return {a: self.graph.make("loop", payload=Loop(a)) for a in axes}

    def _log_prob(self, distribution: Distribution, target: Ref, places: Places) -> Scalar:
        match distribution:
            case Choice(condition=condition, then=then, otherwise=otherwise):
                test = self.truth(condition, places)
                a, b = (self.graph.guard(self._log_prob(d, target, places)) for d in (then, otherwise))
                return self.graph.make("where", test, a, b)
            case Dist() if FAMILIES[distribution.family].improper:
                return self.graph.number(0.0)
            case Dist():
                density = density_of(self, distribution, places)
                is_label = self.model.by_name[target.name].type.kind == "labels"
                x = self.label(target, places) if is_label else self.number(target, places)
                return density.log_prob(
                    x, is_inside=is_surely_possible(target, self.latent, self.summed, self.marks)
                )
            case TableDist():
                return table_term(self, distribution, target, places)
        raise NotScalar("a learned density")

    # ---- expressions

    def number(self, expr: Expr, places: Places) -> Scalar:
        """An expression as a number at some elements of its axes."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotScalar(f"expressions nested more than {DEEPEST} deep")
        out = self._number(expr, places)
        self.depth -= 1
        return out

    def _number(self, expr: Expr, places: Places) -> Scalar:
        make = self.graph.make
        match expr:
            case Const(value=value):
                return self.graph.number(float(code_of(self, expr) if isinstance(value, str) else value))
            case Ref():
                return self._reference(expr, places)
            case Apply(type=type_) if type_.kind == "truth":
                return make("real", self.truth(expr, places))
            case Apply(function=function, arguments=arguments):
                return self._apply(function, arguments, places)
            case Contract(left=left, right=right, axis=axis):
                inner = self.inside(axis, places)
                product = make("mul", self.number(left, inner), self.number(right, inner))
                return make("sum", product, payload=self.loop(axis, places))
            case Reduce():
                return reduced(self, expr, places)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                test = self.truth(condition, places)
                a, b = (self.graph.guard(self.number(e, places)) for e in (then, otherwise))
                return make("where", test, a, b)
            case Rename(body=body, old=old, new=new):
                return self.number(body, {**places, old: places[new]})
            case Stack():
                return written_out(self, expr, places)
            case Identity(rows=rows, columns=columns):
                return make("real", make("eq", places[rows], places[columns]))
            case MatrixApply():
                return matrix_function(self, expr, places)
            case First():
                return make("real", self.truth(expr, places))
            case Element():
                return make("float", present_element(self, expr, places))
            case State() | Time():
                return present_state(self, expr, places)
            case NetCall():
                raise NotScalar("networks")
        raise NotScalar(f"`{getattr(expr, 'function', 'a form')}` along an axis")

    def truth(self, expr: Expr, places: Places) -> Scalar:
        """A condition."""
        make = self.graph.make
        match expr:
            case First(count=count, plate=plate):
                position = self.graph.load(Array("position", (plate,), (plate,)), (places[plate],))
                return make("lt", position, self.graph.number(count))
            case Apply(function=("eq" | "ne") as function, arguments=(left, right)) if left.type.kind == "labels":
                if self.model.labels_of(left.type) != self.model.labels_of(right.type):
                    raise NotScalar("labels of different sets compared")
                return make(function, self.label(left, places), self.label(right, places))
            case Apply(function=("and" | "or" | "not") as function, arguments=arguments):
                return make(function, *(self.truth(a, places) for a in arguments))
            case Apply(function=("eq" | "ne" | "lt" | "le" | "gt" | "ge") as function, arguments=arguments):
                return make(function, *(self.number(a, places) for a in arguments))
        return make("gt", self.number(expr, places), self.graph.number(0.0))

    def _apply(self, function: str, arguments: tuple[Expr, ...], places: Places) -> Scalar:
        if function.startswith("elementwise_"):
            function = function.removeprefix("elementwise_")
        values = [self.number(a, places) for a in arguments]
        if function == "pow" and values[1].number == 2:
            return self.graph.make("square", values[0])
        if function not in WORDS:
            raise NotScalar(f"the function `{function}`")
        return word_of(self.graph, function, values)

    def label(self, expr: Expr, places: Places) -> Scalar:
        """The code of a label."""
        match expr:
            case Const():
                return self.graph.code(code_of(self, expr))
            case Element():
                return present_element(self, expr, places)
            case Ref(name=name) if self.model.by_name[name].role != "derived":
                return self._element(expr, places)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                test = self.truth(condition, places)
                return self.graph.make("where", test, *(self.label(e, places) for e in (then, otherwise)))
            case Ref(name=name) if name not in recursions(self.model):
                axes = self.model.array_axes(self.model.by_name[name])
                here = dict(zip(axes, self.indices(expr, axes, places), strict=True))
                value = self.label(self.model.definition_of[name].value, here)
                if (expr.lag or expr.index) and labels_in(value, self.summed):
                    raise NotScalar(f"`{name}` at other elements, which hangs on labels to be summed out")
                return value
        raise NotScalar("labels worked out")

    def loop(self, axis: str, places: Places) -> Loop:
        """A loop over an axis, deeper than those over it that places are in."""
        depths = (loop.depth for place in places.values() for loop in place.loops if loop.axis == axis)
        return Loop(axis, max(depths, default=-1) + 1)

    def inside(self, axis: str, places: Places) -> Places:
        """The places within a loop over an axis."""
        return {**places, axis: self.graph.make("loop", payload=self.loop(axis, places))}

    def _reference(self, expr: Ref, places: Places) -> Scalar:
        variable = self.model.by_name[expr.name]
        if variable.role == "derived":
            return self._derived(expr, places)
        value = self._element(expr, places)
        if variable.type.kind == "spin":
            twice = self.graph.make("mul", self.graph.number(2.0), value)
            return self.graph.make("sub", twice, self.graph.number(1.0))
        return value

    def _element(self, expr: Ref, places: Places) -> Scalar:
        if expr.name in self.summed:
            # at the row itself, an outer element's, or the row before: nothing else can be summed out
            loop = states_before(expr.name) if expr.lag else states(expr.name)
            state, least = self.graph.make("loop", payload=loop), self.model.by_name[expr.name].type.least
            return self.graph.make("add", self.graph.number(float(least)), state) if least else state
        axes = self.model.array_axes(self.model.by_name[expr.name])
        return self._load(expr.name, axes, self.indices(expr, axes, places))

    def _load(self, name: str, axes: tuple[str, ...], index: list[Scalar]) -> Scalar:
        if name not in self.latent:
            return self.graph.load(Array("values", (name,), axes), index)
        support = self.latent[name]
        if name in self.marks.partly_given:
            return self._partly_given(name, axes, index)
        if isinstance(support, VectorSupport):
            return self.graph.load(self._vectors(name, support), index)
        if not axes or not support.is_moved:
            value = support.value(self.graph, self._free(name, axes, index), self._bounds(name, {}))
            return self.graph.hint(value, name)
        if name not in self.stages:
            loops, places = self.loops_along(axes), self.places_along(axes)
            here = self._free(name, axes, list(places.values()))
            value = support.value(self.graph, here, self._bounds(name, places))
            self.stages[name] = Stage(Array("computed", (name,), axes, self.slopes, True), loops, value, None)
        return self.graph.load(self.stages[name].array, index)

    def _partly_given(self, name: str, axes: tuple[str, ...], index: list[Scalar]) -> Scalar:
        """A cell that is data, or else free."""
        support, places = self.latent[name], list(zip(axes, index, strict=True))
        if isinstance(support, VectorSupport):
            raise NotScalar(f"missing cells of the vectors `{name}`")
        value = self.graph.load(Array("values", (name,), axes), index)
        free = support.value(self.graph, self._free(name, axes, index), self._bounds(name, dict(places)))
        return by_mark(self.graph, "given", name, places, value, free)

    def _vectors(self, name: str, support: VectorSupport) -> Array:
        """The array of a variable of vectors or matrices."""
        if isinstance(support, MatrixSupport):
            return latent_matrix(self, name, support)
        if name not in self.stages:
            variable = self.model.by_name[name]
            axes = self.model.array_axes(variable)
            array = Array("computed", (name,), axes, self.slopes, True)
            self.stages[name] = VectorStage(
                array, self.loops_along(axes[:-1]), support, variable.span, name not in self.plain, name
            )
        return self.stages[name].array

    def _bounds(self, name: str, places: Places) -> dict[str, Scalar]:
        """The bounds of a variable that hang on other values, at some of its elements."""
        if not isinstance(self.latent[name], MovingSupport):
            return {}
        if name in self.unwritten:
            raise NotScalar(f"the bounds of `{name}`, which hang on its own past")
        self.unwritten.add(name)
        bounds = {end: self.number(e, places) for end, e in moving_bounds_of(self.model, name).items()}
        self.unwritten.discard(name)
        return bounds

    def _free(self, name: str, axes: tuple[str, ...], index: list[Scalar]) -> Scalar:
        return self.graph.load(Array("free", (name,), axes, self.slopes, True), index)

    def jacobians(self) -> list[FactorTerm]:
        """The log determinants of the maps from free values to supports; those of vectors come with their arrays."""
        out = []
        for name, support in self.latent.items():
            if isinstance(support, MatrixSupport):
                latent_root(self, name, support)
            elif isinstance(support, VectorSupport):
                self._vectors(name, support)
            elif support.is_moved and name not in self.plain:
                places = self.places_along(self.model.array_axes(self.model.by_name[name]))
                free = self._free(name, tuple(places), list(places.values()))
                value = support.log_det(self.graph, free, self._bounds(name, places))
                if name in self.marks.partly_given:
                    value = by_mark(self.graph, "given", name, [*places.items()], self.graph.number(0.0), value)
                span = self.model.by_name[name].span
                out.append(FactorTerm(f"Jacobian of {name}", self.loops_along(tuple(places)), value, span))
        return out

    def indices(self, expr: Ref, axes: tuple[str, ...], places: Places) -> list[Scalar]:
        """The element of each axis of a variable that a reference looks at."""
        given = {axis: self._position(index, places) for axis, index in expr.index}
        out = [given[a] if a in given else self.place_of(a, {**places, **given}) for a in axes]
        if expr.lag:
            chain = max(i for i, a in enumerate(axes) if self.model.is_chain(a))
            previous = Array("previous", (axes[chain], str(expr.lag)), (axes[chain],))
            out[chain] = self.graph.load(previous, (out[chain],))
        return out

    def _position(self, expr: Expr, places: Places) -> Scalar:
        if expr.type.kind == "labels" or (isinstance(expr, Ref) and self.model.by_name[expr.name].role == "index"):
            return self.label(expr, places)
        raise NotScalar("an index that is worked out")

    def place_of(self, axis: str, places: Places) -> Scalar:
        """The element of an axis: this place's, or the outer one that it belongs to."""
        return place_of(self, axis, places)

    def _derived(self, expr: Ref, places: Places) -> Scalar:
        """A deterministic name: said here where each element is looked at once, else read from its array."""
        definition = self.model.definition_of[expr.name]
        if definition.value.type.kind == "labels":
            raise NotScalar("labels worked out")
        variable = self.model.by_name[expr.name]
        axes = self.model.array_axes(variable)
        index = self.indices(expr, axes, places)
        if isinstance(definition.value, Solution):
            return solved_value(self, definition.value, index, lambda labels: self._states_at(labels, expr))
        is_recursive = expr.name in recursions(self.model)
        array = recursive_array(self, expr.name) if is_recursive else None
        key = (expr.name, tuple(map(id, index)))
        if array is not None:
            # what the same round of a recursion gave is at hand
            return self.inlined[key] if key in self.inlined else self.graph.load(array, index)
        if is_recursive or all(i.op == "loop" for i in index):
            if key not in self.inlined:
                value = self.number(definition.value, dict(zip(axes, index, strict=True)))
                self.inlined[key] = self.graph.hint(value, expr.name)
            return self.inlined[key]
        if expr.name in self.unwritten:
            raise NotScalar(f"`{expr.name}`, which hangs on its own past")
        if expr.name not in self.stages:
            self.unwritten.add(expr.name)
            value = self.number(definition.value, self.places_along(axes))
            self.unwritten.discard(expr.name)
            loops = (*self.loops_along(axes), *labels_in(value, self.summed))
            array = Array("computed", (expr.name,), tuple(a.axis for a in loops), value.is_active, value.varies)
            self.stages[expr.name] = Stage(array, loops, value, definition.span)
        array = self.stages[expr.name].array
        return self.graph.load(array, [*index, *self._states_at(array.axes[len(axes) :], expr)])

    def _states_at(self, labels: tuple[str, ...], expr: Ref) -> list[Scalar]:
        """The states of the labels that a deterministic name has, where a reference looks at it."""
        own = map(labelled_by, labels)
        if expr.lag and any(label != name for label, name in zip(labels, own, strict=True)):
            raise NotScalar(f"`{expr.name}` of the row before, which itself looks at labels of the row before")
        return [
            self.graph.make("loop", payload=states_before(label) if expr.lag else Loop(label)) for label in labels
        ]
