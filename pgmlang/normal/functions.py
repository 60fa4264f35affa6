"""Elementwise functions in canonical form: one spelling each, inverses and constants resolved."""

from __future__ import annotations

from pgmlang.diagnostics.source import Span
from pgmlang.model.expr import Apply, Const, Expr, Reduce
from pgmlang.normal.arithmetic import Arithmetic, folded
from pgmlang.normal.nodes import is_nonnegative, number

COMMUTATIVE = ("eq", "ne", "and", "or", "elementwise_min", "elementwise_max")
MIRRORED = {"gt": "lt", "ge": "le"}


class Functions(Arithmetic):
    """Makes canonical functions of canonical arguments."""

    def function(self, function: str, arguments: tuple[Expr, ...], span: Span | None) -> Expr:
        """An elementwise function of canonical arguments."""
        x = arguments[0]
        match function:
            case "add":
                return self.sum(arguments, span)
            case "sub":
                return self.sum((x, self.negative(arguments[1])), span)
            case "mul":
                return self.product(arguments, span)
            case "neg":
                return self.negative(x)
            case "div":
                return self.product((x, self.power(arguments[1], -1.0, span)), span)
            case "sqrt":
                return self.power(x, 0.5, span)
            case "square":
                return self.power(x, 2.0, span)
            case "pow" if (exponent := number(arguments[1])) is not None:
                return self.power(x, exponent, span)
            case "log1p":
                return self.function("log", (self.sum((self.constant(1), x), span),), span)
            case "expm1":
                return self.sum((self.function("exp", (x,), span), self.constant(-1)), span)
            case "gt" | "ge":
                return self.function(MIRRORED[function], (arguments[1], x), span)
        values = [number(a) for a in arguments]
        known = [v for v in values if v is not None]
        if len(known) == len(values) and (value := folded(function, *known)) is not None:
            return self.constant(value, span)
        simpler = self._simpler(function, arguments, span)
        if simpler is not None:
            return simpler
        if function in COMMUTATIVE:
            arguments = tuple(sorted(arguments, key=self.key))
        return self.apply(function, arguments, span)

    def _simpler(self, function: str, arguments: tuple[Expr, ...], span: Span | None) -> Expr | None:
        """Functions of their inverses, of constants, of themselves; None where no rule is for it."""
        x = arguments[0]
        inner = x.function if isinstance(x, Apply) else ""
        match function:
            case "exp":
                return self._exp(x, span)
            case "log":
                return self._log(x, span)
            case "sigmoid":
                return self._sigmoid(x)
            case "logit" if inner == "sigmoid":
                return x.arguments[0]  # type: ignore[union-attr]
            case "logit":
                other = self.sum((self.constant(1), self.negative(x)), span)
                logs = [self.function("log", (e,), span) for e in (x, other)]
                return self.sum((logs[0], self.negative(logs[1])), span)
            case "abs" if is_nonnegative(x):
                return x
            case "not" if isinstance(x, Const):
                return self.constant(not x.value, span)
            case "not" if inner == "not":
                return x.arguments[0]  # type: ignore[union-attr]
            case "not" if inner in ("eq", "ne"):
                return self.function("ne" if inner == "eq" else "eq", x.arguments, span)  # type: ignore[union-attr]
            case "and" | "or":
                for a, b in (arguments, arguments[::-1]):
                    if isinstance(a, Const):
                        return (b if a.value else a) if function == "and" else (a if a.value else b)
                return x if x is arguments[1] else None
            case "elementwise_min" | "elementwise_max" if x is arguments[1]:
                return x
            case "eq" | "ne" if all(isinstance(a, Const) for a in arguments):
                same = arguments[0] is arguments[1]
                comparable = arguments[0].type == arguments[1].type
                return self.constant(same == (function == "eq"), span) if comparable else None
        return None

    def _exp(self, x: Expr, span: Span | None) -> Expr | None:
        """Logarithms in the exponent are factors; ``exp(x - logsumexp(x))`` is a softmax."""
        terms, constant = self.terms(x)
        logs = [(c, t) for c, t in terms if _is_log(t)]
        if logs:
            rest = [self._scaled(c, t, span) for c, t in terms if not _is_log(t)] + [self.constant(constant)]
            powers = [self.power(t.arguments[0], c, span) for c, t in logs if isinstance(t, Apply)]
            return self.product((*powers, self.function("exp", (self.sum(rest, span),), span)), span)
        for c, t in terms:
            is_normaliser = c == -1 and isinstance(t, Reduce) and t.function == "logsumexp"
            if is_normaliser and isinstance(t, Reduce) and self.sum((x, t), span) is t.body:
                return self.reduction("softmax", t.body, t.axis, t.is_plate, span)
        return None

    def _log(self, x: Expr, span: Span | None) -> Expr | None:
        """A logarithm of a product of nonnegative factors is a sum."""
        if (
            isinstance(x, Reduce)
            and x.function == "sum"
            and isinstance(x.body, Apply)
            and x.body.function == "exp"
        ):
            return self.reduction("logsumexp", x.body.arguments[0], x.axis, x.is_plate, span)
        factors = self.factors(x)
        powers = [self.power_of(f) for f in factors]
        simple = len(factors) == 1 and powers[0][1] == 1
        if isinstance(x, Apply) and x.function == "exp":
            return x.arguments[0]
        if simple or not all(is_nonnegative(base) for base, _ in powers):
            return None
        parts = [self.product((self.constant(e), self.function("log", (b,), span)), span) for b, e in powers]
        return self.sum(parts, span)

    def _sigmoid(self, x: Expr) -> Expr | None:
        """``sigmoid(log(p) - log(1 - p))`` is p."""
        terms, constant = self.terms(x)
        if constant != 0 or len(terms) != 2 or sorted(c for c, _ in terms) != [-1, 1]:
            return None
        inside = {c: t.arguments[0] for c, t in terms if isinstance(t, Apply) and t.function == "log"}
        if len(inside) < 2:
            return None
        complement = self.sum((self.constant(1), self.negative(inside[1])), x.span)
        return inside[1] if complement is inside[-1] else None


def _is_log(expr: Expr) -> bool:
    return isinstance(expr, Apply) and expr.function == "log"
