"""One column as it is seen: its labels, its numbers where it has some, and what kind that makes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pgmlang.data import Column, NumberColumn
from pgmlang.data.binned import BinnedColumn
from pgmlang.data.bridge import strings_of
from pgmlang.data.date_formats import formats_of
from pgmlang.data.frame import OtherColumn, TextColumn
from pgmlang.data.numbers import MISSING_WORDS, NumberFormat, parse_numbers
from pgmlang.profile.decimal_marks import decimal_marks, open_marks
from pgmlang.profile.mixed_dates import mixed_formats_of
from pgmlang.profile.number_formats import CURRENCIES, format_of, units_of
from pgmlang.profile.scales import ordered_labels

MAX_LABELS = 50
"""A column with more labels is not taken for a category."""


@dataclass(frozen=True, eq=False)
class ColumnProfile:
    """``kind``: the name of a row of `kinds.KINDS`, empty before it is told; ``table_decimal``: the decimal mark that the table's
    columns say together, empty where they do not."""

    column: Column
    kind: str = ""
    table_decimal: str = ""

    @property
    def name(self) -> str:
        return self.column.name

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """As of `Column`; of what is neither text nor numbers, what it is. Those of numbers take long, and few look at them."""
        return (self.column.type_name,) if isinstance(self.column, OtherColumn) else self.column.labels

    @cached_property
    def codes(self) -> np.ndarray:
        """The position of each cell among the labels, -1 for missing."""
        if isinstance(self.column, OtherColumn):
            return np.where(self.column.missing, -1, 0)
        return self._values[1] if self._values is not None else self.column.codes

    @property
    def _values(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Of a column of numbers, the value of each label, and the codes."""
        column = self.column
        return column.distinct if isinstance(column, NumberColumn) and column.pool is None else None

    @property
    def is_binned(self) -> bool:
        return isinstance(self.column, BinnedColumn)

    @property
    def is_text(self) -> bool:
        return isinstance(self.column, TextColumn)

    @cached_property
    def missing(self) -> int:
        return int((self.codes < 0).sum())

    @cached_property
    def present(self) -> int:
        return len(self.codes) - self.missing

    @cached_property
    def counts(self) -> np.ndarray:
        """Cells of each label."""
        number = len(self.labels if self._values is None else self._values[0])
        return np.bincount(self.codes[self.codes >= 0], minlength=number)

    @cached_property
    def distinct(self) -> int:
        return int((self.counts > 0).sum())

    @cached_property
    def texts(self) -> Any:
        """The labels as Arrow has them."""
        return strings_of(self.labels)

    @cached_property
    def scale(self) -> tuple[str, ...] | None:
        """The labels from the lowest up, where the source declares their order (then those that no cell has too), or their words or
        ranges say one; None where nothing does."""
        return self.column.declared or ordered_labels([t for i, t in enumerate(self.labels) if self.counts[i]])

    @cached_property
    def is_numeric_scale(self) -> bool:
        """Whether its steps are numbers, in their order."""
        if self.kind != "ordinal" or not self.is_numeric:
            return False
        values = parse_numbers(strings_of(self.column.declared))[0]
        return not self.column.declared or bool((np.diff(values) > 0).all())

    # ---- numbers

    @cached_property
    def decimal_mark(self) -> str:
        """The decimal mark of the column by what is told, by its own numbers, or else by those beside it; empty while it is open."""
        column = self.column
        if not isinstance(column, TextColumn) or column.number_format.decimal != ".":
            return "," if isinstance(column, TextColumn) else "."
        if column.number_format.thousands in (",", "."):
            return "," if column.number_format.thousands == "." else "."
        marks = decimal_marks(self.labels[i] for i in np.flatnonzero(self.counts)[:5000])
        if marks:
            return marks.pop() if len(marks) == 1 else ""
        return self.table_decimal

    @cached_property
    def dotted_thousands(self) -> np.ndarray | None:
        """The number of each label if its points parted thousands, as they may where the columns beside have decimal commas and
        three digits stand behind each; None where they do not."""
        if not isinstance(self.column, TextColumn) or self.table_decimal != ",":
            return None
        told = self.column.number_format
        labels = [self.labels[i] for i in np.flatnonzero(self.counts)]
        if told.decimal != "." or told.thousands or decimal_marks(labels) or "." not in open_marks(labels):
            return None
        values, bad = parse_numbers(self.texts, told._replace(decimal=",", thousands="."))
        return None if bad.any() else values

    @cached_property
    def is_open_number(self) -> bool:
        """Whether the comma of its numbers may as well part thousands as be the decimal mark."""
        if self.decimal_mark or not self.is_text or not self.is_numeric or self.number_format.thousands != ",":
            return False
        if self.number_format.unit in CURRENCIES:  # money has no three decimals
            return False
        marks = decimal_marks(self.labels)
        return not marks and "," in open_marks(self.labels)

    @cached_property
    def number_format(self) -> NumberFormat:
        """How the numbers of the column are written: as the options of reading say, else as it looks."""
        column = self.column
        if not isinstance(column, TextColumn):
            return NumberFormat()
        found = format_of(self.texts, self.counts, column.number_format, self.decimal_mark)
        return column.number_format if found is None else found

    @cached_property
    def label_values(self) -> np.ndarray:
        """The number of each label, NaN where it is none."""
        column = self.column
        if self._values is not None and isinstance(column, NumberColumn) and column.kind != "bool":
            return np.where(np.isfinite(self._values[0]), self._values[0], np.nan)
        if isinstance(column, NumberColumn | OtherColumn) or self.is_binned or not self.labels:
            return np.full(len(self.counts), np.nan)
        return parse_numbers(self.texts, self.number_format)[0]

    @cached_property
    def numbers(self) -> np.ndarray:
        """The cells as numbers by `number_format`, NaN for missing ones and those that are none."""
        return np.append(self.label_values, np.nan)[self.codes]

    @cached_property
    def sorted_numbers(self) -> np.ndarray:
        """The cells that are numbers, ascending."""
        values = self.numbers
        return np.sort(values[~np.isnan(values)])

    @cached_property
    def strays(self) -> list[int]:
        """Labels, as places, that are no numbers where most cells are."""
        return [int(i) for i in np.flatnonzero(np.isnan(self.label_values) & (self.counts > 0))]

    @cached_property
    def is_numeric(self) -> bool:
        """Whether the cells are numbers, but for few that are none (words for missing among them)."""
        if not self.present or self.is_binned:
            return False
        strays = int(self.counts[self.strays].sum())
        words = int(sum(self.counts[i] for i in self.strays if self.is_missing_word(i)))
        numbers = self.present - strays
        return numbers > 0 and strays - words <= 0.1 * self.present and numbers >= 0.3 * self.present

    def has_label(self, text: str) -> bool:
        """Whether a cell is this text, or of the number that it is."""
        column = self.column
        value, bad = parse_numbers(strings_of([text]))
        if not bad[0] and bool((self.label_values == value[0]).any()):
            return True
        return text in self.labels if not isinstance(column, NumberColumn) or column.kind == "bool" else False

    def is_missing_word(self, place: int) -> bool:
        """Whether a label is a word that often means missing."""
        return self.labels[place].strip().lower() in MISSING_WORDS

    @cached_property
    def is_whole(self) -> bool:
        """Whether all numbers are whole."""
        values = self.sorted_numbers
        return len(values) > 0 and bool((values == np.floor(values)).all())

    @cached_property
    def has_leading_zeros(self) -> bool:
        return self.is_text and any(re.fullmatch(r"0\d+", t) for t in self.labels[:1000])

    @cached_property
    def skewness(self) -> float:
        values = self.sorted_numbers
        spread = values.std() if len(values) > 2 else 0.0
        return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0

    @cached_property
    def mixed_units(self) -> tuple[str, ...]:
        """The units of numbers written in several of them (``$`` and ``€``; ``%`` and none, the empty text); none where all have
        one, or it is told."""
        column = self.column
        if not isinstance(column, TextColumn) or self.is_binned or column.number_format.unit:
            return ()
        labels = [t for i, t in enumerate(self.labels[:2000]) if self.counts[i] and not self.is_missing_word(i)]
        units = units_of(labels) if any(ch.isdigit() for t in labels[:20] for ch in t) else []
        if units == ["%"] and any("%" not in t for t in labels):
            return ("%", "")
        return tuple(units) if len(units) > 1 else ()

    # ---- others

    @cached_property
    def is_of_truth_values(self) -> bool:
        """Whether its cells are false and true, which a ``bit`` takes as it takes 0 and 1."""
        return len(self.counts) <= MAX_LABELS and {
            t.lower() for i, t in enumerate(self.labels) if self.counts[i]
        } == {"false", "true"}

    @cached_property
    def date_formats(self) -> list[str]:
        """The ways in which all cells are dates."""
        if not self.is_text or self.is_binned or not self.labels:
            return []
        words = [i for i in range(min(len(self.labels), 40)) if self.is_missing_word(i)]
        texts = strings_of([t for i, t in enumerate(self.labels) if i not in words]) if words else self.texts
        return formats_of(texts) if len(texts) else []

    @cached_property
    def mixed_date_formats(self) -> list[str]:
        """Forms of dates which together fit all cells, where no single one does."""
        if self.date_formats or not self.is_text or self.is_binned or not 2 <= len(self.labels) <= 100_000:
            return []
        places = [i for i in range(len(self.labels)) if self.counts[i] and not self.is_missing_word(i)]
        return mixed_formats_of([self.labels[i] for i in places])

    def rows_of(self, places: Any, limit: int = 5) -> list[int]:
        """The first rows that hold one of these labels."""
        wanted = np.zeros(len(self.counts) + 1, bool)
        wanted[list(places)] = True
        wanted[-1] = False
        return [int(r) for r in np.flatnonzero(wanted[self.codes])[:limit]]
