"""What a notebook is handed: text for a console, HTML (and a picture) for a page."""

from __future__ import annotations

from html import escape
from typing import Any


def text_as_html(text: str) -> str:
    """Lines as they stand, in a fixed pitch."""
    return f'<pre style="white-space:pre-wrap">{escape(text)}</pre>'


def picture_html(svg: str) -> str:
    """A picture in a page: without the lines that only a file of its own has before it."""
    return f'<div style="max-width:100%;overflow-x:auto">{svg[max(svg.find("<svg"), 0) :]}</div>'


def mime_bundle(text: str, *html: str) -> dict[str, Any]:
    """Of a ``_repr_mimebundle_``: ``text`` and the pieces of HTML below each other."""
    return {"text/plain": text, "text/html": "<div>" + "".join(html) + "</div>"}
