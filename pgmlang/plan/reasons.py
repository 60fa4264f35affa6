"""Reasons that several methods share: inputs that the data lacks, what no program says yet. No torch here."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.diagnostics import Diagnostic
from pgmlang.lower import refusals
from pgmlang.model import Model
from pgmlang.model.row_plates import row_reductions
from pgmlang.plan.method import Facts
from pgmlang.tables.evaluate import unknown_parameter


def missing_inputs(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """Inputs that the data lacks, and rows that stand for several where all rows enter one value."""
    if facts.binding is not None:
        for variable in model.of_role("input"):
            if variable.name not in facts.binding.values and variable.name not in facts.fixed:
                yield unknown_parameter(variable)
        if facts.binding.weights is not None and not facts.binding.is_counts:
            for reduction in row_reductions(model):
                yield Diagnostic("PGM0602", f"`{reduction.function}` over the rows of `{reduction.axis}` counts each row "
                                 "once, and the rows have weights", reduction.span,
                                 help="give the rows themselves, without `--weights`; whole numbers of equal rows are `--counts`")  # fmt: skip


def lowering_reasons(model: Model) -> Iterator[Diagnostic]:
    """What no program says yet."""
    yield from refusals(model)
