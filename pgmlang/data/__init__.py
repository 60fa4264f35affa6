"""Reading and writing tables: every cell as text or number, every fault with its place."""

from pgmlang.data.fingerprint import fingerprint
from pgmlang.data.frame import Column, Frame, NumberColumn, TextColumn
from pgmlang.data.labels import encode, encode_bit, encode_spin, labels_in_order, sort_labels, spelling
from pgmlang.data.readers import BatchedTable, read_batches, read_frame
from pgmlang.data.reading import NAMES as READING
from pgmlang.data.reading import Reading
from pgmlang.data.row_origin import RowOrigin
from pgmlang.data.source_kind import SourceKind
from pgmlang.data.writer import write_csv

__all__ = [
    "READING",
    "BatchedTable",
    "Column",
    "Frame",
    "NumberColumn",
    "Reading",
    "RowOrigin",
    "SourceKind",
    "TextColumn",
    "encode",
    "encode_bit",
    "encode_spin",
    "fingerprint",
    "labels_in_order",
    "read_batches",
    "read_frame",
    "sort_labels",
    "spelling",
    "write_csv",
]
