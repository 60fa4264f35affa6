"""Scalar expressions of a program of loops: numbers, elements of arrays, functions of these, sums over a loop.

A scalar knows the loops it varies along, and nothing of where it will be worked out. Equal scalars are one object.
"""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pgmlang.native.words import REDUCTIONS


@dataclass(frozen=True)
class Loop:
    """A loop over the elements of an axis. ``depth``: how many loops over the same axis stand around it."""

    axis: str
    depth: int = 0


ArrayKind = Literal[
    "values",
    "free",
    "computed",
    "parent",
    "previous",
    "position",
    "order",
    "seen",
    "open",
    "weight",
    "scale",
    "given",
    "set",
    "tried",
    "numbers",
]


@dataclass(frozen=True)
class Array:
    """An array that a program reads. ``kind``: ``values`` of the variable ``of``, its ``free`` ones (a stretch of the free vector), what
    the program has ``computed``; the ``parent`` of a plate (outer, inner), the rows ``previous`` in a chain (chain, lag), the ``position`` in
    it, its rows in ``order``, which cells are ``seen``, which are ``open`` though others are given, the ``weight`` of rows, the ``scale`` of sums
    over them, which cells of a variable are ``given`` (the others are free), which an intervention has ``set``, the numbers ``tried`` for an element, ``numbers`` written out
    in the model (as JSON). ``axes`` of its elements; ``varies``: they hang on the free vector,
    ``is_active``: with derivatives."""

    kind: ArrayKind
    of: tuple[str, ...]
    axes: tuple[str, ...]
    is_active: bool = False
    varies: bool = False

    @property
    def name(self) -> str:
        """What it is called in programs, where nothing else is."""
        match self.kind, self.of:
            case "numbers", (text,):
                return f"numbers_{hashlib.blake2b(text.encode(), digest_size=3).hexdigest()}"
            case "parent", (outer, inner):
                return f"{outer}_of_{inner}"
            case "previous", (chain, lag):
                return f"{chain}_before_{lag}"
            case (
                "position" | "order" | "seen" | "open" | "weight" | "free" | "scale" | "given" | "set" | "tried",
                (name,),
            ):
                return f"{name}_{self.kind}"
        return "_".join(self.of)


@dataclass(frozen=True, eq=False)
class Scalar:
    """``op``: ``number``, ``code`` (of a label, a whole number), ``loop``, ``size``, ``load``, a reduction over a loop (``sum``), or a function of `words`. ``payload``: the number, the Loop, the axis or
    the Array. ``loops``: those it varies along; ``varies``: it hangs on the free vector; ``is_active``: it has derivatives by it. ``height``: of
    the tree of its arguments."""

    op: str
    args: tuple[Scalar, ...]
    payload: Any
    loops: frozenset[Loop]
    is_active: bool
    varies: bool
    height: int

    @property
    def number(self) -> float | None:
        """The value of a plain number."""
        return self.payload if self.op == "number" else None


_FOLDED: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg,
    "log": math.log, "exp": math.exp, "sqrt": math.sqrt, "lgamma": math.lgamma, "log1p": math.log1p,
    "expm1": math.expm1,
}  # fmt: skip
"""Functions that are worked out where all arguments are numbers."""


