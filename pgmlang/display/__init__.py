"""How results are shown: tables as text of a width, as HTML and as frames. Knows nothing of models and fits."""

from pgmlang.display.bundle import mime_bundle, picture_html, text_as_html
from pgmlang.display.frames import as_frame, frame_kind
from pgmlang.display.frozen import FrozenArrays, does_not_change, read_only
from pgmlang.display.table import DisplayColumn, DisplayTable, column
from pgmlang.display.table_tuple import TableTuple
from pgmlang.display.text import fitted, printable, screen_width

__all__ = [
    "DisplayColumn",
    "DisplayTable",
    "FrozenArrays",
    "TableTuple",
    "as_frame",
    "column",
    "does_not_change",
    "fitted",
    "frame_kind",
    "mime_bundle",
    "picture_html",
    "printable",
    "read_only",
    "screen_width",
    "text_as_html",
]
