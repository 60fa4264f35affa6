"""Predictions of the hidden fields of new rows: exact where they can be summed out, else from Gibbs chains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.summing import marginaliser_of
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.fields.fields import Fields, as_numbers, fields_of
from pgmlang.fields.reasons import block_reasons
from pgmlang.graph.summable import elimination_steps
from pgmlang.query.field_rows import SWEEPS, FieldRows
from pgmlang.query.rows import Columns, observed_target
from pgmlang.results.convergence import error_of_mean

CHAINS = 8
"""Gibbs chains from starts of their own, whose means' spread is their error."""


def predict_fields(rows: FieldRows, targets: Sequence[str] | None = None) -> Columns:
    """Labels and probabilities of hidden fields: exact where they can be summed out, else from Gibbs chains.
    Raises PgmError PGM0612 where nothing is hidden, PGM0607 for an unknown target."""
    rows.need_all_directed()
    of_rows = [n for n in rows.hidden if rows.joint.model.by_name[n].plates]
    names = list(targets) if targets is not None else of_rows
    unknown = [n for n in names if n not in of_rows]
    if unknown and unknown[0] in {v.name for v in rows.joint.model.of_role("random", "field") if v.plates}:
        raise observed_target(unknown[0])
    if unknown or not names:
        message = (
            f"`{unknown[0]}` is not hidden in these rows" if unknown else "every field of these rows is observed"
        )
        raise PgmError(
            Diagnostic("PGM0607" if unknown else "PGM0612", message, help="leave its column out, or `--hide`")
        )
    chances, errors = _chances_and_errors(rows)
    columns: dict[str, list[str] | np.ndarray] = {}
    for name in names:
        columns.update(_columns(rows, name, chances[name].cpu().numpy(), errors.get(name)))
    return Columns(columns, plate=next(iter(rows.joint.axes(names[0])), ""))


def chances_of_hidden(rows: FieldRows) -> dict[str, Tensor]:
    """Probabilities ``[row, ..., label]`` of each hidden field."""
    return _chances_and_errors(rows)[0]


def _chances_and_errors(rows: FieldRows) -> tuple[dict[str, Tensor], dict[str, np.ndarray]]:
    """Probabilities ``[row, ..., label]`` of each hidden field, and their Monte Carlo errors where they are drawn."""
    model = rows.joint.model
    if not elimination_steps(model, rows.hidden)[1]:
        return marginaliser_of(rows.joint, rows.hidden).marginals({}, rows.params, rows.nets), {}
    network = rows.network()
    if network is not None:
        marginals = network.marginals(rows.codes(), rows.hidden, rows.params, rows.nets)
        return (marginals if rows.plate else {n: p[0] for n, p in marginals.items()}), {}
    _need_blocks(rows)
    fields = fields_of(rows.joint, rows.hidden)
    exact = _independent_given_the_rest(rows, fields)
    if exact is not None:
        return exact, {}
    values = {**as_numbers(rows.joint, rows.observed), **fields.begin(rows.generator, (CHAINS,))}
    states = {n: rows.joint.num_states(n) for n in rows.hidden}
    total = {n: torch.zeros((CHAINS, *rows.joint.shapes[n], k), dtype=rows.joint.dtype) for n, k in states.items()}
    settled = fields.with_frozen_params(rows.params, rows.nets, sweeps=CHAINS * SWEEPS)
    for sweep in range(SWEEPS):
        values = settled.sweep(rows.generator, values, rows.params, rows.nets)
        if sweep >= SWEEPS // 2:
            for name in rows.hidden:
                one_hot = torch.nn.functional.one_hot(values[name].long(), states[name])
                total[name] += one_hot.to(rows.joint.dtype)
    by_chain = {n: t / (SWEEPS // 2) for n, t in total.items()}
    chances = {n: t.mean(0) for n, t in by_chain.items()}
    return chances, {n: _error_of_chains(t.cpu().numpy(), SWEEPS // 2) for n, t in by_chain.items()}


def _need_blocks(rows: FieldRows) -> None:
    """Raises PgmError PGM0602 where hidden fields cannot be drawn block by block given what is below them."""
    reasons = [d for n in rows.hidden for d in block_reasons(rows.joint.model, n)]
    if reasons:
        cure = "`pgmc query` answers for one row, by draws that are weighed by what is below the fields"
        raise PgmError([d if d.help else replace(d, help=cure) for d in reasons])


def _independent_given_the_rest(rows: FieldRows, fields: Fields) -> dict[str, Tensor] | None:
    """Probabilities of the one hidden field of bits or spins whose elements do not meet, `[row, ..., label]`; else None."""
    name = rows.hidden[0]
    if len(rows.hidden) > 1 or not fields.is_independent(name) or fields.states or rows.joint.missing:
        return None
    joint = rows.joint
    values = {**as_numbers(joint, rows.observed), name: torch.zeros(joint.shapes[name], dtype=joint.dtype)}
    with torch.no_grad():
        one = torch.sigmoid(fields.logits(name, values, rows.params, rows.nets))
    return {name: torch.stack([1 - one, one], -1)}


def _error_of_chains(by_chain: np.ndarray, draws: int) -> np.ndarray:
    """Monte Carlo error of shares ``[chain, *axes]`` of so many sweeps each: the spread of the chains, and no less than if all
    sweeps were independent, as few chains may agree by chance."""
    mean = by_chain.mean(0)
    independent = np.sqrt(mean * (1 - mean) / (len(by_chain) * draws))
    return np.maximum(error_of_mean(by_chain, are_independent=True), independent)


def _columns(
    rows: FieldRows, name: str, chances: np.ndarray, errors: np.ndarray | None
) -> dict[str, list[str] | np.ndarray]:
    labels = rows.joint.model.labels_of(rows.joint.model.by_name[name].type) or ()
    texts = rows.joint.binding.layout.element_names(rows.joint.axes(name)[1:])
    flat = chances.reshape(len(chances), len(texts), len(labels))
    out: dict[str, list[str] | np.ndarray] = {}
    for i, text in enumerate(texts):
        label = f"{name}[{text}]" if text else name
        out[label] = [labels[k] for k in flat[:, i].argmax(-1)]
        out.update({f"P({label} = {t})": flat[:, i, k] for k, t in enumerate(labels)})
        if errors is not None:
            out[f"{label}.mcse"] = errors.reshape(flat.shape)[:, i].max(-1)
    return out
