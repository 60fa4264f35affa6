"""Log-likelihoods of new rows of fields: exact where log Z is, else with log Z by annealed importance sampling."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pgmlang.density.reductions import sum_per_element
from pgmlang.density.summing import marginaliser_of
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.summable import elimination_steps
from pgmlang.objectives.unnormalised import log_unnormalised
from pgmlang.query.field_draws import ROUNDS, drawn_of_fields
from pgmlang.query.field_rows import TEMPERATURES, FieldRows
from pgmlang.query.layer_proposals import DREAMS, Layer, layers_of, log_weights, proposals_of
from pgmlang.query.log_weights import score_of_weights
from pgmlang.query.score import Score

DRAWS = 1_000
"""Draws of fitted proposals a row."""


def score_fields(rows: FieldRows) -> Score:
    """Log-likelihood of each row's observed fields: exact where log Z is, else with log Z by annealed importance
    sampling. Hidden fields are summed out."""
    names = (*rows.observed, *rows.hidden)
    model = rows.joint.model
    plate = rows.plate or str(rows.joint.binding.plate)
    layers = layers_of(model, frozenset(rows.joint.observed), rows.plate)
    if layers is not None and not rows.joint.missing:
        return _score_layers(rows, layers, plate)
    rows.need_all_directed()
    _need_rows_apart(rows)
    bare = rows.alone()
    if not elimination_steps(bare.joint.model, names)[1] and not elimination_steps(model, rows.hidden)[1]:
        everything = marginaliser_of(replace(bare.joint, missing={}), names)
        with torch.no_grad():
            log_z = everything.reduce(everything.tables({}, rows.params, rows.nets), each=plate)
            if rows.hidden:
                marginaliser = marginaliser_of(rows.joint, rows.hidden)
                top = marginaliser.reduce(marginaliser.tables({}, rows.params, rows.nets), each=plate)
            else:
                top = sum_per_element(rows.joint, rows.joint.factors({}, rows.params, rows.nets), plate)
        return Score((top - log_z).cpu().numpy(), plate, "exact, log Z summed out")
    with torch.no_grad():
        top = _unnormalised(rows, plate)
    if any(model.by_name[n].type.is_discrete for n in names):
        bare.need_blocks(names)
    of_fields = bare.log_z()
    if top.dim() == 2:
        what = (
            f"annealed importance sampling of what is hidden, {TEMPERATURES} temperatures; {of_fields.estimator}"
        )
        return replace(score_of_weights(top - of_fields.value, plate, what), log_z_error=of_fields.error)
    values = (top - of_fields.value).cpu().numpy()
    return Score(values, plate, of_fields.estimator, of_fields.ess, log_z_error=of_fields.error)


def _score_layers(rows: FieldRows, layers: tuple[Layer, ...], plate: str) -> Score:
    """Directed layers of bits below fields: importance sampling, log Z of the fields alone."""
    dreams = {n: v.squeeze(1) for n, v in drawn_of_fields(rows, DREAMS // ROUNDS, ROUNDS).items()}
    proposals = tuple(proposals_of(layers, dreams))
    rest = tuple(n for n in rows.hidden if n not in {layer.name for layer in layers})
    with torch.no_grad():
        try:
            weights = log_weights(rows.joint, rest, proposals, rows.params, rows.nets, DRAWS, rows.generator)
        except ValueError as error:
            raise PgmError(Diagnostic("PGM0602", str(error), help="observe more of the fields")) from None
        log_z = rows.alone().log_z()
    words = f"importance sampling, {DRAWS} draws of fitted proposals; {log_z.estimator}"
    return replace(score_of_weights(weights - log_z.value, plate, words), log_z_error=log_z.error)


def _unnormalised(rows: FieldRows, plate: str) -> Tensor:
    """log of the sum over what is hidden in each row of the exponential of its log-potentials: ``[rows]``, or where
    that is too much log-weights ``[particle, row]``. Raises PgmError PGM0602 where cells are missing."""
    if all(v.type.kind == "real" for v in rows.joint.model.of_role("field")):
        if rows.hidden:
            raise PgmError(_incomplete(rows.hidden[0], "drop rows with empty cells: `--missing drop`"))
        return sum_per_element(rows.joint, rows.joint.factors({}, rows.params, rows.nets), plate)
    network = rows.network() if rows.hidden else None
    if network is not None:
        return network.log_evidence(rows.codes(), rows.params, rows.nets)
    rows.need_blocks(rows.hidden)
    if rows.joint.missing:
        raise PgmError(_incomplete(next(iter(rows.joint.missing)), "drop rows with empty cells: `--missing drop`"))
    try:
        return log_unnormalised(rows.joint, rows.hidden, rows.params, rows.nets)
    except ValueError as error:
        if rows.plate is None:
            raise PgmError(Diagnostic("PGM0602", str(error), help="observe more of the fields")) from None
        return rows.annealed(rows.hidden, rows.plate)


def _need_rows_apart(rows: FieldRows) -> None:
    """Raises PgmError PGM0602 for a hidden field that is one for all rows: none has a likelihood of its own."""
    for name in rows.hidden if rows.plate else ():
        if rows.plate not in rows.joint.axes(name):
            span = rows.joint.model.by_name[name].span
            message = f"all rows of `{rows.plate}` hang together by the hidden field `{name}`"
            cure = f"move `{name}` into the plate `{rows.plate}`"
            raise PgmError(Diagnostic("PGM0602", message, span, help=cure))


def _incomplete(name: str, cure: str) -> Diagnostic:
    return Diagnostic("PGM0602", f"`{name}` is not observed in every cell, too many to sum out", help=cure)
