"""Arrays of any rank: `.npy` and `.npz` files, dicts of arrays. Sizes are checked before anything is loaded."""

from __future__ import annotations

import io
import math
import os
import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from pgmlang.data.frame import Column, Frame
from pgmlang.data.packed import RATIO, is_bomb
from pgmlang.data.problems import problem
from pgmlang.data.row_origin import RowOrigin
from pgmlang.data.source import Source
from pgmlang.data.typed import arrow_of_values, check_names, column_of_arrow, duration_notes

MAX_BYTES = 8 << 30
"""Most bytes of arrays read from one file, if the machine has that much memory."""


_HEADER_ERRORS = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError, OSError, SyntaxError,
    tokenize.TokenError, RecursionError, MemoryError,
)  # fmt: skip
"""What NumPy raises on the text of a header that is none: it is read as a Python literal."""


def read_npy(source: Source) -> Frame:
    """The array of a `.npy` file, named as the file."""
    stem = os.path.basename(source.name).split(".")[0]
    with source.open() as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        array = _load(file, size, source.name, stem)
    if array.dtype.names:
        return frame_of_arrays({n: array[n] for n in array.dtype.names}, source.name)
    return frame_of_arrays({stem: array}, source.name)


def read_npz(source: Source) -> Frame:
    """The arrays of a `.npz` file. Raises PgmError PGM0702, or PGM0611 if they would not fit in memory."""
    arrays: dict[str, np.ndarray] = {}
    with source.open() as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = [m for m in archive.infolist() if not m.is_dir()]
                _check_sizes(sum(m.file_size for m in members), source.name)
                for member in members:
                    if is_bomb(member.file_size, member.compress_size):
                        raise problem("PGM0702", f"`{member.filename}` unpacks to {member.file_size:,} bytes, more than "
                                      f"{RATIO} times its size", place=source.name,
                                      cure="write the file with `numpy.savez`, unpacked")  # fmt: skip
                    name = member.filename.removesuffix(".npy")
                    if not member.filename.endswith(".npy"):
                        raise problem("PGM0702", f"`{member.filename}` in the file is no array", place=source.name,
                                      cure="write the file with `numpy.savez`")  # fmt: skip
                    with archive.open(member) as stream:
                        arrays[name] = _load(stream, member.file_size, source.name, name)  # type: ignore[arg-type]
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, IndexError,
                KeyError, OverflowError, struct.error) as error:  # fmt: skip
            raise problem("PGM0702", "the `.npz` file is damaged", place=source.name, notes=[str(error)],
                          cure="make or download the file again") from None  # fmt: skip
    return frame_of_arrays(arrays, source.name)


def _load(file: BinaryIO, size: int, frame: str, name: str) -> np.ndarray:
    """One array, after its header was checked against the size of what follows."""
    place = f"{frame}:{name}"
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except _HEADER_ERRORS as error:
        raise problem("PGM0702", "not a NumPy array", place=place, notes=[str(error).split("\n")[0]],
                      cure="write it with `numpy.save` or `numpy.savez`") from None  # fmt: skip
    if dtype.hasobject:
        raise problem("PGM0702", f"array `{name}` holds Python objects, which are not read", place=place,
                      notes=["reading pickled objects could run any code"],
                      cure="save it as numbers or text (`a.astype(float)`, `a.astype(str)`)")  # fmt: skip
    if (
        any(type(n) is not int or n < 0 for n in shape)
        or not dtype.itemsize
        or max(shape, default=0) > sys.maxsize
        or len(shape) > 32
    ):
        raise problem("PGM0702", f"array `{name}` says that its shape is {shape} of {dtype}", place=place,
                      cure="make or download the file again")  # fmt: skip
    count = math.prod(shape)
    _check_sizes(count * dtype.itemsize, frame)
    if count * dtype.itemsize > size:
        raise problem("PGM0702", f"array `{name}` is cut short", place=place,
                      notes=[f"its header tells {count * dtype.itemsize:,} bytes, the file holds {size:,}"],
                      cure="make or download the file again")  # fmt: skip
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise problem("PGM0702", f"array `{name}` is cut short", place=place,
                      cure="make or download the file again")  # fmt: skip
    array = np.frombuffer(data, dtype) if count else np.empty(0, dtype)
    return array.reshape(shape, order="F" if fortran else "C")


