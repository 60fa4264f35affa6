"""The factors of a Model as terms of scalars: what is added up over which loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pgmlang.diagnostics import Span
from pgmlang.families import FAMILIES
from pgmlang.lower.factors import factor_names
from pgmlang.model import Choice, Conditional, Dist, Distribution, Model, Potential, TableDist
from pgmlang.model.expr import Apply, Choose, Const, Contract, Expr, First, NetCall, Reduce, Ref, Rename
from pgmlang.native.density_terms import Places, density_of, table_term
from pgmlang.native.formulas import NotScalar, word_of
from pgmlang.native.scalars import Array, Loop, Scalar, ScalarGraph
from pgmlang.native.supports import Support
from pgmlang.native.words import WORDS


@dataclass(frozen=True)
class FactorTerm:
    """``value`` added up over ``loops``, outermost first: what a factor is."""

    name: str
    loops: tuple[Loop, ...]
    value: Scalar
    span: Span | None


@dataclass(frozen=True)
class Stage:
    """An array that is filled before others read it: ``value`` at each element along ``loops``."""

    array: Array
    loops: tuple[Loop, ...]
    value: Scalar
    span: Span | None


DEEPEST = 100
"""Levels of expressions, through definitions, that are followed."""


@dataclass
class FactorTerms:
    """Makes terms of one model's factors. ``latent``: the variables with derivatives, whose arrays ``values`` gives as scalars by
    their elements."""

    model: Model
    latent: Mapping[str, Support]
    partly_seen: frozenset[str] = frozenset()
    weighted: frozenset[str] = frozenset()
    graph: ScalarGraph = field(default_factory=ScalarGraph)
    stages: dict[str, Stage] = field(default_factory=dict)
    unwritten: set[str] = field(default_factory=set)
    inlined: dict[tuple[str, tuple[int, ...]], Scalar] = field(default_factory=dict)
    depth: int = 0

    # ---- factors

    def terms(self) -> list[FactorTerm]:
        """All factors. Raises NotScalar for what has no scalar form."""
        return [self.term(name, factor) for name, factor in factor_names(self.model).items()]

    def term(self, name: str, factor: Conditional | Potential) -> FactorTerm:
        if isinstance(factor, Potential):
            axes = self.model.batch_axes(factor.plates)
            places = self._places(axes)
            return self._weighted(
                FactorTerm(name, self._loops(axes), self.number(factor.value, places), factor.span), places
            )
        variable = self.model.by_name[factor.target]
        axes = self.model.array_axes(variable)
        event = self._event(factor.distribution)
        if event:
            raise NotScalar(f"the distribution of the vector `{factor.target}`")
        places = self._places(axes)
        target = Ref(variable.type, variable.axes, factor.span, factor.target)
        value = self._log_prob(factor.distribution, target, places)
        if factor.target in self.partly_seen:
            seen = self.graph.load(Array("seen", (factor.target,), axes), list(places.values()))
            value = self.graph.make("where", seen, self.graph.guard(value), self.graph.number(0.0))
        return self._weighted(FactorTerm(name, self._loops(axes), value, factor.span), places)

    def _weighted(self, term: FactorTerm, places: Places) -> FactorTerm:
        """The term, each row as often as its weight says."""
        value = term.value
        for plate in self.weighted & places.keys():
            weight = self.graph.load(Array("weight", (plate,), (plate,)), (places[plate],))
            value = self.graph.make("mul", weight, value)
        return replace(term, value=value)

    def _event(self, distribution: Distribution) -> tuple[str, ...]:
        match distribution:
            case Dist(event=event):
                return event
            case Choice(then=then, otherwise=otherwise):
                return self._event(then) or self._event(otherwise)
            case TableDist():
                return ()
        raise NotScalar("a learned density")

    def _loops(self, axes: tuple[str, ...]) -> tuple[Loop, ...]:
        return tuple(Loop(a) for a in axes)

    def _places(self, axes: tuple[str, ...]) -> dict[str, Scalar]:
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
                return density.log_prob(x, is_inside=target.name in self.latent)
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
                return self.graph.number(float(self._code(expr) if isinstance(value, str) else value))
            case Ref():
                return self._reference(expr, places)
            case Apply(type=type_) if type_.kind == "truth":
                return make("real", self.truth(expr, places))
            case Apply(function=function, arguments=arguments):
                return self._apply(function, arguments, places)
            case Contract(left=left, right=right, axis=axis):
                inner = self.inside(axis, places)
                return make(
                    "sum",
                    make("mul", self.number(left, inner), self.number(right, inner)),
                    payload=self._loop(axis, places),
                )
            case Reduce(function=function, body=body, axis=axis) if function in ("sum", "mean"):
                self._refuse_segments(expr, places)
                total = make("sum", self.number(body, self.inside(axis, places)), payload=self._loop(axis, places))
                return make("div", total, make("size", payload=axis)) if function == "mean" else total
            case Choose(condition=condition, then=then, otherwise=otherwise):
                test = self.truth(condition, places)
                a, b = (self.graph.guard(self.number(e, places)) for e in (then, otherwise))
                return make("where", test, a, b)
            case Rename(body=body, old=old, new=new):
                return self.number(body, {**places, old: places[new]})
            case First():
                return make("real", self.truth(expr, places))
        raise NotScalar(
            "networks"
            if isinstance(expr, NetCall)
            else "`" + getattr(expr, "function", "a form") + "` along an axis"
        )

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

    def _code(self, expr: Const) -> int:
        labels = self.model.labels_of(expr.type)
        if labels is None or str(expr.value) not in labels:
            raise NotScalar("a label of an open set")
        return labels.index(str(expr.value))

    def label(self, expr: Expr, places: Places) -> Scalar:
        """The code of a label."""
        match expr:
            case Const():
                return self.graph.code(self._code(expr))
            case Ref(name=name) if self.model.by_name[name].role != "derived":
                return self._element(expr, places)
        raise NotScalar("labels worked out")

    def _loop(self, axis: str, places: Places) -> Loop:
        return Loop(axis, sum(any(loop.axis == axis for loop in p.loops) for p in places.values()))

    def inside(self, axis: str, places: Places) -> Places:
        return {**places, axis: self.graph.make("loop", payload=self._loop(axis, places))}

    def _refuse_segments(self, expr: Reduce, places: Places) -> None:
        if expr.is_plate and any(a in self.model.enclosing(expr.axis) for a in places if a != expr.axis):
            raise NotScalar("a sum over the rows inside of an element")

    def _reference(self, expr: Ref, places: Places) -> Scalar:
        variable = self.model.by_name[expr.name]
        if variable.role == "derived":
            return self._derived(expr, places)
        value = self._element(expr, places)
        if variable.type.kind == "spin":
            return self.graph.make(
                "sub", self.graph.make("mul", self.graph.number(2.0), value), self.graph.number(1.0)
            )
        return value

    def _element(self, expr: Ref, places: Places) -> Scalar:
        axes = self.model.array_axes(self.model.by_name[expr.name])
        return self._load(expr.name, axes, self._index(expr, axes, places))

    def _load(self, name: str, axes: tuple[str, ...], index: list[Scalar]) -> Scalar:
        if name not in self.latent:
            return self.graph.load(Array("values", (name,), axes), index)
        support = self.latent[name]
        if not axes or not support.is_moved:
            return self.graph.hint(support.value(self.graph, self._free(name, axes, index)), name)
        if name not in self.stages:
            loops = self._loops(axes)
            here = self._free(name, axes, [self.graph.make("loop", payload=loop) for loop in loops])
            self.stages[name] = Stage(
                Array("computed", (name,), axes, True, True), loops, support.value(self.graph, here), None
            )
        return self.graph.load(self.stages[name].array, index)

    def _free(self, name: str, axes: tuple[str, ...], index: list[Scalar]) -> Scalar:
        return self.graph.load(Array("free", (name,), axes, True, True), index)

    def jacobians(self) -> list[FactorTerm]:
        """The log determinants of the maps from free values to supports."""
        out = []
        for name, support in self.latent.items():
            if support.is_moved:
                axes = self.model.array_axes(self.model.by_name[name])
                loops = self._loops(axes)
                free = self._free(name, axes, [self.graph.make("loop", payload=loop) for loop in loops])
                out.append(
                    FactorTerm(
                        f"Jacobian of {name}",
                        loops,
                        support.log_det(self.graph, free),
                        self.model.by_name[name].span,
                    )
                )
        return out

    def _index(self, expr: Ref, axes: tuple[str, ...], places: Places) -> list[Scalar]:
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
        if axis in places:
            return places[axis]
        for inner, place in places.items():
            if inner in self.model.plate_by_name and axis in self.model.enclosing(inner):
                return self.graph.load(Array("parent", (axis, inner), (inner,)), (place,))
        raise NotScalar(f"an element of `{axis}` outside of it")

    def _derived(self, expr: Ref, places: Places) -> Scalar:
        """A deterministic name: said here where each element is looked at once, else read from its array."""
        definition = self.model.definition_of[expr.name]
        if definition.value.type.kind == "labels":
            raise NotScalar("labels worked out")
        variable = self.model.by_name[expr.name]
        axes = self.model.array_axes(variable)
        index = self._index(expr, axes, places)
        if all(i.op == "loop" for i in index):
            key = (expr.name, tuple(map(id, index)))
            if key not in self.inlined:
                value = self.number(definition.value, dict(zip(axes, index, strict=True)))
                self.inlined[key] = self.graph.hint(value, expr.name)
            return self.inlined[key]
        if expr.name in self.unwritten:
            raise NotScalar(f"`{expr.name}`, which hangs on its own past")
        if expr.name not in self.stages:
            self.unwritten.add(expr.name)
            value = self.number(definition.value, self._places(axes))
            self.unwritten.discard(expr.name)
            array = Array("computed", (expr.name,), axes, value.is_active, value.varies)
            self.stages[expr.name] = Stage(array, self._loops(axes), value, definition.span)
        return self.graph.load(self.stages[expr.name].array, index)
