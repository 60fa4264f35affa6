"""Syntax to Model: names collected, types inferred on demand, then every statement built and checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pgmlang.diagnostics import CompileError, Diagnostic, SourceFile, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.display.text import count_of
from pgmlang.graph.acyclic import cycle_errors
from pgmlang.model import (
    Choice,
    Conditional,
    Definition,
    Dim,
    Factor,
    Guide,
    Model,
    Net,
    Potential,
    Variable,
)
from pgmlang.model.drawn_labels import label_problems
from pgmlang.model.expr import Const, Expr, Ref, Rename
from pgmlang.model.model import Role, expressions_of
from pgmlang.model.types import MATRIX_KINDS, UNKNOWN
from pgmlang.sema import lints
from pgmlang.sema.collect import Collector
from pgmlang.sema.constant_kinds import as_kind, constant_problem
from pgmlang.sema.cycles import in_order_of_need, value_cycles, value_needs
from pgmlang.sema.inference import Inference
from pgmlang.sema.left_side import LeftSide, param_problem
from pgmlang.sema.modules import Loader, Modules, folder_loader
from pgmlang.sema.named_values import named_values
from pgmlang.sema.names import RESERVED, reserved
from pgmlang.sema.nets import build_net
from pgmlang.sema.scope import ExpressionContext, Scope, Symbol, Value
from pgmlang.sema.supports import declarable
from pgmlang.sema.written_out import too_large, too_many_elements, too_many_weights
from pgmlang.syntax import ast, parse_collecting
from pgmlang.syntax.collection import no_collection


@dataclass(frozen=True, repr=False)
class Compilation:
    """What became of a source: the Model if there were no errors, and all that was found.

    ``modules``: texts of the imported modules by path.
    """

    source: SourceFile
    model: Model | None
    diagnostics: tuple[Diagnostic, ...]
    modules: dict[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.is_error)

    def __repr__(self) -> str:
        number = len(self.diagnostics)
        what = "a model" if self.model is not None else "no model"
        return f"compilation of {self.source.name}: {what}, {count_of(number, 'message')}"

    def checked(self) -> Model:
        """The Model. Raises CompileError with all errors if there are any."""
        if self.model is None:
            raise CompileError(self.diagnostics)
        return self.model


def analyse(
    file: SourceFile, settings: dict[str, Value] | None = None, loader: Loader | None = None
) -> Compilation:
    """Compiles a source as far as it goes. ``loader`` finds imported modules (default: the file's folder)."""
    with no_collection():
        return _analyse(file, settings, loader)


def _analyse(file: SourceFile, settings: dict[str, Value] | None, loader: Loader | None) -> Compilation:
    program, errors = parse_collecting(file)
    scope = Scope(diagnostics=list(errors))
    folder = Path(file.name).parent if not file.name.startswith("<") else None
    modules = Modules(loader or folder_loader(folder), scope.report)
    builder = ModelBuilder(scope, Collector(scope, modules, dict(settings or {})))
    model = builder.build(program, file)
    diagnostics = scope.diagnostics
    has_errors = any(d.is_error for d in diagnostics)
    if not has_errors:
        diagnostics = [*diagnostics, *lints.lint(scope, builder.collector, model)]
    ordered = sorted(
        diagnostics,
        key=lambda d: (not d.is_error, d.span.file.name if d.span else "", d.span.start if d.span else -1),
    )
    return Compilation(file, None if has_errors else model, tuple(ordered), modules.texts)


LONG = 100
"""A cycle of more names has no types looked for: inference would go around it."""


class ModelBuilder:
    """Second walk: builds factors and definitions from a collected scope."""

    def __init__(self, scope: Scope, collector: Collector) -> None:
        self.scope = scope
        self.collector = collector
        self.inference = Inference(scope, collector)
        self.expressions, self.distributions = self.inference.expressions, self.inference.distributions
        self.factors: list[Factor] = []
        self.definitions: list[Definition] = []

    def build(self, program: ast.SyntaxTree, file: SourceFile) -> Model:
        """The Model (not to be used when the scope holds errors)."""
        self.collector.collect(program)
        needs = value_needs(self.scope, self.scope.variables)
        cyclic = dict(value_cycles(needs, self.scope.variables))
        for names in cyclic:
            if len(names) > LONG:
                for name in names:
                    self.scope.variables[name].type, self.scope.variables[name].axes = UNKNOWN, ()
        # what is needed first: inference on demand would go as deep as the longest chain of names
        for name in in_order_of_need(needs):
            self.inference.infer(self.scope.variables[name])
        for symbol in self.scope.variables.values():
            self._declarations(symbol)
            self.inference.infer(symbol)
        for statement in program.statements:
            self._statement(statement, ExpressionContext())
        named, unused = named_values(
            self.scope, (e for item in (*self.factors, *self.definitions) for e in expressions_of(item))
        )
        self.definitions += named
        nets = tuple(build_net(self.scope, n) for n in self.scope.nets.values())
        guide = self._guides()
        header = self.collector.header
        name = header.name if header else (Path(file.name).stem if not file.name.startswith("<") else "model")
        model = Model(
            name,
            tuple(self.scope.dims.values()),
            tuple(self.scope.plates.values()),
            tuple(
                self._variable(s)
                for s in [*self.scope.variables.values(), *self.scope.owned_parameters.values()]
                if s.name not in unused
            ),
            tuple(self.factors),
            tuple(self.definitions),
            (*(n for n in nets if n is not None), *self.scope.density_nets.values()),
            guide,
            tuple(self.scope.settings.items()),
        )
        if not cyclic and not any(d.is_error for d in self.scope.diagnostics):
            for diagnostic in (
                *too_large(model, in_order_of_need(needs)),
                *too_many_elements(model),
                *too_many_weights(model),
                *label_problems(model, model.axis_size),
            ):
                self.scope.report(diagnostic)
        errors = [d for d in self.scope.diagnostics if d.is_error]
        # cycles stand beside other errors, unless a name means two things
        if all(d.code != "PGM0202" for d in errors):
            for diagnostic in [
                *cyclic.values(),
                *self._mixed_cycles(model, cyclic),
                *self._fieldless(model, errors),
                *self._untyped(model, [*errors, *cyclic]),
            ]:
                self.scope.report(diagnostic)
        return model

    @staticmethod
    def _untyped(model: Model, known: Collection[object]) -> list[Diagnostic]:
        """Names that no statement gave a value of a known type, where nothing else has been said."""
        stated: tuple[Conditional | Definition, ...] = (*model.conditionals, *model.definitions)
        settled = {s.target for s in stated if isinstance(s, Conditional) or s.value.type is not UNKNOWN}
        return [
            Diagnostic("PGM0412", f"the type of `{v.name}` cannot be worked out", v.span,
                       help=f"declare it: `{v.name} : real`, or the type it has")
            for v in model.of_role("random", "derived")
            if not known and (v.name not in settled or v.type is UNKNOWN)
        ]  # fmt: skip

    @staticmethod
    def _mixed_cycles(model: Model, cyclic: Mapping[frozenset[str], Diagnostic]) -> list[Diagnostic]:
        """Cycles through fields; those of values and draws alone have been told from the text."""
        told = frozenset[str]().union(*cyclic)
        return [e for e in cycle_errors(model) if e.code != "PGM0501" or not told]

    @staticmethod
    def _variable(symbol: Symbol) -> Variable:
        return Variable(
            symbol.name,
            cast(Role, symbol.role),
            symbol.type or UNKNOWN,
            symbol.plates,
            symbol.axes or (),
            symbol.owner,
            symbol.span,
        )

    def _error(self, code: str, message: str, span: Span, help: str = "") -> None:
        self.scope.report(Diagnostic(code, message, span, help=help))

    def _declarations(self, symbol: Symbol) -> None:
        """Reports what is wrong with the written axes and type, once."""
        if symbol.declared is not None:
            if self.collector.declared_axes(symbol.declared) is not None:
                self.collector.check_rows_of_outer(symbol.declared, symbol.plates)
            if (problem := param_problem(symbol, self.collector.declared_type(symbol.declared))) is not None:
                self.scope.report(problem)

    # ---- statements

    def _statement(self, statement: ast.Statement, context: ExpressionContext) -> None:
        match statement:
            case ast.PlateBlock(name=name, body=body):
                if name in self.scope.plates:
                    inner = ExpressionContext(self.scope.axes_model.enclosing(name))
                    for child in body:
                        self._statement(child, inner)
            case ast.Random(targets=targets):
                for target in targets:
                    symbol = self._defined(target)
                    if symbol:
                        self._random(statement, symbol, self.factors)
            case ast.Assign(targets=targets):
                for target in targets:
                    symbol = self._defined(target)
                    if symbol:
                        self._definition(symbol, self.definitions)
            case ast.Factor(name=factor_name, value=value):
                self._factor(statement, ExpressionContext(context.plates, 0, factor_name), value)
            case ast.Variables(items=items):
                for item in items:
                    self._declared(item)

    def _defined(self, target: ast.Declared) -> Symbol | None:
        """The symbol of this very definition (not of the first of two with its name)."""
        symbol = self.scope.variables.get(target.name)
        return symbol if symbol is not None and symbol.declared is target else None

    def _declared(self, item: ast.Declared) -> None:
        symbol = self._defined(item)
        if (
            symbol is not None
            and symbol.role == "field"
            and symbol.type is not None
            and symbol.type.kind in MATRIX_KINDS
        ):
            self._error("PGM0307", f"a field cannot be {symbol.type}", item.span)

    def _random(self, statement: ast.Random, symbol: Symbol, into: list[Factor]) -> None:
        axes = symbol.axes or ()
        assert symbol.declared is not None
        with self.scope.quiet():
            declared = self.collector.declared_type(symbol.declared)
            if self.collector.declared_axes(symbol.declared) is None:
                return  # the axes are wrong, and that has been said
        if declared is UNKNOWN:
            declared = symbol.type
        target = LeftSide(symbol.name, axes, declared, symbol.span)
        distribution, type_ = self.distributions.build(
            statement.distribution, target, self.inference.context(symbol)
        )
        if distribution is None:
            return
        if symbol.type in (None, UNKNOWN):
            symbol.type = type_
        if isinstance(distribution, Choice) and declared is None and type_ is not UNKNOWN:
            symbol.type = type_
        into.append(Conditional(symbol.name, distribution, symbol.plates, statement.span))

    def _definition(self, symbol: Symbol, into: list[Definition]) -> None:
        statement = symbol.statement
        assert isinstance(statement, ast.Assign)
        assert symbol.declared is not None
        value = self.inference.value(symbol, self.inference.context(symbol))
        if value.type is not UNKNOWN:
            value = self._as_declared(symbol, value, statement)
        # one with an error in it stands in the model too, so that every name has what gives it its value
        into.append(Definition(symbol.name, value, statement.span))

    def _as_declared(self, symbol: Symbol, value: Expr, statement: ast.Assign) -> Expr:
        """A value along the written axes and within the written type; UNKNOWN after an error."""
        assert symbol.declared is not None
        unknown = Const(UNKNOWN, (), statement.span, 0)
        if symbol.declared.axes:
            axes = symbol.axes or ()
            value = self._along(value, axes)
            extra = [a for a in value.axes if a not in axes]
            if extra:
                self._error("PGM0302", f"axis `{extra[0]}` of the value is not on the left: `{symbol.name}[{', '.join(axes)}]`",
                            statement.value.span, f"write `{symbol.name}[{', '.join([*axes, *extra])}] = ...`, or leave the "
                            "brackets out")  # fmt: skip
                return unknown
        with self.scope.quiet():
            declared = self.collector.declared_type(symbol.declared)
        if (
            declared is not None
            and declared.kind != "labels"
            and not self.expressions.supports.holds(value, declared)
        ):
            why = constant_problem(value, declared.kind, len(value.axes)) or self.expressions.supports.shown(value)
            self._error("PGM0401", f"`{symbol.name}` is declared {declared}, {why}",
                        statement.value.span, f"declare it `{declarable(value.type)}`, or leave the type out")  # fmt: skip
            return unknown
        return value if declared is None else as_kind(value, declared.kind)

    def _along(self, value: Expr, axes: tuple[str, ...]) -> Expr:
        """A copy onto an axis `like` the one the value has: ``t[w] = s`` of ``s[u]`` with ``dim w like u``."""
        for old in [a for a in value.axes if a not in axes]:
            new = [a for a in axes if a not in value.axes and self.scope.root(a) == self.scope.root(old)]
            if len(new) == 1:
                renamed = tuple(new[0] if a == old else a for a in value.axes)
                value = Rename(value.type, renamed, value.span, value, old, new[0])
        return value

    def _factor(self, statement: ast.Factor, context: ExpressionContext, value: ast.Expr) -> None:
        if statement.name is not None and not self._name_factor(statement.name, statement.span):
            return
        expr = self.expressions.build(value, context)
        if expr.type is UNKNOWN:
            return
        if not expr.type.is_numeric:
            self._error("PGM0307", "a factor is a number: a log-potential", statement.value.span)
            return
        if expr.axes:
            self._error("PGM0302", f"a factor is one number; this one has axes [{', '.join(expr.axes)}]", statement.value.span,
                        f"sum it: `factor sum(..., over = {expr.axes[0]})`")  # fmt: skip
            return
        self.factors.append(Potential(expr, context.plates, statement.name, statement.span))

    def _name_factor(self, name: str, span: Span) -> bool:
        """Factors have names of their own kind: `factor top` may stand beside `dim top`, not beside another factor."""
        first = next((f for f in self.factors if isinstance(f, Potential) and f.name == name), None)
        if first is not None or name in self.scope.variables:
            self._error(
                "PGM0202", f"`{name}` is defined twice", span, "every name is defined once; rename one of them"
            )
            return False
        return True

    def _fieldless(self, model: Model, known: list[Diagnostic]) -> list[Diagnostic]:
        """Factors that no field feels. Beside other errors a factor may only seem to have none."""
        errors: list[Diagnostic] = []
        for potential in model.potentials if not known else ():
            names = {n for n in model.random_parents(potential) if model.by_name[n].role == "field"}
            if not names and potential.span:
                mentioned = [r.name for r in model.mentions(potential) if model.by_name[r.name].role == "random"]
                cure = "declare the variable it should weigh as a `field`"
                if mentioned:
                    cure = f"`{mentioned[0]}` is directed: a factor cannot reweight it; make it a `field`, or change its `~`"
                errors.append(Diagnostic("PGM0503", "this factor mentions no field", potential.span, help=cure))
        return errors

    # ---- guides

    def _guides(self) -> Guide | None:
        if not self.collector.guides:
            return None
        variables: list[Symbol] = []
        definitions: list[Definition] = []
        conditionals: list[Factor] = []
        statements: list[tuple[ast.Statement, tuple[str, ...]]] = []
        for guide in self.collector.guides:
            plates: tuple[str, ...] = ()
            if guide.plate is not None:
                if guide.plate not in self.scope.plates:
                    near = did_you_mean(guide.plate, self.scope.plates)
                    self._error("PGM0316", f"the model has no plate `{guide.plate}`", guide.span, near)
                    continue
                plates = self.scope.axes_model.enclosing(guide.plate)
            statements.extend((s, plates) for s in guide.body)
        for statement, plates in statements:
            self._guide_names(statement, plates, variables)
        for symbol in variables:
            self._declarations(symbol)
            self.inference.infer(symbol)
        for statement, plates in statements:
            match statement:
                case ast.Random(targets=targets):
                    for target in targets:
                        self._guide_random(statement, target.name, plates, conditionals)
                case ast.Assign(targets=targets):
                    for target in targets:
                        guided = self.scope.guide_variables.get(target.name)
                        if guided is not None and guided.declared is target:
                            self._definition(guided, definitions)
        random = tuple(c for c in conditionals if isinstance(c, Conditional))
        return Guide(tuple(self._variable(s) for s in variables), tuple(definitions), random)

    def _guide_names(self, statement: ast.Statement, plates: tuple[str, ...], variables: list[Symbol]) -> None:
        items: list[tuple[ast.Declared, str, int]] = []
        match statement:
            case ast.Assign(targets=targets):
                items = [(t, "derived", i) for i, t in enumerate(targets)]
            case ast.Variables(kind="param", items=declared):
                items = [(d, "param", 0) for d in declared]
            case ast.Random():
                return
            case _:
                self._error("PGM0316", "a guide holds `~`, `=` and `param`", statement.span)
        for item, role, output in items:
            if item.name in self.scope.guide_variables or item.name in self.scope.spans:
                self._error(
                    "PGM0202", f"`{item.name}` is defined twice", item.span, "names of a guide are its own"
                )
                continue
            if item.name in RESERVED:
                self.scope.report(reserved(item.name, item.name_span or item.span))
                continue
            symbol = Symbol(item.name, role, plates, item.name_span or item.span, item, statement, output=output)
            self.scope.guide_variables[item.name] = symbol
            variables.append(symbol)

    def _guide_random(self, statement: ast.Random, name: str, plates: tuple[str, ...], into: list[Factor]) -> None:
        symbol = self.scope.variables.get(name)
        if symbol is None or symbol.role != "random":
            if name not in self.scope.broken_names:
                what = f"`{name}` is {symbol.role if symbol else 'not a variable of the model'}, not a latent variable"
                near = did_you_mean(name, [s.name for s in self.scope.variables.values() if s.role == "random"])
                self._error(
                    "PGM0314",
                    what,
                    statement.span,
                    near or "a guide gives the model's latents a second distribution",
                )
            return
        if symbol.plates != plates:
            where = f"plate `{symbol.plates[-1]}`" if symbol.plates else "no plate"
            self._error("PGM0316", f"`{name}` lives in {where}", statement.span,
                        f"write it in `guide {symbol.plates[-1]} {{ ... }}`" if symbol.plates else "write it in `guide { ... }`")  # fmt: skip
            return
        if any(f.target == name for f in into if isinstance(f, Conditional)):
            self._error("PGM0202", f"`{name}` has two distributions in the guide", statement.span)
            return
        context = ExpressionContext(plates, 0, f"guide.{name}", name, True)
        target = LeftSide(name, symbol.axes or (), symbol.type, symbol.span)
        distribution, _ = self.distributions.build(statement.distribution, target, context)
        if distribution is not None:
            into.append(Conditional(name, distribution, plates, statement.span))


__all__ = ["Compilation", "Dim", "Net", "Ref", "analyse"]
