"""A hash of what a table holds, to tell whether data changed since a fit."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from pgmlang.data.bridge import valid_of
from pgmlang.data.frame import Column, Frame, NumberColumn, OtherColumn, TextColumn

_PROBE = 1000


def fingerprint(frame: Frame) -> str:
    """SHA-256 (hex) of column names and cells, in their order. Text and numbers differ: `3` as text is not 3."""
    digest = hashlib.sha256(f"pgm-frame-1 {frame.num_rows}".encode())
    for name, column in frame.columns.items():
        _add(digest, b"column", name.encode())
        _add_column(digest, column)
    for name, array in frame.arrays.items():
        _add(digest, b"array", f"{name} {array.dtype.str} {array.shape}".encode())
        if array.dtype.kind == "O":
            for cell in array.reshape(-1):
                _add(digest, b"cell", str(cell).encode())
        elif array.size:
            digest.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1))  # type: ignore[arg-type]
    return digest.hexdigest()


def _add(digest: Any, tag: bytes, data: bytes) -> None:
    digest.update(tag + len(data).to_bytes(8, "little") + data)


def _add_column(digest: Any, column: Column) -> None:
    if isinstance(column, NumberColumn):
        # One pattern of bits for every NaN, and one zero.
        values = np.where(np.isnan(column.values), np.nan, column.values + 0.0)
        _add(digest, b"numbers", values.astype("<f8").tobytes())
    elif isinstance(column, TextColumn):
        _add_text(digest, column)
    elif isinstance(column, OtherColumn):
        _add(digest, b"other", column.type_name.encode())


def _add_text(digest: Any, column: TextColumn) -> None:
    """Columns of few labels as labels and codes, others cell by cell: which of it depends on the cells alone."""
    import pyarrow as pa

    array = column.array
    probe = array.slice(0, _PROBE).cast(pa.string()).to_pylist()
    if 2 * len(set(probe)) <= len(probe):
        dictionary, codes = column.encoded
        _add_cells(digest, dictionary)
        width = "<u1" if len(dictionary) < 255 else "<i4"
        _add(digest, b"codes", codes.astype(width).tobytes())
    else:
        _add_cells(digest, pa.concat_arrays(array.cast(pa.large_string()).chunks))


def _add_cells(digest: Any, texts: Any) -> None:
    """Lengths (-1 for missing) and then all characters."""
    import pyarrow as pa

    texts = texts.cast(pa.large_string())
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.where(valid_of(texts), np.diff(offsets), -1)
    _add(digest, b"lengths", lengths.astype("<i4").tobytes())
    # What lies under a null is nothing: no Arrow kernel leaves characters there, and lengths tell them apart.
    data = texts.buffers()[2]
    if data is not None:
        digest.update(memoryview(data)[int(offsets[0]) : int(offsets[-1])])
