"""What of a reading only a whole column tells: whether numbers name its cells by value, and how it writes a number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from pgmlang.data.bridge import strings_of
from pgmlang.data.frame import Column, NumberColumn, TextColumn
from pgmlang.data.named_cells import are_numbers, as_written, named_labels, names_a_number, number_of
from pgmlang.data.numbers import parse_numbers
from pgmlang.data.reading import Reading

_BLANKS = re.compile(r"\s+")


def tidy(text: str) -> str:
    """A label without blanks around it, with single blanks within, in Unicode's composed form."""
    return unicodedata.normalize("NFC", _BLANKS.sub(" ", text).strip())


def settled_by(reading: Reading, columns: Iterable[Column]) -> Reading:
    """The reading, settled by whole columns."""
    settling = Settling(reading)
    for column in columns:
        settling.add(column)
    return settling.settled()


class Settling:
    """A reading that is being settled by the blocks of a table, in any cut and order of columns. What it was settled by before
    (rows of a fit) stays."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._decided = {*reading.spelt, *reading.valued}
        self._of_text: dict[str, bool] = {}
        self._first: dict[tuple[str, float], str] = {}
        self._seen: set[tuple[str, str]] = set()

    def is_open(self, name: str) -> bool:
        """Whether further cells of a column can tell something: options name numbers of it, and no other text was met."""
        if name in self._decided or self._of_text.get(name, False):
            return False
        how, merges = self._reading.number_format(name), self._reading.merged(name)
        return any(names_a_number(t, how) for t in (*self._reading.na_of(name), *merges, *merges.values()))

    def add(self, column: Column) -> None:
        """Takes the cells of a column, or of its next block, into account."""
        if not self.is_open(column.name):
            return
        self._of_text.setdefault(column.name, False)
        if isinstance(column, TextColumn):
            self._add_labels(column)
        elif isinstance(column, NumberColumn) and column.kind != "bool":
            as_decimals = replace(column, kind="float32" if column.kind == "float32" else "float")
            for value in self._targets(column.name).values():
                self._first.setdefault((column.name, value), as_decimals.text_of(value))

    def _add_labels(self, column: TextColumn) -> None:
        reading, name = self._reading, column.name
        how, missing, merges = reading.number_format(name), reading.na_of(name), list(reading.merged(name))
        labels = [t for t in column.encoded[0].to_pylist() if t not in missing]
        if reading.strip:
            labels = [t for t in map(tidy, labels) if t and t not in missing]
        if reading.fold_case:
            labels, merges = [t.lower() for t in labels], [t.lower() for t in merges]
        others = [t for t in labels if t not in merges]
        self._of_text[name] = not are_numbers(others, how)
        targets = self._targets(name)
        if self._of_text[name] or not targets:
            return
        named = named_labels(others, (*missing, *merges), how, how, by_value=True)
        left = [t for t in others if t not in named]
        values, _ = parse_numbers(strings_of(left), how)
        for label, value in zip(left, values.tolist(), strict=True):
            if value in targets.values():
                self._first.setdefault((name, value), label)
                self._seen.add((name, label))

    def _targets(self, name: str) -> dict[str, float]:
        """The numbers that cells of a column are merged to."""
        how = self._reading.number_format(name)
        labels = dict.fromkeys(self._reading.merged(name).values())
        return {t: v for t in labels if names_a_number(t, how) and (v := number_of(t, how)) is not None}

    def settled(self) -> Reading:
        """The reading, for all blocks: by the spelling of an option where a cell has it, else by the first that is equal."""
        reading = self._reading
        valued = [n for n, of_text in self._of_text.items() if not of_text]
        written = list(reading.written)
        for name in valued:
            for label, value in self._targets(name).items():
                spelling = as_written(label, reading.number_format(name))
                has_it = (name, spelling) in self._seen
                written.append((name, label, spelling if has_it else self._first.get((name, value), spelling)))
        return replace(
            reading,
            spelt=(*reading.spelt, *(n for n, of_text in self._of_text.items() if of_text)),
            valued=(*reading.valued, *valued),
            written=tuple(written),
        )
