"""The terms of a linear predictor: each column scaled, labels with an effect each, groups with effects that share a spread."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from pgmlang.data.cuts import quantile_cuts
from pgmlang.data.intervals import interval_labels, interval_of
from pgmlang.first_model.page import Page, apart, number
from pgmlang.first_model.variables import centre, has_effects, labels_of, spread
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.identifiers import label_text, quoted
from pgmlang.profile.remarks.one_hot import one_hot_groups
from pgmlang.profile.table import TableProfile

MAX_GROUPS = 3
BINS = 4
"""Of a column of numbers with missing cells: so many where it is the only one, else one fewer."""
MAX_STATES = 300
"""Ways to fill in the missing labels of a row: more would take long to sum over."""


def linear_terms(
    page: Page, table: TableProfile, columns: list[ColumnProfile], scale: str, axis: str = ""
) -> list[str]:
    """The terms of the columns, their priors written on the page. ``scale``: the sd of the prior of an effect; ``axis``: of
    the labels that each have coefficients of their own (softmax)."""
    terms: list[str] = []
    wide = {c: group for group in one_hot_groups(table) for c in group.columns}
    done: set[str] = set()
    page.bins = BINS if sum(c.missing > 0 and c.kind != "group" for c in columns) < 2 else BINS - 1
    for column in columns:
        if not _has_room(page, column):
            page.left_out.append(
                f"# {column.name}: missing cells beside those of too many others; left out (or fit with `--missing drop`)"
            )
            continue
        group = wide.get(column.name)
        if group is not None:
            if group.name not in done:
                done.add(group.name)
                terms.append(_wide(page, [c for c in columns if c.name in group.columns], group.name, scale, axis))
        elif column.kind == "group":
            if len(page.around) < MAX_GROUPS and not axis:
                terms.append(_of_groups(page, column, scale))
            else:
                page.left_out.append(f"# {column.name}: names of groups; left out")
        elif column.kind == "binary" and not column.missing:
            terms.append(_of_bit(page, column, scale, axis))
        elif has_effects(column):
            terms.append(_of_labels(page, column, scale, axis))
        else:
            terms.append(_of_number(page, column, scale, axis))
    return terms


def _has_room(page: Page, column: ColumnProfile) -> bool:
    """Whether the missing cells of a column can be summed out beside those of the columns before."""
    if not column.missing or column.kind == "group":
        return True
    return page.states * (len(labels_of(column)) if has_effects(column) else page.bins) <= MAX_STATES


def _coefficient(page: Page, name: str, scale: str, axis: str, says: str) -> str:
    effect = page.fresh(f"b_{name}")
    page.priors.append(f"{effect}{f'[{axis}]' if axis else ''} ~ Normal(0, {scale})  # {says}")
    return effect


def _of_number(page: Page, column: ColumnProfile, scale: str, axis: str) -> str:
    name, values = page.names[column.name], column.sorted_numbers
    cuts = quantile_cuts(values, page.bins) if column.missing else ()
    if cuts:
        page.left_out.append(
            f"# {column.name}: cut into {len(cuts) + 1} bins, since missing labels can be summed out and missing numbers cannot"
        )
        return _of_label_set(page, column, interval_labels(cuts), scale, axis)
    is_log = column.kind == "skewed"
    if is_log:
        values = np.log(values)
    middle, deviation = centre(values), spread(values)
    unit = number(deviation)
    of = f"log({name})" if is_log else name
    effect = _coefficient(page, name, scale, axis, f"for {unit} more of {of}")
    page.rows.append(f"input {name} : {'positive' if is_log else 'real'}")
    shift = apart(float(number(middle, 3)))
    return f"{effect} * ({of}{shift}) / {unit}" if shift else f"{effect} * {of} / {unit}"


def _of_bit(page: Page, column: ColumnProfile, scale: str, axis: str) -> str:
    name = page.names[column.name]
    effect = _coefficient(page, name, scale, axis, f"where {name} is 1")
    page.rows.append(f"input {name} : real")
    return f"{effect} * {name}"


def _of_labels(page: Page, column: ColumnProfile, scale: str, axis: str) -> str:
    return _of_label_set(page, column, labels_of(column), scale, axis)


def _of_label_set(page: Page, column: ColumnProfile, labels: Sequence[str], scale: str, axis: str) -> str:
    """A coefficient for each label but the first that a row has, which the others are held against: a constant and an effect of
    every label could be exchanged. Where cells are missing, the labels have shares of their own."""
    name, written = page.names[column.name], "{" + ", ".join(map(label_text, labels)) + "}"
    axes = f"[{axis}]" if axis else ""
    cases = []
    seen = {t for t, n in zip(column.labels, column.counts, strict=True) if n}
    base = next((label for label in labels if label in seen), labels[0])
    for i, label in enumerate(labels, start=1):
        if label == base:
            continue
        ending = re.sub(r"\W+", "_", label).strip("_") if interval_of(label) is None else f"bin{i}"
        effect = page.fresh(f"b_{name}" if len(labels) == 2 else f"b_{name}_{ending or i}")
        page.priors.append(f"{effect}{axes} ~ Normal(0, {scale})  # {quoted(label)} against {quoted(base)}")
        cases.append(f"if {name} == {quoted(label)} then {effect} else ")
    if column.missing:
        page.states *= len(labels)
        page.random.add(column.name)
        share, dim = page.fresh(f"{name}_share"), page.fresh(f"{name}_label")
        page.dims.append(f"dim {dim} = {written}")
        page.priors.append(f"{share}[{dim}] ~ Dirichlet(1)  # of the labels of {name}, for its missing cells")
        page.rows.append(f"{name} : {dim} ~ Categorical({share})")
    else:
        page.rows.append(f"input {name} : {written}")
    whole = "".join(cases) + "0"
    if len(cases) == 1:
        return f"({whole})"
    term = page.fresh(f"{name}_effect")
    page.rows.append(f"{term}{axes} = {whole}")
    return term


def _wide(page: Page, columns: list[ColumnProfile], name: str, scale: str, axis: str) -> str:
    """Columns of 0 and 1 as one vector, bound by the names of its axis."""
    word = page.fresh(name)
    dim = page.fresh(f"{word}_column")
    page.dims.append(f"dim {dim} = {{{', '.join(label_text(c.name) for c in columns)}}}")
    effect = page.fresh(f"b_{word}")
    page.priors.append(
        f"{effect}[{', '.join(filter(None, [dim, axis]))}] ~ Normal(0, {scale})  # against the column left out"
    )
    page.rows.append(f"input {word}[{dim}] : real")
    return f"{word} @ {effect}"


def _of_groups(page: Page, column: ColumnProfile, scale: str) -> str:
    """Effects of groups, many rows each, whose spread is learned; it is given where only the most probable values are sought,
    which would shrink it to nothing, and all effects with it."""
    plate = page.names[column.name]
    effect = page.fresh(f"{plate}_effect")
    deviation = scale
    if page.is_of_points:
        page.plates.append(
            f"# how much the groups of {plate} differ is given: draws could learn it, as `sd ~ HalfNormal({scale})`"
        )
    else:
        deviation = page.fresh(f"{plate}_sd")
        page.priors.append(f"{deviation} ~ HalfNormal({scale})  # how much the groups of {plate} differ")
    page.plates.append(f"plate {plate} {{ {effect} ~ Normal(0, {deviation}) }}")
    page.around.append(plate)
    if plate != column.name:
        page.mapping[plate] = column.name
    return effect


def summed(base: str, terms: list[str], write: Callable[[str], None], name: str = "") -> str:
    """The sum of ``base`` and the terms: in place where it is short, else as a definition ``name``."""
    total = " + ".join([base, *terms])
    if not name or len(total) <= 60:
        return total
    # a line of a few terms each
    lines: list[str] = []
    for term in [base, *terms]:
        if lines and len(lines[-1]) + len(term) < 84:
            lines[-1] += f" + {term}"
        else:
            lines.append(term)
    write(f"{name} = " + " +\n    ".join(lines))
    return name
