"""Parquet and Arrow files, whole or in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pgmlang.data.buffers import check_buffers
from pgmlang.data.frame import Frame, unknown_column
from pgmlang.data.pool import LabelPool, regrouped
from pgmlang.data.problems import problem
from pgmlang.data.source import Source
from pgmlang.data.typed import check_names, frame_of_table


@contextmanager
def failing(name: str) -> Iterator[None]:
    """Turns what Arrow and the system raise on bad files into a PgmError."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise problem(
            "PGM0702", "the file is damaged or not what its name says", place=name,
            notes=[str(error).split("\n")[0][:200]], cure="make or download the file again",
        ) from None  # fmt: skip
    except MemoryError:
        raise problem("PGM0611", "the data do not fit in memory", place=name) from None


class ColumnarFile:
    """An open Parquet or Arrow file. ``columns``: those to read."""

    def __init__(self, source: Source, columns: Sequence[str] | None) -> None:
        import pyarrow as pa

        self.name = source.name
        if source.suffix in (".parquet", ".pq"):
            from pyarrow.parquet import ParquetFile

            self._parquet: Any = ParquetFile(str(source.path))
            schema = self._parquet.schema_arrow
        else:
            self._parquet = None
            self._stored: Any = ()
            mapped = pa.memory_map(str(source.path))
            whole = mapped.read(6) == b"ARROW1"
            mapped.seek(0)
            # An interrupted or piped writer leaves the stream format, which has no footer.
            self._arrow = pa.ipc.open_file(mapped) if whole else pa.ipc.open_stream(mapped)
            count = self._arrow.num_record_batches if whole else 0
            self._stored = (self._arrow.get_batch(i) for i in range(count)) if whole else self._arrow
            schema = self._arrow.schema
        names = schema.names
        check_names(names, source.name)
        for name in columns or ():
            if name not in names:
                raise unknown_column(source.name, name, names)
        self.columns = list(names if columns is None else columns)
        self._schema = schema

    def table(self) -> Any:
        """The whole file as an Arrow table."""
        import pyarrow as pa

        if self._parquet is not None:
            table = self._parquet.read(self.columns).select(self.columns)
            for batch in table.to_batches():
                check_buffers(batch)
            return table
        stored = list(_guarded(self._stored, self.name))
        return pa.Table.from_batches(stored, schema=self._schema).select(self.columns)

    def batches(self, rows: int) -> Iterator[Frame]:
        """The file in frames of ``rows`` rows."""
        if self._parquet is None:
            stored = self._stored
        else:
            stored = self._parquet.iter_batches(min(rows, 1 << 16), columns=self.columns)
        pools = {name: LabelPool() for name in self.columns}
        start = 0
        for table in regrouped(_guarded(stored, self.name), rows):
            with failing(self.name):
                frame = frame_of_table(table.select(self.columns), self.name, start, pools)
            yield frame
            start += table.num_rows
        if not start:
            raise problem("PGM0707", "the table has no rows", place=self.name, cure="at least one row is needed")


def _guarded(stored: Iterator[Any], name: str) -> Iterator[Any]:
    """Batches; damage met on the way is a PgmError. What the consumer of the batches raises is none of ours."""
    stored = iter(stored)
    while True:
        with failing(name):
            batch = next(stored, None)
            if batch is not None:
                check_buffers(batch)
        if batch is None:
            return
        yield batch
