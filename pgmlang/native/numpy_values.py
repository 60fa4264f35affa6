"""Scalars as numpy arrays: values at many elements at once, without a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pgmlang.native.formulas import NotScalar
from pgmlang.native.scalars import Array, Loop, Scalar
from pgmlang.native.stages import AnyStage, Stage
from pgmlang.native.words import REDUCTIONS


def _log_of(a: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.log(a)


def _special(name: str) -> Callable[..., Any]:
    """A function of scipy's, which takes a tenth of a second to import, when it is called."""

    def function(*values: Any, **named: Any) -> Any:
        from scipy import special

        return getattr(special, name)(*values, **named)

    return function


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "pow": np.power, "square": np.square,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "and": np.logical_and, "or": np.logical_or, "not": np.logical_not, "real": lambda a: np.asarray(a, dtype=float),
    "where": lambda a, b, c: np.where(np.asarray(a, dtype=bool), b, c), "min": np.minimum, "max": np.maximum,
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt, "abs": np.abs, "sign": np.sign,
    "floor": np.floor, "ceil": np.ceil, "round": np.round, "sigmoid": _special("expit"), "logit": _special("logit"),
    "softplus": lambda a: np.logaddexp(0.0, a), "relu": lambda a: np.maximum(a, 0.0), "tanh": np.tanh, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "atan": np.arctan, "atan2": np.arctan2, "erf": _special("erf"), "Phi": _special("ndtr"), "log_ndtr": _special("log_ndtr"),
    "lgamma": _special("gammaln"), "digamma": _special("digamma"), "logaddexp": np.logaddexp, "log_of": np.log, "log1p_of": np.log1p,
    "times_log": lambda x, log: np.where((x == 0.0) & (log == -np.inf), 0.0, x * log),
    "log1mexp": lambda a: np.where(a > -0.6931471805599453, np.log(-np.expm1(a)), np.log1p(-np.exp(a))),
}  # fmt: skip
"""The words of scalar programs that numpy has; the others are worked out by programs."""
ALONG: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "max_over": np.max, "min_over": np.min, "prod_over": np.prod, "logsumexp": _special("logsumexp"),
}  # fmt: skip
assert ALONG.keys() == REDUCTIONS.keys()


@dataclass(eq=False)
class NumpyValues:
    """Values of scalars at the elements that ``loops`` run through, arrays that broadcast together; ``given``: of some scalars. ``array`` gives
    what a program is handed, ``size`` the number of elements of an axis. Axes of reductions come before the others."""

    array: Callable[[Array], np.ndarray]
    size: Callable[[str], int]
    stages: Mapping[str, AnyStage] = field(default_factory=dict)
    loops: dict[Loop, np.ndarray] = field(default_factory=dict)
    given: dict[int, np.ndarray] = field(default_factory=dict)
    rank: int = 0
    known: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    filled: dict[Array, np.ndarray] = field(default_factory=dict)

    def at(self, loops: dict[Loop, np.ndarray], given: dict[int, np.ndarray], rank: int) -> NumpyValues:
        """The values at other elements, ``rank`` axes of them; what stages hold is shared."""
        return NumpyValues(self.array, self.size, self.stages, loops, given, rank, {}, self.filled)

    def value(self, node: Scalar) -> np.ndarray:
        """A scalar's values. Raises NotScalar for words that numpy has not."""
        if id(node) in self.given:
            return self.given[id(node)]
        key = (id(node), self.rank)
        if key not in self.known:
            with np.errstate(all="ignore"):
                self.known[key] = np.asarray(self._value(node))
        return self.known[key]

    def _value(self, node: Scalar) -> Any:
        match node.op:
            case "number" | "code":
                return node.payload
            case "loop":
                return self.loops[node.payload]
            case "size":
                return self.size(node.payload)
            case "load":
                index = tuple(np.asarray(self.value(a), dtype=np.int64) for a in node.args)
                return self._held(node.payload)[index]
        if node.op in REDUCTIONS:
            return self._reduced(node)
        if node.op not in FUNCTIONS:
            raise NotScalar(f"tables of the function `{node.op}`")
        return FUNCTIONS[node.op](*map(self.value, node.args))

    def _reduced(self, node: Scalar) -> Any:
        loop, number = node.payload, self.size(node.payload.axis)
        before = self.rank, self.loops
        self.loops = {**self.loops, loop: np.arange(number).reshape(-1, *[1] * self.rank)}
        self.rank += 1
        inner = self.value(node.args[0])
        self.rank, self.loops = before
        shape = (1,) * (self.rank + 1 - inner.ndim) + inner.shape
        whole = np.broadcast_to(inner.reshape(shape), (number, *shape[1:]))
        return ALONG[node.op](whole, axis=0)

    def _held(self, array: Array) -> np.ndarray:
        if array.kind != "computed":
            return self.array(array)
        if array not in self.filled:
            stage = next(s for s in self.stages.values() if s.array == array)
            if not isinstance(stage, Stage):
                raise NotScalar("tables of matrices")
            self.filled[array] = self._stage(stage)
        return self.filled[array]

    def _stage(self, stage: Stage) -> np.ndarray:
        """The array that a stage fills."""
        shape = tuple(self.size(a) for a in stage.array.axes)
        along = tuple(self.size(loop.axis) for loop in stage.loops)
        grid = np.indices(along).reshape(len(along), -1) if along else np.zeros((0, 1), dtype=np.int64)
        here = self.at(dict(zip(stage.loops, grid, strict=True)), {}, 1)
        value = np.broadcast_to(here.value(stage.value), grid.shape[1:])
        if not stage.gathers:
            return value.reshape(shape)
        reduction = REDUCTIONS[stage.gathers]
        out = np.full(shape, reduction.start)
        step = {
            "sum": np.add,
            "max_over": np.maximum,
            "min_over": np.minimum,
            "prod_over": np.multiply,
            "logsumexp": np.logaddexp,
        }
        step[stage.gathers].at(out, tuple(np.asarray(here.value(p), dtype=np.int64) for p in stage.places), value)
        return out