@dataclass
class ScalarGraph:
    """Makes scalars, each once. ``hints``: names that some have; ``guarded``: those that stand in a branch, whose slope may be infinite
    or no number where the branch is not taken."""

    known: dict[Any, Scalar] = field(default_factory=dict)
    hints: dict[int, str] = field(default_factory=dict)
    guarded: set[int] = field(default_factory=set)

    def hint(self, scalar: Scalar, name: str) -> Scalar:
        """The scalar, with the name that it has in a formula or in the model."""
        if scalar.op not in ("number", "loop") and not (scalar.op == "load" and scalar.payload.kind != "free"):
            self.hints.setdefault(id(scalar), name)
        return scalar

    def make(self, op: str, *args: Scalar, payload: Any = None) -> Scalar:
        """A scalar, simplified where an argument is a number that leaves the other as it is."""
        simple = self._simplified(op, args)
        if simple is not None:
            return simple
        key = (op, payload, tuple(map(id, args)))
        if key not in self.known:
            loops = frozenset().union(*(a.loops for a in args))
            is_active, varies = any(a.is_active for a in args), any(a.varies for a in args)
            if op == "loop":
                loops = frozenset({payload})
            elif op in REDUCTIONS:
                loops -= {payload}
            elif op == "load":
                is_active, varies = payload.is_active, payload.varies or varies
            is_active = is_active and op not in NEVER_ACTIVE
            self.known[key] = Scalar(
                op, args, payload, loops, is_active, varies, 1 + max((a.height for a in args), default=0)
            )
        return self.known[key]

    def number(self, value: float) -> Scalar:
        """A plain number."""
        return self.make("number", payload=value)

    def code(self, value: int) -> Scalar:
        """The code of a label."""
        return self.make("code", payload=value)

    def load(self, array: Array, index: Sequence[Scalar]) -> Scalar:
        """An element of an array."""
        return self.make("load", *index, payload=array)

    def guard(self, scalar: Scalar) -> Scalar:
        """The scalar, its derivatives looked at only where they matter."""
        pending = [scalar]
        while pending:
            node = pending.pop()
            if node.varies and id(node) not in self.guarded:
                self.guarded.add(id(node))
                pending += node.args
        return scalar

    def like(self, scalar: Scalar, other: Scalar) -> Scalar:
        """``other``, with the name of a scalar that it stands for, and guarded as that is."""
        if id(scalar) in self.guarded:
            self.guarded.add(id(other))
        return self.hint(other, self.hints[id(scalar)]) if id(scalar) in self.hints else other

    def _simplified(self, op: str, args: tuple[Scalar, ...]) -> Scalar | None:
        numbers = [a.number for a in args]
        if args and op in _FOLDED and None not in numbers:
            try:
                return self.number(float(_FOLDED[op](*numbers)))
            except (ValueError, ArithmeticError):
                return None
        match op, args, numbers:
            case ("add", (a, b), (n, m)):
                return b if n == 0 else a if m == 0 else None
            case ("sub", (a, _), (_, m)) if m == 0:
                return a
            case ("sub", (Scalar(op="sub", args=(a, c)), _), (_, m)) if m is not None and c.number is not None:
                return self.make("sub", a, self.number(c.number + m))
            case ("mul", (a, b), (n, m)):
                return b if n == 1 else a if m == 1 else None
            case ("div", (a, _), (_, m)) if m == 1:
                return a
            case ("neg", (a,), _) if a.op == "neg":
                return a.args[0]
            case ("where", (_, a, b), _) if a is b:
                return a
            case ("where", (_, a, b), (truth, *_)) if truth is not None:
                return a if truth else b
            case ("and", (a, b), (n, m)) if n is not None or m is not None:
                known, other = (a, b) if n is not None else (b, a)
                return other if known.number else known
            case ("or", (a, b), (n, m)) if n is not None or m is not None:
                known, other = (a, b) if n is not None else (b, a)
                return known if known.number else other
            case ("not", (_,), (n,)) if n is not None:
                return self.number(0.0 if n else 1.0)
            case ("real", (a,), (n,)) if n is not None:
                return a
        return None


NEVER_ACTIVE = frozenset({
    "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "sign", "floor", "ceil", "round", "whole", *REDUCTIONS,
} - {"sum", "logsumexp"})  # fmt: skip
"""Functions whose derivative is zero wherever it is, and those whose derivatives are said beside them (`reductions`)."""


def walk(*roots: Scalar) -> Iterator[Scalar]:
    """Scalars and all that they are made of, each once."""
    seen: set[int] = set()
    pending = list(roots)
    while pending:
        scalar = pending.pop()
        if id(scalar) not in seen:
            seen.add(id(scalar))
            yield scalar
            pending += scalar.args


def rewritten(graph: ScalarGraph, scalar: Scalar, known: Mapping[int, Scalar]) -> Scalar:
    """A scalar with others in place of some, by their ids."""
    done = dict(known)

    def of(node: Scalar) -> Scalar:
        if id(node) not in done:
            args = tuple(map(of, node.args))
            same = all(a is b for a, b in zip(args, node.args, strict=True))
            done[id(node)] = node if same else graph.like(node, graph.make(node.op, *args, payload=node.payload))
        return done[id(node)]

    return of(scalar)