def _check_sizes(num_bytes: int, frame: str) -> None:
    limit = MAX_BYTES
    with suppress(AttributeError, ValueError, OSError):  # not every system tells
        limit = min(limit, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if num_bytes > limit:
        asked, most = f"{num_bytes / 2**30:,.1f} GiB", f"{limit / 2**30:,.1f} GiB"
        raise problem("PGM0611", f"the arrays take {asked}; at most {most} are read",
                      place=frame, cure="split the file, or store the arrays in a smaller type")  # fmt: skip


def frame_of_arrays(values: Mapping[str, Any], name: str) -> Frame:
    """Named arrays or sequences as a frame.

    If all have one axis and one length, they are the columns of a table. Else arrays of more axes, and scalars,
    are found in ``arrays`` only; those of one axis are columns as well if all of them, and the first axes of the
    others, have the same length.
    """
    check_names(list(values), name)
    arrows: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    lengths: dict[str, int] = {}
    for key, value in values.items():
        array = _as_array(value)
        if array is None:
            arrows[key] = arrow_of_values(value, key, name)
            lengths[key] = len(arrows[key])
            continue
        if array.dtype.kind in "cV":
            raise problem("PGM0702", f"array `{key}` holds {array.dtype}, not real numbers", place=f"{name}:{key}",
                          cure="save real numbers, or real and imaginary part as two arrays")  # fmt: skip
        arrays[key] = array
        if array.ndim:
            lengths[key] = len(array)
    if all(n == 1 for n in (a.ndim for a in arrays.values())) and len(set(lengths.values())) > 1:
        raise problem("PGM0717", "the columns have different lengths", place=name,
                      notes=[", ".join(f"`{k}`: {n:,}" for k, n in list(lengths.items())[:8])],
                      cure="give every column one value per row, None where it is missing")  # fmt: skip
    return _assembled(list(values), arrows, arrays, lengths, name)


def _assembled(
    names: list[str], arrows: dict[str, Any], arrays: dict[str, np.ndarray], lengths: dict[str, int], name: str,
) -> Frame:  # fmt: skip
    num_rows = next(iter(lengths.values())) if len(set(lengths.values())) == 1 else 0
    origin = RowOrigin(name)
    columns: dict[str, Column] = {}
    if num_rows:
        for key in names:
            if key in arrows or arrays[key].ndim == 1:
                values = arrows[key] if key in arrows else arrow_of_values(arrays[key], key, name)
                columns[key] = column_of_arrow(key, values, origin)
    elif arrays and lengths and any(lengths.values()):
        # texts and dates beside arrays of other lengths are arrays too
        arrays |= {key: np.array(values.to_pylist(), dtype=object) for key, values in arrows.items()}
    elif not arrays or (lengths and not any(lengths.values())):
        raise problem("PGM0707", "the data have no rows", place=name, cure="at least one row is needed")
    notes = duration_notes(list(arrows), list(arrows.values())) if num_rows else ()
    return Frame(name, num_rows, columns, arrays, origin, notes=notes)


def _as_array(value: Any) -> np.ndarray | None:
    """Numbers and NumPy-like arrays as an array; None for what Arrow should look at (sequences, series)."""
    foreign = any(hasattr(value, a) for a in ("iloc", "__arrow_c_stream__", "__arrow_c_array__"))
    if isinstance(value, np.ndarray) or (hasattr(value, "__array__") and not foreign):
        array = np.asarray(value)
        return None if array.dtype.kind in "OMm" and array.ndim == 1 else array
    if isinstance(value, (int, float, np.number)):
        return np.asarray(value)
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple, np.ndarray)):
        try:
            array = np.array(value, dtype=float if None in _flat(value) else None)
        except (ValueError, TypeError):
            return None
        return None if array.dtype.kind == "O" else array
    return None


def _flat(value: Any) -> list[Any]:
    return [x for row in value for x in (_flat(row) if isinstance(row, (list, tuple)) else [row])]
