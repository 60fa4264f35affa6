"""The error for cells that are no numbers, with the options by which they would be some."""

from __future__ import annotations

import itertools
import re
import shlex
from collections import Counter

import numpy as np

from pgmlang.data.bridge import strings_of
from pgmlang.data.date_formats import formats_of
from pgmlang.data.numbers import MAGNITUDES, MINUS, MISSING_WORDS, PLAIN, NumberFormat, parse_numbers
from pgmlang.data.problems import problem, quoted
from pgmlang.data.reading import Reading
from pgmlang.data.row_origin import RowOrigin
from pgmlang.diagnostics import PgmError

_MARKS = ((".", ","), (",", "."), (",", ""), (".", " "), (",", " "), (".", "'"))


def not_numbers(
    place: RowOrigin, column: str, rows: np.ndarray, texts: list[str], how: NumberFormat = PLAIN
) -> PgmError:
    """The error for cells that are no numbers; ``texts``: the first few of them."""
    lines = place.lines([int(r) for r in rows[: len(texts)]])
    notes = []
    if len(rows) > 1:
        also = ", ".join(f"{quoted(t)} ({place.unit} {n})" for t, n in zip(texts, lines, strict=True))
        more = ", …" if len(rows) > len(texts) else ""
        notes.append(f"{len(rows):,} cells of `{column}` are no numbers: {also}{more}")
    return problem(
        "PGM0721", f"{quoted(texts[0])} is not a number", place=f"{place.name}:{lines[0]}:{column}", notes=notes,
        cure=_cure(texts, column, how),
    )  # fmt: skip


def _cure(texts: list[str], column: str, how: NumberFormat) -> str:
    bare = texts[0].strip().lower()
    if bare.lstrip("+-") in ("inf", "infinity"):
        return "infinite values are not accepted; leave the cell empty where the value is not known"
    if formats_of(strings_of(texts[:1])):
        return f"if these are dates, give `--dates {shlex.quote(column)}`, which reads them as days (in Python `dates=[{column!r}]`)"
    if bare in MISSING_WORDS:
        return f"if it means missing, give `--na {shlex.quote(texts[0])}` (in Python `na=[{texts[0]!r}]`)"
    other = "," if how.decimal == "." else "."
    digits = bare.lstrip("+-").replace(",", "").replace(".", "").isdigit()
    if digits and bare.count(other) == 1 and how.decimal not in bare:
        three = len(bare.partition(other)[2]) == 3
        between = f", or if it parts thousands `--thousands {other}`" if three and not how.thousands else ""
        return (
            f"if `{other}` is the decimal mark, give `--decimal {other}` (in Python `decimal='{other}'`){between}"
        )
    if digits and not how.thousands:
        return f"if `{other}` parts thousands, give `--thousands {other}` (in Python `thousands='{other}'`)"
    numbers = [t for t in texts if t.strip().lower() not in MISSING_WORDS]
    formats = _formats_of(numbers, how)
    if not formats:
        return "correct the cell, or leave it empty if the value is not known"
    # a letter behind a number may be a unit as well (`m` of metres)
    chosen = [next((f for f in formats if f.magnitudes == is_so), None) for is_so in (False, True)]
    ways = [
        f"if it is {parse_numbers(strings_of(texts[:1]), f)[0][0]:.12g}, give {_typed(_options(column, how, f))}"
        for f in chosen
        if f is not None
    ]
    return "; ".join(ways)


def _formats_of(texts: list[str], how: NumberFormat) -> list[NumberFormat]:
    """The formats by which all texts are numbers, those with the fewest changes first."""
    array = strings_of(texts)
    units = dict.fromkeys((how.unit, *_units(texts)))
    candidates = [
        NumberFormat(decimal, thousands, unit, accounting, magnitudes)
        for (decimal, thousands), unit, accounting, magnitudes in itertools.product(
            dict.fromkeys(((how.decimal, how.thousands), *_MARKS)), units, dict.fromkeys((how.accounting, True)),
            dict.fromkeys((how.magnitudes, True)),
        )
    ]  # fmt: skip
    candidates.sort(key=lambda c: sum(a != b for a, b in zip(c, how, strict=True)))
    good = [c for c in candidates if not parse_numbers(array, c)[1].any()]
    # letters for powers of ten change nothing where there are none
    return [c for c in good if c.magnitudes == how.magnitudes or c._replace(magnitudes=how.magnitudes) not in good]


def _units(texts: list[str]) -> list[str]:
    """What stands around the numbers, the most frequent first, with and without letters for powers of ten."""
    around = [
        re.fullmatch(
            r"[\s(]*+[+-]?+([^\d\s()+-]*+)[\s(+-]*+(?:[.,' ]*+\d)+[.]?+\s*+([^\d\s()]*+)[\s)]*+",
            t.replace(MINUS, "-"),
        )
        for t in texts
    ]
    words = Counter(w for m in around if m for w in (m[1], m[2]) if w)
    return sorted((w for w, _ in words.most_common(3)), key=lambda w: w.lower() in MAGNITUDES)


def _options(column: str, how: NumberFormat, better: NumberFormat) -> Reading:
    """The options that make the one format of the other."""
    return Reading(
        decimal=((column, better.decimal),) if better.decimal != how.decimal else (),
        thousands=((column, better.thousands),) if better.thousands != how.thousands else (),
        unit=((column, better.unit),) if better.unit != how.unit else (),
        accounting=(column,) if better.accounting != how.accounting else (),
        magnitudes=(column,) if better.magnitudes != how.magnitudes else (),
    )


def _typed(options: Reading) -> str:
    """The options as they are typed, and as keywords of Python."""
    keywords = ", ".join(f"{name}={value!r}" for name, value in options.keywords().items())
    return f"`{' '.join(map(shlex.quote, options.flags()))}` (in Python `{keywords}`)"
