"""Scalars of a fit as one table: a row each, with figures to the digits that their errors allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pgmlang.display import DisplayColumn, DisplayTable, printable
from pgmlang.results.precision import count_text, fixed, r_hat_text
from pgmlang.results.summary import DRAW_COLUMNS, row_name

HEADINGS = {"mean": "estimate", "sd": "se"}
"""What the figures of point estimates are called."""


def number_text(column: str, row: dict[str, Any]) -> str:
    """A figure of a row as text: by its Monte Carlo error, that of an estimate by its standard error; "" for none."""
    value = row.get(column)
    if value is None:
        return ""
    if column.startswith("ess"):
        return f"{value:,.0f}"
    if column == "r_hat":
        return r_hat_text(value)
    if column == "count":
        return count_text(value)
    if row.get("mcse") is not None:
        return fixed(value, row["mcse"])
    return fixed(value, row.get("sd"), 6 if row.get("sd") else 4)


def scalar_table(rows: Sequence[dict[str, Any]], title: str = "", notes: tuple[str, ...] = ()) -> DisplayTable:
    """The rows of `summary_rows` under each other."""
    is_drawn = any("mcse" in r for r in rows)
    shown = [c for c in (*DRAW_COLUMNS, "count") if any(r.get(c) is not None for r in rows)]
    names = tuple(printable(row_name(r)) for r in rows)
    columns = [DisplayColumn("name", names, names, is_head=True)]
    for name in shown:
        heading = name if is_drawn else HEADINGS.get(name, name)
        values = tuple(r.get(name) for r in rows)
        columns.append(DisplayColumn(heading, tuple(number_text(name, r) for r in rows), values, is_number=True))
    return DisplayTable(tuple(columns), title, notes)
