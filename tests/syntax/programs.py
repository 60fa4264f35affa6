"""Random programs: well-formed syntax objects of the whole grammar. Every seed is one program."""

from __future__ import annotations

import random
from collections.abc import Callable

from pgmlang.diagnostics import SourceFile, Span
from pgmlang.syntax import ast

NOWHERE = Span(SourceFile("<random>", ""), 0, 0)
NAMES = (
    "x", "y1", "mu_0", "x'", "été", "日本", "_", "pgm", "model", "dim", "plate", "param", "input", "field", "factor",
    "net", "guide", "def", "return", "in", "like", "import", "real", "Table", "Normal",
)  # fmt: skip
LABELS = (
    "no", "yes", "if", "then", "else", "and", "or", "not", "true", "false", "plate", "field", "in", "3", "-3",
    "0.50", "-1e-3", ".5", "two words", "", 'a"b', "back\\slash", "1/3", "5.", "--", "#1", "{x}", "ü", "3rd", "\t",
)  # fmt: skip
NUMBERS = ("0", "1", "0.10", "2.50", "1e-3", ".5", "100", "1E5", "123456.789", "0.333333333333")
CELLS = ("0", "1", "0.10", "1.00", "1/3", "2/3", "1e-05", "0.25")
BINARY = ("+", "-", "*", "/", "@", "^", "==", "!=", "<=", ">=", "<", ">", "and", "or")


