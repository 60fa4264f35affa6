"""Between NumPy and Arrow by way of their buffers.

``pa.array``, ``pa.scalar`` and ``to_numpy`` import pandas wherever it is installed,
and that takes longer than reading most files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def valid_of(array: Any) -> np.ndarray:
    """Which elements of an Arrow array (chunked or not) are not null."""
    return np.concatenate([np.zeros(0, bool), *(_bits(c.is_valid()) for c in _chunks(array))])


def floats_of(array: Any) -> np.ndarray:
    """A float64 Arrow array with NaN for null."""
    return np.concatenate([np.zeros(0), *(_filled(c, np.float64, np.nan) for c in _chunks(array))])


def indices_of(array: Any) -> np.ndarray:
    """Indices of an int32 dictionary array whose chunks share one dictionary, -1 for null."""
    return np.concatenate([np.zeros(0, np.int32), *(_filled(c.indices, np.int32, -1) for c in _chunks(array))])


def arrow_of(values: np.ndarray) -> Any:
    """An array of int64 or float64 as Arrow."""
    import pyarrow as pa

    kind = pa.float64() if values.dtype.kind == "f" else pa.int64()
    data = np.ascontiguousarray(values, np.float64 if values.dtype.kind == "f" else np.int64)
    return pa.Array.from_buffers(kind, len(data), [None, pa.py_buffer(data)])


def strings_of(texts: Sequence[str | None]) -> Any:
    """Texts as an Arrow array of large strings, None as null."""
    import pyarrow as pa

    encoded = [(t or "").encode("utf-8", "replace") for t in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(e) for e in encoded], out=offsets[1:])
    valid = np.packbits(np.array([t is not None for t in texts], bool), bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(encoded), buffers)


def text_scalar(text: str | None, kind: Any) -> Any:
    """A text (or null) as an Arrow scalar of a string type."""
    return strings_of([text]).cast(kind)[0]


def _chunks(array: Any) -> list[Any]:
    return array.chunks if hasattr(array, "chunks") else [array]


def _bits(array: Any) -> np.ndarray:
    start, count = array.offset, len(array)
    if not count:
        return np.zeros(0, bool)
    packed = np.frombuffer(array.buffers()[1], np.uint8)
    return np.unpackbits(packed, bitorder="little", count=start + count)[start:].astype(bool)


def _filled(array: Any, dtype: Any, missing: Any) -> np.ndarray:
    if not len(array):
        return np.zeros(0, dtype)
    values = np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]
    return np.where(_bits(array.is_valid()), values, missing).astype(dtype) if array.null_count else values


def coded_texts(labels: Sequence[str], codes: np.ndarray) -> Any:
    """Texts by their codes into ``labels`` (-1: null) as a chunked dictionary array."""
    import pyarrow as pa

    valid = codes >= 0
    bits = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    data = np.ascontiguousarray(np.where(valid, codes, 0), np.int32)
    indices = pa.Array.from_buffers(pa.int32(), len(data), [bits, pa.py_buffer(data)])
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, strings_of(labels).cast(pa.string()))])
