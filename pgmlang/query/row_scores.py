"""Held-out log-likelihoods of unseen rows: exact where their latents can be summed out, else by importance sampling
from a guide or the prior, or annealed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.importance import log_weights
from pgmlang.density.reductions import sum_per_element
from pgmlang.density.summing import Marginaliser
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.query.annealed import TEMPERATURES, Units, annealed, fits
from pgmlang.query.log_weights import log_mean, score_of_weights
from pgmlang.query.new_rows import GUIDED, NewRows
from pgmlang.query.score import Score

PARTICLES = 64
"""Draws of a row's latents for each draw of the globals, where they are weighed against each other."""
ENOUGH = 100
"""Effective draws of the worst element with which importance sampling from the prior will do."""
ANNEALED = 50
"""Most draws of the globals where the rows' latents are annealed."""


def score_rows(rows: NewRows) -> Score:
    """Log-likelihood of each row (or of each outer element whose rows share latents) under the fit, averaged over
    the draws of the globals."""
    plate = rows.unit()
    if rows.is_point and not rows.has_hidden_numbers():
        # nothing is estimated by draws: the copies of a point would all say the same
        first = {k: v[:1] for k, v in rows.given.items()}
        return score_rows(replace(rows, given=first, num_draws=1, is_point=False))
    if not rows.hidden:
        terms = _inner_terms(rows, rows.joint, rows.given)
        return Score(_mean(terms, plate, rows.joint), plate, _words(rows, "exact"))
    if rows.is_guided():
        return _by_guide(rows, plate)
    inner, sums, continuous = rows.inference()
    if not continuous:
        assert sums is not None
        tables = sums.tables(rows.given, rows.params, rows.nets)
        with torch.no_grad():
            values = sums.reduce(tables, each=plate)
        if not values.dim():
            names = ", ".join(f"`{n}`" for n in rows.hidden)
            message = f"{names} is shared by the rows and this fit does not tell it: no row has a score of its own"
            raise PgmError(Diagnostic("PGM0602", message, help="`--method gibbs` or `hmc` keep draws of it"))
        return Score(log_mean(values), plate, _words(rows, "exact, discrete latents summed out"))
    by_prior = _by_prior(rows, inner, sums, continuous, plate)
    if (by_prior.ess or 0) >= ENOUGH or not fits(inner, continuous, plate):
        return by_prior
    return _by_annealing(rows, inner, sums, continuous, plate)


def log_evidence(rows: NewRows) -> Tensor:
    """Log-probability ``[S]`` of all that is observed in the rows, given each draw of the globals."""
    plate = rows.unit()
    if not rows.hidden:
        values = sum_per_element(rows.joint, _inner_terms(rows, rows.joint, rows.given), plate)
    elif rows.is_guided():
        few = {k: v[:1] for k, v in rows.given.items()}
        weights = log_weights(rows.joint, rows.params, rows.nets, GUIDED, rows.generator, plate, few)
        values = torch.logsumexp(weights, 0) - math.log(len(weights))
    else:
        inner, sums, continuous = rows.inference()
        if continuous:
            weights = _prior_weights(rows, inner, sums, continuous, plate)
            values = torch.logsumexp(weights, 0) - math.log(len(weights))
        else:
            assert sums is not None
            with torch.no_grad():
                values = sums.reduce(sums.tables(rows.given, rows.params, rows.nets), each=plate)
    return values.sum(-1).expand(rows.num_draws)


def _words(rows: NewRows, how: str) -> str:
    if rows.is_point:
        return f"{how}; {rows.num_draws} particles"
    return f"{how}; averaged over {rows.num_draws} draws" if rows.num_draws > 1 else how


def _inner_terms(rows: NewRows, joint: BoundDensity, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    model = joint.model
    inner_model = replace(
        model, factors=tuple(f for f in model.factors if getattr(f, "target", None) not in rows.undrawn())
    )
    inner = density_of_binding(inner_model, joint.binding, joint.held, joint.dtype, joint.device)
    with torch.no_grad():
        return inner.factors(values, rows.params, rows.nets)


def _by_guide(rows: NewRows, plate: str) -> Score:
    """Importance sampling with the guide as the proposal."""
    given = {k: v[:1] for k, v in rows.given.items()}
    weights = log_weights(rows.joint, rows.params, rows.nets, GUIDED, rows.generator, plate, given)
    return score_of_weights(weights, plate, f"importance sampling, {len(weights)} draws of the guide")


def _by_prior(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str
) -> Score:
    """Importance sampling with the prior as the proposal, for each draw of the globals."""
    stacked = _prior_weights(rows, inner, sums, names, plate).flatten(0, 1)
    return score_of_weights(stacked, plate, _words(rows, f"importance sampling, {PARTICLES} draws of the prior"))


def _prior_weights(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str
) -> Tensor:
    """Log-likelihoods ``[particle, S, element]`` at draws of the prior of the rows' latents."""
    weights = []
    inner, sums = _around(inner, sums, names)
    with torch.no_grad():
        for _ in range(PARTICLES):
            values = {**rows.given, **rows.drawn_from_prior(names)}
            if sums is None:
                terms = {k: v for k, v in inner.factors(values, rows.params, rows.nets).items() if k not in names}
                weights.append(sum_per_element(inner, terms, plate))
            else:
                tables = sums.tables(values, rows.params, rows.nets)
                weights.append(sums.reduce({k: v for k, v in tables.items() if k not in names}, each=plate))
    return torch.stack(weights)


def _by_annealing(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str
) -> Score:
    """Annealed importance sampling, a particle for each unit and draw of the globals."""
    few = replace(rows, given={k: v[:ANNEALED] for k, v in rows.given.items()},
                  num_draws=min(ANNEALED, rows.num_draws))  # fmt: skip
    known = {n: few.given[n][:, : rows.num_known[n]] for n in names if n in rows.num_known}
    given = {k: v for k, v in few.given.items() if k not in names}
    inner, sums = _around(inner, sums, names)
    units = Units(inner, sums, names, plate, given, known, rows.params, rows.nets, few.num_draws)
    weights = annealed(units, few.drawn_from_prior(names), rows.generator)
    words = f"annealed importance sampling, {TEMPERATURES} temperatures"
    return score_of_weights(weights, plate, _words(few, words))


def _around(
    joint: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...]
) -> tuple[BoundDensity, Marginaliser | None]:
    """The joint and the sum of the factors that hang on these latents or on what is summed out."""
    restricted = replace(
        joint, program=joint.programs.of_blanket({*names, *(sums.names if sums is not None else ())})
    )
    return restricted, None if sums is None else replace(sums, joint=restricted)


def _mean(terms: Mapping[str, Tensor], plate: str, joint: BoundDensity) -> np.ndarray:
    return log_mean(sum_per_element(joint, terms, plate))
