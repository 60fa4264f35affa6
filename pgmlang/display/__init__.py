"""How results are shown: tables as text of a width, as HTML and as frames. Knows nothing of models and fits."""

from pgmlang.display.bundle import mime_bundle, text_as_html
from pgmlang.display.frames import as_frame, frame_kind
from pgmlang.display.table import DisplayColumn, DisplayTable, column
from pgmlang.display.text import fitted, printable, screen_width

__all__ = [
    "DisplayColumn",
    "DisplayTable",
    "as_frame",
    "column",
    "fitted",
    "frame_kind",
    "mime_bundle",
    "printable",
    "screen_width",
    "text_as_html",
]
