"""Functions of expressions, one row each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """``result``: kind of the value; ``same`` is the argument's (the widest of several). ``torch``: dotted name. ``safe``:
    for a function whose value or derivative is infinite or no number at some argument, one where both are finite."""

    name: str
    arity: int
    result: str
    torch: str
    accepts: str = "real"
    safe: float | None = None


FUNCTIONS: dict[str, Function] = {
    f.name: f
    for f in (
        Function("exp", 1, "positive", "torch.exp", safe=0.0),
        Function("log", 1, "real", "torch.log", "positive", safe=1.0),
        Function("log1p", 1, "real", "torch.log1p", safe=0.0),
        Function("expm1", 1, "real", "torch.expm1", safe=0.0),
        Function("sqrt", 1, "positive", "torch.sqrt", "positive", safe=1.0),
        Function("square", 1, "positive", "torch.square"),
        Function("abs", 1, "positive", "torch.abs"),
        Function("sign", 1, "real", "torch.sign"),
        Function("floor", 1, "real", "torch.floor"),
        Function("ceil", 1, "real", "torch.ceil"),
        Function("round", 1, "real", "torch.round"),
        Function("sigmoid", 1, "unit", "torch.sigmoid"),
        Function("logit", 1, "real", "torch.logit", "unit", safe=0.5),
        Function("softplus", 1, "positive", "torch.nn.functional.softplus"),
        Function("relu", 1, "positive", "torch.relu"),
        Function("tanh", 1, "real", "torch.tanh"),
        Function("sin", 1, "real", "torch.sin"),
        Function("cos", 1, "real", "torch.cos"),
        Function("tan", 1, "real", "torch.tan", safe=0.0),
        Function("atan", 1, "real", "torch.atan"),
        Function("atan2", 2, "real", "torch.atan2", safe=1.0),
        Function("lgamma", 1, "real", "torch.lgamma", "positive", safe=1.0),
        Function("erf", 1, "real", "torch.erf"),
        Function("Phi", 1, "unit", "torch.special.ndtr"),
        Function("softmax", 1, "simplex", "torch.softmax"),
        Function("cumsum", 1, "real", "torch.cumsum"),
    )
}
"""``softmax`` and ``cumsum`` work along one axis: the only one of their argument, or ``over = axis``."""

REDUCTIONS = ("sum", "mean", "prod", "min", "max", "logsumexp")
"""``sum(x, over = axis)``; ``min`` and ``max`` of two arguments are elementwise."""

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
