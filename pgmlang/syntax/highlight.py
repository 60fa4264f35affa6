"""Pygments lexers: of a model's text, and of a terminal in which pgmc is typed.

Registered as entry points (``pygments.lexers``), so that Sphinx, notebooks and rich find them by the names ``pgm`` and
``console``'s kin ``pgmc``. The words are those of the grammar's own tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pygments.lexer import Lexer, RegexLexer, bygroups, words
from pygments.token import (
    Comment,
    Generic,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    Whitespace,
    _TokenType,
)

from pgmlang.syntax.layout import HARD_WORDS, STATEMENT_WORDS

TYPES = (
    "real",
    "positive",
    "unit",
    "count",
    "integer",
    "bit",
    "spin",
    "ordered",
    "simplex",
    "zerosum",
    "unitvector",
    "cov",
    "corr",
    "cholesky_corr",
)


class PgmLexer(RegexLexer):
    """The text of a model. Statement words are keywords only where a statement starts, as the parser has it."""

    name = "pgmlang"
    aliases: ClassVar[list[str]] = ["pgm", "pgmlang"]
    filenames: ClassVar[list[str]] = ["*.pgm"]

    tokens: ClassVar[dict[str, Any]] = {
        "root": [
            (
                rf"^([ \t]*)({'|'.join(STATEMENT_WORDS)})\b(?!\s*[~=:,\[])",
                bygroups(Whitespace, Keyword.Declaration),
            ),
            (
                rf"([{{;])(\s*)({'|'.join(STATEMENT_WORDS)})\b(?!\s*[~=:,\[}}])",
                bygroups(Punctuation, Whitespace, Keyword.Declaration),
            ),
            (r"#[^\n]*", Comment.Single),
            (r'"(?:[^"\\\n]|\\.)*"', String.Double),
            (words((*HARD_WORDS, "in", "like"), prefix=r"\b", suffix=r"\b"), Keyword),
            (words(TYPES, prefix=r"(?<=[:>])(\s*)", suffix=r"\b"), bygroups(Whitespace, Keyword.Type)),
            (r"\b[A-Z]\w*(?=\s*\()", Name.Class),
            (r"\b[^\W\d]\w*(?=\s*\()", Name.Function),
            (r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", Number),
            (r"\.\.\.|->|[=!<>]=|[-+*/^@<>~=]", Operator),
            (r"[{}()\[\],:;.]", Punctuation),
            (r"[^\W\d]\w*'*", Name),
            (r"\s+", Whitespace),
            (r".", Text),
        ]
    }


class _CommandLexer(RegexLexer):
    name = "a command line of pgmc"
    tokens: ClassVar[dict[str, Any]] = {
        "root": [
            (r"#[^\n]*", Comment),
            (r"^(\s*)(\S+)", bygroups(Whitespace, Name.Function)),
            (r"(?<=\s)--?[A-Za-z][\w-]*", Name.Attribute),
            (r'"[^"]*"|\'[^\']*\'', String),
            (r"\\\n", Punctuation),
            (r"\s+", Whitespace),
            (r"\S+?(?=[\s\"']|$)", Text),
        ]
    }


class PgmcConsoleLexer(Lexer):
    """A terminal: commands after ``$``, and what they print, its errors and warnings marked."""

    name = "pgmc console"
    aliases: ClassVar[list[str]] = ["pgmc-console"]

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, _TokenType, str]]:
        start, continues = 0, False
        command = _CommandLexer(stripnl=False, ensurenl=False)
        for line in text.splitlines(keepends=True):
            begin = start
            if line.startswith("$ "):
                yield start, Generic.Prompt, "$ "
                begin += 2
            if line.startswith("$ ") or continues:
                for index, kind, value in command.get_tokens_unprocessed(text[begin : start + len(line)]):
                    yield begin + index, kind, value
                continues = line.rstrip("\n").endswith("\\")
            elif line.startswith(("error", "PGM0")):
                yield start, Generic.Error, line
            elif line.startswith("warning"):
                yield start, Generic.Emph, line
            else:
                yield start, Generic.Output, line
            start += len(line)
