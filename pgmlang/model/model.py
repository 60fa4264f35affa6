"""The Model: an immutable plated factor graph in density form, the centre of the compiler.

Directed conditionals and undirected potentials are factors in one list. Graphs, log-joints, tables and conditionals
are filters and folds over ``factors``; nothing here knows torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeVar

from pgmlang.diagnostics.source import Span
from pgmlang.model.expr import Expr, Ref, references
from pgmlang.model.labels import Labels, Positions
from pgmlang.model.types import Type

Result = TypeVar("Result")
Role = Literal["random", "field", "param", "input", "derived", "index"]


@dataclass(frozen=True)
class Dim:
    """A named axis. ``size`` None: known from the data. ``like``: the axis whose labels it shares."""

    name: str
    size: int | None = None
    labels: tuple[str, ...] | None = None
    like: str | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Structure:
    """How a plate's elements hang together: ``chain`` (ordered rows), ``grid`` (``shape``), ``edges`` (pairs of
    neighbouring elements of plate ``of``)."""

    kind: Literal["chain", "grid", "edges"]
    shape: tuple[int, ...] = ()
    of: str | None = None


@dataclass(frozen=True)
class Plate:
    """A repeated block. ``size`` None: its elements are the data's; ``elements``: their names, where the data told them
    and they are values of variables.

    ``parents``: the plates it is written inside of and those after ``in``. An unsized plate's elements are rows,
    each with the element of every parent it belongs to; a sized plate repeats within each element of its parents.
    ``setting``: the setting of the header that is its size, where one is.
    """

    name: str
    size: int | None = None
    parents: tuple[str, ...] = ()
    structure: Structure | None = None
    span: Span | None = field(default=None, compare=False, repr=False)
    elements: tuple[str, ...] | None = None
    setting: str | None = field(default=None, compare=False, repr=False)

    @property
    def is_rows(self) -> bool:
        """Whether the plate's elements are rows of a table."""
        return self.size is None and (self.structure is None or self.structure.kind == "chain")


@dataclass(frozen=True)
class Variable:
    """A named quantity.

    ``plates``: every plate it varies over, outermost first (empty at the top). ``axes``: its event axes.
    ``owner``: the statement that a parameter of a ``def`` belongs to. ``index`` variables are the two ends of an
    ``edges`` plate.
    """

    name: str
    role: Role
    type: Type
    plates: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    owner: str | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Dist:
    """A distribution family with its arguments by name; combinators have a Dist among them.

    ``variant`` is the number of the argument list of the family that was used (``Bernoulli(p)``, ``(logit = )``).
    ``event``: the axes of the target that one draw spans, in order (Dirichlet one, Normal none).
    """

    family: str
    arguments: tuple[tuple[str, Expr | Dist], ...]
    variant: int = 0
    event: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def base(self) -> Dist | None:
        """The distribution that a combinator takes."""
        return next((a for _, a in self.arguments if isinstance(a, Dist)), None)

    @property
    def path(self) -> tuple[str, ...]:
        """The families from this one down to the innermost that combinators take."""
        return (self.family, *(self.base.path if self.base is not None else ()))


