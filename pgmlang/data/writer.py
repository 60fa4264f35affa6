"""CSV files out: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pgmlang.data.problems import problem


def write_csv(target: str | os.PathLike[str] | BinaryIO, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> None:
    """Writes columns as CSV (RFC 4180, UTF-8, lines end in a line feed); None and NaN become empty cells.

    A file appears under its name only when complete, so an old one is never half overwritten. Numbers are written so
    that they read back the same. Texts are written as they are: one that begins with `=` is not defused, as that would
    change the data. Raises PgmError PGM0901.
    """
    table = _table(columns)
    if not isinstance(target, (str, os.PathLike)):
        _write(table, target)
        return
    path = Path(target)
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as pipe:
                _write(table, pipe)
            return
        _replace(table, path)
    except OSError as error:
        raise problem("PGM0901", f"cannot write `{path}`: {error.strerror or error}", cure="check the folder and the space left") from None


def _replace(table: Any, path: Path) -> None:
    # Through links to the file itself, so that a link stays one.
    path = path.resolve()
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _write(table, file)
        if path.exists():
            mode = path.stat().st_mode & 0o777
        else:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _table(columns: Mapping[str, Sequence[Any] | np.ndarray]) -> Any:
    import pyarrow as pa

    arrays = [_array(values) for values in columns.values()]
    if len(arrays) == 1:
        # A blank line is no row to many readers: where it is the only cell, a missing one is written `""`.
        arrays[0] = arrays[0].cast(pa.string()).fill_null("")
    return pa.table(arrays, names=list(columns))


def _array(values: Sequence[Any] | np.ndarray) -> Any:
    import pyarrow as pa

    if isinstance(values, np.ndarray) and values.dtype.kind == "O":
        values = values.tolist()
    return pa.array(values, from_pandas=True)


def _write(table: Any, file: BinaryIO) -> None:
    import csv
    import io

    import pyarrow.csv as arrow_csv

    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(table.column_names)
    file.write(header.getvalue().encode())
    # pyarrow closes what it writes to, and standard output must stay open.
    buffer = _Kept(file)
    arrow_csv.write_csv(table, buffer, arrow_csv.WriteOptions(include_header=False, quoting_style="needed"))
    file.flush()


class _Kept:
    """A file for a writer that closes its file."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.flush()

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False
