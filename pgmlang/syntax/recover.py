"""Where a broken statement begins and ends, so that it can be taken out and the rest parsed."""

from __future__ import annotations

from lark import Token

_BLOCK_WORDS = ("PLATE", "GUIDE", "DEF")
_OPENERS = ("LPAR", "LSQB", "LBRACE")
_CLOSERS = ("RPAR", "RSQB", "RBRACE")


def statement_around(tokens: list[Token], position: int) -> tuple[int, int]:
    """The tokens ``[start, end)`` of the innermost statement that holds token ``at``; brackets must match."""
    start = _start(tokens, min(position, len(tokens)))
    end, depth = start, 0
    while end < len(tokens):
        kind = tokens[end].type
        if depth == 0 and kind in ("SEP", "RBRACE"):
            break
        depth += kind in _OPENERS
        depth -= kind in _CLOSERS
        end += 1
    return start, end


def _start(tokens: list[Token], position: int) -> int:
    """Reads forward, keeping for every open block where its present statement began."""
    starts = [0]
    opened: list[bool] = []  # for every open bracket: does it open a block?
    for i in range(position):
        kind = tokens[i].type
        if kind in _OPENERS:
            inside = bool(opened) and not opened[-1]
            is_block = kind == "LBRACE" and not inside and tokens[starts[-1]].type in _BLOCK_WORDS
            opened.append(is_block)
            if is_block:
                starts.append(i + 1)
        elif kind in _CLOSERS and opened:
            if opened.pop():
                starts.pop()
        elif kind == "SEP" and (not opened or opened[-1]):
            starts[-1] = i + 1
    return starts[-1]
