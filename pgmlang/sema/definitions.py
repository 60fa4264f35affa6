"""``def``s: every call is expanded in place, with parameters of its own named after its statement."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics import Diagnostic, Label
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model.expr import Expr
from pgmlang.model.types import REAL, UNKNOWN, Type
from pgmlang.sema.expression_scope import unknown
from pgmlang.sema.expressions import ExpressionBuilder
from pgmlang.sema.modules import Module
from pgmlang.sema.references import reference
from pgmlang.sema.scope import ExpressionContext, Scope, Symbol
from pgmlang.sema.written_out import MOST_NODES, Sizes
from pgmlang.syntax import ast

MOST_CALLS = 2_000
"""Calls that one call may expand to, by its definitions' own calls; of all calls in a text ``EACH`` times their number
more."""
EACH = 50
DEEPEST_CALL = 32
"""Definitions that may be open at once, each called by the one before."""


class Expander:
    """Expands calls of definitions, those of imported modules too."""

    def __init__(self, scope: Scope, expressions: ExpressionBuilder) -> None:
        self.scope = scope
        self.expressions = expressions
        self.calls: dict[str, ast.Call] = {}
        self.outermost = self.expanded = self.inside = 0
        self.sizes = Sizes()
        self.local: list[tuple[dict[str, ast.Def], dict[str, Module]]] = []

    def _find(self, name: str) -> tuple[ast.Def, dict[str, ast.Def], dict[str, Module]] | None:
        definitions, modules = self.local[-1] if self.local else (self.scope.definitions, self.scope.modules)
        head, _, rest = name.partition(".")
        if not rest and name in definitions:
            return definitions[name], definitions, modules
        if rest and head in modules and rest in modules[head].definitions:
            module = modules[head]
            return module.definitions[rest], module.definitions, module.imports
        return None

    def knows(self, name: str) -> bool:
        return self._find(name) is not None

    def expand(self, node: ast.Call, context: ExpressionContext) -> Expr:
        """The value of a call; its ``param``s become the model's, named ``OWNER.NAME``."""
        matched = self._find(node.function)
        assert matched is not None
        definition, definitions, modules = matched
        self.scope.used.add(node.function.split(".")[0])
        key = f"{id(definition)}"
        if key in self.scope.def_stack:
            self._error("PGM0213", f"`{definition.name}` calls itself", node,
                        help="a definition is expanded where it is called, so it cannot be recursive")  # fmt: skip
            return unknown(node.span)
        if len(self.scope.def_stack) > DEEPEST_CALL:
            self._error("PGM0107", f"`{definition.name}` is called more than {DEEPEST_CALL} definitions deep", node,
                        help="call a definition once and give its value a name")  # fmt: skip
            return unknown(node.span)
        if self._is_too_much(definition, node):
            return unknown(node.span)
        bound = self._bind(definition, node, context)
        if bound is None:
            return unknown(node.span)
        owner = context.owner
        has_parameters = any(isinstance(s, ast.Variables) and s.kind == "param" for s in definition.body)
        if has_parameters and not self._claim(owner, node):
            return unknown(node.span)
        saved = self.expressions.aliases, self.expressions.axis_aliases, self.expressions.in_module
        self.expressions.aliases, self.expressions.axis_aliases = bound
        self.expressions.in_module = definitions is not self.scope.definitions
        self.scope.def_stack.append(key)
        self.local.append((definitions, modules))
        try:
            value = self._body(definition, replace(context, owner=owner), node)
        finally:
            self.local.pop()
            self.scope.def_stack.pop()
            self.expressions.aliases, self.expressions.axis_aliases, self.expressions.in_module = saved
        if self.sizes.of(value) > MOST_NODES:
            self._error("PGM0107", f"`{definition.name}` written out has more than {MOST_NODES:,} operations", node,
                        help="make it smaller: a call stands for all that it is made of")  # fmt: skip
            return unknown(node.span)
        return value

    def _is_too_much(self, definition: ast.Def, node: ast.Call) -> bool:
        """Counts a call; whether definitions that call each other twice and twice again have come to too many."""
        if not self.scope.def_stack:
            self.outermost += 1
            self.inside = 0
        self.inside += 1
        self.expanded += 1
        if self.inside <= MOST_CALLS and self.expanded <= MOST_CALLS + EACH * self.outermost:
            return False
        self._error("PGM0107", f"`{definition.name}` is one of more than {MOST_CALLS:,} calls that a call expands to", node,
                    help="call a definition once and give its value a name")  # fmt: skip
        return True

    def _error(self, code: str, message: str, node: ast.SyntaxNode, help: str = "", **more: object) -> None:
        self.scope.report(Diagnostic(code, message, node.span, help=help, **more))  # type: ignore[arg-type]

    def _claim(self, owner: str | None, node: ast.Call) -> bool:
        """One call with parameters a statement: its parameters carry the statement's name."""
        if owner is None:
            self._error("PGM0214", f"`{node.function}` has parameters, and this statement has no name to give them", node,
                        help=f"name it: `factor top = {node.function}(...)`")  # fmt: skip
            return False
        first = self.calls.setdefault(owner, node)
        if first is not node:
            self._error("PGM0214", f"a second call with parameters in `{owner}` must be named", node,
                        help=f"give it a statement of its own: `h = {node.function}(...)`",
                        secondary=(Label(first.span, "the first call"),))  # fmt: skip
            return False
        return True

    def _bind(
        self, definition: ast.Def, node: ast.Call, context: ExpressionContext
    ) -> tuple[dict[str, Expr], dict[str, str]] | None:
        """Formal names to the caller's values, and formal axes to the caller's axes."""
        given: dict[str, ast.Expr] = {}
        formals = definition.parameters
        if len(node.arguments) > len(formals):
            self._error(
                "PGM0305", f"`{node.function}` takes {len(formals)} arguments, {len(node.arguments)} given", node
            )
            return None
        given.update({f.name: a for f, a in zip(formals, node.arguments, strict=False)})
        for keyword in node.keywords:
            if keyword.name not in {f.name for f in formals} or keyword.name in given:
                near = did_you_mean(keyword.name, [f.name for f in formals])
                self._error(
                    "PGM0306", f"`{node.function}` has no (further) argument `{keyword.name}`", keyword, near
                )
                return None
            given[keyword.name] = keyword.value
        missing = [f.name for f in formals if f.name not in given]
        if missing:
            self._error("PGM0305", f"`{node.function}` also needs `{missing[0]}`", node,
                        help=f"it takes ({', '.join(f.name for f in formals)})")  # fmt: skip
            return None
        values: dict[str, Expr] = {}
        axes: dict[str, str] = {}
        for formal in formals:
            actual = given[formal.name]
            axis = self.expressions.axis(actual.name) if isinstance(actual, ast.Name) else None
            if axis is not None and not formal.axes and not self._is_value(actual, context):
                if axes.setdefault(formal.name, axis) != axis:
                    self._two_axes(node, formal.name, (axes[formal.name], axis), actual)
                    return None
                continue
            value = self.expressions.build(actual, context)
            if value.type is UNKNOWN:
                return None
            if len(value.axes) != len(formal.axes):
                self._error("PGM0307", f"`{formal.name}` of `{node.function}` has {len(formal.axes)} axes, this value "
                            f"has {len(value.axes)}", actual)  # fmt: skip
                return None
            for name, its in zip(formal.axes, value.axes, strict=True):
                if axes.setdefault(name.name, its) != its:
                    self._two_axes(node, name.name, (axes[name.name], its), actual)
                    return None
            values[formal.name] = value
        return values, axes

    def _two_axes(self, node: ast.Call, formal: str, axes: tuple[str, str], actual: ast.Expr) -> None:
        message = f"axis `{formal}` of `{node.function}` is both `{axes[0]}` and `{axes[1]}`"
        self._error("PGM0307", message, actual)

    def _is_value(self, node: ast.Expr, context: ExpressionContext) -> bool:
        return isinstance(node, ast.Name) and (
            node.name in self.expressions.aliases or self.expressions.symbol(node.name, context) is not None
        )

    def _body(self, definition: ast.Def, context: ExpressionContext, node: ast.Call) -> Expr:
        result: Expr = unknown(node.span)
        pending = [s for s in definition.body if isinstance(s, ast.Assign)]
        for statement in definition.body:
            if isinstance(statement, ast.Variables) and statement.kind == "param":
                self._parameters(statement, context, node)
            elif not isinstance(statement, ast.Assign | ast.Return):
                self._error("PGM0111", "a `def` holds `param`, `=` and `return` only", statement,
                            help="random variables and factors belong to the model")  # fmt: skip
        for assign in pending:
            owner = f"{context.owner}.{assign.targets[0].name}" if context.owner else None
            value = self.expressions.build(assign.value, replace(context, owner=owner))
            self.expressions.aliases[assign.targets[0].name] = value
        returns = [s for s in definition.body if isinstance(s, ast.Return)]
        if len(returns) != 1:
            self._error("PGM0111", f"`{definition.name}` needs one `return`", definition)
            return result
        return self.expressions.build(returns[0].value, context)

    def _parameters(self, statement: ast.Variables, context: ExpressionContext, node: ast.Call) -> None:
        for item in statement.items:
            axes: list[str] = []
            for formal in item.axes:
                axis = self.expressions.axis(formal.name)
                if axis is None:
                    self._error("PGM0201", f"`{formal.name}` is not an axis here", formal,
                                help="name a dim, or an axis of the definition's arguments")  # fmt: skip
                    return
                axes.append(axis)
            type_ = Type(item.type.name) if isinstance(item.type, ast.TypeName) else REAL
            name = f"{context.owner}.{item.name}"
            symbol = Symbol(name, "param", (), node.span, item, None, type_, tuple(axes), owner=context.owner)
            symbol.used = True
            self.scope.owned_parameters[name] = symbol
            self.expressions.aliases[item.name] = reference(self.expressions, symbol, (), item.span, context)
