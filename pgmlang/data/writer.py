"""CSV files out: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pgmlang.data.bridge import arrow_of, strings_of, text_scalar
from pgmlang.data.problems import problem
from pgmlang.whole_files import whole_file

_ROWS = 1 << 16
Target = str | os.PathLike[str] | BinaryIO


def write_csv(target: Target, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> None:
    """Writes columns as CSV (RFC 4180, UTF-8, lines end in a line feed); None and NaN become empty cells.

    A file appears under its name only when complete, so an old one is never half overwritten. Numbers are written
    so that they read back the same. Texts are written as they are: one that begins with `=` is not defused, as
    that would change the data. Raises PgmError PGM0901.
    """
    table = _table(columns)
    if not isinstance(target, (str, os.PathLike)):
        _write(table, target)
        return
    path = Path(target)
    try:
        with whole_file(path) as whole, whole.open("wb") as file:
            _write(table, file)
    except OSError as error:
        raise problem("PGM0901", f"cannot write `{path}`: {error.strerror or error}",
                      cure="check the folder and the space left") from None  # fmt: skip


def _table(columns: Mapping[str, Sequence[Any] | np.ndarray]) -> Any:
    import pyarrow as pa

    return pa.table([_array(values) for values in columns.values()], names=list(columns))


def _array(values: Sequence[Any] | np.ndarray) -> Any:
    import pyarrow as pa

    if isinstance(values, np.ndarray) and values.dtype.kind in "if":
        return arrow_of(values)
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if all(x is None or isinstance(x, str) for x in listed):
        return strings_of(listed)
    return pa.array(listed, from_pandas=True)


def _write(table: Any, file: BinaryIO) -> None:
    """Header and rows. Arrow's own writer would put every text in quotes and close what it writes to."""
    file.write((",".join(_cells(strings_of(table.column_names), "").to_pylist()) + "\n").encode())
    for start in range(0, table.num_rows, _ROWS):
        file.write(_lines(table.slice(start, _ROWS)))
    file.flush()


def _lines(table: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.compute as pc

    # A blank line is no row to many readers: where it is the only cell, a missing one is written `""`.
    empty = '""' if table.num_columns == 1 else ""
    cells = [_cells(column.combine_chunks(), empty) for column in table.columns]
    lines = pc.binary_join_element_wise(*cells, text_scalar(",", pa.large_string()))
    return ("\n".join(lines.to_pylist()) + "\n").encode()


def _cells(array: Any, empty: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.large_string()
    mark, nothing, absent = (text_scalar(t, kind) for t in ('"', "", empty))
    texts = array.cast(kind)
    if pa.types.is_floating(array.type):
        texts = pc.if_else(pc.is_nan(array), nothing, texts)
    elif not pa.types.is_integer(array.type):
        doubled = pc.replace_substring(texts, '"', '""')
        quotes = pc.binary_join_element_wise(mark, doubled, mark, nothing)
        texts = pc.if_else(pc.match_substring_regex(texts, '[",\r\n]'), quotes, texts)
    texts = pc.coalesce(texts, nothing)
    return pc.if_else(pc.equal(texts, nothing), absent, texts) if empty else texts
