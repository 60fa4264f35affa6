"""What a density costs as compiled loops and by torch's recorded operations, estimated from a program; and which of the two is taken.

The figures stand for every machine, and for a program that was never compiled before, so that the choice, and the last digits of draws with
it, are the same everywhere and whatever is on disk. `benchmarks/backends.py` measures what they stand for.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from pgmlang.native.factor_terms import FactorTerm
from pgmlang.native.lane_functions import known_functions
from pgmlang.native.matrix_terms import BY_BLOCKS
from pgmlang.native.scalars import Scalar, walk
from pgmlang.native.stages import AnyStage, SequenceStage, SliceStage, SolutionStage
from pgmlang.native.words import WORDS

PLAIN = frozenset({
    "load", "add", "sub", "mul", "div", "neg", "square", "sqrt", "where", "real", "min", "max", "abs", "sign", "eq", "ne", "lt", "le",
    "gt", "ge", "and", "or", "not", "moved", "sum", "max_over", "min_over", "prod_over", "relu",
})  # fmt: skip
"""What several elements are worked out of at a time; all else is a function of the library of mathematics."""
FREE = frozenset({"number", "code", "loop", "size"})
"""What is said and not worked out."""

FIRST_USE, COMPILED_OPERATION = 0.6, 0.011
"""Seconds until numba has compiled anything, and for each operation of the program."""
LOOPS_CALL, LOOP = 1e-6, 0.04e-6
"""Seconds of a gradient of all chains by loops, a share of a call of a trajectory, and of each chain, beside its elements."""
FEWEST_IN_LANES = 4
"""Chains of which a group of lanes takes less time than they do one by one."""
SLICE_OPERATIONS = 20
"""What compiling a function of matrices and its adjoint is like."""
BLOCKS = 4
"""Times as long as compiling one that works by blocks is."""
SOLVER_OPERATIONS = 300
"""The same of a solver of differential equations."""
RECORDING, RECORDED_CALL, RECORDED_OPERATION = 0.03, 25e-6, 2.3e-6
"""Seconds until torch has recorded a gradient, of a step of all chains, and of each operation in it, for however many chains."""

LONG_RUN = 12.0
"""Seconds that a run of many chains may take: beyond it there are fewer."""

Kind = Literal[
    "plain", "inner", "function", "step", "gather", "matrix", "large matrix", "solution", "move", "path"
]
BY_LOOPS: Mapping[Kind, float] = {
    "plain": 0.15e-9,
    "inner": 0.15e-9,
    "function": 4.5e-9,
    "step": 0.0,
    "gather": 0.5e-9,
    "matrix": 0.5e-9,
    "large matrix": 0.06e-9,
    "solution": 60e-9,
    "move": 6e-9,
    "path": 0.0,
}
BY_LANES: Mapping[Kind, float] = {
    "plain": 0.06e-9,
    "inner": 0.1e-9,
    "function": 0.9e-9,
    "step": 0.0,
    "gather": 0.25e-9,
    "matrix": 0.15e-9,
    "large matrix": 0.06e-9,
    "solution": 60e-9,
    "move": 6e-9,
    "path": 0.0,
}
BY_TORCH: Mapping[Kind, float] = {
    "plain": 0.8e-9,
    "inner": 0.2e-9,
    "function": 0.9e-9,
    "step": 0.8e-9,
    "gather": 8e-9,
    "matrix": 0.45e-9,
    "large matrix": 0.2e-9,
    "solution": 50e-6,
    "move": 0.0,
    "path": 60e-9,
}
"""Seconds of an operation of each element of one chain, alone and in a group of eight, its adjoint included: `PLAIN` ones, those inside of a sum (a matrix product, to
torch), functions, steps of a function of the runtime, of which torch makes an array each, elements picked by an index of data, what is made of
matrices and by blocks of large ones, operations of the rates of differential equations, a few steps for each row, moves between two states of a hidden chain, which loops go
along, and paths over three, of whose products of matrices in the logarithm torch's sum over the chain is made."""


