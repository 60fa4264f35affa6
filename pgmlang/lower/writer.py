"""Lines of an emitted program, with the spans of the model they come from."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from pgmlang.diagnostics import Span
from pgmlang.lower.names import comment
from pgmlang.lower.wrapping import WIDTH, head_lines, statement_lines


@dataclass(frozen=True)
class Line:
    """A line that stands as it is: the head of a function or block, a docstring, a comment, or nothing."""

    text: str
    indent: int = 0


@dataclass(frozen=True)
class EmittedStatement:
    """A statement, ``indent`` blocks deep, with the span of the model it says and a remark; None: no comment at all."""

    node: ast.AST
    indent: int = 0
    span: Span | None = None
    note: str | None = ""


Item = Line | EmittedStatement


class Writer:
    """Collects a program's statements in order."""

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        self.items: list[Item] = []
        self.indent = 0

    def line(self, text: str) -> None:
        self.items.append(Line(text.rstrip(), self.indent))

    def blank(self, count: int = 1) -> None:
        self.items.extend([Line("")] * count)

    def comment(self, text: str) -> None:
        """A comment over as many lines as it needs."""
        width = WIDTH - 4 * self.indent - 2
        for line in textwrap.wrap(comment(text), width, break_on_hyphens=False) or [""]:
            self.line(f"# {line}")

    def doc(self, text: str) -> None:
        """A docstring over as many lines as it needs."""
        lines = textwrap.wrap(f'"""{text}"""', WIDTH - 4 * self.indent, break_on_hyphens=False)
        for line in lines:
            self.line(line)

    def text(self, source: str) -> None:
        """Source as it stands; lines of comments and docstrings that are too wide go on in the next."""
        for line in _wrapped(source):
            self.line(line)

    def statement(self, node: ast.AST, span: Span | None = None, note: str = "") -> None:
        """A statement, with ``# model.pgm:12  note`` behind it (or above, where the line is long)."""
        self.items.append(EmittedStatement(node, self.indent, span, note))

    def assign(self, target: str, value: ast.expr, span: Span | None = None, note: str = "") -> None:
        self.statement(ast.Assign([ast.Name(target, ast.Store())], value), span, note)

    def head(self, text: str) -> None:
        """The head of a compound statement, checked to be one; what follows is indented by the caller."""
        for line in head_lines(text, 4 * self.indent):
            self.line(line)

    def extend(self, other: Writer) -> None:
        self.items.extend(replace(item, indent=item.indent + self.indent) for item in other.items)

    def render(self) -> tuple[str, dict[int, Span]]:
        """The text, and for each of its lines (1-based) that says something of the model, where."""
        lines: list[str] = []
        spans: dict[int, Span] = {}
        for item in self.items:
            margin = "    " * item.indent
            if isinstance(item, Line):
                lines.append((margin + item.text).rstrip())
                continue
            for text in self._statement_lines(item):
                if item.span is not None and not text.startswith("#"):
                    spans[len(lines) + 1] = item.span
                lines.append(margin + text)
        return "\n".join(lines) + "\n", spans

    def _statement_lines(self, item: EmittedStatement) -> Iterable[str]:
        margin = 4 * item.indent
        text = statement_lines(item.node, margin)
        if item.note is None:
            return text
        where = f"{self.file_name}:{item.span.line}" if item.span is not None else ""
        remark = comment("  ".join(x for x in (where, item.note) if x))
        if not remark:
            return text
        if len(text) == 1 and margin + len(text[0]) + len(remark) + 4 <= WIDTH:
            return [f"{text[0]}  # {remark}"]
        above = textwrap.wrap(remark, WIDTH - margin - 2, break_on_hyphens=False)
        return [*(f"# {line}" for line in above), *text]


@lru_cache(maxsize=1024)
def _wrapped(source: str) -> tuple[str, ...]:
    """The lines of a source, comments and docstrings wrapped; the same pieces go into program after program."""
    texts = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    inside = {k for n in texts for k in range(n.lineno, (n.end_lineno or n.lineno) + 1)}
    out: list[str] = []
    for number, line in enumerate(source.splitlines(), 1):
        code = line.lstrip()
        margin = line[: len(line) - len(code)]
        if len(line) > WIDTH and (code.startswith("#") or number in inside):
            following = margin + ("# " if code.startswith("#") else "")
            out += textwrap.wrap(code, WIDTH, initial_indent=margin, subsequent_indent=following)
        else:
            out.append(line)
    return tuple(out)
