"""A table in memory: columns of labels or numbers, and where each row stands in its source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.data.bridge import arrow_of, indices_of, valid_of
from pgmlang.data.not_numbers import not_numbers
from pgmlang.data.numbers import PLAIN, NumberFormat, parse_numbers
from pgmlang.data.problems import listed, problem
from pgmlang.data.reading import Reading
from pgmlang.data.row_origin import RowOrigin
from pgmlang.data.source_kind import TEXT, Holds, SourceKind
from pgmlang.diagnostics import PgmError
from pgmlang.diagnostics.suggest import did_you_mean

if TYPE_CHECKING:
    from pgmlang.data.pool import LabelPool


@dataclass(frozen=True, eq=False)
class Column(ABC):
    """A named column; its cells as labels (text, compared exactly) or as numbers, whichever is asked for."""

    name: str
    place: RowOrigin = field(repr=False)

    @property
    def is_text(self) -> bool:
        """Whether the source holds text, so that both views are open."""
        return False

    @property
    def source_kind(self) -> SourceKind:
        """What the cells are in their source."""
        return TEXT

    @property
    def declared(self) -> tuple[str, ...]:
        """The labels that the source declares, whether or not a cell has them, from the lowest up; none where it does not."""
        return ()

    @abstractmethod
    def labels_and_codes(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Distinct texts in order of first appearance, and each cell's position among them, -1 for missing."""

    @abstractmethod
    def numbers(self) -> np.ndarray:
        """The cells as float64, NaN for missing. Raises PgmError PGM0721 naming the first cell that is none."""

    @abstractmethod
    def take(self, rows: np.ndarray) -> Column:
        """The cells of these rows."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    def labels(self) -> tuple[str, ...]:
        return self.labels_and_codes()[0]

    @property
    def codes(self) -> np.ndarray:
        return self.labels_and_codes()[1]

    @property
    def missing(self) -> np.ndarray:
        """Which cells are missing."""
        return self.codes < 0

    def cell(self, row: int) -> str:
        """The cell's place for messages."""
        return self.place.cell(row, self.name)


