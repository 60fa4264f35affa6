"""The rows of one BIF probability block as an array, child last."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from pgmlang.formats.bif_scan import BifBlock, BifStatement, Scanner, Word
from pgmlang.formats.checks import MAX_AXES, MAX_CELLS, ROW_TOLERANCE, bad_cells, bad_sums
from pgmlang.formats.problems import FormatProblems
from pgmlang.tables import DiscreteVariable

_KEYED = re.compile(r'\s*\(([^()"]*)\)([0-9eE.+\-,\s]*)', re.ASCII)
_WORDED = re.compile(r"\s*(table|default)\b([0-9eE.+\-,\s]*)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_FIRST_WORD = re.compile(r"\s*([A-Za-z]+)(?![^\s;,|(])")
_TABLE = "table"
_DEFAULT = "default"


class RowReader:
    """Reads the block of one variable. ``read`` gives None where a problem was added."""

    def __init__(
        self,
        scanner: Scanner,
        problems: FormatProblems,
        child: DiscreteVariable,
        parents: Sequence[DiscreteVariable],
    ) -> None:
        self.scanner = scanner
        self.text = scanner.text
        self.problems = problems
        self.child = child
        self.parents = parents
        self.codes = [{label: i for i, label in enumerate(p.labels)} for p in parents]
        self.sizes = [p.size for p in parents]
        self.count = math.prod(self.sizes)
        self.rows: dict[int, tuple[list[float], BifStatement]] = {}
        self.whole: tuple[list[float], BifStatement] | None = None
        self.default: tuple[list[float], BifStatement] | None = None

    def read(self, block: BifBlock) -> np.ndarray | None:
        before = self.problems.count
        for statement in block.statements:
            self._statement(statement)
        if self.problems.count > before or not self._complete(block):
            return None
        return self._array()

    # ---- statements

    def _statement(self, statement: BifStatement) -> None:
        start, end, body = statement
        if body is not None:
            self.problems.add("a brace does not belong here", body[0] - 1, body[0])
            return
        if match := _KEYED.fullmatch(self.text, start, end):
            index = self._index([k.strip() for k in match[1].split(",")] if match[1].strip() else [])
            values = _numbers(match[2])
            if index is not None and values is not None:
                self._keep(index, values, statement)
            else:
                self._keyed_with_care(statement)
            return
        if match := _WORDED.fullmatch(self.text, start, end):
            values = _numbers(match[2])
            if values is not None:
                self._keep_whole(match[1], values, statement)
                return
        first = _FIRST_WORD.match(self.text, start, end)
        word = first[1] if first else ""
        if word == "property":
            return
        if word in (_TABLE, _DEFAULT):
            values = self._values_with_care(self.scanner.words(start, end)[1:], statement)
            if values is not None:
                self._keep_whole(word, values, statement)
        else:
            self._keyed_with_care(statement)

    def _keyed_with_care(self, statement: BifStatement) -> None:
        """A keyed row word by word: quoted labels, rows without commas, and every error."""
        words = self.scanner.words(statement.start, statement.end)
        if not words:
            return
        close = next((i for i, w in enumerate(words) if w.is_mark(")")), None)
        if not words[0].is_mark("(") or close is None:
            help = self.problems.near(words[0].text, ("table", "default", "property"))
            help = help or "a row is `(labels of the parents) numbers;`, or `table numbers;`"
            self.problems.add("this is not a row of a table", words[0].start, words[-1].end, help=help)
            return
        keys = self.scanner.items(words[1:close], "a label")
        values = self._values_with_care(words[close + 1 :], statement)
        if keys is None or not self._known(keys, words[0], words[close]) or values is None:
            return
        index = self._index([k.text for k in keys])
        if index is not None:
            self._keep(index, values, statement)

    def _known(self, keys: list[Word], opener: Word, closer: Word) -> bool:
        if len(keys) != len(self.parents):
            want = f"{len(self.parents)} parents" if len(self.parents) != 1 else "one parent"
            self.problems.add(
                f"this row names {len(keys)} labels, but `{self.child.name}` has {want}", opener.start, closer.end
            )
            return False
        fine = True
        for key, parent, codes in zip(keys, self.parents, self.codes, strict=True):
            if key.text not in codes:
                fine = False
                help = self.problems.near(key.text, parent.labels) or _labels(parent)
                message = f"`{key.text}` is not a label of `{parent.name}`"
                self.problems.add(message, key.start, key.end, help=help)
        return fine

    def _values_with_care(self, words: Sequence[Word], statement: BifStatement) -> list[float] | None:
        items = self.scanner.items(words, "a number")
        if items is None:
            return None
        out: list[float] = []
        for word in items:
            if not word.quoted and _NUMBER.fullmatch(word.text):
                out.append(float(word.text))
                continue
            bare = word.text.lstrip("+-").lower()
            if bare in ("nan", "inf", "infinity"):
                self.problems.add(f"`{word.text}` is not a probability", word.start, word.end, "PGM0413")
            else:
                self.problems.add(f"expected a number, found `{word.text}`", word.start, word.end)
            return None
        return out

    def _index(self, keys: list[str]) -> int | None:
        """Number of the row with these labels, the last parent fastest; None where a label is unknown."""
        if len(keys) != len(self.codes):
            return None
        index = 0
        for key, codes in zip(keys, self.codes, strict=True):
            code = codes.get(key)
            if code is None:
                return None
            index = index * len(codes) + code
        return index

    # ---- what was read

    def _keep(self, index: int, values: list[float], statement: BifStatement) -> None:
        start, end = self._place(statement)
        if index in self.rows:
            first = self._place(self.rows[index][1])
            message = f"row {self._row_name(index)} of `{self.child.name}` is given twice"
            self.problems.add(message, start, end, "PGM0403", also=((*first, "first given here"),))
        elif len(values) != self.child.size:
            self._wrong_length(f"row {self._row_name(index)}", len(values), self.child.size, start, end)
        else:
            self.rows[index] = (values, statement)

    def _keep_whole(self, word: str, values: list[float], statement: BifStatement) -> None:
        start, end = self._place(statement)
        earlier = self.whole if word == _TABLE else self.default
        want = self.child.size * (self.count if word == _TABLE else 1)
        if earlier is not None:
            also = ((*self._place(earlier[1]), "first given here"),)
            message = f"the `{word}` of `{self.child.name}` is given twice"
            self.problems.add(message, start, end, "PGM0403", also=also)
        elif len(values) != want:
            self._wrong_length(f"the `{word}`", len(values), want, start, end)
        elif word == _TABLE:
            self.whole = (values, statement)
        else:
            self.default = (values, statement)

    def _wrong_length(self, what: str, have: int, want: int, start: int, end: int) -> None:
        message = f"{what} of `{self.child.name}` has {have} numbers, {want} needed"
        self.problems.add(message, start, end, "PGM0404", help=_labels(self.child))

    def _complete(self, block: BifBlock) -> bool:
        """Whether every row is there once, checked before anything is allocated."""
        name = self.child.name
        if len(self.parents) >= MAX_AXES:
            message = f"`{name}` has {len(self.parents)} parents, at most {MAX_AXES - 1} are possible"
            self.problems.add(message, block.start, block.end, "PGM0406")
            return False
        if self.whole is not None:
            if not self.rows:
                return True
            row, (_, statement) = next(iter(self.rows.items()))
            also = ((*self._place(self.whole[1]), "all rows are given here"),)
            message = f"row {self._row_name(row)} of `{name}` is given twice: by itself and in `table`"
            self.problems.add(message, *self._place(statement), "PGM0403", also=also)
            return False
        lacking = self.count - len(self.rows)
        if lacking and self.default is None:
            missing = (i for i in range(self.count) if i not in self.rows)
            named = ", ".join(self._row_name(i) for i, _ in zip(missing, range(3), strict=False))
            message = f"`{name}` lacks the row{'s' if lacking > 1 else ''} {named}" if self.parents else ""
            message = message or f"`{name}` lacks its numbers"
            message += f" and {lacking - 3} more" if lacking > 3 else ""
            self.problems.add(message, block.start, block.end, "PGM0402")
            return False
        if lacking and self.count * self.child.size > MAX_CELLS:
            message = f"the table of `{name}` has {self.count * self.child.size:,} cells, most by `default`"
            self.problems.add(message, block.start, block.end, "PGM0406")
            return False
        return True

    def _array(self) -> np.ndarray | None:
        size = self.child.size
        if self.whole is not None:
            # In `table` all variables of the header count as digits, the child first: it runs slowest.
            array = np.array(self.whole[0], dtype=np.float64).reshape(size, self.count).T.copy()
        else:
            array = np.empty((self.count, size))
            if self.default is not None:
                array[:] = self.default[0]
            if self.rows:
                array[list(self.rows)] = [values for values, _ in self.rows.values()]
        bad = np.flatnonzero(bad_cells(array).any(axis=1) | bad_sums(array))
        if bad.size:
            self._report(array, bad)
            return None
        return array.reshape(*self.sizes, size)

    def _report(self, array: np.ndarray, bad: np.ndarray) -> None:
        """Each wrong row once: a ``default`` fills many, and of a ``table`` the first says enough."""
        told: set[BifStatement] = set()
        for row in bad.tolist():
            read = self.rows.get(row) or self.whole or self.default
            if read is None or read[1] in told:
                continue
            told.add(read[1])
            start, end = self._place(read[1])
            what = f"row {self._row_name(row)}" if self.parents else "the table"
            what += f" of `{self.child.name}`"
            cells = array[row][bad_cells(array[row])]
            if cells.size:
                start, end = self._cell_place(read[1], float(cells[0])) or (start, end)
                message = f"{what} holds {float(cells[0])!r}, which is not a probability"
                self.problems.add(message, start, end, "PGM0413")
            else:
                message = f"{what} sums to {float(array[row].sum()):.6g}, not to one"
                self.problems.add(message, start, end, "PGM0405", help=self._sum_help())

    def _sum_help(self) -> str:
        """A cure for the usual mistake: a `table` with parents written with the child running fastest."""
        if self.whole is None or not self.parents:
            return f"a row may miss one by rounding, at most {ROW_TOLERANCE}"
        turned = np.array(self.whole[0]).reshape(self.count, self.child.size)
        if bad_sums(turned).any():
            return "in `table` the child runs slowest and the last parent fastest"
        return "in `table` the child runs slowest, here it seems to run fastest: write a row for each key instead"

    def _cell_place(self, statement: BifStatement, value: float) -> tuple[int, int] | None:
        for word in self.scanner.words(statement.start, statement.end):
            if not word.mark and _NUMBER.fullmatch(word.text) and float(word.text) == value:
                return word.start, word.end
        return None

    def _place(self, statement: BifStatement) -> tuple[int, int]:
        start, end, _ = statement
        stretch = self.text[start:end]
        return start + len(stretch) - len(stretch.lstrip()), start + len(stretch.rstrip())

    def _row_name(self, index: int) -> str:
        labels: list[str] = []
        for parent in reversed(self.parents):
            index, code = divmod(index, parent.size)
            labels.append(parent.labels[code])
        return f"({', '.join(reversed(labels))})"


def _numbers(text: str) -> list[float] | None:
    """Numbers with commas between them; None sends the row to the careful reader."""
    try:
        return list(map(float, text.split(",")))
    except ValueError:
        return None


def _labels(variable: DiscreteVariable) -> str:
    shown = ", ".join(variable.labels[:8]) + (", ..." if variable.size > 8 else "")
    return f"the labels of `{variable.name}` are {shown}"
