"""How the cells of a table are read: what means missing, how numbers are written, which labels are one. Plain data, that a
fit keeps and reads new rows by."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pgmlang.data.numbers import NumberFormat
from pgmlang.data.problems import problem, quoted
from pgmlang.diagnostics.suggest import did_you_mean

MARKS = (".", ",")
GROUP_MARKS = ("", ",", ".", " ", "'")


@dataclass(frozen=True)
class Reading:
    """``encoding``: of a text file that is not in UTF-8 and has no mark of its own; not kept by a fit. ``decimal``: the decimal mark of numbers in text; ``thousands``: a mark between groups of three digits; ``na``: texts
    that mean missing: each with the column it is of (empty: of all). ``strip``: labels lose the blanks around them, runs of
    blanks are one, and their Unicode form is NFC. ``fold_case``: labels are read in lower case. ``merge``: (column, label,
    the label it is read as). ``unit``: (column, text) a sign or unit around its numbers. ``accounting``: columns where `(100)` is -100; ``magnitudes``:
    columns where `2.5k` is 2500. ``dates``: (column, format) read as
    days since 1970-01-01. ``bins``: (column, how it is cut; see `cuts`). A column's name may also stand in front of a text
    (``age=?``, ``sex:M``) where the table has a column of that name. A number names all cells of its value (`-999` also
    `-999.0`) in a column of numbers. ``spelt``, ``valued``, ``written`` are settled by the table that was read: columns that have
    other texts too, so that texts name the cells that are spelt so; columns of numbers; and (column, label of ``merge``, how
    the column writes that number).
    """

    encoding: str = ""
    decimal: tuple[tuple[str, str], ...] = ()
    thousands: tuple[tuple[str, str], ...] = ()
    na: tuple[tuple[str, str], ...] = ()
    strip: bool = False
    fold_case: bool = False
    merge: tuple[tuple[str, str, str], ...] = ()
    unit: tuple[tuple[str, str], ...] = ()
    accounting: tuple[str, ...] = ()
    magnitudes: tuple[str, ...] = ()
    dates: tuple[tuple[str, str], ...] = ()
    bins: tuple[tuple[str, Any], ...] = ()
    spelt: tuple[str, ...] = ()
    valued: tuple[str, ...] = ()
    written: tuple[tuple[str, str, str], ...] = ()

    @classmethod
    def of(cls, base: Reading | None = None, **given: Any) -> Reading:
        """The reading of keyword arguments as Python takes them (lists, mappings); what is None or says nothing is that of
        ``base``. Raises PgmError PGM0612 for marks that no number has and options that are not understood."""
        base = base or cls()
        unknown = set(given) - set(NAMES)
        if unknown:
            raise TypeError(f"unexpected keyword argument {min(unknown)!r}")
        said = {k: v for k, v in given.items() if v or v == ""}
        made = replace(base, **{k: _PLAIN[k](v) if k in _PLAIN else v for k, v in said.items()})
        made.check()
        return made

    def check(self) -> None:
        """Raises PgmError PGM0612 for encodings that are not known and marks that no number has."""
        try:
            is_text = not self.encoding or getattr(codecs.lookup(self.encoding), "_is_text_encoding", True)
        except (LookupError, ValueError):
            is_text = False
        if not is_text:
            raise problem("PGM0612", f"the encoding {quoted(self.encoding)} is not known",
                          cure="give one such as `cp1252`, `latin-1`, `utf-16` or `shift_jis`")  # fmt: skip
        for _, mark in self.decimal:
            if mark not in MARKS:
                raise problem("PGM0612", f"the decimal mark {quoted(mark)} is not known", cure="give `.` or `,`")
        for name, mark in self.thousands:
            if mark not in GROUP_MARKS:
                raise problem("PGM0612", f"the mark between thousands {quoted(mark)} is not known",
                              cure="give `,`, `.`, `'` or a blank")  # fmt: skip
            if mark and mark == dict(self.decimal).get(name, self.decimal_mark):
                other = "," if mark == "." else "."
                raise problem("PGM0612", f"`{mark}` is both the decimal mark and the mark between thousands",
                              cure=f"say both: `--thousands {mark} --decimal {other}`")  # fmt: skip

    @property
    def decimal_mark(self) -> str:
        """The decimal mark of columns that have none of their own."""
        return dict(self.decimal).get("", ".")

    def plus(self, other: Reading) -> Reading:
        """Both: what ``other`` says of a column is added."""
        joined = {f.name: (*getattr(self, f.name), *(r for r in getattr(other, f.name) if r not in getattr(self, f.name)))
                  for f in fields(self) if f.name not in ("encoding", "strip", "fold_case")}  # fmt: skip
        return Reading(
            encoding=self.encoding or other.encoding,
            **joined,
            strip=self.strip or other.strip,
            fold_case=self.fold_case or other.fold_case,
        )

    @property
    def is_plain(self) -> bool:
        """Whether cells are taken as they stand."""
        return replace(self, encoding="") == Reading()

    def number_format(self, column: str) -> NumberFormat:
        """How the numbers of a column are written."""
        decimals, groups = dict(self.decimal), dict(self.thousands)
        decimal, group = decimals.get(column, self.decimal_mark), groups.get(column, groups.get("", ""))
        if decimal == group:  # the one that is said of this column holds
            decimal, group = (decimal, "") if column in decimals else ("," if group == "." else ".", group)
        return NumberFormat(
            decimal, group, dict(self.unit).get(column, ""), column in self.accounting, column in self.magnitudes
        )

    def na_of(self, column: str) -> list[str]:
        """The texts that mean missing in a column."""
        return [text for name, texts in self.na for text in texts_for(column, name, texts, "=")]

    def merged(self, column: str) -> dict[str, str]:
        """Labels of a column to what they are read as."""
        return {
            text: label
            for name, texts, label in self.merge
            for text in texts_for(column, name, texts, ":")
        }  # fmt: skip

    def spelling_of(self, column: str, label: str) -> str | None:
        """How a column of numbers writes a label that others are merged to; None where no table has settled it."""
        return next((w for c, t, w in self.written if (c, t) == (column, label)), None)

    def columns(self) -> list[tuple[str, str]]:
        """The columns that are named for sure, with the option that does."""
        named = [
            ("na", self.na),
            ("merge", self.merge),
            ("unit", self.unit),
            ("dates", self.dates),
            ("bins", self.bins),
        ]
        plain = [("accounting", self.accounting), ("magnitudes", self.magnitudes)]
        return [
            *((option, row[0]) for option, rows in named for row in rows if row[0]),
            *((option, column) for option, columns in plain for column in columns),
        ]

    def check_columns(self, known: Iterable[str], place: str) -> None:
        """Raises PgmError PGM0720 for an option that names a column which the table does not have."""
        names = list(known)
        for option, column in self.columns():
            if column not in names:
                cure = did_you_mean(column, names) or "name one of the columns: " + ", ".join(
                    map(quoted, names[:12])
                )
                raise problem("PGM0720", f"no column `{column}` (of `--{option}`)", place=place, cure=cure)

    def to_json(self) -> dict[str, Any]:
        """What is not as it stands, as plain data."""
        return {k: v for k, v in asdict(self).items() if v and k != "encoding"}

    @classmethod
    def of_json(cls, about: Mapping[str, Any]) -> Reading:
        """Of `to_json`. Raises PgmError PGM0612 for what it cannot have written."""
        try:
            made = cls(**{k: _tuples(v) for k, v in about.items()})
        except TypeError:
            raise problem("PGM0612", "how the data were read is not understood") from None
        made.check()
        return made

    def keywords(self) -> dict[str, Any]:
        """The keyword arguments of Python that say the same (the column of what is of all columns is the empty text)."""
        plain = ("encoding", "strip", "fold_case")
        out: dict[str, Any] = {name: getattr(self, name) for name in plain if getattr(self, name)}
        for name in ("decimal", "thousands", "unit", "dates"):
            if getattr(self, name):
                out[name] = dict(getattr(self, name))
        for name in ("accounting", "magnitudes"):
            if getattr(self, name):
                out[name] = list(getattr(self, name))
        if self.bins:
            out["bins"] = {c: list(how) if isinstance(how, tuple) else how for c, how in self.bins}
        for column, text in self.na:
            out.setdefault("na", {}).setdefault(column, []).append(text)
        for column, text, label in self.merge:
            out.setdefault("merge", {}).setdefault(column, {})[text] = label
        return out

    def flags(self) -> list[str]:
        """The options of the command line that say the same, each word by itself."""
        out: list[str] = ["--encoding", self.encoding] if self.encoding else []
        for flag, marks in (("--decimal", self.decimal), ("--thousands", self.thousands)):
            for column, mark in marks:
                out += [flag, f"{column}={mark}" if column else mark]
        out += ["--strip"] * self.strip + ["--fold-case"] * self.fold_case
        for column, text in self.na:
            out += ["--na", f"{column}={text}" if column else text]
        for column, text, label in self.merge:
            out += ["--merge", f"{column}:{text}={label}" if column else f"{text}={label}"]
        for flag, columns in (("--accounting", self.accounting), ("--magnitudes", self.magnitudes)):
            out += [word for column in columns for word in (flag, column)]
        for flag, rows in (("--unit", self.unit), ("--dates", self.dates), ("--bins", self.bins)):
            for column, what in rows:
                value = "[" + ",".join(f"{c:.12g}" for c in what) + "]" if isinstance(what, tuple) else what
                out += [flag, f"{column}={value}" if value != "" else column]
        return out


def joined_readings(readings: Iterable[Reading]) -> Reading:
    """One reading of several tables that were read by the same options: settled bins and dates from where the column is."""
    several = list(readings)
    if not several:
        return Reading()
    joined = several[0]
    for other in several[1:]:
        joined = replace(
            joined,
            dates=_settled(joined.dates, other.dates),
            bins=_settled(joined.bins, other.bins),
            spelt=tuple(dict.fromkeys((*joined.spelt, *other.spelt))),
            valued=tuple(dict.fromkeys((*joined.valued, *other.valued))),
            written=tuple(dict.fromkeys((*joined.written, *other.written))),
        )
    return joined


def _settled(
    rows: tuple[tuple[str, Any], ...], others: tuple[tuple[str, Any], ...]
) -> tuple[tuple[str, Any], ...]:
    told = {n: how for n, how in others if how and not (isinstance(how, str) and dict(rows).get(n, how) != how)}
    return tuple((n, told.get(n, how) if not isinstance(how, tuple) else how) for n, how in rows)


NAMES = tuple(f.name for f in fields(Reading) if f.name not in ("spelt", "valued", "written"))
"""The keywords that say how cells are read."""


def texts_for(column: str, name: str, text: str, mark: str) -> list[str]:
    """A text where it is of this column: said so, or of all columns; also what stands behind ``column`` and the mark."""
    if name:
        return [text] if name == column else []
    start = column + mark
    return [text, text[len(start) :]] if text.startswith(start) else [text]


def _marks(value: Any) -> tuple[tuple[str, str], ...]:
    """``decimal`` and ``thousands``: a mark, ``COLUMN=MARK``, several of these, or a mapping from columns to marks."""
    if isinstance(value, Mapping):
        return tuple((str(c), str(m)) for c, m in value.items())
    rows = (str(item).rpartition("=") for item in _listed(value))
    return tuple((column, mark) for column, _, mark in rows)


def _named_texts(value: Any) -> tuple[tuple[str, str], ...]:
    """``na``: a text, texts, or a mapping from columns to these."""
    if isinstance(value, str):
        return (("", value),)
    if isinstance(value, Mapping):
        return tuple((str(c), str(t)) for c, texts in value.items() for t in _listed(texts))
    return tuple(("", str(t)) for t in value)


def _listed(texts: Any) -> list[Any]:
    return [texts] if isinstance(texts, str | int | float) else list(texts)


def label_of(value: Any) -> str:
    """The label of a cell as Python has it: `true` of True, `1` of 1.0."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _merges(value: Any) -> tuple[tuple[str, str, str], ...]:
    """``merge``: ``"Male=male"`` texts, or a mapping from labels to labels, or from columns to such mappings."""
    if isinstance(value, Mapping):
        return tuple(
            (str(c), label_of(a), label_of(b)) if nested else ("", label_of(c), label_of(v))
            for c, v in value.items()
            for nested in [isinstance(v, Mapping)]
            for a, b in (v.items() if nested else [("", "")])
        )
    rows = []
    for item in _listed(value):
        text, equals, label = str(item).rpartition("=")
        if not equals or not text:
            raise problem("PGM0612", f"`--merge {item}` is not understood", cure='write `--merge "Male=male"`')
        rows.append(("", text, label))
    return tuple(rows)


