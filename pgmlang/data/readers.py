"""One door for every kind of data: paths, standard input, frames, dicts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.data.columnar import ColumnarFile, failing
from pgmlang.data.delimited import TextTable, check_options
from pgmlang.data.frame import Frame, NumberColumn, TextColumn
from pgmlang.data.mending import check_blocks, mended
from pgmlang.data.pool import LabelPool
from pgmlang.data.problems import problem
from pgmlang.data.reading import Reading
from pgmlang.data.records import collected
from pgmlang.data.settling import Settling
from pgmlang.data.source import Source, file_source, spooled, standard_input
from pgmlang.data.typed import frame_of_table, table_of_object

_TEXT = (".csv", ".tsv", ".txt", ".tab", ".dat", ".data", "")
_COLUMNAR = (".parquet", ".pq", ".arrow", ".feather", ".ipc")
_ARRAYS = (".npy", ".npz")
_CELLS = 1 << 24
_MAX_BATCH_ROWS = 1 << 18


def read_frame(
    source: Any, *, sep: str | None = None, name: str | None = None, columns: Sequence[str] | None = None,
    reading: Reading | None = None, expected: Reading | None = None, **options: Any,
) -> Frame:  # fmt: skip
    """Reads a whole table.

    ``source``: path of a `.csv`, `.tsv` or `.txt` file (also `.gz`), `.parquet`, `.arrow`, `.feather`, `.ipc`,
    `.npy` or `.npz`; "-" for CSV on standard input; an open binary file with CSV; a pandas, polars or Arrow table;
    a dict of sequences or arrays; a list of dicts, an array of records. Only empty cells, null and NaN are missing, and the texts in ``na``; other texts
    such as `NA` are labels. ``columns``: read only these. ``reading``, or its fields as ``options`` (``decimal``,
    ``thousands``, ``na``, ``strip`` ...): how cells are read; a frame that was read already stays as it is.
    ``expected``: those of the options (default: all) whose texts some cell must have, or a note says so. Raises PgmError PGM07xx.
    """
    reading = Reading.of(reading, **options)
    check_options(sep, reading.decimal_mark)
    if isinstance(source, Frame):
        return _selected(source, columns)
    return mended(_read(source, sep, name, columns, reading), reading, reading if expected is None else expected)


def _read(
    source: Any, sep: str | None, name: str | None, columns: Sequence[str] | None, reading: Reading
) -> Frame:
    """A whole table, its cells as they stand."""
    source = collected(source, name or "data")
    if isinstance(source, Mapping):
        from pgmlang.data.arrays import frame_of_arrays

        return _selected(frame_of_arrays({str(k): v for k, v in source.items()}, name or "data"), columns)
    opened = _opened(source, name, reading.encoding)
    if opened is None:
        label = name or "data"
        return _selected(frame_of_table(table_of_object(source, label), label), columns)
    if opened.suffix in _TEXT:
        return TextTable(opened, sep, reading.decimal_mark, columns).read()
    with failing(opened.name):
        if opened.suffix in _ARRAYS:
            from pgmlang.data import arrays

            read = arrays.read_npy if opened.suffix == ".npy" else arrays.read_npz
            return _selected(read(opened), columns)
        return frame_of_table(ColumnarFile(opened, columns).table(), opened.name)


def read_batches(
    source: Any, columns: Sequence[str] | None = None, *, batch_rows: int | None = None, sep: str | None = None,
    name: str | None = None, reading: Reading | None = None, **options: Any,
) -> Iterator[Frame]:  # fmt: skip
    """Reads a table in frames of ``batch_rows`` rows, in bounded memory where the source is a file.

    A column's codes mean the same in all batches: its labels grow, a label's code never changes. ``batch_rows``:
    by default as many as make some 16 million cells. ``reading``, ``options``: as of `read_frame`; bins have cut points.
    Raises PgmError PGM07xx, some only when the fault is reached.
    """
    yield from BatchedTable(
        source, columns, batch_rows=batch_rows, sep=sep, name=name, reading=Reading.of(reading, **options)
    )


class BatchedTable:
    """A table that is read in blocks, as often as it is iterated over; the arguments are those of `read_batches`.

    ``reading``: with what only the whole table settles of it (`settling`), by one pass over the columns that decide it, where
    there are any. Raises PgmError PGM07xx.
    """

    def __init__(
        self, source: Any, columns: Sequence[str] | None = None, *, batch_rows: int | None = None, sep: str | None = None,
        name: str | None = None, reading: Reading | None = None,
    ) -> None:  # fmt: skip
        reading = reading or Reading()
        check_options(sep, reading.decimal_mark)
        check_blocks(reading)
        self._decimal, self._sep, self._batch_rows, self._columns = reading.decimal_mark, sep, batch_rows, columns
        self._stored = _rereadable(source, columns, name, reading)
        self.reading = reading if reading.is_plain else self._settled(reading)

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._blocks(self._columns):
            yield mended(frame, self.reading)

    def _settled(self, reading: Reading) -> Reading:
        names = self._names()
        if self._columns is None:
            reading.check_columns(names, self._stored.name)
        settling = Settling(reading)
        deciding = [n for n in names if settling.is_open(n)]
        for frame in self._blocks(deciding) if deciding else ():
            for column in frame.columns.values():
                settling.add(column)
            if not any(map(settling.is_open, deciding)):
                break
        return settling.settled()

    def _names(self) -> Sequence[str]:
        """The columns that are read."""
        if isinstance(self._stored, Frame):
            return list(self._stored.columns)
        if self._stored.suffix in _COLUMNAR:
            return self._columnar(self._columns).columns
        table = self._text(self._columns)
        table.stream.close()
        return table.columns

    def _blocks(self, columns: Sequence[str] | None) -> Iterator[Frame]:
        """The cells as they stand."""
        if isinstance(self._stored, Frame):
            yield from _cut(_selected(self._stored, columns), self._batch_rows)
        elif self._stored.suffix in _COLUMNAR:
            file = self._columnar(columns)
            yield from file.batches(self._batch_rows or _rows_per_batch(len(file.columns)))
        else:
            table = self._text(columns)
            yield from table.batches(self._batch_rows or _rows_per_batch(len(table.columns)))

    def _text(self, columns: Sequence[str] | None) -> TextTable:
        assert isinstance(self._stored, Source)
        return TextTable(self._stored, self._sep, self._decimal, columns)

    def _columnar(self, columns: Sequence[str] | None) -> ColumnarFile:
        assert isinstance(self._stored, Source)
        with failing(self._stored.name):
            return ColumnarFile(self._stored, columns)


def _rereadable(source: Any, columns: Sequence[str] | None, name: str | None, reading: Reading) -> Source | Frame:
    """What can be read in blocks as often as is needed: a file of text or columns, else the table in memory."""
    source = collected(source, name or "data")
    opened = None if isinstance(source, (Frame, Mapping)) else _opened(source, name, reading.encoding)
    if opened is not None and opened.suffix in (*_TEXT, *_COLUMNAR):
        return opened
    return read_frame(source, name=name, columns=columns)


def _rows_per_batch(num_columns: int) -> int:
    return max(1, min(_MAX_BATCH_ROWS, _CELLS // max(1, num_columns)))


def _opened(source: Any, name: str | None, encoding: str) -> Source | None:
    """Paths and streams as a Source; None for objects. Raises PgmError for what cannot be read."""
    opened = _source_of(source, name)
    return opened if opened is None or not encoding else replace(opened, encoding=encoding)


def _source_of(source: Any, name: str | None) -> Source | None:
    if isinstance(source, str) and source == "-":
        return standard_input(name)
    if isinstance(source, (str, os.PathLike)):
        opened = file_source(Path(source), name)
        if opened.suffix not in (*_TEXT, *_COLUMNAR, *_ARRAYS):
            raise problem(
                "PGM0702", f"files named `*{opened.suffix}` are not read", place=opened.name,
                notes=["read are .csv, .tsv, .txt (also .gz), .parquet, .arrow, .feather, .ipc, .npy and .npz"],
                cure="save the table as CSV or Parquet",
            )  # fmt: skip
        return opened
    if any(hasattr(source, a) for a in ("__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")):
        return None
    if hasattr(source, "read"):
        if isinstance(source.read(0), str):
            raise problem("PGM0702", "the file is open as text", cure='open it in binary: `open(path, "rb")`')
        return spooled(source, name or str(getattr(source, "name", "<stream>")))
    if hasattr(source, "to_dict"):
        raise problem("PGM0702", f"this {type(source).__name__} cannot be read as a table", place=name or "",
                      cure="give its columns as a dict: `{name: list(values)}`")  # fmt: skip
    raise problem(
        "PGM0702", f"cannot read data from an object of type {type(source).__name__}", place=name or "",
        cure="give a path, a data frame, a list of dicts, or a dict of columns such as `{'rain': ['no', 'yes']}`",
    )  # fmt: skip


def _selected(frame: Frame, columns: Sequence[str] | None) -> Frame:
    return frame if columns is None else frame.select(columns)


def _cut(frame: Frame, batch_rows: int | None) -> Iterator[Frame]:
    """A frame in memory as batches, with one dictionary of labels."""
    size = batch_rows or _rows_per_batch(len(frame.columns))
    pools = {n: LabelPool() for n in frame.columns}
    for start in range(0, frame.num_rows, size):
        chunk = frame.take(np.arange(start, min(start + size, frame.num_rows)))
        columns = {
            n: replace(c, pool=pools[n]) if isinstance(c, (TextColumn, NumberColumn)) else c
            for n, c in chunk.columns.items()
        }
        yield replace(chunk, columns=columns, start=start)
