"""Which text of a conditional is evaluated for its coefficients: an evaluation says what a linear expression's coefficients are only if each of its
parts is linear too. And whether the text has a value wherever its simplified form has one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pgmlang.diagnostics import Diagnostic
from pgmlang.gaussian.normal_arguments import normal_arguments
from pgmlang.model import Conditional, Model
from pgmlang.model.branches import branches
from pgmlang.model.expr import Apply, Choose, Contract, Expr, Reduce, Ref, Rename, Stack, children, inside_out
from pgmlang.normal import normal_form, without_definitions
from pgmlang.normal.nodes import is_nonnegative, number
from pgmlang.signatures.functions import FUNCTIONS


def probed_factor(
    model: Model, factor: Conditional, numbers: Collection[str], params: Collection[str]
) -> Conditional:
    """The conditional as it is written, whose arithmetic loses no digits; that of the normal form where a part of the text is not linear in the ``numbers``, as of
    ``log(exp(a))`` and ``a^2 - a * a + a``, or in the ``params``."""
    written = without_definitions(model)
    for distribution in branches(written.conditional_of[factor.target].distribution):
        arguments = normal_arguments(distribution)
        if arguments is None:
            continue
        mean = all(is_linear_throughout(written, arguments.loc, names) for names in (numbers, params))
        spread = names_free(written, arguments.spread, numbers)
        if not mean or not spread or not is_linear_throughout(written, arguments.spread, params):
            return normal_form(model).conditional_of[factor.target]
    return factor


def domain_reasons(model: Model, factor: Conditional, numbers: Collection[str]) -> Iterator[Diagnostic]:
    """Why a conditional is none for all values of the ``numbers``, though simplified it is: ``exp(log(a))`` says that a is not below zero."""
    written = without_definitions(model)
    for expr in written.expressions(written.conditional_of[factor.target]):
        for node in inside_out(expr):
            if (
                isinstance(node, Apply)
                and _is_partial(node)
                and not names_free(written, node.arguments[0], numbers)
            ):
                words = "a power" if node.function == "pow" else f"`{node.function}`"
                message = (
                    f"{words} in the conditional of `{factor.target}` has no value for some values of numbers"
                )
                yield Diagnostic("PGM0602", message, node.span or factor.span)
                return


def _is_partial(node: Apply) -> bool:
    """Whether a function may be asked for its value where it has none; single points do not count."""
    first = node.arguments[0]
    if node.function == "pow":
        exponent = number(node.arguments[1])
        return not is_nonnegative(first) and (exponent is None or not exponent.is_integer())
    function = FUNCTIONS.get(node.function)
    if function is not None and function.accepts == "unit":
        return first.type.kind not in ("unit", "bit")
    return (node.function == "log1p" or (function is not None and function.accepts != "real")) and not is_nonnegative(first)  # fmt: skip


def names_free(model: Model, expr: Expr, names: Collection[str]) -> bool:
    """Whether none of the names stands in an expression, or behind one that does."""
    return not any(_hangs(model, n, names) for n in inside_out(expr) if isinstance(n, Ref))


def is_linear_throughout(model: Model, expr: Expr, names: Collection[str]) -> bool:
    """Whether an expression and each of its parts are linear in the variables called ``names``, as they stand."""
    hangs: dict[int, bool] = {}
    for node in inside_out(expr):
        inner = children(node)
        if isinstance(node, Ref):
            if any(hangs[id(e)] for _, e in node.index) or (node.name not in names and _hangs(model, node, names)):
                return False
            hangs[id(node)] = node.name in names
            continue
        hangs[id(node)] = any(hangs[id(c)] for c in inner)
        if hangs[id(node)] and not _keeps_linear(node, [hangs[id(c)] for c in inner]):
            return False
    return True


def _hangs(model: Model, ref: Ref, names: Collection[str]) -> bool:
    if ref.name in names:
        return True
    definition = model.definition_of.get(ref.name)
    return definition is not None and not set(names).isdisjoint(model.random_parents(definition))


def _keeps_linear(node: Expr, hangs: list[bool]) -> bool:
    """Whether what a node makes of linear parts is linear, some of them hanging on the variables."""
    match node:
        case Apply(function="add" | "sub" | "neg"):
            return True
        case Apply(function="mul") | Contract():
            return sum(hangs) == 1
        case Apply(function="div"):
            return not hangs[1]
        case Choose():
            return not hangs[0]
        case Reduce(function="sum" | "mean") | Rename() | Stack():
            return True
    return False
