"""Text to syntax objects, with all syntax errors of the file in one run.

After an error the statement it lies in is taken out and the rest is parsed again, so that one slip does not hide
the others; the words of such statements are remembered, so that later stages do not complain of them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from lark import Lark, Token, Tree, UnexpectedCharacters
from lark.exceptions import UnexpectedToken

from pgmlang.diagnostics import CompileError, Diagnostic, PgmError, SourceFile, Span
from pgmlang.syntax import ast
from pgmlang.syntax.build import Builder, too_deep
from pgmlang.syntax.collection import no_collection
from pgmlang.syntax.idioms import recognise
from pgmlang.syntax.lalr import Automaton
from pgmlang.syntax.layout import NewlinePostlex, lay_out, span_of
from pgmlang.syntax.recover import statement_around

MAX_SOURCE = 4 << 20
"""Largest model text read, in characters; a model is a page, a converted network a megabyte or two."""

MAX_STATEMENTS = 40_000
"""Most statements of one text; what repeats stands in plates."""

_MAX_ERRORS = 20
_SHOWN = 40
"""Most characters of a number that a message repeats."""
_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\\n\r]|\\.)*"|#[^\n\r]*')
_WORDS_FOR = {
    "NAME": "a name", "NUMBER": "a number", "STRING": "a quoted label", "LPAR": "`(`", "RPAR": "`)`",
    "LSQB": "`[`", "RSQB": "`]`", "LBRACE": "`{`", "RBRACE": "`}`", "TILDE": "`~`", "EQUAL": "`=`", "COLON": "`:`",
    "COMMA": "`,`", "SEP": "the end of the line", "$END": "the end of the file", "ARROW": "`->`",
    "ELLIPSIS": "`...`", "THEN": "`then`", "ELSE": "`else`", "DOT": "`.`",
}  # fmt: skip


@cache
def _lark() -> Lark:
    from pgmlang.syntax._lalr_tables import TABLES

    return Lark._load_from_dict(TABLES["data"], TABLES["memo"], postlex=NewlinePostlex())


@cache
def _automaton() -> Automaton:
    return Automaton(_lark())


def load_source(path: str | Path) -> SourceFile:
    """Reads a model file.

    Raises PgmError: PGM0701 missing, PGM0109 too large, PGM0108 not UTF-8 text.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise PgmError(Diagnostic("PGM0701", f"`{path}` is a folder, not a model file", place=str(path)))
        if path.stat().st_size > MAX_SOURCE * 4:
            raise PgmError(
                Diagnostic(
                    "PGM0109",
                    f"the file holds {path.stat().st_size / 1e6:.0f} MB; a model is at most {MAX_SOURCE >> 20} MB",
                    place=str(path),
                    help="is this a data file? give it after the model: `pgmc fit model.pgm data.csv`",
                )
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise PgmError(Diagnostic("PGM0701", f"there is no file `{path}`", place=str(path))) from None
    except (OSError, ValueError) as error:  # ValueError: a path with the character NUL
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise PgmError(Diagnostic("PGM0908", f"cannot read: {reason}", place=str(path))) from None
    return source_from_bytes(str(path), data)


def source_from_bytes(name: str, data: bytes) -> SourceFile:
    """Decodes UTF-8 (a byte order mark is dropped). Raises PgmError PGM0108 for anything else."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PgmError(
            Diagnostic(
                "PGM0108",
                f"this is not a UTF-8 text: byte {data[error.start]:#04x} on line {line}",
                place=f"{name}:{line}",
                help="save it as UTF-8; a `.pgm` file is plain text",
            )
        ) from None
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise PgmError(
            Diagnostic(
                "PGM0108", "this is a binary file", place=f"{name}:{line}", help="a `.pgm` file is plain text"
            )
        )
    return SourceFile(name, text)


def parse(file: SourceFile) -> ast.SyntaxTree:
    """Parses a file. Raises CompileError with every syntax error found."""
    program, errors = parse_collecting(file)
    if errors:
        raise CompileError(errors)
    return program


def parse_tree(file: SourceFile) -> Tree:
    """The bare tree of the grammar, for those who want to look at this stage. Raises CompileError."""
    raw, errors = _lex(file)
    tokens, bracket_errors = lay_out(file, raw)
    tree, bad = _feed(tokens)
    if errors or bracket_errors or bad is not None or tree is None:
        raise CompileError(
            [*errors, *bracket_errors, *([_syntax_error(file, tokens, bad)] if bad is not None else [])]
        )
    return tree


def parse_collecting(file: SourceFile) -> tuple[ast.SyntaxTree, list[Diagnostic]]:
    """What could be parsed, and the errors in the rest."""
    with no_collection():
        return _parse_collecting(file)


def _parse_collecting(file: SourceFile) -> tuple[ast.SyntaxTree, list[Diagnostic]]:
    empty = ast.SyntaxTree((), span=Span(file, 0, 0))
    if len(file.text) > MAX_SOURCE:
        return empty, [Diagnostic("PGM0109", f"the text is over {MAX_SOURCE >> 20} MB", Span(file, 0, 1))]
    raw, errors = _lex(file)
    tokens, bracket_errors = lay_out(file, raw)
    if sum(t.type == "SEP" for t in tokens) >= MAX_STATEMENTS:
        message = f"the text has more than {MAX_STATEMENTS:,} statements"
        cure = "repeat what is alike by plates: `plate row { ... }`"
        return empty, [Diagnostic("PGM0109", message, Span(file, 0, 1), help=cure)]
    torn = {e.span.line for e in errors if e.code == "PGM0105" and e.span}
    errors += [e for e in bracket_errors if e.span is None or e.span.line not in torn]
    errors += [_too_large(file, t) for t in raw if t.type == "NUMBER" and len(t) > 3 and float(t) == float("inf")]
    errors = errors[:_MAX_ERRORS]
    sound = {id(t) for t in tokens}
    broken = {str(t) for t in raw if t.type == "NAME" and bracket_errors and id(t) not in sound}
    if errors:
        broken |= _names_on_lines(file, raw, {e.span.line for e in errors if e.span})
    while len(errors) < _MAX_ERRORS:
        tree, bad = _feed(tokens)
        if bad is None:
            assert tree is not None
            deep = too_deep(file, tree)
            if deep:
                return empty, [*errors, deep]
            return Builder(file).program(tree, frozenset(broken)), _in_order(errors)
        error = _syntax_error(file, tokens, bad)
        if not any(e.span and error.span and e.span.line == error.span.line for e in errors):
            errors.append(error)
        start, end = statement_around(tokens, bad)
        if start == end:
            break
        broken |= {str(t) for t in tokens[start:end] if t.type == "NAME"}
        cut = end + 1 if end < len(tokens) and tokens[end].type == "SEP" else end
        if cut == end and start and tokens[start - 1].type == "SEP":
            start -= 1
        tokens = tokens[:start] + tokens[cut:]
    return empty, _in_order(errors)


def comments_of(file: SourceFile) -> list[Span]:
    """Where the comments of a text that parses stand."""
    matches = _STRING_OR_COMMENT.finditer(file.text)
    return [Span(file, m.start(), m.end()) for m in matches if m[0].startswith("#")]


def _in_order(errors: list[Diagnostic]) -> list[Diagnostic]:
    return sorted(errors, key=lambda e: e.span.start if e.span else -1)


def _names_on_lines(file: SourceFile, raw: list[Token], lines: set[int]) -> set[str]:
    return {str(t) for t in raw if t.type == "NAME" and t.line in lines}


def _lex(file: SourceFile) -> tuple[list[Token], list[Diagnostic]]:
    """All tokens; characters the language does not know are reported and skipped."""
    text = file.text
    errors: list[Diagnostic] = []
    while True:
        try:
            return list(_lark().lex(text)), errors
        except UnexpectedCharacters as bad:
            position = bad.pos_in_stream or 0
            errors.append(_character_error(file, position))
            if len(errors) >= _MAX_ERRORS:
                return [], errors
            width = 1
            if text[position] == '"':
                line_end = min(
                    (i for i in (text.find("\n", position), text.find("\r", position)) if i >= 0),
                    default=len(text),
                )
                width = line_end - position
            text = text[:position] + " " * width + text[position + width :]


def _character_error(file: SourceFile, position: int) -> Diagnostic:
    ch = file.text[position]
    span = Span(file, position, position + 1)
    if ch == '"':
        return Diagnostic(
            "PGM0105", "the string is not closed on its line", span, label="opened here", help='add `"` at its end'
        )
    idiom = recognise(file.line(span.line))
    if idiom:
        return Diagnostic("PGM0106", idiom.say, span, help=idiom.cure)
    shown = ch if ch.isprintable() else f"U+{ord(ch):04X}"
    return Diagnostic(
        "PGM0102",
        f"`{shown}` means nothing here",
        span,
        help='remove it; a label with such characters is quoted: `"..."`',
    )


def _feed(tokens: list[Token]) -> tuple[Tree | None, int | None]:
    """Parses; returns the tree, or the index of the token that did not fit (``len(tokens)`` for the end)."""
    return _automaton().parse(tokens)


def _syntax_error(file: SourceFile, tokens: list[Token], position: int) -> Diagnostic:
    """What to say of a token that does not fit: another language's idiom, or what was expected."""
    at_end = position >= len(tokens)
    token = tokens[min(position, len(tokens) - 1)] if tokens else Token("SEP", "", 0, 1, 1, 1, 1, 0)
    span = Span(file, token.end_pos or 0, (token.end_pos or 0) + 1) if at_end else span_of(file, token)
    idiom = recognise(file.line(span.line)) if file.text else None
    if idiom:
        return Diagnostic("PGM0106", idiom.say, span, help=idiom.cure)
    if number := _no_number(file, tokens, position):
        return number
    expected = _expected(tokens, position)
    message = (
        "the file ends here"
        if at_end
        else "the line ends here"
        if token.type == "SEP"
        else f"unexpected `{token}`"
    )
    listed = f"expected {_one_of(expected)}" if 0 < len(expected) <= 6 else ""
    return Diagnostic("PGM0101", message, span, label=listed, help=_cure(tokens, position))


def _too_large(file: SourceFile, token: Token) -> Diagnostic:
    text = token if len(token) <= _SHOWN else f"{token[:_SHOWN]}..."
    message = f"`{text}` is too large a number"
    return Diagnostic("PGM0112", message, span_of(file, token), help="write `inf` if no bound is meant")


def _no_number(file: SourceFile, tokens: list[Token], position: int) -> Diagnostic | None:
    """For ``3rd`` and ``2.``: a name or point that touches the number before it."""
    if (
        not 0 < position < len(tokens)
        or tokens[position - 1].type != "NUMBER"
        or tokens[position].type not in ("NAME", "DOT")
    ):
        return None
    number, token = tokens[position - 1], tokens[position]
    if number.end_pos != token.start_pos:
        return None
    span = span_of(file, number).to(span_of(file, token))
    cure = (
        f"write `{number}.0`"
        if token.type == "DOT"
        else f'a label that starts with a digit is quoted: `"{span.text}"`'
    )
    return Diagnostic("PGM0112", f"`{span.text}` is not a number", span, help=cure)


def _expected(tokens: list[Token], position: int) -> list[str]:
    machine = _lark().parse_interactive("")
    try:
        for token in tokens[:position]:
            machine.feed_token(token)
        return sorted({_WORDS_FOR[t] for t in machine.accepts() if t in _WORDS_FOR})
    except UnexpectedToken:
        return []


def _one_of(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


TABLE_FORM = "a table is `Table() { 0.9, 0.1 }`, below parents `Table(a) { no : 0.9, 0.1 ; yes : 0.2, 0.8 }`"


def _in_table(tokens: list[Token], start: int, position: int) -> bool:
    """Whether a token stands in the braces behind a ``Table(...)``."""
    opened: list[int] = []
    for i in range(start, min(position, len(tokens))):
        if tokens[i].type == "LBRACE":
            opened.append(i)
        elif tokens[i].type == "RBRACE" and opened:
            opened.pop()
    if not opened or tokens[opened[-1] - 1].type != "RPAR":
        return False
    depth, i = 0, opened[-1] - 1
    while i > start:
        depth += {"RPAR": 1, "LPAR": -1}.get(tokens[i].type, 0)
        if depth == 0:
            return str(tokens[i - 1]) == "Table"
        i -= 1
    return False


def _cure(tokens: list[Token], position: int) -> str:
    start, _ = statement_around(tokens, position)
    first = tokens[start].type if start < len(tokens) else ""
    shapes = {
        "PLATE": "a plate is `plate row { ... }`, `plate cluster[3] { ... }` or `plate row in group { ... }`",
        "DIM": "a dim is `dim word`, `dim unit[50]`, `dim xy = {x, y}` or `dim to like state`",
        "PARAM": "a param is `param w[axis], b : real`",
        "INPUT": "an input is `input x : real`",
        "FIELD": "a field is `field s : spin`",
        "FACTOR": "a factor is `factor EXPRESSION`, a log-potential",
        "NET": "a net is `net f : in -> out = mlp(100, act = tanh)`",
        "DEF": "a definition is `def f(x[a]) { return EXPRESSION }`",
        "GUIDE": "a guide is `guide plate { z ~ Normal(m, s) }`",
        "MODEL": "a header is `model name` or `model name(size = 3)`",
    }
    if _in_table(tokens, start, position):
        return TABLE_FORM
    usual = "a statement is `x ~ Distribution(...)`, `x = EXPRESSION`, or starts with a word like `plate`"
    return shapes.get(first, usual)