@dataclass(frozen=True)
class Counts:
    """How much a value of the density is: how often an operation of a kind stands along the loops over some axes, those of data alone left
        out; ``operations`` of the whole text, over which the compiler goes; ``has_lanes``: chains are worked out in groups, as no chain
    of labels and no large matrix is."""

    elements: Mapping[tuple[Kind, tuple[str, ...]], int]
    operations: int
    has_lanes: bool = True

    @property
    def axes(self) -> frozenset[str]:
        """The axes that loops run over."""
        return frozenset(a for _, axes in self.elements for a in axes)

    @property
    def varying(self) -> int:
        """Operations on values, of which torch makes a call each."""
        return sum(number for (kind, _), number in self.elements.items() if kind not in ("inner", "step"))

    def seconds(self, each: Mapping[Kind, float], sizes: Mapping[str, int]) -> float:
        """What all elements take, over axes of these ``sizes``."""
        return sum(
            number * each[kind] * math.prod(sizes[a] for a in axes)
            for (kind, axes), number in self.elements.items()
        )


def counts_of(items: Iterable[AnyStage | FactorTerm]) -> Counts:
    """The operations of stages and terms."""
    elements: Counter[tuple[Kind, tuple[str, ...]]] = Counter()
    operations = 0
    everything = tuple(items)
    for item in everything:
        if isinstance(item, SliceStage) and item.array.varies:
            kind: Kind = "large matrix" if item.name in BY_BLOCKS.values() else "matrix"
            elements[kind, (*(loop.axis for loop in item.loops), *item.work)] += 1
            operations += SLICE_OPERATIONS * (BLOCKS if item.name in BY_BLOCKS.values() else 1)
        if isinstance(item, SolutionStage):
            rates = sum(scalar.op not in FREE for scalar in walk(*item.rates))
            elements["solution", item.order.array.axes] += rates * item.array.varies
            operations += SOLVER_OPERATIONS + rates
        if isinstance(item, SequenceStage) and item.array.varies:
            elements["move", (*item.emission.axes, *item.states)] += 1
            elements["path", (*item.emission.axes, *item.states, *item.states)] += 1
        inside = {id(scalar) for scalar in _inside_of_sums(item.scalars)}
        for scalar in walk(*item.scalars):
            operations += scalar.op not in FREE
            if scalar.varies and scalar.op not in FREE:
                axes = tuple(sorted(loop.axis for loop in scalar.loops))
                elements["inner" if id(scalar) in inside else _kind(scalar), axes] += _calls(scalar.op)
                elements["step", axes] += _steps(scalar.op)
        for scalar in item.scalars:
            # added to the density, or put into an array
            elements["plain", tuple(loop.axis for loop in item.loops)] += scalar.varies
    has_lanes = not any(
        item.array.varies and _has_no_lanes(item) for item in everything if not isinstance(item, FactorTerm)
    )
    return Counts(dict(elements), operations, has_lanes)


def _has_no_lanes(stage: AnyStage) -> bool:
    if isinstance(stage, SliceStage):
        return stage.name not in known_functions()
    return isinstance(stage, SequenceStage | SolutionStage)


def _inside_of_sums(scalars: Iterable[Scalar]) -> Iterator[Scalar]:
    """Plain scalars that vary along the loop of a sum that they stand in."""
    for total in walk(*scalars):
        if total.op == "sum":
            yield from (s for s in walk(*total.args) if total.payload in s.loops and _kind(s) == "plain")


def _kind(scalar: Scalar) -> Kind:
    if scalar.op == "load":
        return "gather" if any(walked.op == "load" for walked in walk(*scalar.args)) else "plain"
    return "plain" if scalar.op in PLAIN else "function"


@cache
def _calls(op: str) -> int:
    """How many functions of Python's `math` a function and its derivatives call, those of the runtime's functions counted in."""
    if op in PLAIN or op not in WORDS:
        return 1
    texts = (WORDS[op].written, *WORDS[op].derivatives)
    return max(1, sum(_calls_in(ast.parse(text)) for text in texts if text))


