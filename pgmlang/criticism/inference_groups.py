"""The groups of ArviZ's schema that need the data: what was observed and given, pointwise log-likelihoods, predictive draws."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from pgmlang.binding.counted_rows import data_set_of
from pgmlang.binding.record import Binding
from pgmlang.criticism.pointwise import pointwise_log_likelihood
from pgmlang.criticism.replicates import Replicates, drawn_from_prior, replicated
from pgmlang.diagnostics import PgmError
from pgmlang.posterior import condition, posterior_of_fit, score
from pgmlang.results.draws import num_chains_and_draws
from pgmlang.results.estimates_group import table_axes
from pgmlang.results.fit import Fit
from pgmlang.results.inference_data import Group, inference_data, log_likelihood_group, need_values
from pgmlang.tables.learned import learned_tables

NUMBERS = 20_000_000
"""Most predicted numbers; of more draws some are taken, evenly spaced."""
PRIOR_DRAWS = 500
ESTIMATE_DRAWS = 500
"""Predictive draws at point estimates."""
FIELD_DRAWS = 100
"""Draws of a fit at which fields are drawn: each has chains of its own."""
CANNOT = frozenset({"PGM0602", "PGM0610"})
"""What says that a model or fit has no such group: a prior of fields, a param without a prior, no independent elements."""


def inference_data_with(fit: Fit, binding: Binding, seed: int = 0) -> Any:
    """All groups of a fit and its data (of estimates the log-likelihood is that of `score`, latents summed out); those that the
    model does not have (no prior to draw from, no independent elements) are left out. Raises PgmError as `inference_data` does, PGM0708 for other data than the fit's."""
    need_values(fit)
    binding = data_set_of(binding)
    groups = _data_groups(binding)
    if fit.pointwise is None:
        try:
            if fit.draws:
                of = pointwise_log_likelihood(fit, binding)
                groups["log_likelihood"] = log_likelihood_group(fit, of.values, of.plate)
            else:
                marginal = score(condition(posterior_of_fit(fit), binding, seed=seed))
                groups["log_likelihood"] = log_likelihood_group(fit, marginal.values[None, None], marginal.plate)
        except PgmError as error:
            _raise_unless_absent(error)
    try:
        groups |= _posterior_predictive(fit, binding, seed)
    except PgmError as error:
        _raise_unless_absent(error)
    try:
        groups |= _prior_groups(fit, binding, seed)
    except PgmError as error:
        _raise_unless_absent(error)

    def labels_of(axis: str, size: int) -> tuple[str, ...]:
        return tuple(binding.layout.labels.get(axis) or binding.row_names.get(axis, ()))[:size]

    return inference_data(fit, groups, labels_of)


def _raise_unless_absent(error: PgmError) -> None:
    if not {d.code for d in error.diagnostics} <= CANNOT:
        raise error


def _data_groups(binding: Binding) -> dict[str, Group]:
    """Observed values and inputs, as bound; missing cells are NaN, or -1 among codes."""
    model = binding.model
    groups = {}
    for title, roles in (("observed_data", ("random", "field")), ("constant_data", ("input",))):
        values = {n: np.asarray(v) for n, v in binding.values.items() if model.by_name[n].role in roles}
        if values:
            axes = {n: model.array_axes(model.by_name[n]) for n in values}
            groups[title] = Group(values, axes, is_data=True, labels=_labels(binding, values))
    return groups


def _labels(binding: Binding, names: Any) -> dict[str, tuple[str, ...]]:
    model = binding.model
    told = {n: model.labels_of(model.by_name[n].type) for n in names if model.by_name[n].type.is_discrete}
    return {n: tuple(labels) for n, labels in told.items() if labels is not None}


def _posterior_predictive(fit: Fit, binding: Binding, seed: int) -> dict[str, Group]:
    chains, draws = num_chains_and_draws(fit) if fit.draws else (1, ESTIMATE_DRAWS)
    model = binding.model
    size = sum(np.asarray(binding.values[n]).size for n in binding.observed if n in model.by_name)
    count = max(1, min(draws, NUMBERS // max(1, chains * size)))
    if fit.draws and any(True for _ in model.of_role("field")):
        count = max(1, min(count, FIELD_DRAWS // chains))
    some = np.unique(np.linspace(0, draws - 1, count).round().astype(int))
    chosen = (np.arange(chains)[:, None] * draws + some).ravel() if fit.draws else None
    drawn = replicated(fit, binding, chains * len(some), seed, chosen)
    return (
        {"posterior_predictive": _group(binding, drawn, tuple(drawn.values), chains, some)} if drawn.values else {}
    )


def _prior_groups(fit: Fit, binding: Binding, seed: int) -> dict[str, Group]:
    size = sum(
        math.prod(binding.layout.shape(binding.model.array_axes(v))) for v in binding.model.of_role("random")
    )
    count = max(1, min(PRIOR_DRAWS, NUMBERS // max(1, size)))
    drawn = drawn_from_prior(binding, count, seed)
    observed = tuple(n for n in drawn.values if n in binding.observed)
    latent = tuple(n for n in drawn.values if n not in observed)
    groups = {"prior_predictive": _group(binding, drawn, observed, 1, None)} if observed else {}
    prior = _group(binding, drawn, latent, 1, None)
    axes, elements = dict(prior.axes), dict[str, tuple[str, ...]]()
    for table in (t for t in learned_tables(binding.model) if t.name in drawn.tables):
        axes[table.name], labels = table_axes(fit, table, drawn.tables[table.name].shape[1:])
        elements |= labels
    tables = {n: array[None] for n, array in drawn.tables.items()}
    if latent or tables:
        groups["prior"] = replace(prior, values={**prior.values, **tables}, axes=axes, elements=elements)
    return groups


def _group(
    binding: Binding, drawn: Replicates, names: tuple[str, ...], chains: int, draws: np.ndarray | None
) -> Group:
    values = {n: drawn.values[n].reshape(chains, -1, *drawn.values[n].shape[1:]) for n in names}
    return Group(values, {n: drawn.axes[n] for n in names}, draws=draws, labels=_labels(binding, names))
