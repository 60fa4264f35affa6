"""Functions of expressions, one row each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pgmlang.signatures.intervals import (
    Interval,
    between,
    exponential,
    log_gamma,
    logarithm,
    magnitude,
    rising,
    rounded,
    sigmoid,
    square,
)


@dataclass(frozen=True)
class Function:
    """``result``: kind of the value. ``torch``: dotted name. ``accepts``: kind of the arguments; what lies outside of it
    altogether is an error. ``safe``: for a function whose value or derivative is infinite or no number at some argument,
    one where both are finite. ``interval``: of the value, from those of the arguments; None: that of ``result``."""

    name: str
    arity: int
    result: str
    torch: str
    accepts: str = "real"
    safe: float | None = None
    interval: Callable[..., Interval] | None = None


FUNCTIONS: dict[str, Function] = {
    f.name: f
    for f in (
        Function("exp", 1, "positive", "torch.exp", safe=0.0, interval=rising(exponential)),
        Function("log", 1, "real", "torch.log", "nonnegative", safe=1.0, interval=rising(logarithm)),
        Function("log1p", 1, "real", "torch.log1p", safe=0.0, interval=rising(lambda x: logarithm(1 + x))),
        Function("expm1", 1, "real", "torch.expm1", safe=0.0, interval=rising(lambda x: exponential(x) - 1)),
        Function(
            "sqrt",
            1,
            "positive",
            "torch.sqrt",
            "nonnegative",
            safe=1.0,
            interval=rising(lambda x: math.sqrt(max(x, 0.0))),
        ),
        Function("square", 1, "positive", "torch.square", interval=square),
        Function("abs", 1, "positive", "torch.abs", interval=magnitude),
        Function("sign", 1, "real", "torch.sign", interval=rising(lambda x: (x > 0) - (x < 0.0), is_whole=True)),
        Function("floor", 1, "real", "torch.floor", interval=rising(rounded(math.floor), is_whole=True)),
        Function("ceil", 1, "real", "torch.ceil", interval=rising(rounded(math.ceil), is_whole=True)),
        Function("round", 1, "real", "torch.round", interval=rising(rounded(round), is_whole=True)),
        Function("sigmoid", 1, "unit", "torch.sigmoid", interval=rising(sigmoid)),
        Function(
            "logit",
            1,
            "real",
            "torch.logit",
            "unit",
            safe=0.5,
            interval=rising(lambda x: logarithm(x) - logarithm(1 - x)),
        ),
        Function(
            "softplus",
            1,
            "positive",
            "torch.nn.functional.softplus",
            interval=rising(lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x)))),
        ),
        Function("relu", 1, "positive", "torch.relu", interval=rising(lambda x: max(x, 0.0))),
        Function("tanh", 1, "real", "torch.tanh", interval=rising(math.tanh)),
        Function("sin", 1, "real", "torch.sin", interval=between(-1.0, 1.0)),
        Function("cos", 1, "real", "torch.cos", interval=between(-1.0, 1.0)),
        Function("tan", 1, "real", "torch.tan", safe=0.0, interval=between(-math.inf, math.inf)),
        Function("atan", 1, "real", "torch.atan", interval=rising(math.atan)),
        Function("atan2", 2, "real", "torch.atan2", safe=1.0, interval=between(-math.pi, math.pi)),
        Function("lgamma", 1, "real", "torch.lgamma", "positive", safe=1.0, interval=log_gamma),
        Function("erf", 1, "real", "torch.erf", interval=rising(math.erf)),
        Function(
            "Phi", 1, "unit", "torch.special.ndtr", interval=rising(lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0)))
        ),
        Function("softmax", 1, "simplex", "torch.softmax"),
        Function("cumsum", 1, "real", "torch.cumsum"),
    )
}
"""``softmax`` and ``cumsum`` work along one axis: the only one of their argument, or ``over = axis``."""

REDUCTIONS = ("sum", "mean", "prod", "min", "max", "logsumexp")
"""``sum(x, over = axis)``; ``min`` and ``max`` of two arguments are elementwise."""

WRITTEN_REDUCTIONS = {
    "var": "the variance: squared distances from the mean, over the number of elements less one",
    "sd": "the standard deviation, the root of `var`",
    "any": "whether a condition holds for one element at least",
    "all": "whether a condition holds for every element",
}
"""Reductions that are written by those above, and what they give."""

AXIS_FUNCTIONS = {
    "position": "the number of the present element of a dim or plate, or of the one that a label names, from 0 on; in a chain that of the row in its sequence",
    "size": "how many elements a dim or plate has",
}
"""Functions of an axis, and what they give."""

OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow", "==": "eq", "!=": "ne", "<": "lt", "<=": "le",
    ">": "gt", ">=": "ge", "and": "and", "or": "or",
}  # fmt: skip
"""Binary operators and the name their Apply node carries; unary ones are ``neg`` and ``not``."""

SAFE_OPERANDS: dict[str, tuple[float | None, float | None]] = {"div": (None, 1.0), "pow": (1.0, None)}
"""As ``Function.safe``, of operators: for each operand."""

BLOCKS: dict[str, tuple[str, ...]] = {"mlp": ("act",), "linear": (), "conv": ("act", "kernel", "stride")}
"""Network blocks and their options; ``mlp(100, 50, act = tanh)`` has two hidden layers."""

ACTIVATIONS = ("tanh", "relu", "silu", "gelu", "elu", "softplus", "sigmoid", "leaky_relu")