def _by_column(option: str, needs_value: bool = True) -> Any:
    def pairs(value: Any) -> tuple[tuple[str, Any], ...]:
        """A mapping from columns, or ``COLUMN=VALUE`` texts."""
        if isinstance(value, Mapping):
            return tuple(
                (str(c), _tuples(v) if not isinstance(v, str | int) else str(v)) for c, v in value.items()
            )
        rows = []
        for item in _listed(value):
            column, equals, text = str(item).partition("=")
            if not column or (needs_value and not equals):
                raise problem("PGM0612", f"`--{option} {item}` is not understood",
                              cure=f"write `--{option} COLUMN=VALUE`")  # fmt: skip
            rows.append((column, text))
        return tuple(rows)

    return pairs


def _tuples(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    if isinstance(value, list | tuple):
        return tuple(map(_tuples, value))
    return value.item() if hasattr(value, "item") else value


_PLAIN: dict[str, Any] = {
    "decimal": _marks,
    "thousands": _marks,
    "na": _named_texts,
    "merge": _merges,
    "unit": _by_column("unit"),
    "accounting": lambda value: tuple(map(str, _listed(value))),
    "magnitudes": lambda value: tuple(map(str, _listed(value))),
    "dates": _by_column("dates", needs_value=False),
    "bins": _by_column("bins"),
}
