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
from pgmlang.syntax.layout import NewlinePostlex

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
        postlex=NewlinePostlex(),
    )


def _numbered(table: dict[str, Any]) -> dict[str, Any]:
    """The same automaton with its tokens and states numbered by name and by first visit, not by hash order."""
    names: dict[int, str] = table["tokens"]
    order = sorted(names, key=lambda token: names[token])
    token_number = {token: i for i, token in enumerate(order)}
    states: dict[int, dict[int, tuple[int, Any]]] = table["states"]
    visited = list(table["start_states"].values())
    for state in visited:
        actions = sorted(states[state].items(), key=lambda item: token_number[item[0]])
        visited += dict.fromkeys(go for _, (action, go) in actions if action == 0 and go not in visited)
    number = {state: i for i, state in enumerate(visited)}
    return {
        **table,
        "tokens": {token_number[token]: names[token] for token in order},
        "states": {
            number[state]: {
                token_number[token]: (action, number[go] if action == 0 else go)
                for token, (action, go) in states[state].items()
            }
            for state in visited
        },
        "start_states": {name: number[state] for name, state in table["start_states"].items()},
        "end_states": {name: number[state] for name, state in table["end_states"].items()},
    }


def tables_source() -> str:
    """The text of the data module."""
    data, memo = build_lark().memo_serialize([TerminalDef, Rule])
    data = dict(data)
    options: dict[str, Any] = {k: v for k, v in data["options"].items() if k not in ("postlex", "logger")}
    data["options"] = options
    data["parser"] = {**data["parser"], "parser": _numbered(data["parser"]["parser"])}
    body = pformat({"data": data, "memo": memo}, width=4000, compact=True, sort_dicts=True)
    head = '"""LALR tables of grammar/pgm.lark, made by pgmlang.syntax.generate. Do not edit."""'
    return f"{head}\n\nTABLES = {body}\n"


if __name__ == "__main__":
    TABLES.write_text(tables_source(), encoding="utf-8")
