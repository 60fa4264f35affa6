"""Expressions of a Model: names resolved, every node with its type and its free axes.

``axes`` are the named event axes along which the value varies, in the order of first appearance; the plates of the
place where the expression stands are implied. Spans take no part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pgmlang.diagnostics.source import Span
from pgmlang.model.types import Type


@dataclass(frozen=True)
class Node:
    type: Type
    axes: tuple[str, ...]
    span: Span | None = field(compare=False, repr=False)


@dataclass(frozen=True)
class Const(Node):
    """A number, truth value, or label (text, with type ``labels``); with axes, that number all along them."""

    value: float | int | bool | str


@dataclass(frozen=True)
class Ref(Node):
    """A variable. Its plates that enclose this place mean "this row's element".

    ``index``: pairs (axis or plate of the variable, index expression) in the order of the variable's plates and
    axes. ``lag``: k for ``prev(x, k)``: the element k rows back in the chain.
    """

    name: str
    index: tuple[tuple[str, Expr], ...] = ()
    lag: int = 0


@dataclass(frozen=True)
class Apply(Node):
    """An elementwise function or operator of ``signatures.functions``: ``add``, ``exp``, ``eq``, ``and`` ..."""

    function: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class Contract(Node):
    """``left @ right``: the product summed over ``axis``, which both sides have."""

    left: Expr
    right: Expr
    axis: str


@dataclass(frozen=True)
class Reduce(Node):
    """``sum``, ``mean``, ``prod``, ``min``, ``max`` or ``logsumexp`` over an event axis, or a plate inside this one."""

    function: str
    body: Expr
    axis: str
    is_plate: bool


@dataclass(frozen=True)
class Choose(Node):
    """``if condition then a else b``, elementwise."""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True)
class First(Node):
    """True on the first ``count`` rows of each chain of ``plate``."""

    count: int
    plate: str


@dataclass(frozen=True)
class Element(Node):
    """The present element of ``axis``: its label (type ``labels``), or its position as a number, from 0 on (type ``count``;
    in a chain the row's position in its sequence). Along an axis ``axes`` names it; of a plate around the place it is
    implied.
    """

    axis: str


@dataclass(frozen=True)
class Rename(Node):
    """The body with axis ``old`` called ``new``: both are ``like`` the same axis."""

    body: Expr
    old: str
    new: str


@dataclass(frozen=True)
class Stack(Node):
    """``[a, b]``: one entry for each element of ``axis``; a matrix is a stack of stacks."""

    entries: tuple[Expr, ...]
    axis: str


@dataclass(frozen=True)
class Identity(Node):
    """One where the elements of two axes of the same elements are the same, ``rows`` and ``columns``; zero elsewhere."""

    rows: str
    columns: str


@dataclass(frozen=True)
class MatrixApply(Node):
    """``inverse``, ``cholesky``, ``det`` or ``logdet`` of the square matrix that the body is along ``rows`` and ``columns``; of
    each such matrix where the body has further axes."""

    function: str
    body: Expr
    rows: str
    columns: str


@dataclass(frozen=True)
class NetCall(Node):
    """Output number ``output`` of a network applied to its inputs."""

    net: str
    arguments: tuple[Expr, ...]
    output: int = 0


@dataclass(frozen=True)
class State(Node):
    """Inside of the rates of a `Solution`: the present value of one of its names. ``index``: pairs (axis of the state, index
    expression)."""

    name: str
    index: tuple[tuple[str, Expr], ...] = ()


@dataclass(frozen=True)
class Time(Node):
    """Inside of the rates of a `Solution`: the present time."""


@dataclass(frozen=True)
class Solution(Node):
    """The value of ``name`` at ``times`` that solves a system of differential equations: d name / d time = rate, from ``start``
    at ``start_time`` on.

    It stands alone as the value of a deterministic variable in a plate whose rows are the times. ``names``: those that are
    solved together, each with its rate and start; these and ``start_time`` are of the plates around ``plate``, and say a name
    by `State` and the time by `Time`. ``rtol``, ``atol``: bounds of the error of a step, relative to the value and absolute;
    ``max_steps``: most steps from one time to the next; ``solver``: one of ``signatures.equations.SOLVERS``.
    """

    name: str
    names: tuple[str, ...]
    rates: tuple[Expr, ...]
    starts: tuple[Expr, ...]
    times: Expr
    start_time: Expr
    plate: str
    rtol: float
    atol: float
    max_steps: int
    solver: str


Expr = (
    Const
    | Ref
    | Apply
    | Contract
    | Reduce
    | Choose
    | First
    | Element
    | Rename
    | Stack
    | Identity
    | MatrixApply
    | NetCall
    | State
    | Time
    | Solution
)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside one."""
    match expr:
        case Ref(index=index) | State(index=index):
            return tuple(e for _, e in index)
        case Solution(rates=rates, starts=starts, times=times, start_time=start_time):
            return (*rates, *starts, times, start_time)
        case Apply(arguments=arguments) | NetCall(arguments=arguments):
            return arguments
        case Stack(entries=entries):
            return entries
        case Contract(left=left, right=right):
            return (left, right)
        case Reduce(body=body) | Rename(body=body) | MatrixApply(body=body):
            return (body,)
        case Choose(condition=condition, then=then, otherwise=otherwise):
            return (condition, then, otherwise)
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """An expression and everything in it, outermost first; an object that stands in several places comes once."""
    seen: set[int] = set()
    pending = [expr]
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        pending.extend(reversed(children(node)))


def inside_out(expr: Expr) -> Iterator[Expr]:
    """An expression and everything in it, each object once and after its children: for values worked out upwards."""
    seen: set[int] = set()
    pending = [(expr, False)]
    while pending:
        node, is_ready = pending.pop()
        if is_ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            pending.append((node, True))
            pending.extend((child, False) for child in reversed(children(node)))


def references(expr: Expr) -> Iterator[Ref]:
    """Every Ref in an expression, those in index expressions too."""
    return (e for e in walk(expr) if isinstance(e, Ref))
