"""BIF text into blocks and statements, and statements into words, all by offset.

The format: https://www.cs.cmu.edu/~fgcozman/Research/InterchangeFormat/ (version 0.15) and what bnlearn,
pgmpy and aGrUM make of it. Statements are cut out by one regular expression and taken apart only where they
are needed, so that a file of several megabytes costs little more than its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pgmlang.diagnostics import PgmError
from pgmlang.formats.problems import FormatProblems

_STRING = r'"(?:[^"\\\r\n]|\\[^\r\n])*+"'
# A comment starts at a blank or after punctuation: `http://...` in a property and the label `a//b` are none.
_COMMENT = re.compile(rf"({_STRING})|(?<![^\s;{{}}(),])(?://[^\r\n]*+|/\*(?s:.*?)(?:\*/|(\Z)))")
_PREFIX = re.compile(rf'[^;{{}}"]*+(?:{_STRING}[^;{{}}"]*+)*+')
_CHUNK = re.compile(rf'([^;{{}}"]*+(?:{_STRING}[^;{{}}"]*+)*+)[;{{}}]')
_WORD = re.compile(rf'({_STRING})|([^\s,;{{}}()\[\]|"]+)|([(),|\[\]])|(\S)')
_ESCAPED = re.compile(r"\\(.)")
_SOLID = re.compile(r"\S")

KINDS = ("network", "variable", "probability")


class Word(NamedTuple):
    """A name or number (``mark`` false) or one of ``( ) [ ] , |`` (``mark`` true)."""

    text: str
    start: int
    end: int
    mark: bool
    quoted: bool = False

    def is_mark(self, text: str) -> bool:
        return self.mark and self.text == text


class BifStatement(NamedTuple):
    """Text ``[start, end)`` up to its ``;``; ``body`` is what stands in braces after it (labels of a type)."""

    start: int
    end: int
    body: tuple[int, int] | None = None


@dataclass
class BifBlock:
    """``kind`` and what follows it up to the brace, and the statements inside."""

    kind: str
    header: list[Word]
    start: int
    end: int
    statements: list[BifStatement] = field(default_factory=list)


class Scanner:
    """Takes one BIF text apart; problems go to ``problems``, which stops at once where the braces are wrong."""

    def __init__(self, problems: FormatProblems) -> None:
        self.problems = problems
        self.text = self._without_comments(problems.file.text)

    def _without_comments(self, text: str) -> str:
        if "//" not in text and "/*" not in text:
            return text

        def blank(match: re.Match[str]) -> str:
            if match[1] is not None:
                return match[1]
            if match[2] is not None and match[0].startswith("/*"):
                self.problems.add("this comment is never closed", match.start(), match.start() + 2)
            return " " * len(match[0])

        return _COMMENT.sub(blank, text)

    def words(self, start: int, end: int) -> list[Word]:
        """The words of a stretch of text; a stray quote is a problem."""
        out: list[Word] = []
        for match in _WORD.finditer(self.text, start, end):
            begin, to = match.span()
            if match[1] is not None:
                out.append(Word(_ESCAPED.sub(r"\1", match[1][1:-1]), begin, to, False, True))
            elif match[4] is not None:
                self.problems.add(f"unexpected `{match[4]}`", begin, to)
            else:
                out.append(Word(match[0], begin, to, match[3] is not None))
        return out

    def items(self, words: Sequence[Word], what: str) -> list[Word] | None:
        """Names or numbers parted by blanks or single commas (BIF ignores commas); None if there is more."""
        out: list[Word] = []
        comma: Word | None = None
        for word in words:
            if not word.mark:
                out.append(word)
                comma = None
            elif word.text == "," and comma is None and out:
                comma = word
            else:
                self.problems.add(f"expected {what}, found `{word.text}`", word.start, word.end)
                return None
        if comma is not None:
            self.problems.add(f"expected {what} after this comma", comma.start, comma.end)
            return None
        return out

    def blocks(self) -> list[BifBlock]:
        """The blocks of the file. Raises at once where braces or quotes leave no way on."""
        text, position = self.text, 0
        out: list[BifBlock] = []
        while chunk := _CHUNK.match(text, position):
            position = chunk.end()
            if text[position - 1] != "{":
                begin = _solid(text, chunk.start(), position) or 0
                raise self._lost(f"`{text[begin:position].split()[0][:60]}` outside a block", begin, position)
            header = self._header(chunk.start(), chunk.end(1), not out)
            block = header or BifBlock("", [], chunk.start(), chunk.end(1))
            position = self._fill(block, position)
            if header:
                out.append(header)
        self._check_quote(position)
        start = _solid(text, position, len(text))
        if start is not None:
            raise self._lost("expected a block `network`, `variable` or `probability` in braces", start, start + 1)
        return out

    def _header(self, start: int, end: int, is_first: bool) -> BifBlock | None:
        words = self.words(start, end)
        if words and words[0].text in KINDS and not words[0].quoted:
            return BifBlock(words[0].text, words[1:], words[0].start, words[-1].end)
        where = words[0] if words else Word("{", end, end + 1, True)
        near = self.problems.near(where.text, KINDS)
        help = near or "a BIF file has blocks `network`, `variable` and `probability`"
        self.problems.add(f"`{where.text[:60]}` is not a BIF block", where.start, where.end, help=help)
        if is_first and not near:
            raise self.problems.error()  # something else altogether: one message says enough
        return None

    def _fill(self, block: BifBlock, position: int) -> int:
        """Reads statements up to the brace that closes the block; the position after it."""
        text, match, statements = self.text, _CHUNK.match, block.statements
        while chunk := match(text, position):
            start, end = chunk.span(1)
            position = end + 1
            closer = text[end]
            if closer == ";":
                statements.append(BifStatement(start, end))
            elif closer == "}":
                begin = _solid(text, start, end)
                if begin is not None:
                    self.problems.add("`;` missing after this", begin, begin + len(text[begin:end].rstrip()))
                    statements.append(BifStatement(start, end))
                return position
            else:
                position = self._body(block, start, end)
        self._check_quote(position)
        raise self._lost("this block is never closed", block.start, block.end)

    def _body(self, block: BifBlock, start: int, open_brace: int) -> int:
        words = self.words(start, open_brace)
        if words and words[0].text in KINDS:
            raise self._lost("this block is not closed before the next one", block.start, block.end)
        chunk = _CHUNK.match(self.text, open_brace + 1)
        if chunk is None:
            self._check_quote(open_brace + 1)
        if chunk is None or self.text[chunk.end() - 1] != "}":
            raise self._lost("this brace is not closed before the next statement", open_brace, open_brace + 1)
        block.statements.append(BifStatement(start, open_brace, chunk.span(1)))
        return chunk.end()

    def _check_quote(self, position: int) -> None:
        """Raises if what keeps the text from going on is a quote without its partner."""
        rest = _PREFIX.match(self.text, position)
        end = rest.end() if rest else position
        if self.text[end : end + 1] == '"':
            raise self._lost("this quote is not closed on its line", end, end + 1)

    def _lost(self, message: str, start: int, end: int) -> PgmError:
        """The error, with all found before, for what leaves no way on."""
        self.problems.add(message, start, min(end, start + 200))
        return self.problems.error()


def _solid(text: str, start: int, end: int) -> int | None:
    solid = _SOLID.search(text, start, end)
    return solid.start() if solid else None
