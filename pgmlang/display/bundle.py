"""What a notebook is handed: text for a console, HTML (and a picture) for a page."""

from __future__ import annotations

from html import escape
from typing import Any


def text_as_html(text: str) -> str:
    """Lines as they stand, in a fixed pitch."""
    return f"<pre>{escape(text)}</pre>"


def mime_bundle(text: str, *html: str) -> dict[str, Any]:
    """Of a ``_repr_mimebundle_``: ``text`` and the pieces of HTML below each other."""
    return {"text/plain": text, "text/html": "<div>" + "".join(html) + "</div>"}
