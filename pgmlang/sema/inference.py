"""Types and axes of variables, inferred when they are first asked for, and what gives a variable its values."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics import Diagnostic
from pgmlang.model import Type
from pgmlang.model.expr import Const, Expr
from pgmlang.model.types import REAL, UNKNOWN
from pgmlang.sema.arithmetic import wider
from pgmlang.sema.calls import net_call
from pgmlang.sema.collect import Collector
from pgmlang.sema.definitions import Expander
from pgmlang.sema.distributions import DistributionBuilder
from pgmlang.sema.expressions import ExpressionBuilder
from pgmlang.sema.left_side import LeftSide
from pgmlang.sema.scope import Along, ExpressionContext, Scope, Symbol
from pgmlang.sema.supports import Stated, Supports
from pgmlang.syntax import ast


class Inference:
    """Infers over a collected scope. ``asked``: names whose passing types the inference at hand has looked at."""

    def __init__(self, scope: Scope, collector: Collector) -> None:
        self.scope = scope
        self.collector = collector
        self.expressions = ExpressionBuilder(scope, self.infer)
        self.expander = self.expressions.expander = Expander(scope, self.expressions)
        self.expressions.supports = Supports(scope, self._stated)
        self.distributions = DistributionBuilder(scope, self.expressions)
        self.asked: set[str] = set()

    def infer(self, symbol: Symbol) -> tuple[Type, tuple[str, ...]]:
        """Type and axes of a variable; UNKNOWN while it is being inferred from itself."""
        if symbol.type is not None and symbol.axes is not None:
            return symbol.type, symbol.axes
        if symbol.declared is None:
            return symbol.type or UNKNOWN, symbol.axes or ()
        with self.scope.quiet():
            written = self.collector.declared_axes(symbol.declared)
            declared = self.collector.declared_type(symbol.declared)
        axes = written or ()
        if written is None:
            symbol.type, symbol.axes = UNKNOWN, ()
            return UNKNOWN, ()
        if symbol.busy:
            symbol.is_recursive = True
            self.asked.add(symbol.name)
            return declared or symbol.type or UNKNOWN, axes or symbol.axes or ()
        symbol.busy = True
        outer, self.asked = self.asked, set()
        try:
            with self.scope.quiet():
                type_, axes = self._infer(symbol, axes, declared)
        finally:
            symbol.busy = False
        self.asked.discard(symbol.name)
        # what rests on the passing type of a name around it is inferred again when that is settled
        if not self.asked:
            symbol.type, symbol.axes = type_, axes
        self.asked |= outer
        return type_, axes

    def _infer(self, symbol: Symbol, axes: tuple[str, ...], declared: Type | None) -> tuple[Type, tuple[str, ...]]:
        context = self.context(symbol)
        match symbol.statement:
            case ast.Random(distribution=distribution):
                if (
                    declared is not None
                    and declared.kind != "unknown"
                    and not (declared.kind == "labels" and declared.axis)
                ):
                    return declared, axes
                saved = dict(self.expander.calls)
                symbol.stated, type_ = self.distributions.build(
                    distribution, LeftSide(symbol.name, axes, declared, symbol.span), context
                )
                self.expander.calls = saved
                return declared or type_, axes
            case ast.Assign():
                value = self._settled(symbol, context)
                symbol.stated = value if value.type is not UNKNOWN else None
                return (declared or value.type), (axes or value.axes)
            case ast.Variables(kind=kind):
                default = Type("labels") if declared is None and kind == "index" else REAL
                return declared or default, axes
        return declared or UNKNOWN, axes

    def _settled(self, symbol: Symbol, context: ExpressionContext) -> Expr:
        """The value of a definition. One that asks for its own type (``if first then 0 else prev(x) + e``) is built again
        until its type no longer grows; the kinds are a short chain."""
        saved = dict(self.expander.calls)
        value = self.value(symbol, context)
        while symbol.is_recursive and value.type is not UNKNOWN and (value.type, value.axes) != (
            symbol.type, symbol.axes
        ):  # fmt: skip
            symbol.type, symbol.axes = value.type, value.axes
            self.expander.calls = dict(saved)
            value = self.value(symbol, context)
            kind = value.type if symbol.type is None else wider(symbol.type, value.type)
            if UNKNOWN in (value.type, kind):
                break
            value = replace(value, type=kind)
        self.expander.calls = saved
        symbol.type = symbol.axes = None
        return value

    def _stated(self, symbol: Symbol) -> tuple[Stated, Type]:
        """What gives a symbol its values, as far as it can be built, and its type."""
        type_, axes = self.infer(symbol)
        if symbol.stated is None and not symbol.busy and isinstance(symbol.statement, ast.Random):
            saved = dict(self.expander.calls)
            with self.scope.quiet():
                target = LeftSide(symbol.name, axes, type_, symbol.span)
                symbol.stated, _ = self.distributions.build(
                    symbol.statement.distribution, target, self.context(symbol)
                )
            self.expander.calls = saved
        return symbol.stated, type_

    def context(self, symbol: Symbol) -> ExpressionContext:
        axes: tuple[str, ...] = ()
        if symbol.declared is not None:
            with self.scope.quiet():
                axes = self.collector.declared_axes(symbol.declared) or ()
        along = Along(axes, len(axes)) if isinstance(symbol.statement, ast.Assign) else Along()
        rows = tuple(a for a in axes if self.scope.root(a) in self.scope.plates and a not in symbol.plates)
        return ExpressionContext(
            symbol.plates, 0, symbol.name, symbol.name, symbol.name in self.scope.guide_variables, along, rows
        )

    def value(self, symbol: Symbol, context: ExpressionContext) -> Expr:
        statement = symbol.statement
        assert isinstance(statement, ast.Assign)
        if len(statement.targets) == 1:
            return self.expressions.build(statement.value, context)
        value = statement.value
        if isinstance(value, ast.Call) and value.function in self.scope.nets:
            return net_call(self.expressions, value, context, symbol.output, len(statement.targets))
        message = f"{len(statement.targets)} names on the left, one value on the right"
        self.scope.report(Diagnostic("PGM0305", message, statement.span,
                                     help="only a network with several outputs gives several values"))  # fmt: skip
        return Const(UNKNOWN, (), statement.span, 0)