class Programs:
    """Draws syntax objects from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def program(self) -> ast.SyntaxTree:
        return ast.SyntaxTree(self.block(3, 8), span=NOWHERE)

    def block(self, depth: int, most: int) -> tuple[ast.Statement, ...]:
        kinds: list[Callable[[int], ast.Statement]] = [
            self.version, self.model, self.import_module, self.dims, self.plate, self.variables, self.drawn,
            self.assign, self.factor, self.net, self.guide, self.definition, self.returned,
        ]  # fmt: skip
        weights = [1, 1, 1, 2, 3 * (depth > 0), 3, 6, 4, 3, 1, depth > 0, depth > 0, 1]
        chosen = self.random.choices(kinds, weights, k=self.random.randint(0, most))
        return tuple(kind(depth - 1) for kind in chosen)

    # ---- statements

    def version(self, depth: int) -> ast.Version:
        return ast.Version("1", span=NOWHERE)

    def model(self, depth: int) -> ast.ModelHeader:
        settings = tuple(ast.Setting(self.name(), self.expr(2), span=NOWHERE) for _ in range(self.few(0, 4)))
        return ast.ModelHeader(self.name(), settings, span=NOWHERE)

    def import_module(self, depth: int) -> ast.Import:
        return ast.Import(self.dotted(), span=NOWHERE)

    def dims(self, depth: int) -> ast.Dims:
        return ast.Dims(tuple(self.dim() for _ in range(self.few(1, 4))), span=NOWHERE)

    def dim(self) -> ast.DimItem:
        name = self.name()
        match self.random.randrange(4):
            case 0:
                return ast.DimItem(name, span=NOWHERE)
            case 1:
                return ast.DimItem(name, size=self.expr(2), span=NOWHERE)
            case 2:
                return ast.DimItem(name, labels=self.label_set(), span=NOWHERE)
            case _:
                return ast.DimItem(name, like=self.name(), span=NOWHERE)

    def plate(self, depth: int) -> ast.PlateBlock:
        structure = None
        if self.chance(0.3):
            structure = ast.Call(self.dotted(), *self.arguments(1), span=NOWHERE)
        return ast.PlateBlock(
            self.name(),
            self.block(depth, 4),
            self.identifiers(0, 2),
            self.expr(1) if self.chance(0.3) else None,
            self.identifiers(0, 2),
            structure,
            span=NOWHERE,
        )

    def typed_list(self) -> tuple[ast.Declared, ...]:
        """With types as the parser leaves them: none only at the end of the list."""
        items = [self.declared() for _ in range(self.few(1, 4))]
        if self.chance(0.4):
            shared = self.type()
            items = [ast.Declared(i.name, i.axes, shared, span=NOWHERE) for i in items]
        elif any(i.type for i in items):
            items = [ast.Declared(i.name, i.axes, i.type or self.type(), span=NOWHERE) for i in items]
            if self.chance(0.3):
                items.append(ast.Declared(self.name(), self.identifiers(0, 2), span=NOWHERE))
        return tuple(items)

    def variables(self, depth: int) -> ast.Variables:
        return ast.Variables(self.random.choice(("param", "input", "field")), self.typed_list(), span=NOWHERE)

    def drawn(self, depth: int) -> ast.Random:
        return ast.Random(self.typed_list(), self.expr(3), span=NOWHERE)

    def assign(self, depth: int) -> ast.Assign:
        return ast.Assign(tuple(self.declared() for _ in range(self.few(1, 3))), self.expr(4), span=NOWHERE)

    def factor(self, depth: int) -> ast.Factor:
        return ast.Factor(self.name() if self.chance(0.3) else None, self.expr(4), span=NOWHERE)

    def net(self, depth: int) -> ast.NetDeclaration:
        return ast.NetDeclaration(
            self.name(), self.identifiers(1, 2), self.identifiers(1, 2), self.expr(2), span=NOWHERE
        )

    def guide(self, depth: int) -> ast.GuideBlock:
        return ast.GuideBlock(self.name() if self.chance(0.6) else None, self.block(depth, 3), span=NOWHERE)

    def definition(self, depth: int) -> ast.Def:
        parameters = tuple(self.declared() for _ in range(self.few(0, 3)))
        return ast.Def(self.name(), parameters, self.block(depth, 3), span=NOWHERE)

    def returned(self, depth: int) -> ast.Return:
        return ast.Return(self.expr(3), span=NOWHERE)

    # ---- expressions

    def expr(self, depth: int) -> ast.Expr:
        if depth <= 0 or self.chance(0.2):
            return self.leaf()
        match self.random.randrange(8):
            case 0:
                operand = self.expr(depth - 1)
                return ast.UnaryOperation(self.random.choice(("-", "not")), operand, span=NOWHERE)
            case 1 | 2 | 3:
                op = self.random.choice(BINARY)
                return ast.Binary(op, self.expr(depth - 1), self.expr(depth - 1), span=NOWHERE)
            case 4:
                return ast.If(self.expr(depth - 1), self.expr(depth - 1), self.expr(depth - 1), span=NOWHERE)
            case 6:
                return ast.Vector(tuple(self.expr(depth - 1) for _ in range(self.few(1, 3))), span=NOWHERE)
            case 5:
                indices = tuple(self.expr(depth - 1) for _ in range(self.few(1, 2)))
                return ast.Index(self.expr(depth - 1), indices, span=NOWHERE)
            case _:
                return self.call(depth)

    def leaf(self) -> ast.Expr:
        match self.random.randrange(5):
            case 0:
                return ast.String(self.random.choice(LABELS), span=NOWHERE)
            case 1:
                return ast.Truth(self.chance(0.5), span=NOWHERE)
            case 2 | 3:
                text = self.random.choice(NUMBERS)
                return ast.Number(float(text), text, span=NOWHERE)
            case _:
                return ast.Name(self.dotted(), span=NOWHERE)

    def call(self, depth: int) -> ast.Call:
        return ast.Call(
            self.dotted(), *self.arguments(depth - 1), self.table() if self.chance(0.2) else None, span=NOWHERE
        )

    def arguments(self, depth: int) -> tuple[tuple[ast.Expr, ...], tuple[ast.Keyword, ...]]:
        positional = tuple(self.expr(depth) for _ in range(self.few(0, 4)))
        keywords = (ast.Keyword(self.name(), self.expr(depth), span=NOWHERE) for _ in range(self.few(0, 2)))
        return positional, tuple(keywords)

    def table(self) -> tuple[ast.TableRow, ...]:
        parents, width = self.few(0, 3), self.few(1, 4)
        return tuple(self.row(parents, width) for _ in range(self.few(1, 4)))

    def row(self, parents: int, width: int) -> ast.TableRow:
        texts = tuple(self.random.choice(CELLS) for _ in range(width))
        values = tuple(eval(t, {"__builtins__": {}}) * 1.0 for t in texts)
        return ast.TableRow(self.labels(parents, parents), values, texts, span=NOWHERE)

    # ---- small parts

    def declared(self) -> ast.Declared:
        kind = self.type() if self.chance(0.4) else None
        return ast.Declared(self.name(), self.identifiers(0, 2), kind, span=NOWHERE)

    def type(self) -> ast.TypeExpr:
        return ast.TypeName(self.name(), span=NOWHERE) if self.chance(0.5) else self.label_set()

    def label_set(self) -> ast.LabelSet:
        if self.chance(0.2):
            return ast.LabelSet((), True, span=NOWHERE)
        return ast.LabelSet(self.labels(1, 5), span=NOWHERE)

    def labels(self, least: int, most: int) -> tuple[str, ...]:
        return tuple(self.random.choice(LABELS) for _ in range(self.few(least, most)))

    def identifiers(self, least: int, most: int) -> tuple[ast.Identifier, ...]:
        return tuple(ast.Identifier(self.name(), span=NOWHERE) for _ in range(self.few(least, most)))

    def dotted(self) -> str:
        return ".".join(self.name() for _ in range(1 if self.chance(0.8) else self.few(2, 3)))

    def name(self) -> str:
        return self.random.choice(NAMES)

    def few(self, least: int, most: int) -> int:
        return self.random.randint(least, most)

    def chance(self, p: float) -> bool:
        return self.random.random() < p


def random_program(seed: int) -> ast.SyntaxTree:
    """The program of a seed."""
    return Programs(seed).program()


def with_comments(text: str, seed: int) -> str:
    """A formatted text with comments at ends of lines, on lines of their own, and empty lines between."""
    draw = random.Random(seed)
    lines: list[str] = []
    for i, line in enumerate(text.splitlines()):
        if draw.random() < 0.15:
            lines.append("")
        if draw.random() < 0.2:
            lines.append(" " * draw.randrange(8) + f"# own {seed}.{i}")
        lines.append(line + draw.choice(("", "  ", "\t")) + (f'# end {i} {{("' if draw.random() < 0.3 else ""))
    return draw.choice(("\n", "\r\n")).join(lines)
