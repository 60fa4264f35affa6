"""Where an order is needed, text does not give one: ordinal labels are declared, times are numbers or ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time

from pgmlang.binding.close import open_sets
from pgmlang.binding.problems import BindingProblems, listed
from pgmlang.data import Column
from pgmlang.data.header import is_number
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.families import FAMILIES
from pgmlang.model import Model
from pgmlang.model.branches import families_in

_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d(?:-\d\d)?|\d{4}-W\d\d(?:-\d)?)?(?P<mark>[T ])?(?P<time>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?"
)


def refuse_unordered(column: Column) -> None:
    """Raises PgmError PGM0722 unless a column of text holds times whose order is that of their text: ISO 8601, all of
    one kind and in one time zone."""
    labels, codes = column.labels_and_codes()
    kinds: set[tuple[object, ...]] = set()
    for code in sorted(set(codes.tolist()) - {-1}):
        kind = _kind(labels[code])
        kinds.add(kind)
        if not kind or len(kinds) > 1:
            row = int((codes == code).argmax())
            message = f"`{labels[code]}` is text, and the order of text is not that of the steps"
            if kind:
                message = f"`{labels[code]}` is another kind of time than the cells before it"
            cure = "number the steps (1, 2, 3, ...), or write dates as year-month-day: `2026-03-31`"
            raise PgmError(Diagnostic("PGM0722", message, place=column.cell(row), help=cure))


def _kind(text: str) -> tuple[object, ...]:
    """Which parts a time has, and its zone; nothing for other text."""
    match = _ISO.fullmatch(text)
    if match is None or not (match["date"] or match["time"]):
        return ()
    if (match["mark"] is not None) != (match["date"] is not None and match["time"] is not None):
        return ()
    try:
        if match["date"]:
            datetime.fromisoformat(match["date"]) if len(match["date"]) != 7 else date.fromisoformat(
                match["date"] + "-01"
            )
        if match["time"]:
            time.fromisoformat(match["time"])
    except ValueError:
        return ()
    return (len(match["date"] or ""), match["mark"], bool(match["time"]), match["zone"])


def refuse_ordinal_text(
    model: Model, labels: Mapping[str, tuple[str, ...]], source: str, problems: BindingProblems
) -> None:
    """PGM0722 for every variable of an ordinal distribution whose labels, not all numbers, are only the data's."""
    sets = set(open_sets(model))
    for conditional in model.conditionals:
        variable = model.by_name[conditional.target]
        dim = model.dim_by_name.get(model.root_axis(variable.type.axis)) if variable.type.axis else None
        is_open = variable.name in sets or (dim is not None and dim.labels is None and dim.size is None)
        names = labels.get(dim.name if dim is not None else variable.name, ())
        if not is_open or not names or all(is_number(x) for x in names):
            continue
        families = [
            d.family for d in families_in(conditional.distribution)
            if d.family in FAMILIES and FAMILIES[d.family].ordinal
        ]  # fmt: skip
        if families:
            said = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
            line = (
                f"dim {dim.name} = {{{said}}}"
                if dim is not None
                else f"{variable.name} : {{{said}}} ~ {families[0]}(...)"
            )
            problems.error(
                "PGM0722", f"`{variable.name}` is ordinal, and its labels {listed(names)} are sorted as text", source,
                f"write the labels in their order: `{line}`", about=variable.name,
            )  # fmt: skip
