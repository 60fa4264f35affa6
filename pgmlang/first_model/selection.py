"""Which columns a model takes, and why not the others."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from pgmlang.profile.column import MAX_LABELS, ColumnProfile
from pgmlang.profile.counting_columns import counting_column
from pgmlang.profile.remarks.duplicate_columns import affine_pairs, duplicates, is_quantity, renamings
from pgmlang.profile.remarks.one_hot import one_hot_groups
from pgmlang.profile.table import TableProfile

MAX_COLUMNS = 200
"""A first model of more columns says nothing to a reader."""


def chosen(
    table: TableProfile, target: str | None, groups_are_plates: bool
) -> tuple[list[ColumnProfile], list[str]]:
    """The columns of a model, and a line on each of the others."""
    reasons = dict(_reasons(table, target, groups_are_plates))
    if target is not None:
        reasons.pop(target, None)
    columns = [c for name, c in table.columns.items() if name not in reasons]
    for column in columns[MAX_COLUMNS:]:
        if column.name != target:
            reasons[column.name] = f"one of more than {MAX_COLUMNS}"
    said = [f"# {_on_one_line(name)}: {reason}; left out" for name, reason in reasons.items()]
    if len(said) > 40:
        said = [*said[:40], f"# ... and {len(said) - 40:,} more columns left out"]
    return [c for c in columns if c.name not in reasons], said


def _reasons(table: TableProfile, target: str | None, groups_are_plates: bool) -> Iterator[tuple[str, str]]:
    for column in table.columns.values():
        reason = _reason(column, groups_are_plates)
        if reason:
            yield column.name, reason
    counting = counting_column(table.frame, tuple(table.columns), target)
    if counting is not None and counting.is_sure:
        yield counting.name, f"it is {counting.why}: `--{counting.option} {counting.name}` says so"
    for first, *others in duplicates(table):
        stays = target if target in others else first
        for other in (first, *others):
            if other != stays:
                yield other, f"it says the same as {_on_one_line(stays)}"
    for names in renamings(table):
        # an effect of each label says all that numbers do
        stays = target if target in names else names[0]
        for other in names:
            if other != stays and not (is_quantity(table.columns[stays]) and is_quantity(table.columns[other])):
                yield other, f"it tells the same rows apart as {_on_one_line(stays)}"
    if target is not None:
        for first, other in affine_pairs(table):
            gone, stays = (first, other) if other == target else (other, first)
            yield gone, f"it is {_on_one_line(stays)} times a number, plus a number: it says the same"
        for group in one_hot_groups(table):
            last = next(c for c in reversed(group.columns) if c != target)
            yield last, f"it is 1 where the other columns of {_on_one_line(group.name)} are 0"


def _reason(column: ColumnProfile, groups_are_plates: bool) -> str:
    strays = [i for i in column.strays if column.counts[i]] if column.is_numeric and not column.is_binned else []
    several = f"{column.distinct:,} different values"
    match column.kind:
        case "empty":
            return "no value"
        case "constant":
            return "one value only"
        case "id":
            return "a name of each row"
        case "date" if not column.date_formats:
            return "dates in more than one spelling"
        case "date":
            names = [shlex.quote(f"{column.name}={f}") for f in column.date_formats[:2]]
            return f"dates ({' or '.join(f'`--dates {n}`' for n in names)} reads them as days)"
        case "text":
            return f"free text, {several}"
        case "other":
            return "neither text nor numbers"
        case "group" if not groups_are_plates and column.distinct > MAX_LABELS:
            return f"{several} that come again: names of groups, for `plate row in {column.name}`"
        case "group" if groups_are_plates and column.missing:
            return f"names of groups, {column.missing:,} missing: a row must have its group"
    if column.mixed_units:
        shown = ", ".join(f"`{unit}`" if unit else "none" for unit in column.mixed_units[:4])
        return f"its numbers are in several units ({shown})"
    if column.is_open_number:
        name = shlex.quote(column.name + "=,")
        return f"its comma parts thousands (`--thousands {name}`) or is the decimal mark (`--decimal {name}`), and no cell says which"
    if strays:
        cells = int(column.counts[strays].sum())
        return f"{cells:,} cells of text among numbers (`pgmc describe` says which)"
    return ""


def _on_one_line(text: str) -> str:
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())
