"""Syntax to typed Model expressions: names, indices, axes and kinds are settled here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from pgmlang.diagnostics import Diagnostic, Label, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.families import FAMILIES, LEARNED
from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Contract,
    Expr,
    First,
    NetCall,
    Reduce,
    Ref,
    Rename,
)
from pgmlang.model.guards import excluded_rows
from pgmlang.model.types import REAL, TRUTH, UNKNOWN, Type
from pgmlang.sema.arithmetic import number_type, operator_type, wider
from pgmlang.sema.limits import MAX_SIZE
from pgmlang.sema.scope import ExpressionContext, Scope, Symbol
from pgmlang.signatures.functions import FUNCTIONS, OPERATORS, REDUCTIONS
from pgmlang.syntax import ast
from pgmlang.syntax.idioms import FOREIGN_DISTRIBUTIONS, FOREIGN_FUNCTIONS

if TYPE_CHECKING:
    from pgmlang.sema.supports import Supports

INFINITY = {"inf": float("inf"), "pi": 3.141592653589793}


def unknown(span: Span) -> Const:
    """Stands for an expression with an error in it; stops further complaints."""
    return Const(UNKNOWN, (), span, 0)


def merge(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """Axes of an elementwise result: the union, in the order of first appearance."""
    return tuple(dict.fromkeys(a for group in groups for a in group))


class CallExpander(Protocol):
    """What knows the definitions that a call may name, and puts them in its place."""

    def knows(self, name: str) -> bool: ...

    def expand(self, node: ast.Call, context: ExpressionContext) -> Expr: ...


class ExpressionBuilder:
    """Builds expressions in a scope. ``infer`` gives the type and axes of a variable on demand. ``aliases``: the names of
    the ``def`` whose body is built; ``in_module``: it is a module's, which sees no name of the model."""

    def __init__(self, scope: Scope, infer: Callable[[Symbol], tuple[Type, tuple[str, ...]]]) -> None:
        self.scope = scope
        self.infer = infer
        self.expander: CallExpander
        self.supports: Supports
        self.aliases: dict[str, Expr] = {}
        self.axis_aliases: dict[str, str] = {}
        self.in_module = False

    # ---- entry

    def build(self, node: ast.Expr, context: ExpressionContext) -> Expr:
        """The Model expression of a syntax expression; problems are reported in the scope."""
        match node:
            case ast.Number():
                value = int(node.value) if node.value.is_integer() and abs(node.value) < 1e15 else node.value
                return Const(number_type(node.value), (), node.span, value)
            case ast.Truth():
                return Const(TRUTH, (), node.span, node.value)
            case ast.String():
                self._error("PGM0307", f'the label "{node.value}" stands alone', node.span,
                            help='compare with it: `x == "..."`, or index an axis by it')  # fmt: skip
                return unknown(node.span)
            case ast.Name():
                return self._name(node, context)
            case ast.UnaryOperation():
                return self._unary(node, context)
            case ast.Binary():
                return self._binary(node, context)
            case ast.If():
                return self._if(node, context)
            case ast.Index():
                return self._index(node, context)
            case ast.Call():
                return self._call(node, context)

    def axis(self, name: str) -> str | None:
        """The axis a name means here (a ``def``'s formal axis is the caller's), None if it is no axis."""
        if self.in_module and name not in self.axis_aliases:
            return None
        name = self.axis_aliases.get(name, name)
        if self.scope.is_axis(name):
            self.scope.used.add(name)
            return name
        return None

    def symbol(self, name: str, context: ExpressionContext) -> Symbol | None:
        """The variable that a name means here, None if it is none."""
        return None if self.in_module else self.scope.symbol(name, context)

    def _is_setting(self, name: str) -> bool:
        return name in self.scope.settings and not self.in_module

    def _is_net(self, name: str) -> bool:
        return name in self.scope.nets and not self.in_module

    def _error(self, code: str, message: str, span: Span, help: str = "", **more: object) -> None:
        self.scope.report(Diagnostic(code, message, span, help=help, **more))  # type: ignore[arg-type]

    # ---- names and indices

    def _name(self, node: ast.Name, context: ExpressionContext) -> Expr:
        name = node.name
        if name in self.aliases:
            return self.aliases[name]
        symbol = self.symbol(name, context)
        if symbol is None:
            return self._other_name(node, context)
        return self.reference(symbol, (), node.span, context)

    def _other_name(self, node: ast.Name, context: ExpressionContext) -> Expr:
        name, span = node.name, node.span
        if name == "first":
            return self._first(1, span, context)
        if self._is_setting(name):
            self.scope.used.add(name)
            value = self.scope.settings[name]
            kind = (
                TRUTH
                if isinstance(value, bool)
                else number_type(value)
                if isinstance(value, int | float)
                else UNKNOWN
            )
            return Const(kind, (), span, value)
        if name in INFINITY:
            return Const(Type("positive"), (), span, INFINITY[name])
        if name in self.scope.broken_names or name.split(".")[0] in self.scope.broken_names:
            return unknown(span)
        if self.axis(name) is not None:
            self._error("PGM0307", f"`{name}` is an axis, not a value", span,
                        help=f"reduce over it, as in `sum(x, over = {name})`, or use a variable that lives in it")  # fmt: skip
            return unknown(span)
        if self._is_net(name) or self.expander.knows(name) or name in FUNCTIONS or name in REDUCTIONS:
            self._error(
                "PGM0307", f"`{name}` is a function and needs arguments", span, help=f"write `{name}(...)`"
            )
            return unknown(span)
        near = self.scope.near_name(name, context)
        guide_only = name in self.scope.guide_variables
        notes = ("it is defined in the guide, which the model cannot see",) if guide_only else ()
        self._error(
            "PGM0201", f"`{name}` is not defined", span, near or "define it, or correct the name", notes=notes
        )
        return unknown(span)

    def _index(self, node: ast.Index, context: ExpressionContext) -> Expr:
        symbol = self._whole_variable(node.base, context)
        if symbol is None:
            base = self.build(node.base, context)
            if base.type is not UNKNOWN:
                self._error("PGM0301", "only a variable can be indexed", node.span,
                            help="give the expression a name with `=` first")  # fmt: skip
            return unknown(node.span)
        return self.reference(symbol, node.indices, node.span, context)

    def _whole_variable(self, node: ast.Expr, context: ExpressionContext) -> Symbol | None:
        """The variable that a bare name stands for; None for any other value, an argument that is one element too."""
        if not isinstance(node, ast.Name):
            return None
        if node.name not in self.aliases:
            return self.symbol(node.name, context)
        match self.aliases[node.name]:
            case Ref(name=name, index=(), lag=0):
                return self.scope.symbol(name, context)
        return None

    def reference(
        self, symbol: Symbol, indices: tuple[ast.Expr, ...], span: Span, context: ExpressionContext, lag: int = 0
    ) -> Expr:
        """A variable, indexed; its plates that are not around this place must be indexed."""
        symbol.used = True
        type_, axes = self.infer(symbol)
        if type_ is UNKNOWN and symbol.busy:
            return Ref(UNKNOWN, axes, span, symbol.name, (), lag)
        batch = self.scope.axes_model.batch_axes(symbol.plates)
        slots = [p for p in batch if p not in context.plates] + list(axes)
        chosen: dict[str, Expr] = {}
        for node in indices:
            slot, value = self._index_slot(symbol, node, [s for s in slots if s not in chosen], context)
            if slot is None:
                return unknown(span)
            chosen[slot] = value
        left = [p for p in batch if p not in context.plates and p not in chosen]
        if left:
            self._outside_plate(symbol, left[0], span, context)
            return unknown(span)
        free = tuple(a for a in axes if a not in chosen)
        inner = merge(*(e.axes for e in chosen.values()))
        clash = [a for a in inner if a in free]
        if clash:
            self._error("PGM0308", f"axis `{clash[0]}` would occur twice in `{symbol.name}`", span,
                        help=f"make a second axis: `dim other like {clash[0]}`")  # fmt: skip
            return unknown(span)
        ordered = tuple((s, chosen[s]) for s in [*batch, *axes] if s in chosen)
        return Ref(type_, merge(inner, free), span, symbol.name, ordered, lag)

    def _index_slot(
        self, symbol: Symbol, node: ast.Expr, slots: list[str], context: ExpressionContext
    ) -> tuple[str | None, Expr]:
        """The axis an index consumes (the first of its type) and the index expression."""
        label = self._as_label(node, context)
        if label is not None:
            for slot in slots:
                labels = self.scope.axes_model.axis_labels(slot)
                if labels is not None and label in labels:
                    return slot, Const(Type("labels", axis=self.scope.root(slot)), (), node.span, label)
            if isinstance(node, ast.String):
                open_slots = [s for s in slots if self.scope.axes_model.axis_labels(s) is None]
                if open_slots:
                    return open_slots[0], Const(
                        Type("labels", axis=self.scope.root(open_slots[0])), (), node.span, label
                    )
                known = [x for s in slots for x in self.scope.axes_model.axis_labels(s) or ()]
                self._error("PGM0209", f'no axis of `{symbol.name}` has the label "{label}"', node.span,
                            did_you_mean(label, known) or f"its labels are {_list(known)}")  # fmt: skip
                return None, unknown(node.span)
        value = self.build(node, context)
        if value.type is UNKNOWN:
            return None, value
        for slot in slots:
            if value.type.kind == "labels" and value.type.axis == self.scope.root(slot):
                return slot, value
        lives = merge(symbol.plates, symbol.axes or ())
        what = (
            f"`{value.type.axis}`" if value.type.axis else f"its own labels {value.type}"
            if value.type.kind == "labels" else f"{value.type} numbers"
        )  # fmt: skip
        home = ", ".join(f"`{a}`" for a in lives) or "no plate or axis"
        cure = (
            f"index it by a variable whose values are elements of {', '.join(f'`{s}`' for s in slots)}"
            if slots
            else (f"`{symbol.name}` has nothing left to index")
        )
        self._error("PGM0301", f"wrong index type: `{symbol.name}` lives in {home}, the index has values in {what}",
                    node.span, cure)  # fmt: skip
        return None, unknown(node.span)

    def _as_label(self, node: ast.Expr, context: ExpressionContext) -> str | None:
        """What a bare word or string means as a label, None if it is an expression."""
        if isinstance(node, ast.String):
            return node.value
        if (
            isinstance(node, ast.Name)
            and node.name not in self.aliases
            and self.symbol(node.name, context) is None
        ):
            return None if self._is_setting(node.name) else node.name
        if isinstance(node, ast.Number):
            return node.text
        return None

    def _outside_plate(self, symbol: Symbol, plate: str, span: Span, context: ExpressionContext) -> None:
        indexable = [
            s.name
            for s in self.scope.variables.values()
            if s.type is not None and s.type.kind == "labels" and s.type.axis == plate
        ]
        cure = f"index it, as in `{symbol.name}[{indexable[0] if indexable else 'z'}]` with a variable whose values are "
        cure += f"elements of `{plate}`, or reduce over the plate: `sum({symbol.name}, over = {plate})`"
        secondary = (
            (Label(self.scope.spans[plate], f"plate `{plate}` is here"),) if plate in self.scope.spans else ()
        )
        self._error("PGM0304", f"`{symbol.name}` lives in plate `{plate}`, and this place is outside it", span, cure,
                    secondary=secondary)  # fmt: skip

    # ---- operators

    def _unary(self, node: ast.UnaryOperation, context: ExpressionContext) -> Expr:
        operand = self.build(node.operand, context)
        if operand.type is UNKNOWN:
            return unknown(node.span)
        if node.op == "not":
            self._need(operand, "truth", "`not`")
            return Apply(TRUTH, operand.axes, node.span, "not", (operand,))
        if isinstance(operand, Const) and isinstance(operand.value, int | float):
            return Const(number_type(-operand.value), (), node.span, -operand.value)
        self._number(operand)
        return Apply(
            REAL if operand.type.kind != "spin" else operand.type, operand.axes, node.span, "neg", (operand,)
        )

    def _binary(self, node: ast.Binary, context: ExpressionContext) -> Expr:
        if node.op == "@":
            return self._contract(node, context)
        if node.op in ("==", "!="):
            labelled = self._label_comparison(node, context)
            if labelled is not None:
                return labelled
        left, right = self.build(node.left, context), self.build(node.right, context)
        if UNKNOWN in (left.type, right.type):
            return unknown(node.span)
        function = OPERATORS[node.op]
        if function in ("and", "or"):
            self._need(left, "truth", f"`{node.op}`")
            self._need(right, "truth", f"`{node.op}`")
        elif "labels" in (left.type.kind, right.type.kind):
            if function not in ("eq", "ne") or left.type.kind != right.type.kind:
                bad = left if left.type.kind == "labels" else right
                self._error("PGM0307", "labels are not numbers", bad.span or node.span,
                            help="compare them with `==`, or index an axis by them: `effect[x]`")  # fmt: skip
                return unknown(node.span)
            if left.type != right.type and (left.type.axis or right.type.axis):
                self._error("PGM0307", f"a label of {left.type} never equals one of {right.type}", node.span)
                return unknown(node.span)
        return Apply(
            operator_type(function, left, right), merge(left.axes, right.axes), node.span, function, (left, right)
        )

    def _label_comparison(self, node: ast.Binary, context: ExpressionContext) -> Expr | None:
        """``rain == yes``: one side has labels, the other is one of them."""
        for side, other in ((node.left, node.right), (node.right, node.left)):
            label = self._as_label(other, context)
            if label is None or self._as_label(side, context) is not None:
                continue
            if isinstance(other, ast.Number):
                with self.scope.quiet():
                    probe = self.build(side, context)
                if probe.type.kind != "labels":
                    return None
            value = self.build(side, context)
            if value.type is UNKNOWN:
                return unknown(node.span)
            if value.type.kind != "labels":
                return None
            labels = self.scope.type_labels(value.type)
            if labels is not None and label not in labels:
                self._error("PGM0209", f"`{label}` is not a label of {value.type}", other.span,
                            did_you_mean(label, labels) or f"its labels are {_list(labels)}")  # fmt: skip
                return unknown(node.span)
            constant = Const(value.type, (), other.span, label)
            return Apply(TRUTH, value.axes, node.span, OPERATORS[node.op], (value, constant))
        return None

    def _contract(self, node: ast.Binary, context: ExpressionContext) -> Expr:
        left, right = self.build(node.left, context), self.build(node.right, context)
        if UNKNOWN in (left.type, right.type):
            return unknown(node.span)
        self._number(left)
        self._number(right)
        shared = [a for a in left.axes if a in right.axes and a not in context.plates]
        if len(shared) != 1:
            both = f"{_axes(left.axes)} and {_axes(right.axes)}"
            axis = shared[0] if shared else (left.axes or right.axes or ("a",))[0]
            reason = "they share none" if not shared else "they share " + _list(shared)
            self._error("PGM0303", f"`@` sums over the one axis both sides have: {both}, {reason}", node.span,
                        f"say which: `sum(x * y, over = {axis})`")  # fmt: skip
            return unknown(node.span)
        axes = merge(tuple(a for a in left.axes if a != shared[0]), tuple(a for a in right.axes if a != shared[0]))
        kind = operator_type("mul", left, right)
        result = Type("positive") if kind.fits("positive") else REAL
        return Contract(result, axes, node.span, left, right, shared[0])

    def _if(self, node: ast.If, context: ExpressionContext) -> Expr:
        condition = self.build(node.condition, context)
        if condition.type is not UNKNOWN:
            self._need(condition, "truth", "the condition of `if`")
        then = self.build(node.then, self.guarded(context, condition, True))
        otherwise = self.build(node.otherwise, self.guarded(context, condition, False))
        if UNKNOWN in (then.type, otherwise.type):
            known = otherwise if then.type is UNKNOWN else then
            return known if self.scope.muted else unknown(node.span)
        otherwise = self._same_axes(then, otherwise)
        if then.type.kind == "labels" or otherwise.type.kind == "labels":
            if then.type != otherwise.type:
                self._error("PGM0307", f"the branches differ: {then.type} and {otherwise.type}", node.span)
                return unknown(node.span)
            result = then.type
        else:
            result = wider(then.type, otherwise.type)
        axes = merge(condition.axes, then.axes, otherwise.axes)
        return Choose(result, axes, node.span, condition, then, otherwise)

    def guarded(self, context: ExpressionContext, condition: Expr, holds: bool) -> ExpressionContext:
        """The place where a condition holds, or does not: some first rows of a chain may be excluded there."""

        def value_of(name: str) -> Expr | None:
            symbol = self.scope.symbol(name, context)
            stated = symbol.stated if symbol is not None and symbol.role == "derived" else None
            return stated if isinstance(stated, Expr) else None

        return replace(
            context, excluded_first=max(context.excluded_first, excluded_rows(condition, holds, value_of))
        )

    def _same_axes(self, then: Expr, otherwise: Expr) -> Expr:
        """Renames the one axis of ``otherwise`` that is ``like`` the one ``then`` has instead."""
        mine = [a for a in then.axes if a not in otherwise.axes]
        its = [a for a in otherwise.axes if a not in then.axes]
        if len(mine) == len(its) == 1 and self.scope.root(mine[0]) == self.scope.root(its[0]):
            axes = tuple(mine[0] if a == its[0] else a for a in otherwise.axes)
            return Rename(otherwise.type, axes, otherwise.span, otherwise, its[0], mine[0])
        return otherwise

    # ---- calls

    def _call(self, node: ast.Call, context: ExpressionContext) -> Expr:
        name = node.function
        if node.table is not None:
            self._error(
                "PGM0111", "rows belong to a `Table`", node.span, help="write `x : {a, b} ~ Table(...) { ... }`"
            )
        if name == "prev":
            return self._prev(node, context)
        if name == "first":
            return self._first_call(node, context)
        # what the user calls so comes before what the language does
        if self._is_net(name):
            return self.net_call(node, context, 0, 1)
        if self.expander.knows(name):
            return self.expander.expand(node, context)
        if name in ("min", "max") and len(node.arguments) == 2 and not node.keywords:
            a, b = (self.build(n, context) for n in node.arguments)
            if UNKNOWN in (a.type, b.type):
                return unknown(node.span)
            return Apply(wider(a.type, b.type), merge(a.axes, b.axes), node.span, f"elementwise_{name}", (a, b))
        if name in REDUCTIONS:
            return self._reduce(node, context)
        if name in FUNCTIONS:
            return self._function(node, context)
        return self._unknown_call(node)

    def _unknown_call(self, node: ast.Call) -> Expr:
        name, span = node.function, node.function_span or node.span
        head = name.split(".")[0]
        if head in self.scope.broken_names:
            return unknown(node.span)
        if name in FAMILIES or name == "Table" or name in LEARNED:
            self._error("PGM0315", f"the distribution `{name}` stands where a value is needed", span,
                        help="give the draw a name: `x ~ " + name + "(...)`")  # fmt: skip
            return unknown(node.span)
        if name in FOREIGN_DISTRIBUTIONS:
            self._error("PGM0106", f"`{name}` is another language's name", span, help=FOREIGN_DISTRIBUTIONS[name])
            return unknown(node.span)
        if "." in name and head in self.scope.modules:
            self.scope.used.add(head)
            known = self.scope.modules[head].definitions
            self._error("PGM0207", f"module `{head}` has no `{name.split('.', 1)[1]}`", span,
                        did_you_mean(name.split(".", 1)[1], known) or f"it has {_list(known)}")  # fmt: skip
            return unknown(node.span)
        if name in FOREIGN_FUNCTIONS:
            near = f"write `{FOREIGN_FUNCTIONS[name]}`"
            self._error("PGM0204", f"there is no function `{name}`", span, near)
            return unknown(node.span)
        known_functions = [*FUNCTIONS, *REDUCTIONS, *self.scope.nets, *self.scope.definitions]
        near = did_you_mean(name, known_functions)
        if not near and "." in name:
            near = f"import the module first: `import std.{head}`"
        self._error(
            "PGM0204", f"there is no function `{name}`", span, near or "see `pgmc explain PGM0204` for the list"
        )
        return unknown(node.span)

    def _over(self, node: ast.Call) -> tuple[str | None, bool]:
        """The axis of ``over = axis``; the flag tells whether the keywords are in order."""
        axis = None
        for keyword in node.keywords:
            if keyword.name != "over":
                self._error("PGM0306", f"`{node.function}` has no argument `{keyword.name}`", keyword.span,
                            help="it takes `over = axis`")  # fmt: skip
                return None, False
            if not isinstance(keyword.value, ast.Name) or self.axis(keyword.value.name) is None:
                name = keyword.value.name if isinstance(keyword.value, ast.Name) else "this"
                near = did_you_mean(name, [*self.scope.dims, *self.scope.plates])
                self._error(
                    "PGM0201",
                    f"`{name}` is not an axis",
                    keyword.value.span,
                    near or "`over` takes a dim or plate",
                )
                return None, False
            axis = self.axis(keyword.value.name)
        return axis, True

    def _reduce(self, node: ast.Call, context: ExpressionContext) -> Expr:
        axis, good = self._over(node)
        if not good:
            return unknown(node.span)
        if len(node.arguments) != 1:
            self._arity(node, 1)
            return unknown(node.span)
        is_plate = axis in self.scope.plates if axis else False
        inner = context
        if axis is not None and is_plate and axis not in context.plates:
            around = self.scope.axes_model.enclosing(axis)
            inner = replace(context, plates=merge(context.plates, around))
        body = self.build(node.arguments[0], inner)
        if body.type is UNKNOWN:
            return unknown(node.span)
        self._number(body)
        if axis is None:
            if len(body.axes) != 1:
                self._error("PGM0303", f"`{node.function}` needs to know its axis: the value has {_axes(body.axes)}",
                            node.span, f"write `{node.function}(x, over = axis)`")  # fmt: skip
                return unknown(node.span)
            axis = body.axes[0]
        if axis in body.axes:
            is_plate = False
        elif not is_plate or axis in context.plates:
            inside = (
                f"inside `{axis}` a name means this element's: give the result a name outside of it"
                if is_plate
                else ""
            )
            self._error(
                "PGM0302", f"the value has no axis `{axis}`, only {_axes(body.axes)}", node.span, help=inside
            )
            return unknown(node.span)
        kind = body.type if node.function in ("min", "max", "mean") else operator_type("add", body, body)
        if node.function == "prod":
            kind = operator_type("mul", body, body)
        if node.function == "logsumexp":
            kind = REAL
        if node.function == "mean" and kind.kind in ("bit", "count", "truth"):
            kind = Type("unit" if kind.kind != "count" else "positive")
        return Reduce(
            kind, tuple(a for a in body.axes if a != axis), node.span, node.function, body, axis, is_plate
        )

    def _function(self, node: ast.Call, context: ExpressionContext) -> Expr:
        row = FUNCTIONS[node.function]
        axis, good = (
            self._over(node) if node.function in ("softmax", "cumsum") else (None, self._no_keywords(node))
        )
        if not good:
            return unknown(node.span)
        if len(node.arguments) != row.arity:
            self._arity(node, row.arity)
            return unknown(node.span)
        arguments = tuple(self.build(a, context) for a in node.arguments)
        if any(a.type is UNKNOWN for a in arguments):
            return unknown(node.span)
        for argument in arguments:
            self._number(argument)
            if self.supports.misses(argument, row.accepts):
                self._error("PGM0410", f"the argument of `{node.function}` must be {row.accepts}, "
                            f"{self.supports.shown(argument)}", argument.span or node.span)  # fmt: skip
        axes = merge(*(a.axes for a in arguments))
        if node.function in ("softmax", "cumsum"):
            axis = axis or (axes[0] if len(axes) == 1 else None)
            if axis is None or axis not in axes:
                self._error("PGM0303", f"`{node.function}` needs to know its axis: the value has {_axes(axes)}", node.span,
                            f"write `{node.function}(x, over = axis)`")  # fmt: skip
                return unknown(node.span)
            return Reduce(Type(row.result), axes, node.span, node.function, arguments[0], axis, False)
        return Apply(Type(row.result), axes, node.span, node.function, arguments)

    def _no_keywords(self, node: ast.Call) -> bool:
        for keyword in node.keywords:
            self._error("PGM0306", f"`{node.function}` has no argument `{keyword.name}`", keyword.span)
        return not node.keywords

    def _arity(self, node: ast.Call, wanted: int) -> None:
        self._error("PGM0305", f"`{node.function}` takes {wanted} argument{'s' if wanted != 1 else ''}, "
                    f"{len(node.arguments)} given", node.span)  # fmt: skip

    def net_call(self, node: ast.Call, context: ExpressionContext, output: int, wanted: int) -> Expr:
        """A network applied; ``wanted`` outputs are taken at once by ``a, b = net(...)``."""
        net = self.scope.nets[node.function]
        self.scope.used.add(net.name)
        if len(net.outputs) != wanted:
            self._error("PGM0305", f"network `{net.name}` has {len(net.outputs)} outputs, {wanted} taken", node.span,
                        help="take them all: `" + ", ".join("abcdefgh"[: len(net.outputs)]) + f" = {net.name}(...)`")  # fmt: skip
            return unknown(node.span)
        if len(node.arguments) != len(net.inputs) or not self._no_keywords(node):
            self._arity(node, len(net.inputs))
            return unknown(node.span)
        arguments = tuple(self.build(a, context) for a in node.arguments)
        if any(a.type is UNKNOWN for a in arguments):
            return unknown(node.span)
        batch: tuple[str, ...] = ()
        for argument, formal in zip(arguments, net.inputs, strict=True):
            self._number(argument)
            if formal.name != "real" and formal.name not in argument.axes:
                self._error("PGM0307", f"network `{net.name}` takes a value along `{formal.name}`; this one has "
                            f"{_axes(argument.axes)}", argument.span or node.span)  # fmt: skip
                return unknown(node.span)
            batch = merge(batch, tuple(a for a in argument.axes if a != formal.name))
        out = net.outputs[output].name
        return NetCall(
            REAL, batch if out == "real" else merge(batch, (out,)), node.span, net.name, arguments, output
        )

    # ---- chains

    def _chain(self, context: ExpressionContext) -> str | None:
        for plate in reversed(context.plates):
            structure = self.scope.plates[plate].structure
            if structure is not None and structure.kind == "chain":
                return plate
        return None

    def _first(self, count: int, span: Span, context: ExpressionContext) -> Expr:
        chain = self._chain(context)
        if chain is None:
            self._error("PGM0312", "`first` means the first row of a chain, and there is no chain here", span,
                        help="make the plate one: `plate step = chain { ... }`")  # fmt: skip
            return unknown(span)
        return First(TRUTH, (), span, count, chain)

    def _lag(self, node: ast.Call, number: int) -> int | None:
        if len(node.arguments) <= number:
            return 1
        argument = node.arguments[number]
        if isinstance(argument, ast.Number) and argument.value >= 1 and argument.value.is_integer():
            if argument.value <= MAX_SIZE:
                return int(argument.value)
            self._error("PGM0312", f"`{node.function}` counts at most {MAX_SIZE:,} rows", argument.span)
            return None
        self._error("PGM0312", f"`{node.function}` counts rows: a whole number from 1", argument.span)
        return None

    def _first_call(self, node: ast.Call, context: ExpressionContext) -> Expr:
        if len(node.arguments) != 1 or node.keywords:
            self._arity(node, 1)
            return unknown(node.span)
        count = self._lag(node, 0)
        return unknown(node.span) if count is None else self._first(count, node.span, context)

    def _prev(self, node: ast.Call, context: ExpressionContext) -> Expr:
        if not node.arguments or len(node.arguments) > 2 or node.keywords:
            self._error("PGM0305", "`prev` takes a variable and, if not 1, how many rows back", node.span)
            return unknown(node.span)
        lag = self._lag(node, 1)
        target = node.arguments[0]
        chain = self._chain(context)
        symbol = self._whole_variable(target, context)
        if lag is None:
            return unknown(node.span)
        if symbol is None and isinstance(target, ast.Name) and target.name not in self.aliases:
            self._name(target, context)
            return unknown(node.span)
        if chain is None or symbol is None or chain not in symbol.plates:
            self._error("PGM0312", "`prev` takes a variable of the chain it stands in", node.span,
                        help="make the plate a chain: `plate step = chain { ... }`")  # fmt: skip
            return unknown(node.span)
        if context.excluded_first < lag:
            needed = "first" if lag == 1 else f"first({lag})"
            self._error("PGM0312", f"`prev` looks {lag} row{'s' if lag > 1 else ''} back, and there may be none",
                        node.span, f"write `if {needed} then ... else ...` with `prev` after the `else`")  # fmt: skip
            return unknown(node.span)
        return self.reference(symbol, (), node.span, context, lag)

    # ---- checks

    def _number(self, expr: Expr) -> None:
        if not expr.type.is_numeric:
            self._error("PGM0307", f"a number is needed here, this has labels of {expr.type}", expr.span or _NOWHERE,
                        help="compare labels with `==`, or index an axis by them: `effect[x]`")  # fmt: skip

    def _need(self, expr: Expr, kind: str, what: str) -> None:
        if expr.type.kind not in (kind, "bit", "unknown"):
            self._error("PGM0307", f"{what} needs true or false, this is {expr.type}", expr.span or _NOWHERE,
                        help="compare: `x > 0`, `rain == yes`")  # fmt: skip


_NOWHERE: Span = None  # type: ignore[assignment]


def _axes(axes: tuple[str, ...]) -> str:
    return "[" + ", ".join(axes) + "]" if axes else "no axes"


def _list(names: object) -> str:
    listed = [f"`{n}`" for n in names]  # type: ignore[attr-defined]
    return ", ".join(listed[:12]) + (", ..." if len(listed) > 12 else "") if listed else "none"
