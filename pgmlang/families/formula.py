"""The language of densities: arithmetic, comparisons and a vocabulary of functions, printed by whoever computes.

A formula is an expression in a family's parameters, ``x`` for the value, ``u`` for a chance, ``pi`` and ``inf``. The
torch printer maps `VOCABULARY` to torch's functions and to those of ``lower/runtime/special.py``; another printer, such
as one of scalar loops, brings its own map of the same words.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Mapping

VOCABULARY: dict[str, str] = {
    "log": "torch.log", "exp": "torch.exp", "log1p": "torch.log1p", "expm1": "torch.expm1", "sqrt": "torch.sqrt",
    "abs": "torch.abs", "floor": "torch.floor", "sin": "torch.sin", "cos": "torch.cos", "tan": "torch.tan", "sinh": "torch.sinh",
    "atan2": "torch.atan2", "sigmoid": "torch.sigmoid", "logit": "torch.logit", "erf": "torch.erf",
    "erfinv": "torch.erfinv", "lgamma": "torch.lgamma", "digamma": "torch.digamma", "where": "torch.where",
    "ndtri": "torch.special.ndtri", "log_ndtr": "torch.special.log_ndtr", "i0e": "torch.special.i0e",
    "i1e": "torch.special.i1e",
    "log_of": "log_of", "log1p_of": "log1p_of", "times_log": "times_log", "softplus": "softplus", "log1mexp": "log1mexp",
    "log_rising": "log_rising", "gamma_kernel": "gamma_kernel", "beta_kernel": "beta_kernel",
    "poisson_log_prob": "poisson_log_prob", "binomial_log_prob": "binomial_log_prob",
    "negative_binomial_log_prob": "negative_binomial_log_prob", "beta_binomial_log_prob": "beta_binomial_log_prob",
    "gamma_tails": "gamma_tails", "beta_tails": "beta_tails", "beta_binomial_tails": "beta_binomial_tails",
    "log_mills": "log_mills", "log_mills_sum": "log_mills_sum", "log_mills_difference": "log_mills_difference",
    "skew_normal_log_below": "skew_normal_log_below", "log_mean_exp": "log_mean_exp", "logaddexp": "torch.logaddexp",
    "inverse_gaussian_draws": "inverse_gaussian_draws", "hypergeometric_log_prob": "hypergeometric_log_prob",
    "hypergeometric_log_total": "hypergeometric_log_total", "hypergeometric_tails": "hypergeometric_tails",
    "hypergeometric_draws": "hypergeometric_draws",
    "noncentral_chi_squared_log_prob": "noncentral_chi_squared_log_prob",
    "noncentral_t_log_prob": "noncentral_t_log_prob", "saddle_integral": "saddle_integral",
    "generalized_poisson_draws": "generalized_poisson_draws", "wiener_draws": "wiener_draws",
    "student_t_log_tail": "student_t_log_tail", "stirling": "stirling", "deviance": "deviance",
}  # fmt: skip
"""Functions of formulas, and torch's or the runtime's name of each."""

CONSTANTS = {"pi": "math.pi", "inf": "math.inf"}
_CONSTANT_NUMBERS = {"pi": math.pi, "inf": math.inf}
_OPERATIONS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Lt: operator.lt, ast.Gt: operator.gt,
}  # fmt: skip
_OF_NUMBERS = ("log", "exp", "sqrt", "log1p", "expm1", "lgamma")
_ALLOWED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Name, ast.Constant, ast.Load, ast.operator,
    ast.unaryop, ast.cmpop, ast.Subscript, ast.Attribute, ast.keyword,
)  # fmt: skip


def parse(text: str, names: Collection[str], what: str = "a formula") -> ast.expr:
    """The tree of a formula. Raises ValueError for a name or a function that is not known, and for other syntax."""
    tree = ast.parse(text, mode="eval")
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise ValueError(f"{what}: {ast.unparse(node)} has no place in a formula")
        known = (*names, *VOCABULARY, *CONSTANTS, "dist")
        if isinstance(node, ast.Name) and node.id not in known:
            raise ValueError(f"{what}: `{node.id}` is neither a parameter nor in the vocabulary")
    return tree.body


def number_at(text: str, arguments: Mapping[str, float]) -> float:
    """The number of a formula of differences, products, comparisons and ``where``, as those of bounds are; NaN for any other."""

    def number(node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as value):
                return float(value)
            case ast.Name(id=name):
                return arguments.get(name, _CONSTANT_NUMBERS.get(name, math.nan))
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -number(inner)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
                return _OPERATIONS[type(op)](number(left), number(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATIONS:
                return _OPERATIONS[type(op)](number(left), number(right))
            case ast.Call(func=ast.Name(id="where"), args=[test, one, other]):
                return number(one) if number(test) else number(other)
        return math.nan

    return number(ast.parse(text, mode="eval").body)


def used_names(text: str) -> set[str]:
    """The names in a formula."""
    return {node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}


def needed_names(let: Mapping[str, str], texts: Collection[str]) -> list[tuple[str, str]]:
    """The names of ``let`` that some formulas share, those they need of one another included, in order, with their formulas."""
    wanted = set().union(*map(used_names, texts))
    for word, text in reversed(list(let.items())):
        if word in wanted:
            wanted |= used_names(text)
    return [(word, text) for word, text in let.items() if word in wanted]


def printed(text: str, values: Mapping[str, ast.expr], use: Callable[[str], None]) -> ast.expr:
    """A formula as torch syntax, its names replaced by ``values``; ``use`` is told each function of the runtime."""
    return _Torch(values, use).visit(ast.parse(text, mode="eval").body)  # type: ignore[no-any-return]


class _Torch(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr], use: Callable[[str], None]) -> None:
        self.values, self.use = values, use

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id in _OF_NUMBERS and _is_number(node):
            function = ast.Attribute(ast.Name("math", ast.Load()), node.func.id, ast.Load())
            return ast.Call(function, [self.visit(a) for a in node.args], [])
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.values:
            return self.values[node.id]
        word = VOCABULARY.get(node.id) or CONSTANTS.get(node.id, node.id)
        if word == node.id and node.id in VOCABULARY:
            self.use(node.id)
        return ast.parse(word, mode="eval").body


def _is_number(node: ast.AST) -> bool:
    """Whether no parameter and no function but those of plain numbers is in an expression."""
    words = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return words <= {*_OF_NUMBERS, *CONSTANTS}
