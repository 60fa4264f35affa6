"""Arrays that a program fills before others read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgmlang.diagnostics import Span
from pgmlang.native.scalars import Array, Loop, Scalar
from pgmlang.native.supports import VectorSupport


@dataclass(frozen=True)
class Stage:
    """``value`` at each element along ``loops``, at the element that ``places`` say where there are any. With ``gathers``, a key of
    `REDUCTIONS`, several values come to one element: the sum of the rows of each group, say. ``looks_back``: the value reads elements of the
    array itself, those of rounds before, and of those ``beside`` it, which are filled in the same rounds, each with its own value. ``is_lower``: of its
    matrices the lower half is filled, and nothing reads the other."""

    array: Array
    loops: tuple[Loop, ...]
    value: Scalar
    span: Span | None
    gathers: str | None = None
    places: tuple[Scalar, ...] = ()
    looks_back: bool = False
    beside: tuple[tuple[Array, Scalar], ...] = ()
    is_lower: bool = False

    @property
    def filled(self) -> tuple[tuple[Array, Scalar], ...]:
        """Its arrays, each with its value."""
        return ((self.array, self.value), *self.beside)

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        """All that it is made of."""
        return (*(value for _, value in self.filled), *self.places)


class WholeStage:
    """A stage that calls fill whole: what they go through and read is their own."""

    @property
    def loops(self) -> tuple[Loop, ...]:
        """None."""
        return ()

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class VectorStage:
    """The variable ``of`` whose vectors, or factors of matrices, are made of stretches of the free vector by functions of ``runtime/vectors.py`` and
    ``runtime/matrices.py``, along the ``loops`` of its plates; ``has_jacobian``: the log determinants are added to the density."""

    array: Array
    loops: tuple[Loop, ...]
    support: VectorSupport
    span: Span | None
    has_jacobian: bool
    of: str

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        """None: it is made by calls."""
        return ()


@dataclass(frozen=True)
class SequenceStage(WholeStage):
    """The log of the sum over the paths of labels along each sequence of ``chain``, at its first row (0 at others), by functions of
    ``runtime/sequences.py``. ``emission [*rest, chain, *states]`` and ``transition [*rest, rows, *states before, *states]``: what states are
    worth; the transition has no rest unless it ``varies_with_rest``, and rows are the chain's (``is_of_rows``), those of the plate that the array
    ``of_plate`` names for each row, or none."""

    array: Array
    chain: str
    emission: Array
    transition: Array
    states: tuple[str, ...]
    rest: tuple[str, ...]
    of_plate: Array | None
    is_of_rows: bool
    varies_with_rest: bool
    span: Span | None

    @property
    def reads(self) -> tuple[Array, ...]:
        """The arrays that say where rows stand."""
        order = [Array(kind, (self.chain,), (self.chain,)) for kind in ("order", "position")]
        return (*order, *([self.of_plate] if self.of_plate is not None else []))


@dataclass(frozen=True)
class ProbeStage(WholeStage):
    """Zeros, added to what a density is of: its slopes by them are what is asked for (Darwiche 2003)."""

    array: Array
    span: Span | None


@dataclass(frozen=True)
class Slice:
    """The elements along the last ``rank`` axes of an array, at the places ``index`` of the others."""

    array: Array
    index: tuple[Scalar, ...]
    rank: int


@dataclass(frozen=True)
class SliceStage:
    """An array whose slices along its last axes, for each element of ``loops``, the function ``name`` of ``runtime/matrices.py`` makes of the slices
    that it ``reads``; its adjoint ``name_adjoint`` hands adjoints on. ``work``: axes along which each call works beside the loops."""

    array: Array
    loops: tuple[Loop, ...]
    name: str
    reads_slices: tuple[Slice, ...]
    work: tuple[str, ...]
    span: Span | None

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        """Where it reads."""
        return tuple(place for one in self.reads_slices for place in one.index)

    @property
    def reads(self) -> tuple[Array, ...]:
        """The arrays that slices are of."""
        return tuple(one.array for one in self.reads_slices)


@dataclass(frozen=True)
class OrderStage(WholeStage):
    """The rows of differential equations in the order in which they are reached: by ``system``, those after the start before those that lie before
    it, by their distance from ``start_time``."""

    array: Array
    times: Array
    start_time: Array
    system: Array
    span: Span | None

    @property
    def reads(self) -> tuple[Array, ...]:
        """The arrays that it is made of."""
        return (self.times, self.start_time, self.system)


@dataclass(frozen=True)
class SolutionStage(WholeStage):
    """``arrays`` of the values of a system of differential equations at its rows, for each element of the axes ``systems``, by the functions of
    ``runtime/equations.py``. ``starts``: arrays [*systems, *own axes] of the first values; ``rates``: scalars of the state, and ``numbers``, which of
    the state's numbers each is of; ``drivers``: what they read beside it."""

    arrays: tuple[Array, ...]
    starts: tuple[Array, ...]
    rates: tuple[Scalar, ...]
    numbers: tuple[Scalar, ...]
    systems: tuple[str, ...]
    order: OrderStage
    drivers: tuple[Array, ...]
    rtol: float
    atol: float
    max_steps: int
    solver: str
    span: Span | None

    @property
    def array(self) -> Array:
        """The first of its arrays, which stands for all."""
        return self.arrays[0]

    @property
    def reads(self) -> tuple[Array, ...]:
        """The arrays that are handed to its functions."""
        return (self.order.array, *self.order.reads, *self.starts, *self.drivers)

    def own_axes(self, array: Array) -> tuple[str, ...]:
        """The axes of a state beside those of its rows."""
        return array.axes[len(self.order.array.axes) :]


AnyStage = Stage | VectorStage | SequenceStage | ProbeStage | SliceStage | OrderStage | SolutionStage


def arrays_of(stages: Iterable[AnyStage]) -> list[Array]:
    """The arrays that stages fill, in order."""
    return [array for s in stages for array in _filled_by(s)]


def _filled_by(stage: AnyStage) -> tuple[Array, ...]:
    match stage:
        case Stage():
            return tuple(array for array, _ in stage.filled)
        case SolutionStage(arrays=arrays):
            return arrays
    return (stage.array,)
