"""Writes ``_lalr_tables.py`` from ``grammar/pgm.lark``: ``python -m pgmlang.syntax.generate``.

Building the LALR tables costs more than everything else ``pgmc check`` does, so they are built when packaging and
kept as a plain data module (literals only). A test holds that they match the grammar.
"""

from __future__ import annotations

from pathlib import Path
from pprint import pformat
from typing import Any

from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from pgmlang.resources import grammar_text
from pgmlang.syntax.layout import Layout

TABLES = Path(__file__).with_name("_lalr_tables.py")


def build_lark() -> Lark:
    """A parser straight from the grammar's text."""
    return Lark(
        grammar_text(),
        parser="lalr",
        lexer="basic",
        start="program",
        propagate_positions=True,
        maybe_placeholders=True,
        postlex=Layout(),
    )


def tables_source() -> str:
    """The text of the data module."""
    data, memo = build_lark().memo_serialize([TerminalDef, Rule])
    data = dict(data)
    options: dict[str, Any] = {k: v for k, v in data["options"].items() if k not in ("postlex", "logger")}
    data["options"] = options
    body = pformat({"data": data, "memo": memo}, width=4000, compact=True, sort_dicts=True)
    head = '"""LALR tables of grammar/pgm.lark, made by pgmlang.syntax.generate. Do not edit."""'
    return f"{head}\n\nTABLES = {body}\n"


if __name__ == "__main__":
    TABLES.write_text(tables_source(), encoding="utf-8")
