"""``pgmc fmt``: syntax objects back to text in one canonical style.

Two spaces a block, one statement a line; a block or table that was written on one line and fits stays there. Empty
lines between statements are kept (one at most), comments stay where they are, digits stay as written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgmlang.diagnostics import SourceFile, Span
from pgmlang.syntax import ast
from pgmlang.syntax.parser import comments_of, parse
from pgmlang.syntax.pieces import Break, Item, Piece, PieceWriter, blank_before, on_one_line
from pgmlang.syntax.statements import block_of, header_pieces

WIDTH = 100
CONTINUATION = 4


def format_source(file: SourceFile) -> str:
    """A file's text in canonical style. Raises CompileError when it does not parse."""
    program = parse(file)
    comments = [Comment(span, _stands_alone(span)) for span in comments_of(file)]
    return _Formatter(comments).program(program)


def format_program(program: ast.SyntaxTree) -> str:
    """Text of a program, without comments; it parses to an equal program."""
    return _Formatter([]).program(program)


@dataclass(frozen=True)
class Comment:
    """A comment; ``alone`` when nothing but blanks precede it on its line."""

    span: Span
    alone: bool

    @property
    def text(self) -> str:
        return self.span.text.rstrip()


@dataclass(frozen=True)
class _Placed:
    """A comment between the pieces of a statement."""

    comment: Comment
    indent: int


def _stands_alone(span: Span) -> bool:
    text, position = span.file.text, span.start
    while position > 0 and text[position - 1] in " \t\f":
        position -= 1
    return position == 0 or text[position - 1] in "\r\n"


class _Formatter:
    def __init__(self, comments: list[Comment]) -> None:
        self.comments = comments
        self.next = 0
        self.lines: list[str] = []
        self.commented = False  # the last line ends in a comment already
        self.opened = True  # the last line opens a block: no empty line after it

    def program(self, program: ast.SyntaxTree) -> str:
        self._block(program.statements, 0)
        self._own_comments(len(program.span.file.text) + 1, 0)
        return "\n".join(self.lines) + "\n" if self.lines else ""

    # ---- blocks

    def _block(self, statements: Sequence[ast.Statement], indent: int) -> None:
        for statement in statements:
            self._own_comments(statement.span.start, indent)
            if blank_before(statement.span):
                self._blank()
            self._statement(statement, indent)
            self._own_comments(statement.span.end, indent)

    def _statement(self, statement: ast.Statement, indent: int) -> None:
        flat = _flat(statement) if block_of(statement) is not None and on_one_line(statement.span) else None
        if flat is not None and indent + len(flat) <= WIDTH:
            self._line(" " * indent + flat)
            return
        items = _pieces(statement, indent)
        body = block_of(statement)
        if body is None:
            self._lay(list(self._with_comments(items)), indent)
        elif not body and not self._pending(statement.span.end):
            self._lay([*items, Piece("{}", True)], indent)
        else:
            self._lay(list(self._with_comments([*items, Piece("{", True, role="{")])), indent)
            self.opened = True
            self._block(body, indent + 2)
            self._own_comments(statement.span.end, indent + 2)
            self._line(" " * indent + "}")

    # ---- comments

    def _pending(self, before: int) -> bool:
        return self.next < len(self.comments) and self.comments[self.next].span.start < before

    def _own_comments(self, before: int, indent: int) -> None:
        """Writes the comments up to a place: behind the last line, or on lines of their own."""
        while self._pending(before):
            comment = self.comments[self.next]
            self.next += 1
            if comment.alone and blank_before(comment.span):
                self._blank()
            self._comment(comment, indent)

    def _comment(self, comment: Comment, indent: int) -> None:
        if comment.alone or self.commented or not self.lines:
            opened = self.opened
            self._line(" " * indent + comment.text)
            self.opened = opened and not comment.alone
        else:
            self.lines[-1] += "  " + comment.text
        self.commented = True

    def _with_comments(self, items: Sequence[Item]) -> Iterator[Item | _Placed]:
        """The pieces of a statement with its comments, each at the first place where a line may end."""
        open_brackets: list[str] = []
        before: Item | None = None
        for item in items:
            fits = before is not None and item.at is not None and _may_end(before, item, open_brackets)
            while fits and self._pending(item.at or 0):
                yield _Placed(self.comments[self.next], item.inner if isinstance(item, Break) else CONTINUATION)
                self.next += 1
            if isinstance(item, Piece):
                if item.role in ("(", "{"):
                    open_brackets.append(item.role)
                elif item.role in (")", "}"):
                    open_brackets.pop()
            yield item
            before = item

    # ---- lines

    def _line(self, text: str) -> None:
        self.lines.append(text)
        self.commented = False
        self.opened = False

    def _blank(self) -> None:
        if self.lines and self.lines[-1] and not self.opened:
            self.lines.append("")

    def _lay(self, items: Sequence[Item | _Placed], indent: int) -> None:
        """Writes a statement's pieces; lines end at breaks, comments and where they get too long."""
        line: list[Piece] = []
        start = indent
        for item in items:
            if isinstance(item, Piece):
                line.append(item)
                continue
            if line:
                self._fill(line, start)
                line = []
            if isinstance(item, Break):
                if item.blank:
                    self._blank()
                start = indent + item.indent
            else:
                self._comment(item.comment, indent + item.indent)
                start = indent + CONTINUATION
        if line:
            self._fill(line, start)

    def _fill(self, line: list[Piece], indent: int) -> None:
        """Writes pieces as one line, or as several where it would be too long."""
        for i, pieces in enumerate(_split(line, indent)):
            self._line(" " * (indent + CONTINUATION if i else indent) + _joined(pieces))