@cache
def _steps(op: str) -> int:
    """Operations of numbers in a function of the runtime and its derivatives; none of one of Python's `math`."""
    if op in PLAIN or op not in WORDS:
        return 0
    texts = (WORDS[op].written, *WORDS[op].derivatives)
    return sum(_steps_of(name) for text in texts if text for name in _called(ast.parse(text)))


@cache
def _steps_of(name: str) -> int:
    if name not in _runtime():
        return 0
    tree = _runtime()[name]
    here = sum(
        isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare | ast.IfExp | ast.If) for node in ast.walk(tree)
    )
    return here + sum(map(_steps_of, _called(tree)))


def _called(tree: ast.AST) -> list[str]:
    """Functions called by their name, as often as they are."""
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [function.id for function in called if isinstance(function, ast.Name)]


def _calls_in(tree: ast.AST) -> int:
    names = _called(tree)
    called = sum(isinstance(node, ast.Call) for node in ast.walk(tree))
    return called - len(names) + sum(_calls_of(name) for name in names)


@cache
def _calls_of(name: str) -> int:
    """Those of a function of the runtime; of any other none."""
    return _calls_in(_runtime()[name]) if name in _runtime() else 0


@cache
def _runtime() -> Mapping[str, ast.Module]:
    """The functions of the runtime's files, as they are written."""
    texts = [f.read_text("utf-8") for f in files("pgmlang.native.runtime").iterdir() if f.name.endswith(".py")]
    functions = [f for text in texts for f in ast.parse(text).body if isinstance(f, ast.FunctionDef)]
    return {f.name: ast.Module(f.body, []) for f in functions}


@dataclass(frozen=True)
class BackendChoice:
    """``backend``: what works out a density, ``native`` or ``torch``; ``reason``: why, in words that begin with it."""

    backend: str
    reason: str


@dataclass(frozen=True)
class Estimate:
    """Seconds of a gradient of one chain by loops and by torch, where many are worked out together, and before the first."""

    loops: float
    torch: float
    compilation: float
    recording: float


def estimated(counts: Counts, sizes: Mapping[str, int], chains: int) -> Estimate:
    """What a density costs."""
    is_over_lanes = counts.has_lanes and chains >= FEWEST_IN_LANES
    return Estimate(
        LOOPS_CALL / chains + LOOP + counts.seconds(BY_LANES if is_over_lanes else BY_LOOPS, sizes),
        (RECORDED_CALL + RECORDED_OPERATION * counts.varying) / chains + counts.seconds(BY_TORCH, sizes),
        FIRST_USE + COMPILED_OPERATION * counts.operations,
        RECORDING,
    )


def affordable(counts: Counts, sizes: Mapping[str, int], gradients: int, usual: int, backend: str) -> int:
    """How many chains: as many as is usual, or half of it, or a quarter, where so many ``gradients`` of each take longer than `LONG_RUN`. Fewer
    than a group of lanes cost as much as that."""
    fewest = usual // 2 if counts.has_lanes and backend == "native" else usual // 4
    chains = usual
    while chains > fewest:
        cost = estimated(counts, sizes, chains)
        if gradients * chains * (cost.loops if backend == "native" else cost.torch) <= LONG_RUN:
            break
        chains //= 2
    return chains


def chosen(counts: Counts, sizes: Mapping[str, int], chains: int, gradients: int) -> BackendChoice:
    """Who works out so many ``gradients`` of so many ``chains``: loops where compiling them takes less time than they save."""
    cost = estimated(counts, sizes, chains)
    loops, torch = (f"{s * 1e6:,.{1 if s < 1e-5 else 0}f}" for s in (cost.loops, cost.torch))
    number = gradients * chains
    if cost.compilation + number * cost.loops < cost.recording + number * cost.torch:
        return BackendChoice("native", f"native: loops, {loops} us a gradient a chain estimated; torch: {torch}")
    if cost.loops < cost.torch:
        run = f"{number * cost.torch:.1f} s estimated"
        return BackendChoice(
            "torch", f"torch: too short a run ({run}) for compilation ({cost.compilation:.1f} s) to pay"
        )
    return BackendChoice("torch", f"torch: {torch} us a gradient a chain estimated; loops: {loops}")
