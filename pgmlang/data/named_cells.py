"""Which cells the text of an option names: of numbers those of its value, of text those that are spelt so."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np

from pgmlang.data.bridge import strings_of
from pgmlang.data.frame import NumberColumn
from pgmlang.data.numbers import PLAIN, NumberFormat, parse_numbers

_DIGITS_OF_A_NAME = re.compile(r"\s*[+-]?(0[0-9]|[0-9]{16})")
"""Digits that name something: with zeros in front, or more than a float64 tells apart."""
_WORDS = {"true": 1.0, "false": 0.0}
_INFINITIES = {"inf": np.inf, "-inf": -np.inf}


def number_of(text: str, how: NumberFormat = PLAIN) -> float | None:
    """The number that a text of an option is, written as the column's are or plainly; None of what is none."""
    for style in dict.fromkeys((how, PLAIN)):
        values, bad = parse_numbers(strings_of([text]), style)
        if not bad[0]:
            return float(values[0])
    return None


def names_a_number(text: str, how: NumberFormat) -> bool:
    """Whether a text has a value by which cells can be compared."""
    return not _DIGITS_OF_A_NAME.match(text) and number_of(text, how) is not None


def as_written(label: str, how: NumberFormat) -> str:
    """A number as the column's are written, so that it is read with them; any other text as it is."""
    if how.decimal == "." or not parse_numbers(strings_of([label]), how)[1][0]:
        return label
    return label.replace(".", how.decimal) if number_of(label) is not None else label


def are_numbers(labels: Sequence[str], how: NumberFormat, named: Collection[str] = ()) -> bool:
    """Whether all texts but the ``named`` ones are numbers, none of them a name in digits such as `01067`."""
    others = [t for t in labels if t not in named]
    return not any(map(_DIGITS_OF_A_NAME.match, others)) and not parse_numbers(strings_of(others), how)[1].any()


def named_labels(
    labels: Sequence[str], texts: Collection[str], how: NumberFormat, written: NumberFormat, *, by_value: bool
) -> dict[str, str]:
    """Labels that ``texts`` name, with the text that does; the same spelling first. ``how``: the numbers of the labels are
    written so, ``written``: those of the texts. ``by_value``: a number names all that are equal to it."""
    named = {label: label for label in labels if label in texts}
    valued = [t for t in texts if names_a_number(t, written)] if by_value else []
    if valued:
        text_of = {number_of(t, written): t for t in reversed(valued)}
        values, _ = parse_numbers(strings_of(labels), how)
        equal = {label: text_of[v] for label, v in zip(labels, values.tolist(), strict=True) if v in text_of}
        named = {label: t for label, t in equal.items() if not _DIGITS_OF_A_NAME.match(label)} | named
    return named


def named_numbers(column: NumberColumn, text: str, how: NumberFormat) -> np.ndarray:
    """Which cells of a column of numbers a text names: bool, shape (rows,)."""
    value = number_of(text, how)
    if value is None:
        value = _INFINITIES.get(text, _WORDS.get(text, np.nan) if column.kind == "bool" else np.nan)
    return np.asarray(column.values == (np.float32(value) if column.kind == "float32" else value))
