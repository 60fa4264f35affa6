"""How the numbers of a column of text are written: decimal commas, marks between thousands, currencies, percent, units,
parentheses of accountants, letters for powers of ten."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from pgmlang.data.bridge import strings_of
from pgmlang.data.numbers import MAGNITUDES, MINUS, MISSING_WORDS, NumberFormat, parse_numbers

_MARKS = ((".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"))
# cells may be long texts: no two repeats that share a character stand side by side (possessive ones give nothing back), so that
# a cell is read once
_AROUND = re.compile(
    r"\s*+([+-]?+)\s*+([^\d\s+\-.,']{0,6}+)\s*+[+-]?+(?:[.,' \u00a0\u2009\u202f]*+\d)+[.,]?+\s*+([^\d\s]{0,6}+)\s*+"
)
CURRENCIES = frozenset(
    ("$", "€", "£", "¥", "₹", "₽", "₩", "CHF", "EUR", "USD", "GBP", "JPY", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "CZK", "Fr.", "Fr", "kr",
     "Kč", "zł", "R$", "US$", "Rs", "Rs.")
)  # fmt: skip
_IN_PARENTHESES = re.compile(r"([^\d()+-]{0,4}+)\(((?=[^\d()+-]*+\d)[^()+-]*+)\)([^\d()+-]{0,4}+)")
_WITH_MAGNITUDE = re.compile(rf"([^\d]*+\d(?:[ ]*+[\d.,'])*)\s*+({'|'.join(MAGNITUDES)})", re.I)
_SURE_MAGNITUDES = frozenset(("k", "M", "mn", "Mn", "MN", "bn", "Bn", "BN"))
"""Letters that are hardly a unit (`m` may be metres, `K` kelvins, `B` bytes), where all numbers have the same."""
_ENOUGH = 0.6
"""The share of cells, without those that mean missing, that must be numbers by a format."""


def format_of(texts: Any, counts: np.ndarray, told: NumberFormat, decimal_mark: str) -> NumberFormat | None:
    """The first format, the one told before all others, by which the most cells are numbers; None where few are.

    ``texts``: labels as Arrow has them, ``counts``: cells of each; ``decimal_mark``: the one that is known, empty while it is open.
    """
    labels = texts.to_pylist()
    is_word = np.array([t.strip().lower() in MISSING_WORDS for t in labels], bool)
    weights = np.where(is_word, 0, counts).astype(float)
    total = weights.sum()
    if not total:
        return None

    def share(how: NumberFormat) -> float:
        values, _ = parse_numbers(texts, how)
        return float(weights[~np.isnan(values)].sum() / total)

    best, most = told, share(told)
    if most == 1:
        return told
    probe = [labels[i] for i in np.argsort(-weights)[:200] if weights[i]]
    if not any(c.isdigit() for t in probe for c in t):
        return None
    accounting = told.accounting or _is_accounting(probe)
    magnitudes = told.magnitudes or _have_magnitudes([_bare(t, accounting) for t in probe])
    unit = told.unit or _unit([_bare(t, accounting, magnitudes) for t in probe])
    for decimal, thousands in _MARKS:
        if decimal_mark and decimal != decimal_mark and {decimal, thousands} & {","}:
            continue
        for sign in dict.fromkeys(("", unit)):
            how = NumberFormat(decimal, thousands, sign, accounting, magnitudes)
            if len(probe) > 20 and not _fits_probe(probe, how, most):
                continue
            reached = share(how)
            if reached > most + 1e-12:
                best, most = how, reached
    return best if most >= _ENOUGH else None


def _fits_probe(probe: list[str], how: NumberFormat, most: float) -> bool:
    """Whether a format does well on a few labels: the rest is not tried else."""
    values, _ = parse_numbers(strings_of(probe[:50]), how)
    return float((~np.isnan(values)).mean()) > 0.5 * most


def _is_accounting(texts: list[str]) -> bool:
    """Whether some, not all, stand in parentheses: all would be a way to number things."""
    return 0 < sum(_IN_PARENTHESES.fullmatch(t.strip()) is not None for t in texts) < len(texts)


def _bare(text: str, accounting: bool, magnitudes: bool = False) -> str:
    """A number without the parentheses around it and the letters for a power of ten behind it."""
    text = text.strip()
    if accounting and (match := _IN_PARENTHESES.fullmatch(text)):
        text = "".join(match.groups()).strip()
    if magnitudes and (match := _WITH_MAGNITUDE.fullmatch(text)):
        text = match[1]
    return text


def _have_magnitudes(texts: list[str]) -> bool:
    """Whether letters behind numbers stand for powers of ten: there are several of them, or one that hardly is a unit."""
    letters = {m[2] for t in texts if (m := _WITH_MAGNITUDE.fullmatch(t))}
    return len({t.lower() for t in letters}) > 1 or bool(letters & _SURE_MAGNITUDES)


def _unit(labels: list[str]) -> str:
    """The sign or word that stands around most numbers; empty where there is none."""
    found: Counter[str] = Counter()
    for text in labels:
        match = _AROUND.fullmatch(text.replace(MINUS, "-").replace("\u2019", "'"))
        if not match or bool(match[2]) == bool(match[3]):
            continue
        # letters in front of a number make a name (`S10`), unless they are a currency
        if match[3] or not match[2].isalnum() or match[2] in CURRENCIES:
            found[match[2] or match[3]] += 1
    if not found:
        return ""
    unit, times = found.most_common(1)[0]
    return unit if times >= (0.1 if unit == "%" else 0.5) * len(labels) else ""


def units_of(labels: list[str]) -> list[str]:
    """The currencies and percent signs around numbers, the most frequent first, where nearly all labels are numbers."""
    matches = [_AROUND.fullmatch(t.replace(MINUS, "-")) for t in labels]
    units = Counter(unit for m in matches if m for unit in (m[2], m[3]) if unit)
    if sum(m is not None for m in matches) < 0.9 * len(labels) or not set(units) <= CURRENCIES | {"%"}:
        return []
    return [unit for unit, _ in units.most_common()]
