"""Buffers of Arrow arrays that are not what the arrays say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pgmlang.data import read_batches, read_frame
from pgmlang.data.buffers import check_buffers
from pgmlang.diagnostics import PgmError

ROWS = 5
FIXED = [
    pa.float64(), pa.float32(), pa.float16(), pa.int8(), pa.int16(), pa.int32(), pa.uint64(), pa.bool_(), pa.date32(),
    pa.timestamp("ms"), pa.decimal128(8, 2), pa.binary(3),
]  # fmt: skip
TEXTS = [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()]


def batch(array: Any) -> Any:
    return pa.RecordBatch.from_arrays([array], ["x"])


def made(kind: Any, size: int, offset: int = 0) -> Any:
    """``ROWS`` cells over a buffer of a size in bytes."""
    data = pa.py_buffer(bytes(size))
    buffers = [None, data] if kind in FIXED else [None, data, pa.py_buffer(b"")]
    return pa.Array.from_buffers(kind, ROWS, buffers, offset=offset)


@pytest.mark.parametrize("kind", FIXED + TEXTS, ids=str)
def test_size_offset_and_count(kind: Any) -> None:
    """Of fewer cells than its type and count ask for Arrow makes no array; of other sizes we take whole elements."""
    width = kind.bit_width if kind in FIXED else {True: 64, False: 32}[str(kind).startswith("large")]
    whole = -(-(ROWS + (kind in TEXTS)) * width // 8)
    for array in (made(kind, whole), made(kind, whole + 2 * width), made(kind, whole).slice(2)):
        check_buffers(batch(array))
    for size, offset in ((whole - 1, 0), (whole, 4)):
        with pytest.raises(pa.ArrowInvalid):
            made(kind, size, offset)
    if width > 8:
        with pytest.raises(pa.ArrowInvalid, match="whole number of elements"):
            check_buffers(batch(made(kind, whole + 1)))


def test_indices_of_a_dictionary() -> None:
    indices = pa.Array.from_buffers(pa.int32(), ROWS, [None, pa.py_buffer(bytes(4 * ROWS + 3))])
    with pytest.raises(pa.ArrowInvalid):
        check_buffers(batch(pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"]), safe=False)))


def test_what_has_no_such_buffers() -> None:
    table = pa.table(
        {"l": [[1], [], None], "s": [{"q": 1}] * 3, "n": pa.nulls(3), "v": pa.array(["a"] * 3, pa.string_view())}
    )
    for piece in table.to_batches():
        check_buffers(piece)


@pytest.mark.parametrize("reader", [lambda p: [read_frame(p)], lambda p: list(read_batches(p, batch_rows=2))])
def test_a_file_with_such_a_buffer(reader: Any, tmp_path: Path) -> None:
    """Arrow writes what it is given, and takes it as valid."""
    array = pa.Array.from_buffers(pa.float64(), ROWS, [None, pa.py_buffer(bytes(8 * ROWS + 3))])
    path = tmp_path / "x.arrow"
    with pa.ipc.new_file(str(path), batch(array).schema) as writer:
        writer.write_batch(batch(array))
    raw = path.read_bytes()
    size = (8 * ROWS + 3).to_bytes(8, "little")
    if size not in raw:
        # what was written is cut to whole elements: the length in the header is made to lie
        raw = raw.replace((8 * ROWS).to_bytes(8, "little"), size, 1)
        path.write_bytes(raw)
    with pytest.raises(PgmError) as caught:
        reader(str(path))
    (problem,) = caught.value.diagnostics
    assert (problem.code, "whole number of elements" in problem.notes[0]) == ("PGM0702", True)
