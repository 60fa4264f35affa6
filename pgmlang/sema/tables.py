"""``Table``: conditional probability tables, learned or written out row by row."""

from __future__ import annotations

from itertools import product
from math import isfinite, log10, prod

from pgmlang.diagnostics import Diagnostic, Label, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import TableDist, Type
from pgmlang.model.expr import Element, Ref
from pgmlang.model.labels import Labels
from pgmlang.model.types import UNKNOWN
from pgmlang.sema.arithmetic import fold
from pgmlang.sema.expressions import ExpressionBuilder
from pgmlang.sema.named_values import with_name
from pgmlang.sema.scope import ExpressionContext, Scope
from pgmlang.syntax import ast

MAX_CELLS = 1 << 26
"""Cells of one table, refused beyond: half a gigabyte."""

ROW_SUM_TOLERANCE = 1e-3 + 1e-9
"""Published networks round their rows to three decimals."""


class TableBuilder:
    """Builds and checks ``Table(...)`` calls."""

    def __init__(self, scope: Scope, expressions: ExpressionBuilder) -> None:
        self.scope = scope
        self.expressions = expressions

    def build(
        self, node: ast.Call, name: str, axes: tuple[str, ...], declared: Type | None, context: ExpressionContext
    ) -> tuple[TableDist | None, Type]:
        """The table (None after an error) and the type of its draws. ``axes``: those of the variable that is drawn."""
        parents = self._parents(node, context)
        for parent in parents or ():
            extra = [a for a in parent.axes if a not in axes]
            if extra:
                left = f"{name}[{', '.join((*axes, *extra))}]"
                self._error("PGM0302", f"axis `{extra[0]}` of a parent is not on the left: `{name}`", parent.span,
                            f"write `{left} : ... ~ Table(...)`, or name one element, as in `x[label]`")  # fmt: skip
                return None, declared or UNKNOWN
        prior, by, good = self._options(node)
        if declared is None:
            self._error("PGM0412", f"`{name}` needs its labels", node.span,
                        f"write `{name} : {{no, yes}} ~ Table(...)`, or `{{...}}` to take them from the data")  # fmt: skip
            return None, UNKNOWN
        if not declared.is_discrete:
            self._error("PGM0401", f"a `Table` draws labels, `{name}` is declared {declared}", node.span,
                        "declare a set of labels, a dim, `bit` or `spin`")  # fmt: skip
            return None, declared
        if parents is None or not good or any(p.type is UNKNOWN for p in parents):
            return None, declared
        if not self._size(node, name, declared, parents):
            return None, declared
        rows = None
        if node.table is not None:
            if prior is not None:
                self._error(
                    "PGM0111", "a table that is written out has no prior", node.span, "leave out one of them"
                )
            rows = self._rows(node, name, declared, parents)
            if rows is None:
                return None, declared
        return TableDist(tuple(parents), rows, prior, by, node.span), declared

    def _error(self, code: str, message: str, span: Span | None, help: str = "", **more: object) -> None:
        self.scope.report(Diagnostic(code, message, span, help=help, **more))  # type: ignore[arg-type]

    def _parents(self, node: ast.Call, context: ExpressionContext) -> list[Ref] | None:
        parents: list[Ref] = []
        good = True
        for argument in node.arguments:
            value = self.expressions.build(argument, context)
            if value.type is UNKNOWN:
                if isinstance(value, Ref):
                    parents.append(value)
                else:
                    good = False
                continue
            if isinstance(value, Element) and value.type.kind == "labels":
                value = with_name(self.expressions, value, f"{context.target}.{value.axis}", context.plates)
            if not isinstance(value, Ref) or not value.type.is_discrete:
                self._error("PGM0408", f"a parent of a `Table` is a discrete variable, this is {value.type}", argument.span,
                            "use a distribution with a formula instead, such as `Bernoulli(logit = ...)`")  # fmt: skip
                good = False
                continue
            if any(p.name == value.name and p.index == value.index and p.lag == value.lag for p in parents):
                self._error("PGM0403", f"`{value.name}` is a parent twice", argument.span, "name each parent once")
                good = False
                continue
            parents.append(value)
        return parents if good else None

    def _options(self, node: ast.Call) -> tuple[tuple[str, float] | None, tuple[str, ...], bool]:
        prior: tuple[str, float] | None = None
        by: tuple[str, ...] = ()
        for keyword in node.keywords:
            value = keyword.value
            if keyword.name == "prior":
                kind = "dirichlet"
                number: ast.Expr = value
                if isinstance(value, ast.Call) and value.function == "bdeu" and len(value.arguments) == 1:
                    kind, number = "bdeu", value.arguments[0]
                size = fold(number, self.scope.settings)
                if isinstance(number, ast.Name) and number.name in self.scope.settings:
                    self.scope.used.add(number.name)
                if (
                    not isinstance(size, int | float)
                    or isinstance(size, bool)
                    or not size > 0
                    or not isfinite(size)
                ):
                    self._error("PGM0410", "a prior is a positive number or `bdeu(number)`", value.span,
                                "write `prior = 1` or `prior = bdeu(10)`")  # fmt: skip
                    return None, (), False
                prior = (kind, float(size))
            elif keyword.name == "by" and isinstance(value, ast.Name) and self.scope.is_axis(value.name):
                self.scope.used.add(value.name)
                by = (*by, value.name)
            elif keyword.name == "by":
                self._error("PGM0201", "`by` names a plate or axis", value.span)
                return None, (), False
            else:
                near = did_you_mean(keyword.name, ["prior", "by"])
                self._error("PGM0306", f"`Table` has no argument `{keyword.name}`", keyword.span,
                            near or "it takes parents, `prior = ...` and `by = plate`")  # fmt: skip
                return None, (), False
        return prior, by, True

    def _size(self, node: ast.Call, name: str, declared: Type, parents: list[Ref]) -> bool:
        sizes = [
            len(labels) for t in (declared, *(p.type for p in parents)) if (labels := self.scope.type_labels(t))
        ]
        cells = prod(sizes)
        if cells <= MAX_CELLS:
            return True
        shown = (
            f"{cells:,} cells ({cells * 8 / 2**30:,.1f} GiB)" if cells < 1e30 else f"10^{log10(cells):.0f} cells"
        )
        self._error("PGM0406", f"the table of `{name}` would have {shown}; the limit is {MAX_CELLS:,}", node.span, "use fewer parents, or a formula: `Bernoulli(logit = ...)`, a noisy-or")  # fmt: skip
        return False

    # ---- rows

    def _rows(
        self, node: ast.Call, name: str, declared: Type, parents: list[Ref]
    ) -> tuple[tuple[float, ...], ...] | None:
        labels = self.scope.type_labels(declared)
        sets = [self.scope.type_labels(p.type) for p in parents]
        if labels is None or any(s is None for s in sets):
            which = (
                name if labels is None else next(p.name for p, s in zip(parents, sets, strict=True) if s is None)
            )
            self._error("PGM0407", f"a table that is written out needs closed label sets; that of `{which}` is open",
                        node.span, f"write the labels of `{which}` out: `{which} : {{no, yes}}`")  # fmt: skip
            return None
        row_of: dict[tuple[str, ...], ast.TableRow] = {}
        good = True
        for row in node.table or ():
            key = self._key(row, parents, sets, name)
            if key is None or not self._cells(row, labels, name):
                good = False
                if key is not None:
                    row_of.setdefault(key, row)
                continue
            if key in row_of:
                self._error("PGM0403", f"the row {_key_text(key)} is given twice", row.span, "keep one of them",
                            secondary=(Label(row_of[key].span, "first given here"),))  # fmt: skip
                good = False
                continue
            row_of[key] = row
        configurations = list(product(*sets)) if prod(len(s) for s in sets if s) <= MAX_CELLS else []  # type: ignore[arg-type]
        missing = [c for c in configurations if c not in row_of]
        if missing and good:
            shown = "; ".join(_key_text(m) for m in missing[:3]) + (
                f"; and {len(missing) - 3} more" if len(missing) > 3 else ""
            )
            lines = "one row of numbers" if not parents else f"a row each for: {shown}"
            self._error("PGM0402", f"the table of `{name}` lacks {len(missing)} of {len(configurations)} rows",
                        node.function_span or node.span, f"add {lines}")  # fmt: skip
            good = False
        return tuple(row_of[c].cells for c in configurations) if good else None

    def _key(
        self, row: ast.TableRow, parents: list[Ref], sets: list[Labels | None], name: str
    ) -> tuple[str, ...] | None:
        if len(row.keys) != len(parents):
            listed = ", ".join(p.name for p in parents) or "no parents"
            self._error("PGM0404", f"a row of `{name}` is keyed by {len(parents)} labels ({listed}), this one by "
                        f"{len(row.keys)}", row.span)  # fmt: skip
            return None
        key: list[str] = []
        for text, parent, labels in zip(row.keys, parents, sets, strict=True):
            text = {"false": "0", "true": "1"}.get(text, text) if parent.type.kind == "bit" else text
            if labels is not None and text not in labels:
                near = did_you_mean(text, labels) or "its labels are " + ", ".join(f"`{x}`" for x in labels[:12])
                self._error("PGM0209", f"`{text}` is not a label of `{parent.name}`", row.span, near)
                return None
            key.append(text)
        return tuple(key)

    def _cells(self, row: ast.TableRow, labels: Labels, name: str) -> bool:
        if len(row.cells) != len(labels):
            self._error("PGM0404", f"a row of `{name}` has {len(labels)} numbers, one a label; this one has {len(row.cells)}",
                        row.span, "give one probability for each of " + ", ".join(f"`{x}`" for x in labels[:12]))  # fmt: skip
            return False
        for text, value in zip(row.cell_texts, row.cells, strict=True):
            if not (0 <= value <= 1):
                self._error(
                    "PGM0413", f"`{text}` is not a probability", row.span, "probabilities lie between 0 and 1"
                )
                return False
        total = sum(row.cells)
        if abs(total - 1) > ROW_SUM_TOLERANCE:
            self._error("PGM0405", f"this row of `{name}` sums to {total:.6g}, not to one", row.span,
                        "correct a cell, or write fractions: `1/3, 2/3`")  # fmt: skip
            return False
        return True


def _key_text(key: tuple[str, ...]) -> str:
    return "`" + ", ".join(key) + "`"
