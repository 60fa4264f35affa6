"""``net`` declarations: axes and block options checked."""

from __future__ import annotations

from pgmlang.diagnostics import Diagnostic
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Net
from pgmlang.sema.arithmetic import fold
from pgmlang.sema.limits import MAX_WIDTH
from pgmlang.sema.scope import Scope
from pgmlang.signatures.functions import ACTIVATIONS, BLOCKS
from pgmlang.syntax import ast


def build_net(scope: Scope, net: ast.NetDeclaration) -> Net | None:
    """The network's record; None (and errors) if it cannot be."""
    for axis in (*net.inputs, *net.outputs):
        if axis.name != "real" and not scope.is_axis(axis.name):
            if axis.name not in scope.broken_names:
                near = did_you_mean(axis.name, [*scope.dims, *scope.plates])
                scope.report(
                    Diagnostic(
                        "PGM0201", f"`{axis.name}` is not an axis", axis.span, help=near or "name a dim, or `real`"
                    )
                )
            return None
        scope.used.add(axis.name)
    block = net.block
    if not isinstance(block, ast.Call) or block.function not in BLOCKS:
        name = block.function if isinstance(block, ast.Call) else "this"
        near = did_you_mean(name, BLOCKS)
        scope.report(
            Diagnostic(
                "PGM0211",
                f"`{name}` is no network block",
                block.span,
                help=near or f"blocks are {', '.join(BLOCKS)}",
            )
        )
        return None
    arguments: list[float | str] = []
    for argument in block.arguments:
        value = fold(argument, scope.settings)
        _use_settings(scope, argument)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_WIDTH:
            scope.report(Diagnostic("PGM0311", f"a size of `{block.function}` is {value!r}", argument.span,
                                    help=f"a hidden size is a whole number from 1 to {MAX_WIDTH:,}, or a setting"))  # fmt: skip
            return None
        arguments.append(value)
    options: list[tuple[str, float | str]] = []
    for keyword in block.keywords:
        option = _option(scope, block.function, keyword)
        if option is None:
            return None
        options.append((keyword.name, option))
    names = tuple(a.name for a in net.inputs), tuple(a.name for a in net.outputs)
    return Net(net.name, *names, block.function, tuple(arguments), tuple(options), net.span)


def _option(scope: Scope, block: str, keyword: ast.Keyword) -> float | str | None:
    allowed = BLOCKS[block]
    if keyword.name not in allowed:
        near = did_you_mean(keyword.name, allowed)
        known = ", ".join(f"`{a}`" for a in allowed) or "none"
        scope.report(Diagnostic("PGM0306", f"`{block}` has no option `{keyword.name}`", keyword.span,
                                help=near or f"its options: {known}"))  # fmt: skip
        return None
    if keyword.name == "act":
        word = keyword.value.name if isinstance(keyword.value, ast.Name) else ""
        if word not in ACTIVATIONS:
            near = did_you_mean(word, ACTIVATIONS)
            scope.report(Diagnostic("PGM0211", "this is no activation", keyword.value.span,
                                    help=near or f"activations are {', '.join(ACTIVATIONS)}"))  # fmt: skip
            return None
        return word
    value = fold(keyword.value, scope.settings)
    _use_settings(scope, keyword.value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        scope.report(Diagnostic("PGM0307", f"`{keyword.name}` is a number", keyword.value.span))
        return None
    return value


def _use_settings(scope: Scope, node: ast.Expr) -> None:
    match node:
        case ast.Name(name=name) if name in scope.settings:
            scope.used.add(name)
        case ast.Binary():
            first, spine = ast.left_spine(node)
            for operand in (first, *(b.right for b in spine)):
                _use_settings(scope, operand)
        case ast.UnaryOperation(operand=operand):
            _use_settings(scope, operand)
