"""Cells to codes of a declared set: labels, bits and spins."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

import numpy as np

from pgmlang.data.bridge import strings_of
from pgmlang.data.frame import Column, NumberColumn, TextColumn
from pgmlang.data.intervals import codes_of_numbers, intervals_of
from pgmlang.data.numbers import MISSING_WORDS, parse_numbers
from pgmlang.data.problems import listed, problem, quoted
from pgmlang.data.reading import Reading
from pgmlang.diagnostics import PgmError
from pgmlang.diagnostics.suggest import near_names

_SHOWN = 5


UNKNOWN = -2
"""The code of a label that is none of those known."""


def encode(column: Column, labels: Sequence[str]) -> np.ndarray:
    """Each cell's position in ``labels`` (int64), -1 for missing.

    Labels are text and compared exactly. Raises one PgmError PGM0705 that lists unknown ones with their lines.
    """
    out = encode_known(column, labels)
    if (out == UNKNOWN).any():
        raise _unknown(column, out == UNKNOWN, labels)
    return out


def encode_known(column: Column, labels: Sequence[str]) -> np.ndarray:
    """As `encode`, with ``UNKNOWN`` for what is none of the labels.

    Where every label is an interval of numbers, a number is the label that it lies in (`intervals`); where the column is read
    in lower case, labels are compared in any case of letters.
    """
    if isinstance(column, NumberColumn) and (intervals := intervals_of(labels)) is not None:
        return codes_of_numbers(column.values, intervals, UNKNOWN)
    distinct, codes = _distinct(column)
    texts = list(distinct)
    position = {label: i for i, label in enumerate(labels)}
    if isinstance(column, TextColumn) and column.folds_case:
        position = {label.lower(): i for label, i in reversed(position.items())} | position
    translation = np.array([position.get(text, UNKNOWN) for text in texts] + [-1], np.int64)
    if isinstance(column, NumberColumn) and column.kind != "bool":
        translation = _equal_numbers(texts, labels, translation)
    unknown = translation == UNKNOWN
    if isinstance(column, TextColumn) and unknown.any() and (intervals := intervals_of(labels)) is not None:
        values, _ = parse_numbers(strings_of([*texts, None]), column.number_format)
        found = codes_of_numbers(values, intervals, UNKNOWN)
        translation = np.where(unknown & (found >= 0), found, translation)
    return translation[codes]


def _equal_numbers(texts: Sequence[str], labels: Sequence[str], translation: np.ndarray) -> np.ndarray:
    """Of numbers, the label that is written otherwise but equal: `1.0` of 1."""
    if not (translation == UNKNOWN).any():
        return translation
    known, _ = parse_numbers(strings_of(labels))
    position = {value: i for i, value in reversed(list(enumerate(known.tolist())))}
    values, _ = parse_numbers(strings_of(texts))
    equal = [position.get(value, UNKNOWN) for value in values.tolist()] + [-1]
    return np.where(translation == UNKNOWN, equal, translation)


def _distinct(column: Column) -> tuple[Iterable[str], np.ndarray]:
    # A batch's own dictionary does: the stream's labels need not be known for a declared set.
    if isinstance(column, TextColumn):
        dictionary, codes = column.encoded
        return dictionary.to_pylist(), codes
    return column.labels_and_codes()


def encode_bit(column: Column) -> np.ndarray:
    """Truth values as int64 0 and 1, -1 for missing: `0`, `1` (as numbers: `1.0` too) and, in any case of letters,
    `false` and `true`. Raises PgmError PGM0706."""
    accepted = ("0", "1", "false", "true")
    return _encode_numbers(column, (0.0, 1.0), words=("false", "true"), accepted=accepted, what="bit")


def encode_spin(column: Column) -> np.ndarray:
    """Spins as int64 codes, 0 for -1 and 1 for 1 (also `+1`, `1.0`), -1 for missing. Raises PgmError PGM0706."""
    return _encode_numbers(column, (-1.0, 1.0), words=(), accepted=("-1", "1"), what="spin")


def spelling(column: Column, codes: np.ndarray, labels: Sequence[str]) -> dict[str, str]:
    """How a column of text writes each label that its cells are (``codes``, -1 for missing): by its first cell."""
    if not isinstance(column, TextColumn):
        return {}
    present, first = np.unique(codes, return_index=True)
    return {labels[k]: column.text(int(i)) for k, i in zip(present, first, strict=True) if k >= 0}


def _encode_numbers(
    column: Column, values: tuple[float, float], words: tuple[str, ...], accepted: tuple[str, ...], what: str
) -> np.ndarray:
    if isinstance(column, NumberColumn):
        out = np.select([column.missing, column.values == values[0], column.values == values[1]], [-1, 0, 1], -2)
    elif isinstance(column, TextColumn):
        import pyarrow.compute as pc

        dictionary, codes = column.encoded
        numbers, _ = parse_numbers(dictionary, column.number_format)
        translation = np.select([numbers == values[0], numbers == values[1]], [0, 1], -2)
        lowered = np.array(pc.utf8_lower(dictionary).to_pylist(), dtype=object)
        for code, word in enumerate(words):
            translation[lowered == word] = code
        out = np.append(translation, -1)[codes]
    else:
        column.labels_and_codes()  # raises what is wrong with it
        raise TypeError(type(column).__name__)
    bad = out == -2
    if bad.any():
        raise _outside(column, bad, accepted, what)
    return out.astype(np.int64, copy=False)


def _unknown(column: Column, bad: np.ndarray, labels: Sequence[str]) -> PgmError:
    first, notes, texts = _listing(column, bad, "unknown label")
    text = texts[0]
    near = _near(text, labels)
    notes.append(f"accepted: {listed(list(labels))}")
    if text.strip() != text and text.strip() in labels:
        notes.append("labels are compared exactly: this cell has spaces around its label")
    if labels and text != text.strip() and text.strip() in labels:
        cure = "give `--strip`, which takes blanks off (in Python `strip=True`), or correct the cell"
    elif [x for x in labels if x.lower() == text.lower()]:
        cure = (
            "give `--fold-case`, which reads labels in any case (in Python `fold_case=True`), or correct the cell"
        )
    elif near:
        merge = Reading(merge=((column.name, text, near[0]),))
        cure = (
            f"did you mean {' or '.join(quoted(n) for n in near)}? `{' '.join(map(shlex.quote, merge.flags()))}` reads it so "
            f"(in Python `merge={merge.keywords()['merge']!r}`)"
        )
    elif text.lower() in MISSING_WORDS:
        cure = f"if it means missing, give `--na {text}` (in Python `na=[{text!r}]`)"
    else:
        cure = "correct the cell, or add the label to the model"
    return problem("PGM0705", f"unknown label {quoted(text)}", place=first, notes=notes, cure=cure)


def _near(text: str, labels: Sequence[str]) -> list[str]:
    """Labels that may be meant: those equal as numbers (`1.0` for `1`), else those spelt alike."""
    try:
        same = [label for label in labels if float(label) == float(text)]
    except ValueError:
        same = []
    return same[:1] or near_names(text, labels)


def _outside(column: Column, bad: np.ndarray, accepted: Sequence[str], what: str) -> PgmError:
    first, notes, texts = _listing(column, bad, "such value")
    notes.append(f"accepted: {listed(accepted)}")
    cure = f"declare the variable with labels instead of `{what}`, or recode the column"
    return problem("PGM0706", f"{quoted(texts[0])} is not a {what}", place=first, notes=notes, cure=cure)


def _listing(column: Column, bad: np.ndarray, noun: str) -> tuple[str, list[str], list[str]]:
    """The place of the first bad cell, a note on all of them and the first few distinct values."""
    rows = np.flatnonzero(bad)
    labels, codes = column.labels_and_codes()
    values, first_at, counts = np.unique(codes[rows], return_index=True, return_counts=True)
    order = np.argsort(first_at)[:_SHOWN]
    texts = [labels[values[i]] for i in order]
    lines = column.place.lines([int(rows[first_at[i]]) for i in order])
    notes = []
    if len(rows) > 1:
        parts = [
            f"{quoted(t)} ({column.place.unit} {n}" + (f" and {counts[i] - 1:,} more)" if counts[i] > 1 else ")")
            for t, n, i in zip(texts, lines, order, strict=True)
        ]
        more = ", …" if len(values) > _SHOWN else ""
        plural = noun if len(values) == 1 else noun + "s"
        notes.append(f"{len(rows):,} cells hold {len(values):,} {plural}: {', '.join(parts)}{more}")
    return f"{column.place.name}:{lines[0]}:{column.name}", notes, texts


def labels_in_order(declared: Iterable[str], seen: Iterable[str]) -> tuple[str, ...]:
    """The labels of an open set in a fixed order: those that a column declares, as it does, then the others that are seen, sorted."""
    levels = dict.fromkeys(declared)
    return (*levels, *sort_labels(set(seen) - set(levels)))


def sort_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels in a fixed order: by value if all are numbers (ties by text) or intervals of them, else by code point."""
    texts = sorted(labels)
    intervals = intervals_of(texts)
    if intervals is not None:
        return tuple(texts[i] for i in sorted(range(len(texts)), key=intervals.__getitem__))
    values, bad = parse_numbers(strings_of(texts))
    if bad.any() or not texts:
        return tuple(texts)
    return tuple(texts[i] for i in np.argsort(values, kind="stable"))
