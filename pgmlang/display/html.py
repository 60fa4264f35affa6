"""Tables as HTML without scripts and without colours of their own: they take those of the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

RIGHT = ' style="text-align:right;padding:0.1em 0.7em"'
LEFT = ' style="text-align:left;padding:0.1em 0.7em"'


def table_html(
    columns: Sequence[tuple[str, Sequence[str], bool]], title: str = "", notes: Sequence[str] = ()
) -> str:
    """``columns``: name, texts, and whether they are numbers, which stand to the right."""
    sides = [RIGHT if is_number else LEFT for _, _, is_number in columns]
    head = "".join(f"<th{side}>{escape(name)}</th>" for (name, _, _), side in zip(columns, sides, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{side}>{escape(cell)}</td>" for cell, side in zip(row, sides, strict=True)) + "</tr>"
        for row in zip(*(texts for _, texts, _ in columns), strict=True)
    )
    caption = (
        f'<caption style="text-align:left;white-space:nowrap"><code>{escape(title)}</code></caption>'
        if title
        else ""
    )
    below = "".join(f'<div style="margin:0 0.7em"><small>{escape(note)}</small></div>' for note in notes)
    return f'<table class="pgmlang" style="margin:0.6em 0;border-collapse:collapse">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}'
