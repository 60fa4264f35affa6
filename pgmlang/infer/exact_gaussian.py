"""The log-evidence of rows that are conditional Gaussian networks, everything in them given."""

from __future__ import annotations

import math

import numpy as np

from pgmlang.binding.row_groups import weight_array
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian.chain_network import chain_reasons
from pgmlang.gaussian.from_model import reasons_against
from pgmlang.gaussian.sequence_network import switching_reasons
from pgmlang.infer.base import Facts, Problem, StepReport
from pgmlang.infer.gaussian_chain_rows import GaussianChainRows
from pgmlang.infer.gaussian_rows import GaussianRows, labels_told_apart
from pgmlang.infer.gaussian_sequences import GaussianSequences
from pgmlang.model import Model
from pgmlang.model.row_plates import row_chain
from pgmlang.plan.method import once_per_problem
from pgmlang.plan.table_reasons import missing_parameters
from pgmlang.tables.from_model import iid_plate, iid_verdict


@once_per_problem
def gaussian_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why the rows are no conditional Gaussian networks whose numbers are all given."""
    known = dict.fromkeys(facts.fixed)
    if is_chain(model, facts):
        against = switching_reasons if has_labels(model, facts) else chain_reasons
        return (*against(model, known), *_weighted(facts), *missing_parameters(model, facts))
    if not iid_plate(model, known)[0]:
        return iid_verdict(model).reasons
    apart = labels_told_apart(model, known)
    told = [Diagnostic("PGM0602", f"the table of `{apart}` hangs on what tells rows apart")] if apart else []
    return (*reasons_against(model, known), *told, *missing_parameters(model, facts))


def is_chain(model: Model, facts: Facts) -> bool:
    """Whether the rows follow each other."""
    return bool(row_chain(model))


def has_labels(model: Model, facts: Facts) -> bool:
    return any(v.type.is_discrete and v.name not in facts.fixed for v in model.of_role("random"))


def _weighted(facts: Facts) -> tuple[Diagnostic, ...]:
    if facts.binding is None or facts.binding.weights is None:
        return ()
    return (Diagnostic("PGM0602", "rows of a chain have weights"),)


def keeps_nothing(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why `auto` should rather draw: numbers that are latent in every row are what such a fit is made for."""
    # of a chain with labels missing cells may leave open more normal distributions than are taken
    hidden = {*facts.latent, *(facts.missing if is_chain(model, facts) and has_labels(model, facts) else ())}
    latent = [v for v in model.of_role("random") if v.name in hidden and not v.type.is_discrete]
    if facts.binding is None or not latent or gaussian_reasons(model, facts):
        return ()
    message = (
        f"a fit by `exact` keeps nothing of `{latent[0].name}`, which is not seen: `predict` tells it of rows"
    )
    return (Diagnostic("PGM0602", message, latent[0].span),)


def step(problem: Problem) -> tuple[float, StepReport]:
    """The sum over rows. Raises PgmError PGM0609 for a row that tables exclude."""
    if is_chain(problem.model, problem.facts):
        rows = GaussianSequences if has_labels(problem.model, problem.facts) else GaussianChainRows
        total = float(rows(problem.binding, problem.fixed).log_evidence().sum())
        if math.isinf(total):
            raise PgmError(Diagnostic("PGM0609", "some sequence has probability zero", place=problem.binding.source,
                                      help="a given table excludes it: correct the rows, or the table"))  # fmt: skip
        return total, StepReport(total, total)
    values = GaussianRows(problem.binding, problem.fixed).log_evidence()
    weights = weight_array(problem.binding)
    weights = np.ones(len(values)) if weights is None else weights
    excluded = np.flatnonzero(np.isneginf(values) & (weights > 0))
    if len(excluded):
        raise PgmError(Diagnostic("PGM0609", f"row {excluded[0] + 1} has probability zero", place=problem.binding.source,
                                  help="a given table excludes it: correct the row, or the table"))  # fmt: skip
    total = float(weights[weights > 0] @ values[weights > 0])
    return total, StepReport(total, total)
