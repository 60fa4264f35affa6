"""Text tables (CSV and its kin) through Arrow's parser, whole or in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from pgmlang.data.faults import TextRows, explain, find_fault
from pgmlang.data.frame import Column, Frame, TextColumn, unknown_column
from pgmlang.data.header import Header, read_header
from pgmlang.data.pool import LabelPool, regrouped
from pgmlang.data.problems import problem, quoted
from pgmlang.data.row_origin import RowOrigin
from pgmlang.data.source import Source
from pgmlang.data.source_kind import WRITTEN
from pgmlang.data.text_stream import MAX_LINE, DeferredErrors, TextStream
from pgmlang.diagnostics import PgmError

_BLOCK = 1 << 22
_BATCH_BLOCK = 1 << 23
_MANY = 10_000


class TextTable:
    """A text table about to be read. Raises PgmError with PGM07xx codes for whatever is wrong with it."""

    def __init__(
        self,
        source: Source,
        sep: str | None,
        decimal: str,
        columns: Sequence[str] | None = None,
    ) -> None:
        check_options(sep, decimal)
        self.source = source
        self.stream = TextStream(source.open(), source.name, source.encoding)
        self.header: Header = read_header(self.stream, sep, source.suffix)
        if self.header.sep == decimal:
            # A table of one column needs no separator; any mark that is not the decimal one will do.
            if len(self.header.names) > 1:
                raise _same_marks(decimal)
            self.stream = TextStream(source.open(), source.name, source.encoding)
            self.header = read_header(self.stream, ";", source.suffix)
        for name in columns or ():
            if name not in self.header.names:
                raise unknown_column(source.name, name, self.header.names)
        self.columns = tuple(self.header.names if columns is None else columns)

    def read(self) -> Frame:
        """The whole table."""
        import pyarrow as pa

        try:
            table = self._table(_BLOCK)
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise explain(self._rows(), error) from None
            table = self._read_long_lines()
        self._check_end(table.num_rows)
        return self._frame(table, 0, None)

    def batches(self, batch_rows: int) -> Iterator[Frame]:
        """The table in frames of ``batch_rows`` rows (the last may be shorter), in bounded memory."""
        import pyarrow as pa
        import pyarrow.csv as arrow_csv

        pools = {name: LabelPool() for name in self.columns}
        start = 0
        source = DeferredErrors(self.stream)
        try:
            with self.stream:
                reader = arrow_csv.open_csv(pa.PythonFile(source, mode="r"), *self._options(_BATCH_BLOCK))
                try:
                    for table in regrouped(reader, batch_rows):
                        source.check()
                        yield self._frame(table, start, pools)
                        start += table.num_rows
                finally:
                    source.end()
                    _drained(reader)
            source.check()
        except pa.ArrowInvalid as error:
            source.check()
            # Arrow calls a file without rows empty.
            if "Empty CSV" not in str(error):
                raise explain(self._rows(), error) from None
        self._check_end(start)

    def _table(self, block: int) -> Any:
        import pyarrow as pa
        import pyarrow.csv as arrow_csv

        source = DeferredErrors(self.stream)
        with self.stream:
            try:
                table = arrow_csv.read_csv(pa.PythonFile(source, mode="r"), *self._options(block))
            except pa.ArrowInvalid as error:
                source.check()
                if "Empty CSV" not in str(error):
                    raise
                return pa.table({name: pa.array([], pa.string()) for name in self.columns})
            source.check()
            return table

    def _read_long_lines(self) -> Any:
        """Reads again with blocks that hold the longest line allowed."""
        import pyarrow as pa

        self.stream = TextStream(self.source.open(), self.source.name, self.source.encoding)
        read_header(self.stream, self.header.sep, self.source.suffix)
        try:
            return self._table(MAX_LINE)
        except pa.ArrowInvalid as error:
            raise explain(self._rows(), error) from None

    def _options(self, block: int) -> tuple[Any, Any, Any]:
        import pyarrow as pa
        import pyarrow.csv as arrow_csv

        header = self.header
        text, coded = pa.string(), pa.dictionary(pa.int32(), pa.string())
        # A line must fit in a block, and the header tells how long lines may be.
        block = min(max(block, 64 * len(header.names)), MAX_LINE)
        return (
            # Threads share out columns; very many columns cost more to hand out than to convert.
            arrow_csv.ReadOptions(
                column_names=list(header.names), block_size=block, use_threads=len(header.names) <= _MANY
            ),
            # In a table of one column a blank line is an empty cell; in others it is nothing.
            arrow_csv.ParseOptions(
                delimiter=header.sep, newlines_in_values=True, ignore_empty_lines=len(header.names) > 1
            ),
            arrow_csv.ConvertOptions(
                column_types={n: text if n in header.varied else coded for n in self.columns},
                include_columns=None if self.columns == header.names else list(self.columns),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                null_values=[""],
                check_utf8=False,
            ),
        )

    def _rows(self) -> TextRows:
        return TextRows(self.source, self.header)

    def _frame(self, table: Any, start: int, pools: dict[str, LabelPool] | None) -> Frame:
        find = None
        if not self.stream.one_line_rows:

            def find(rows: list[int]) -> list[int]:
                return self._rows().lines_of([r + start for r in rows])

        origin = RowOrigin(self.source.name, self.header.lines + 1 + start, "line", find, sep=self.header.sep)
        columns: dict[str, Column] = {
            name: TextColumn(name, origin, table.column(i), pool=pools[name] if pools else None, origin=WRITTEN)
            for i, name in enumerate(self.columns)
        }
        notes = tuple(said for name, said in self.header.unnamed.items() if name in columns)
        return Frame(self.source.name, table.num_rows, columns, place=origin, start=start, notes=notes)

    def _check_end(self, num_rows: int) -> None:
        if not num_rows:
            raise problem(
                "PGM0707", "the file has a header but no rows", place=self.source.name,
                cure="at least one row is needed",
            )  # fmt: skip
        if self.stream.quotes % 2:
            find_fault(self._rows(), strict=True)


def _drained(reader: Any) -> None:
    """Reads a stream that has been ended to its end: Arrow reads ahead in a thread of its own, which must not outlive the
    interpreter. What is wrong with blocks that nobody asked for is no one's concern."""
    import pyarrow as pa

    with suppress(pa.ArrowInvalid):
        for _ in reader:
            pass


def check_options(sep: str | None, decimal: str) -> None:
    """Raises PgmError PGM0612 for options that no text table can have."""
    if sep is not None and (len(sep) != 1 or not sep.isascii() or sep in '"\r\n\0' or sep.isalnum()):
        raise problem(
            "PGM0612", f"the separator {quoted(sep)} is not a single mark", cure="give one of `,` `;` `|` or a tab"
        )
    if sep == decimal:
        raise _same_marks(decimal)


def _same_marks(decimal: str) -> PgmError:
    return problem(
        "PGM0612", f"`{decimal}` is both the separator and the decimal mark",
        cure="say which separator the file has, for example `--sep ';'`",
    )  # fmt: skip