@dataclass(frozen=True, eq=False)
class TextColumn(Column):
    """Cells as text, kept as Arrow has them (strings or dictionary-encoded): the views are made when asked for.

    ``number_format``: how its numbers are written; ``folds_case``: its texts are in lower case, whatever a closed set's are.
    ``pool``: of a batch, the labels of the whole stream so far; codes are positions there and never change. ``holds_dates``: the
    source holds dates or times as such; their texts are those of ISO 8601. ``levels``: of an ordered set of labels (an ordered
    categorical, an Enum of polars), all of them from the lowest up. ``origin``: what the cells are in the source.
    """

    array: Any = field(repr=False)
    number_format: NumberFormat = PLAIN
    folds_case: bool = False
    pool: LabelPool | None = field(default=None, repr=False)
    holds_dates: bool = False
    levels: tuple[str, ...] = ()
    origin: SourceKind = TEXT

    @property
    def source_kind(self) -> SourceKind:
        return self.origin

    @property
    def is_text(self) -> bool:
        return True

    @property
    def declared(self) -> tuple[str, ...]:
        return self.levels

    def __len__(self) -> int:
        return len(self.array)

    @cached_property
    def encoded(self) -> tuple[Any, np.ndarray]:
        """Distinct texts as an Arrow array in order of first appearance, and int32 codes into it."""
        import pyarrow as pa

        array = self.array
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        array = array.unify_dictionaries()
        dictionary = array.chunk(0).dictionary if array.num_chunks else pa.nulls(0, pa.string())
        return dictionary, indices_of(array)

    @cached_property
    def _labelled(self) -> tuple[tuple[str, ...], np.ndarray]:
        dictionary, codes = self.encoded
        if self.pool is None and self.place.kept is None:
            return tuple(dictionary.to_pylist()), codes
        # A slice's dictionary holds labels of other rows too: only those that occur, in order of appearance.
        # Of equal indices NumPy keeps the last assignment, here that of the first row. The last slot is for -1.
        first = np.full(len(dictionary) + 1, len(codes))
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        order = np.argsort(first[:-1], kind="stable")
        order = order[first[order] < len(codes)]
        rank = np.full(len(first), -1, np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        labels, sorted_codes = tuple(dictionary.take(arrow_of(order)).to_pylist()), rank[codes]
        return (labels, sorted_codes) if self.pool is None else self.pool.encode(labels, sorted_codes)

    def labels_and_codes(self) -> tuple[tuple[str, ...], np.ndarray]:
        return self._labelled

    @property
    def missing(self) -> np.ndarray:
        return ~valid_of(self.array)

    @cached_property
    def _numbers(self) -> np.ndarray:
        import pyarrow as pa

        if pa.types.is_dictionary(self.array.type):
            dictionary, codes = self.encoded
            distinct, wrong = parse_numbers(dictionary, self.number_format)
            values, bad = np.append(distinct, np.nan)[codes], np.append(wrong, False)[codes]
        else:
            values, bad = parse_numbers(self.array, self.number_format)
        if bad.any():
            rows = np.flatnonzero(bad)
            raise not_numbers(
                self.place, self.name, rows, [self.text(int(r)) for r in rows[:5]], self.number_format
            )
        return values

    def numbers(self) -> np.ndarray:
        return self._numbers

    def text(self, row: int) -> str:
        """The cell as written; the empty string where it is missing."""
        return self.array[row].as_py() or ""

    def take(self, rows: np.ndarray) -> TextColumn:
        return replace(self, place=self.place.take(rows), array=self.array.take(arrow_of(rows)))


@dataclass(frozen=True, eq=False)
class NumberColumn(Column):
    """Cells that the source holds as numbers. ``kind``: "int", "float", "float32" or "bool".

    Their text, where labels are wanted: whole numbers as `3`, floats that are whole likewise, others as their shortest decimal (`0.1`),
    truth values as `false` and `true`. ``categories``: their labels where the source has categories without an order.
    """

    values: np.ndarray = field(repr=False)
    kind: Holds = "float"
    pool: LabelPool | None = field(default=None, repr=False)
    categories: tuple[str, ...] | None = field(default=None, repr=False)

    @property
    def source_kind(self) -> SourceKind:
        return SourceKind(self.kind, self.categories)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct values in order of first appearance, and each cell's position among them (int32), -1 for missing."""
        present = ~np.isnan(self.values)
        # -0.0 and 0.0 are one value, so one label.
        distinct, first, inverse = np.unique(self.values[present] + 0.0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        codes = np.full(len(self.values), -1, np.int32)
        codes[present] = rank[inverse]
        return distinct[order], codes

    @cached_property
    def _labelled(self) -> tuple[tuple[str, ...], np.ndarray]:
        distinct, codes = self.distinct
        labels = tuple(map(self.text_of, distinct.tolist()))
        return (labels, codes) if self.pool is None else self.pool.encode(labels, codes)

    def text_of(self, value: float) -> str:
        """The label of a value."""
        if self.kind == "int":
            return str(int(value))
        if self.kind == "bool":
            return "true" if value else "false"
        if float(value).is_integer() and abs(value) < 2**53:
            return str(int(value))
        return str(np.float32(value)) if self.kind == "float32" else repr(value)

    def labels_and_codes(self) -> tuple[tuple[str, ...], np.ndarray]:
        return self._labelled

    @property
    def missing(self) -> np.ndarray:
        return np.isnan(self.values)

    def numbers(self) -> np.ndarray:
        bad = np.isinf(self.values)
        if bad.any():
            rows = np.flatnonzero(bad)
            raise not_numbers(self.place, self.name, rows, [repr(float(v)) for v in self.values[rows[:5]]])
        return self.values

    def text(self, row: int) -> str:
        value = float(self.values[row])
        return "" if np.isnan(value) else self.text_of(value)

    def take(self, rows: np.ndarray) -> NumberColumn:
        return replace(self, place=self.place.take(rows), values=self.values[rows])


@dataclass(frozen=True, eq=False)
class OtherColumn(Column):
    """A column of what is neither text nor number (lists, records, bytes): an error only if it is used."""

    type_name: str
    absent: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.absent)

    @property
    def missing(self) -> np.ndarray:
        return self.absent

    def _refusal(self) -> PgmError:
        return problem(
            "PGM0702", f"column `{self.name}` holds neither text nor numbers but {self.type_name}",
            place=self.place.column(self.name), cure="give one number or one label per cell",
        )  # fmt: skip

    def labels_and_codes(self) -> tuple[tuple[str, ...], np.ndarray]:
        raise self._refusal()

    def numbers(self) -> np.ndarray:
        raise self._refusal()

    def take(self, rows: np.ndarray) -> OtherColumn:
        return replace(self, place=self.place.take(rows), absent=self.absent[rows])


@dataclass(frozen=True, eq=False)
class Frame:
    """A table, or a batch of one. ``name``: the file for messages. ``arrays``: arrays of any rank by name, of
    `.npz` files and dicts. ``start``: rows of the stream before this batch. ``reading``: how its cells were read, settled
    (cut points for bins, a format for dates); ``notes``: what that did, in words."""

    name: str
    num_rows: int
    columns: dict[str, Column]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    place: RowOrigin = field(default_factory=lambda: RowOrigin("data"), repr=False)
    start: int = 0
    reading: Reading = field(default_factory=Reading, repr=False)
    notes: tuple[str, ...] = ()

    def row_number(self, row: int) -> int:
        """The line of a row in its file, 1-based and the header counted; elsewhere its 1-based number."""
        return self.place.lines([row])[0]

    def column(self, name: str) -> Column:
        """A column by name. Raises PgmError PGM0720."""
        if name not in self.columns:
            raise unknown_column(self.name, name, self.columns)
        return self.columns[name]

    def select(self, names: Iterable[str]) -> Frame:
        """The frame with these columns only, in this order."""
        return replace(self, columns={n: self.column(n) for n in names})

    def take(self, rows: np.ndarray) -> Frame:
        """The frame with these rows only, by position; messages still name their lines in the file. Arrays are
        left as they are."""
        rows = np.asarray(rows, dtype=np.int64)
        columns = {n: c.take(rows) for n, c in self.columns.items()}
        return replace(self, num_rows=len(rows), columns=columns, place=self.place.take(rows))


def unknown_column(name: str, column: str, columns: Iterable[str]) -> PgmError:
    """The error for a column that is not there."""
    names = list(columns)
    return problem(
        "PGM0720", f"no column `{column}`", place=name, notes=[f"the columns are {listed(names)}"],
        cure=did_you_mean(column, names) or "name one of the columns",
    )  # fmt: skip
