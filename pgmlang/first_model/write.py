"""A first model from a table's profile."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pgmlang.data import Frame, Reading
from pgmlang.data.mending import mended
from pgmlang.diagnostics import Diagnostic, PgmError, SourceFile
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.display import text_as_html
from pgmlang.display.text import count_of
from pgmlang.first_model.doubts import doubts_about
from pgmlang.first_model.page import Page
from pgmlang.first_model.regressions import REGRESSIONS, naive_bayes
from pgmlang.first_model.selection import chosen
from pgmlang.first_model.variables import estimated_alone, is_labelled
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.counting_columns import counting_column
from pgmlang.profile.kinds import words_of
from pgmlang.profile.registry import remarks_on, sure_options
from pgmlang.profile.table import TableProfile, profile
from pgmlang.syntax.format import format_source

CLASSIFIERS = ("logistic", "naive-bayes")


@dataclass(frozen=True, repr=False)
class FirstModel:
    """``text``: the model; ``says``: what it is, in words; ``reading``: how the table was read for it, ``notes``: what that
    did; ``doubts``: what cells may mean instead, with the options that read them so; ``mapping``: variables whose columns have other names; ``counting``: the option and the column that seems to say how
    many rows each row is; ``method``: of a fit, where ``auto`` would take long."""

    text: str
    says: str
    reading: Reading = field(default_factory=Reading)
    notes: tuple[str, ...] = ()
    mapping: dict[str, str] = field(default_factory=dict)
    counting: tuple[str, str] | None = None
    method: str = "auto"
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text.rstrip("\n")

    def _repr_html_(self) -> str:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter

        from pgmlang.syntax.highlight import PgmLexer

        options = "".join(f", {name}={value!r}" for name, value in self.binding.items())
        notes = "".join(f"\n# read: {note}" for note in self.notes)
        shown: str = highlight(self.text, PgmLexer(), HtmlFormatter(noclasses=True, nobackground=True))
        return shown + text_as_html(f"compile(first.text).fit(data{options}){notes}")

    @property
    def flags(self) -> str:
        """The options that ``pgmc fit`` takes with the model, as they are typed."""
        words = [*self.reading.flags(), *(x for n, c in self.mapping.items() for x in ("--map", f"{n}={c}"))]
        words += [f"--{self.counting[0]}", self.counting[1]] if self.counting is not None else []
        words += ["--method", self.method] if self.method != "auto" else []
        return " ".join(map(shlex.quote, words))

    @property
    def binding(self) -> dict[str, Any]:
        """The keyword arguments that ``fit`` in Python takes with the model, its method among them."""
        method = {"method": self.method} if self.method != "auto" else {}
        counting = dict([self.counting]) if self.counting is not None else {}
        return {
            **self.reading.keywords(),
            **({"mapping": self.mapping} if self.mapping else {}),
            **counting,
            **method,
        }


LARGE = 30_000
"""Rows times columns, times the ways to fill in missing labels, from which a fit by draws takes minutes: the most probable values
come at once."""


def drafted(
    frame: Frame, reading: Reading, name: str, target: str | None = None, classifier: str = "logistic", as_is: bool = False
) -> FirstModel:  # fmt: skip
    """The first model of a table as it stands in its source, read by ``reading`` and, unless ``as_is``, by what its profile is
    sure of. Raises PgmError as `first_model`, and for options that do not fit the table."""
    reading.check_columns(frame.columns, frame.name)
    bins = tuple((c, f"supervised:{target}" if how == "supervised" and target else how) for c, how in reading.bins)
    plain, seen = replace(reading, bins=()), None
    if not as_is:
        seen = profile(mended(frame, plain))
        plain = plain.plus(sure_options(remarks_on(seen), seen))
    read = mended(frame, replace(plain, bins=bins), reading)
    made = first_model(read, name, target, classifier, seen)
    said: tuple[str, ...] = ()
    if made.counting is not None:
        option, column = made.counting
        said = (
            f"`{column}` as the number of rows that each row stands for; if it is none, leave `--{option}` out",
        )
    return replace(made, reading=read.reading, notes=(*read.notes, *said))


def first_model(
    frame: Frame, name: str, target: str | None = None, classifier: str = "logistic", before: TableProfile | None = None
) -> FirstModel:  # fmt: skip
    """A model of a table: each column by itself, or ``target`` by the others: a regression of numbers, counts and scales, of
    labels the ``classifier`` (one of ``CLASSIFIERS``). ``before``: as of `profile`.

    Raises PgmError PGM0720 when there is no column ``target``, PGM0602 when it cannot be one, PGM0612 for another classifier.
    """
    if classifier not in CLASSIFIERS:
        raise PgmError(
            Diagnostic(
                "PGM0612", f"there is no classifier `{classifier}`", help=f"one of {', '.join(CLASSIFIERS)}"
            )
        )
    table = profile(frame, before)
    if target is not None and target not in table.columns:
        near = did_you_mean(target, table.columns)
        raise PgmError(Diagnostic("PGM0720", f"there is no column `{target}`", place=frame.name, help=near))
    is_bayes = target is not None and classifier == "naive-bayes"
    columns, left_out = chosen(table, target, groups_are_plates=target is not None and not is_bayes)
    page, says = _written(table, columns, left_out, target, is_bayes, is_of_points=False)
    is_large = target is not None and not is_bayes and frame.num_rows * len(columns) * page.states > LARGE
    if is_large and page.around:
        page, says = _written(table, columns, left_out, target, is_bayes, is_of_points=True)
    if not page.rows:
        raise PgmError(Diagnostic("PGM0708", "no column of the table can be modelled", place=frame.name,
                                  help="`pgmc describe` says what each of them is"))  # fmt: skip
    page.about.append(f"# {says}")
    doubts = doubts_about(table)
    page.left_out += [f"# {doubt}" for doubt in doubts]
    text = page.text(
        f"# a first model of {frame.name}: {count_of(frame.num_rows, 'row')}, {count_of(len(frame.columns), 'column')}",
        name,
    )
    return FirstModel(
        format_source(SourceFile("<init>", text)),
        says,
        frame.reading,
        frame.notes,
        page.mapping,
        _counting(table, target),
        "map" if is_large else "auto",
        doubts,
    )


def _written(
    table: TableProfile, columns: list[ColumnProfile], left_out: list[str], target: str | None, is_bayes: bool, *, is_of_points: bool
) -> tuple[Page, str]:  # fmt: skip
    """The page of a model, and what it is, in words; ``is_of_points``: to be fitted by its most probable values."""
    page = Page(left_out=list(left_out), is_of_points=is_of_points)
    page.name_columns([c.name for c in columns])
    if target is None:
        for column in columns:
            estimated_alone(page, column)
        says = "each column by itself: an arrow is made by naming a column in the distribution of another"
    else:
        others = [c for c in columns if c.name != target]
        page.random.add(target)
        write = _writer(table.columns[target], is_bayes)
        says = write(page, table, table.columns[target], others)
    page.left_out += [
        f"# {c.name}: {count_of(c.missing, 'missing cell')}, filled in by what the model says"
        for c in columns
        if c.missing and c.name in page.random
    ]
    page.left_out += _maybe_counting(table, target)
    page.left_out += [
        f"# {c.name}: read with decimal points; if they part thousands, `--decimal {shlex.quote(c.name + '=,')} --thousands {shlex.quote(c.name + '=.')}`"
        for c in columns
        if c.dotted_thousands is not None
    ]
    return page, says


def _counting(table: TableProfile, target: str | None) -> tuple[str, str] | None:
    """The option and the column that for sure counts rows, which then is no variable."""
    counting = counting_column(table.frame, tuple(table.columns), target)
    return (counting.option, counting.name) if counting is not None and counting.is_sure else None


def _maybe_counting(table: TableProfile, target: str | None) -> list[str]:
    """A line on a column that may count or weigh rows, and stays a variable."""
    counting = counting_column(table.frame, tuple(table.columns), target)
    if counting is None or counting.is_sure:
        return []
    return [
        f"# {counting.name}: may be {counting.why}; if it is, `pgmc fit` takes `--{counting.option} {counting.name}`, and it is no variable"
    ]


Writer = Callable[[Page, TableProfile, ColumnProfile, list[ColumnProfile]], str]


def _writer(target: ColumnProfile, is_bayes: bool) -> Writer:
    """Who writes the model of a target. Raises PgmError PGM0602 where nobody does."""
    if target.is_open_number:
        raise PgmError(Diagnostic("PGM0602", f"the comma of `{target.name}` may part thousands or be the decimal mark",
                                  help=f"say which: `--thousands {shlex.quote(target.name + '=,')}` or `--decimal {shlex.quote(target.name + '=,')}`"))  # fmt: skip
    if is_bayes and is_labelled(target):
        return naive_bayes
    if is_bayes:
        raise PgmError(Diagnostic("PGM0602", f"`{target.name}` has numbers, and naive Bayes tells labels apart",
                                  help=f"cut it into labels: `--bins {target.name}=3`, or leave `--classifier` out"))  # fmt: skip
    for holds, write in REGRESSIONS:
        if holds(target):
            return write
    raise PgmError(Diagnostic("PGM0602", f"`{target.name}` cannot be predicted: {words_of(target.kind)}",
                              help="name a column of numbers or labels"))  # fmt: skip
