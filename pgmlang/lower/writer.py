"""Lines of an emitted program, with the places of the model they come from."""

from __future__ import annotations

import ast

from pgmlang.diagnostics import Span
from pgmlang.lower import pyast as py
from pgmlang.lower.names import comment

WIDTH = 110


class Writer:
    """Collects lines; ``spans`` maps a line's number (1-based) to the model's place; ``locals`` the syntax of a value
    that is used more than once in a function to its local name."""

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        self.lines: list[str] = []
        self.spans: dict[int, Span] = {}
        self.indent = 0
        self.locals: dict[str, str] = {}

    def line(self, text: str) -> None:
        self.lines.append(("    " * self.indent + text).rstrip())

    def blank(self, count: int = 1) -> None:
        self.lines.extend([""] * count)

    def statement(self, node: ast.AST, span: Span | None = None, note: str = "") -> None:
        """A statement, with ``# model.pgm:12  note`` behind it (or above, where the line is long)."""
        text = py.text(node).splitlines()
        where = f"{self.file_name}:{span.line}" if span is not None else ""
        remark = comment("  ".join(x for x in (where, note) if x))
        width = 4 * self.indent + len(text[-1])
        if remark and (len(text) > 1 or width + len(remark) + 4 > WIDTH):
            self.line(f"# {remark}")
            remark = ""
        for i, part in enumerate(text):
            last = i == len(text) - 1
            if span is not None:
                self.spans[len(self.lines) + 1] = span
            self.line(part + (f"  # {remark}" if last and remark else ""))

    def assign(self, target: str, value: ast.expr, span: Span | None = None, note: str = "") -> None:
        self.statement(py.assign(target, value), span, note)

    def head(self, text: str) -> None:
        """The head of a compound statement, checked to be one; what follows is indented by the caller."""
        ast.parse(f"{text}\n    pass")
        self.line(text)

    def extend(self, other: Writer) -> None:
        shift = len(self.lines)
        self.spans.update({line + shift: span for line, span in other.spans.items()})
        self.lines.extend(other.lines)

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"