def _joined(pieces: Sequence[Piece]) -> str:
    return "".join(f" {p.text}" if p.space and i else p.text for i, p in enumerate(pieces))


def _pieces(statement: ast.Statement, indent: int) -> list[Item]:
    """A statement's pieces; tables that were on one line stay there unless the line would be too long."""
    writer = PieceWriter()
    header_pieces(writer, statement)
    if writer.has_line_table and _too_long(writer.items, indent):
        writer = PieceWriter(tables="block")
        header_pieces(writer, statement)
    return writer.items


def _too_long(items: Sequence[Item], indent: int) -> bool:
    """Whether one of the lines between the breaks does not fit."""
    width = indent
    for item in items:
        if isinstance(item, Break):
            width = indent + item.indent
        else:
            width += len(item.text) + item.space
            if width > WIDTH:
                return True
    return False


def _may_end(before: Item, item: Item, open_brackets: list[str]) -> bool:
    """Whether the language lets a line end between two pieces."""
    if isinstance(before, Break):
        return False
    if isinstance(item, Break) or (open_brackets and open_brackets[-1] == "("):
        return True
    return before.role in (",", "operator", "sign", "branch", "{") or item.role in ("branch", "}")


def _split(line: list[Piece], indent: int) -> Iterator[list[Piece]]:
    """Cuts a line that is too long: after the last comma that fits, else after an operator, else later."""
    ranks = _ranks(line)
    start, first = 0, True
    while start < len(line):
        width, best = indent + (0 if first else CONTINUATION), {1: 0, 2: 0}
        cut = len(line)
        for i in range(start, len(line)):
            width += len(line[i].text) + (line[i].space and i > start)
            if width > WIDTH and (best[1] or best[2]):
                cut = best[2] or best[1]
                break
            if ranks[i] and i + 1 < len(line):
                best[ranks[i]] = i + 1
        yield line[start:cut]
        start, first = cut, False


def _ranks(line: list[Piece]) -> list[int]:
    """How good a place to cut is after each piece: 2 a comma, 1 an operator or a comma of an index, 0 none."""
    ranks = []
    depth: list[str] = []
    for piece in line:
        if piece.role in ("(", "{"):
            depth.append(piece.text)
        elif piece.role in (")", "}") and depth:
            depth.pop()
        comma = 1 if depth and depth[-1] == "[" else 2
        ranks.append(comma if piece.role == "," else 1 if piece.role == "operator" else 0)
    return ranks


def _flat(statement: ast.Statement) -> str:
    """A statement on one line, blocks and tables too."""
    writer = PieceWriter(tables="line")
    header_pieces(writer, statement)
    text = _joined([p for p in writer.items if isinstance(p, Piece)])
    body = block_of(statement)
    if body is None:
        return text
    inner = " ; ".join(_flat(s) for s in body)
    return f"{text} {{ {inner} }}" if inner else f"{text} {{}}"