@dataclass(frozen=True)
class TableDist:
    """A conditional probability table.

    ``rows``: for a given table, one tuple of probabilities per configuration of the parents, the last parent
    running fastest, in the order of their labels; None for a learned one. ``prior``: ``("dirichlet", a)``,
    ``("bdeu", n)`` or None. ``by``: plates with a table for each element.
    """

    parents: tuple[Ref, ...]
    rows: tuple[tuple[float, ...], ...] | None = None
    prior: tuple[str, float] | None = None
    by: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Choice:
    """A distribution chosen by a condition on data or ``first``."""

    condition: Expr
    then: Distribution
    otherwise: Distribution
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Density:
    """A learned density that stands where ``Table`` stands (``NADE(500)``, ``RealNVP(8)``); settings are numbers."""

    family: str
    settings: tuple[float, ...] = ()
    given: tuple[Expr, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


Distribution = Dist | TableDist | Choice | Density


@dataclass(frozen=True)
class Conditional:
    """p(target | whatever the distribution mentions), one for each element of ``plates``."""

    target: str
    distribution: Distribution
    plates: tuple[str, ...]
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Potential:
    """A log-potential, one for each element of ``plates``: higher is likelier."""

    value: Expr
    plates: tuple[str, ...]
    name: str | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


Factor = Conditional | Potential


@dataclass(frozen=True)
class Definition:
    """A deterministic variable's expression."""

    target: str
    value: Expr
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Net:
    """A neural network from axes to axes (``real`` for a number); ``options`` are numbers and words."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    block: str
    arguments: tuple[float | str, ...] = ()
    options: tuple[tuple[str, float | str], ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


def density_net(target: str) -> str:
    """The name of the networks that the learned density of a variable owns; no name of a text has a space, and no name of a
    torch module a point."""
    return f"density of {target.replace('.', ' ')}"


@dataclass(frozen=True)
class Guide:
    """The approximating distribution: its own variables (derived and param), definitions and conditionals.

    The targets of its conditionals are latents of the model; other names it defines are its own.
    """

    variables: tuple[Variable, ...]
    definitions: tuple[Definition, ...]
    conditionals: tuple[Conditional, ...]


@dataclass(frozen=True, repr=False)
class Model:
    name: str
    dims: tuple[Dim, ...]
    plates: tuple[Plate, ...]
    variables: tuple[Variable, ...]
    factors: tuple[Factor, ...]
    definitions: tuple[Definition, ...] = ()
    nets: tuple[Net, ...] = ()
    guide: Guide | None = None
    settings: tuple[tuple[str, float | int | bool | str], ...] = ()

    # ---- what is worked out once

    def __repr__(self) -> str:
        names = [v.name for v in self.variables]
        shown = ", ".join(names[:12]) + (f" and {len(names) - 12:,} more" if len(names) > 12 else "")
        return f"model {self.name}: {shown or 'no variables'}"

    @cached_property
    def _results(self) -> dict[Callable[[Model], Any], Any]:
        return {}

    def once(self, function: Callable[[Model], Result]) -> Result:
        """The result of a function of this very Model, worked out at the first call."""
        if function not in self._results:
            self._results[function] = function(self)
        result: Result = self._results[function]
        return result

    def settle(self, function: Callable[[Model], Result], result: Result) -> None:
        """Says what `once` gives for a function: for a fixed point, say."""
        self._results[function] = result

    # ---- look-up

    @cached_property
    def by_name(self) -> dict[str, Variable]:
        return {v.name: v for v in self.variables}

    @cached_property
    def plate_by_name(self) -> dict[str, Plate]:
        return {p.name: p for p in self.plates}

    @cached_property
    def dim_by_name(self) -> dict[str, Dim]:
        return {d.name: d for d in self.dims}

    @cached_property
    def definition_of(self) -> dict[str, Definition]:
        return {d.target: d for d in self.definitions}

    @cached_property
    def conditional_of(self) -> dict[str, Conditional]:
        return {f.target: f for f in self.factors if isinstance(f, Conditional)}

    @cached_property
    def conditionals(self) -> tuple[Conditional, ...]:
        return tuple(f for f in self.factors if isinstance(f, Conditional))

    @cached_property
    def potentials(self) -> tuple[Potential, ...]:
        return tuple(f for f in self.factors if isinstance(f, Potential))

    @cached_property
    def table_names(self) -> tuple[frozenset[str], frozenset[str]]:
        """What tables are named by: the plates whose rows they are, and variables outside of plates that have axes."""
        own = (v.name for v in self.of_role("input", "random") if v.axes and not v.plates)
        return frozenset(self.plate_by_name), frozenset(own)

    def of_role(self, *roles: Role) -> Iterator[Variable]:
        return (v for v in self.variables if v.role in roles)

    # ---- axes

    def is_chain(self, axis: str) -> bool:
        """Whether an axis is a plate of ordered rows."""
        plate = self.plate_by_name.get(axis)
        return plate is not None and plate.structure is not None and plate.structure.kind == "chain"

    def root_axis(self, axis: str) -> str:
        """The axis at the end of the ``like`` chain."""
        dim = self.dim_by_name.get(axis)
        while dim is not None and dim.like is not None:
            axis = dim.like
            dim = self.dim_by_name.get(axis)
        return axis

    def axis_size(self, axis: str) -> int | None:
        """Number of elements of a dim or plate, None while only the data knows."""
        axis = self.root_axis(axis)
        if axis in self.plate_by_name:
            plate = self.plate_by_name[axis]
            return plate.size
        dim = self.dim_by_name[axis]
        return len(dim.labels) if dim.labels is not None else dim.size

    def axis_labels(self, axis: str) -> Labels | None:
        """Labels of a dim; ``0, 1, ...`` for a sized one; None while only the data knows."""
        axis = self.root_axis(axis)
        dim = self.dim_by_name.get(axis)
        if dim is not None and dim.labels is not None:
            return dim.labels
        plate = self.plate_by_name.get(axis)
        if plate is not None and plate.elements is not None:
            return plate.elements
        size = self.axis_size(axis)
        return Positions(size) if size is not None else None

    def labels_of(self, type_: Type) -> Labels | None:
        """The values of a discrete type as text; None for an open set."""
        if type_.kind in ("bit", "truth"):
            return ("0", "1")
        if type_.kind == "spin":
            return ("-1", "1")
        if type_.kind == "labels":
            return self.axis_labels(type_.axis) if type_.axis else type_.labels
        return type_.labels

    def array_axes(self, variable: Variable) -> tuple[str, ...]:
        """The axes of a variable's array: its plates', then its own."""
        return (*self.batch_axes(variable.plates), *variable.axes)

    def batch_axes(self, plates: tuple[str, ...]) -> tuple[str, ...]:
        """The array axes of a value in these plates: a row plate is one flat axis, a sized plate repeats in its
        parents."""
        if not plates:
            return ()
        plate = self.plate_by_name[plates[-1]]
        if plate.is_rows:
            return (plate.name,)
        outer: tuple[str, ...] = ()
        for parent in plate.parents:
            for axis in self.batch_axes(self.enclosing(parent)):
                if axis not in outer:
                    outer += (axis,)
        return (*outer, plate.name)

    def enclosing(self, plate: str) -> tuple[str, ...]:
        """A plate and all plates around it, outermost first."""
        out: list[str] = []
        for parent in self.plate_by_name[plate].parents:
            out.extend(p for p in self.enclosing(parent) if p not in out)
        return (*out, plate)

    # ---- dependence

    def expressions(self, factor: Factor | Definition) -> Iterator[Expr]:
        """Every expression of a factor or definition."""
        return expressions_of(factor)

    def mentions(self, factor: Factor | Definition) -> tuple[Ref, ...]:
        """Every reference in a factor or definition, its target left out."""
        return tuple(r for e in self.expressions(factor) for r in references(e))

    @cached_property
    def factors_by_parent(self) -> Mapping[str, tuple[Factor, ...]]:
        """The factors that depend on each random variable or field, as `random_parents` tells."""
        out: dict[str, list[Factor]] = {}
        for factor in self.factors:
            for name in self.random_parents(factor):
                out.setdefault(name, []).append(factor)
        return {name: tuple(factors) for name, factors in out.items()}

    def random_parents(self, factor: Factor | Definition) -> tuple[str, ...]:
        """Random variables and fields a factor depends on, looking through deterministic names; first use first."""
        out: dict[str, None] = {}
        seen: set[str] = set()

        def visit(item: Factor | Definition) -> None:
            for ref in self.mentions(item):
                variable = self.by_name.get(ref.name)
                if variable is None:
                    continue
                if variable.role in ("random", "field"):
                    out.setdefault(ref.name)
                elif variable.role == "derived" and ref.name not in seen:
                    seen.add(ref.name)
                    visit(self.definition_of[ref.name])

        visit(factor)
        return tuple(out)


def expressions_of(item: Factor | Definition) -> Iterator[Expr]:
    """Every expression of a factor or definition."""
    if isinstance(item, Conditional):
        yield from distribution_expressions(item.distribution)
    else:
        yield item.value


def distribution_expressions(distribution: Distribution) -> Iterator[Expr]:
    """Every expression directly in a distribution."""
    match distribution:
        case Dist(arguments=arguments):
            for _, argument in arguments:
                if isinstance(argument, Dist):
                    yield from distribution_expressions(argument)
                else:
                    yield argument  # type: ignore[misc]
        case TableDist(parents=parents):
            yield from parents
        case Choice(condition=condition, then=then, otherwise=otherwise):
            yield condition
            yield from distribution_expressions(then)
            yield from distribution_expressions(otherwise)
        case Density(given=given):
            yield from given
