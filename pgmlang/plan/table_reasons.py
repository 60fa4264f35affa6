"""Reasons that several methods on tables share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pgmlang.binding.row_groups import row_groups, table_shapes
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact import ExactEngine, WidthReport
from pgmlang.exact.query import DEFAULT_MAX_CELLS
from pgmlang.model import Model
from pgmlang.plan.chain_window import chain_window
from pgmlang.plan.method import Facts, once_per_problem
from pgmlang.tables.conditionals import uniform_parameters
from pgmlang.tables.evaluate import unknown_parameter
from pgmlang.tables.verdict import discrete_verdict


@once_per_problem
def table_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why a model does not fit into tables, or which values it lacks."""
    verdict = discrete_verdict(model, facts.observed, facts.fixed)
    return (*verdict.reasons, *missing_parameters(model, facts))


def missing_parameters(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """A reason for every param without a value, and for inputs that the data lacks."""
    for variable in model.of_role("param"):
        if variable.name not in facts.fixed:
            yield unknown_parameter(variable)
    if facts.binding is not None:
        for variable in model.of_role("input"):
            if variable.name not in facts.binding.values and variable.name not in facts.fixed:
                yield unknown_parameter(variable)


@once_per_problem
def width_of(model: Model, facts: Facts) -> WidthReport | None:
    """What exact inference on the bound data costs a row (the first pattern of evidence stands for all, a window of a
    long chain for the whole of it). None without data, or when values are lacking."""
    if facts.binding is None or table_reasons(model, facts):
        return None
    binding, times = chain_window(facts.binding)
    shapes = table_shapes(binding)
    layout = binding.layout
    held = [model.by_name[n] for n in facts.fixed]
    # any value will do: only the structure counts
    fixed = {v.name: np.full(layout.shape(model.array_axes(v)), 0.5) for v in held}
    group = next(row_groups(binding, uniform_parameters(shapes), fixed), None)
    if group is None:
        return None
    engine = ExactEngine(group.unrolled.network)
    complete = [v for v, codes in group.evidence.items() if (codes >= 0).all()]
    report = engine.width_report(complete)
    return replace(
        report,
        clique_cells=math.ceil(times * report.clique_cells),
        total_cells=math.ceil(times * report.total_cells),
        bytes=math.ceil(times * report.bytes),
    )


@once_per_problem
def width_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """A reason against when exact inference would not fit into memory."""
    try:
        report = width_of(model, facts)
    except PgmError as error:  # a table alone, or log Z of fields over their parents, is too wide
        return error.diagnostics
    if report is None or report.total_cells <= DEFAULT_MAX_CELLS:
        return ()
    message = (
        f"the treewidth is {report.treewidth}: the largest clique would have {report.largest_cells:.3g} cells"
    )
    return (Diagnostic("PGM0603", message, help="observe more, or make the model sparser"),)


def width_words(model: Model, facts: Facts) -> tuple[str, ...]:
    """The cost of the exact E-step in words."""
    report = width_of(model, facts)
    if report is None:
        return ()
    return (f"treewidth {report.treewidth}, largest clique {report.largest_cells:,} cells",)
