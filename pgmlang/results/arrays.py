"""Safetensors files of any size: written slab by slab, read as views of the file.

The library's own writer holds a second copy of all arrays and its reader a first; draws may be larger than memory.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

MAX_HEADER = 64 << 20
_SLAB = 1 << 22
_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "BOOL": np.dtype("bool"),
}


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a safetensors file through to the disk. Raises OSError; ValueError for a type it does not hold."""
    header: dict[str, Any] = {}
    offset = 0
    # the widest numbers first keeps every array aligned in the file
    names = sorted(arrays, key=lambda n: (-arrays[n].dtype.itemsize, n))
    for name in names:
        array = arrays[name]
        end = offset + array.size * array.dtype.itemsize
        header[name] = {"dtype": _code(name, array), "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            for slab in _slabs(arrays[name]):
                file.write(slab)
        file.flush()
        os.fsync(file.fileno())


def _code(name: str, array: np.ndarray) -> str:
    for code, dtype in _TYPES.items():
        if array.dtype.kind == dtype.kind and array.dtype.itemsize == dtype.itemsize:
            return code
    raise ValueError(f"`{name}` holds {array.dtype}; draws are float64, float32 or int64")


def _slabs(array: np.ndarray) -> Any:
    """The bytes of an array in C order, little-endian, at most about ``_SLAB`` numbers at a time."""
    if array.size <= _SLAB or array.ndim == 0:
        yield np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
        return
    rows = max(1, _SLAB // (array.size // len(array)))
    for start in range(0, len(array), rows):
        slab = array[start : start + rows]
        yield from _slabs(slab[0]) if rows == 1 and slab.size > _SLAB else _slabs(slab)


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file as read-only views of it; nothing but the header is read.

    Raises ValueError where the header and the file's length do not agree to the byte, before anything is allocated.
    """
    header, start, size = _header(path)
    spans = []
    for name, about in header.items():
        if name == "__metadata__":
            continue
        if not isinstance(about, dict) or about.get("dtype") not in _TYPES:
            raise ValueError(f"the array `{name}` is of no known type")
        dtype, shape, offsets = _TYPES[about["dtype"]], about.get("shape"), about.get("data_offsets")
        if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2 or len(shape) > 32:
            raise ValueError(f"the array `{name}` has no shape or no place")
        if offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize or offsets[1] > size - start:
            raise ValueError(f"the array `{name}` is not as large as it says")
        spans.append((offsets[0], offsets[1], name, dtype, tuple(shape)))
    end = 0
    for first, last, name, _, _ in sorted(spans):
        if first != end:
            raise ValueError(f"the array `{name}` overlaps another, or leaves a gap")
        end = last
    if end != size - start:
        raise ValueError("there are bytes after the last array")
    return {name: _view(path, dtype, shape, start + first) for first, _, name, dtype, shape in spans}


def _header(path: Path) -> tuple[dict[str, Any], int, int]:
    """The header, where it ends, and the length of the file."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(MAX_HEADER, size - 8):
            raise ValueError("the header is longer than the file")
        try:
            header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_unique)
        except RecursionError:
            raise ValueError("the header is nested too deeply") from None
    if not isinstance(header, dict):
        raise ValueError("the header is not an object")
    return header, 8 + length, size


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a name stands twice in the header")
    return unique


def _naturals(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(x) is int and 0 <= x < 1 << 62 for x in value)


def _view(path: Path, dtype: np.dtype, shape: tuple[int, ...], offset: int) -> np.ndarray:
    if math.prod(shape) == 0:
        return np.empty(shape, dtype)
    # asarray: a plain ndarray whose base is the map, so that results of its methods are plain too
    return np.asarray(np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape))
