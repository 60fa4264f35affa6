"""Held-out log-likelihoods of unseen rows: exact where their latents can be summed out, by quadrature where a unit
has one or two real ones, label after label where these share a Dirichlet, else by importance sampling from a guide or the prior, or
annealed."""

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
from pgmlang.density.reductions import sum_per_unit
from pgmlang.density.summing import Marginaliser
from pgmlang.density.unit_values import unit_values
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.query.annealed import TEMPERATURES, annealed, fits, prior_and_rest, reduced
from pgmlang.query.forward_draws import forward_draws, refuse_few
from pgmlang.query.log_weights import score_of_draws, score_of_weights
from pgmlang.query.new_rows import GUIDED, PARTICLES, NewRows
from pgmlang.query.quadrature import STEPS, Integrals, integrated
from pgmlang.query.row_units import around_latents, log_density_apart, units_of_rows
from pgmlang.query.score import Score
from pgmlang.query.sequential_labels import SequentialLabels, sequential_labels

ENOUGH = 100
"""Effective draws of the worst element with which importance sampling from the prior will do."""
ENOUGH_ANNEALED = 20
"""Effective draws of the worst element with which annealing will do."""
FEWEST = 10
"""Effective draws of the worst element below which there is no score."""
ANNEALED = 50
"""Most draws of the globals where the rows' latents are annealed."""


def score_rows(rows: NewRows) -> Score:
    """Log-likelihood of each row (or of each outer element whose rows share latents) under the fit, averaged over
    the draws of the globals."""
    plate = rows.unit()
    if rows.is_point and not rows.has_hidden_numbers():
        return score_rows(rows.as_one_draw())
    if not rows.hidden:
        # rows of which nothing is seen have no terms
        num_units = 1 if plate is None else rows.joint.layout.size(plate)
        of_units = _inner_values(rows, plate).expand(rows.num_draws, num_units)
        return score_of_draws(of_units, plate or "data", _words(rows, "exact"))
    if rows.is_guided() and plate is not None:
        return _by_guide(rows, plate)
    _need_told(rows)
    unit = plate or "data"
    if rows.needs_forward_draws:
        return _by_forward_draws(rows, unit)
    inner, sums, continuous = rows.inference()
    if not continuous:
        assert sums is not None
        tables = {
            k: t for k, t in sums.tables(rows.given, rows.params, rows.nets).items() if not rows.is_known(str(k))
        }
        with torch.no_grad():
            values = reduced(sums, tables, plate)
        return score_of_draws(values, unit, _words(rows, "exact, discrete latents summed out"))
    if rows.gaussian(inner, sums, continuous) is not None:
        few = rows.as_one_draw() if rows.is_point else rows
        units = few.gaussian(inner, sums, continuous)
        assert units is not None
        return score_of_draws(units.solve()[0], unit, _words(few, "exact, Gaussian latents in closed form"))
    few = rows.as_one_draw() if rows.is_point else rows
    integrals = _by_quadrature(few, inner, sums, continuous, plate)
    if integrals is not None:
        how = f"adaptive quadrature of {_listed(continuous)}, error {error_bound(integrals.error)}"
        return score_of_draws(integrals.values, unit, _words(few, how))
    in_order = sequential_labels(rows)
    if in_order is not None:
        return _left_to_right(in_order, unit)
    by_prior = _by_prior(rows, inner, sums, continuous, plate)
    if (by_prior.ess or 0) >= ENOUGH:
        return by_prior
    best = by_prior
    for temperatures in TEMPERATURES if fits(inner, continuous, plate) else ():
        best = _by_annealing(rows, inner, sums, continuous, plate, temperatures)
        if (best.ess or 0) >= ENOUGH_ANNEALED:
            return best
    if (best.ess or 0) < FEWEST:
        message = f"a score would rest on {best.ess or 0:.1f} effective draws of {_listed(continuous)}; at least {FEWEST} are needed"
        raise PgmError(
            Diagnostic(
                "PGM0602", message, help="fit by `hmc` or `gibbs` on these rows too, or score fewer at once"
            )
        )
    return best


def _need_told(rows: NewRows) -> None:
    """Raises PgmError PGM0602 for a latent outside of the rows that the fit has no value of: its prior is not what the fit
    learned of it."""
    model = rows.joint.model
    of_rows = {p.name for p in model.plates if p.is_rows}
    untold = [
        n
        for n in rows.hidden
        if not of_rows & {*model.by_name[n].plates, *map(model.root_axis, model.by_name[n].axes)}
    ]
    if untold and not rows.fit.is_given:
        message = (
            f"`{untold[0]}` is shared by the rows and this fit does not tell it: no row has a score of its own"
        )
        raise PgmError(Diagnostic("PGM0602", message, help="`--method gibbs` or `hmc` keep draws of it"))


def log_evidence(rows: NewRows) -> Tensor:
    """Log-probability ``[S]`` of all that is observed in the rows, given each draw of the globals."""
    one = rows.as_one_draw() if rows.is_point and not rows.is_guided() else rows
    told = told_log_evidence(one)
    if told is not None:
        return told.values.expand(rows.num_draws)
    if rows.needs_forward_draws:
        return forward_draws(rows).log_evidence.sum(-1)
    plate = rows.unit()
    if rows.is_guided() and plate is not None:
        few = {k: v[:1] for k, v in rows.given.items()}
        weights = log_weights(rows.joint, rows.params, rows.nets, GUIDED, rows.generator, plate, few)
    else:
        inner, sums, continuous = rows.inference()
        weights = _prior_weights(rows, inner, sums, continuous, plate)
    return (torch.logsumexp(weights, 0) - math.log(len(weights))).sum(-1).expand(rows.num_draws)


def told_log_evidence(rows: NewRows) -> Integrals | None:
    """The same, ``[S]``, with its error in nats, by sums, closed forms or quadrature; None where only draws tell it."""
    plate = rows.unit()
    error = 0.0
    if not rows.hidden:
        values = _inner_values(rows, plate)
    elif rows.needs_forward_draws or (rows.is_guided() and plate is not None):
        return None
    else:
        inner, sums, continuous = rows.inference()
        units = rows.gaussian(inner, sums, continuous) if continuous else None
        if units is not None:
            values = units.solve()[0]
        elif continuous:
            integrals = _by_quadrature(rows, inner, sums, continuous, plate)
            if integrals is None:
                return None
            values, error = integrals
        else:
            assert sums is not None
            tables = sums.tables(rows.given, rows.params, rows.nets)
            with torch.no_grad():
                values = reduced(sums, {k: t for k, t in tables.items() if not rows.is_known(str(k))}, plate)
    return Integrals(values.sum(-1).expand(rows.num_draws), error)


def impossible_of(rows: NewRows) -> np.ndarray:
    """Which rows say what cannot be, where sums tell it exactly, shape (rows,): where numbers are hidden none is found."""
    binding = rows.joint.binding
    none = np.zeros(binding.sizes.get(binding.plate, 1), dtype=bool)
    observed = any(n in binding.values for n in binding.observed)
    if not observed or rows.unit() != binding.plate or rows.has_hidden_numbers() or rows.is_guided():
        return none
    return np.isneginf(score_rows(rows).values)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def error_bound(error: float) -> str:
    """A round number above an error in nats."""
    return f"below 1e{math.ceil(math.log10(max(error, 1e-9))):d}"


def _words(rows: NewRows, how: str) -> str:
    if rows.is_point:
        return f"{how}; {rows.num_draws} particles"
    return f"{how}; averaged over {rows.num_draws} draws" if rows.num_draws > 1 else how


def _inner_values(rows: NewRows, plate: str | None) -> Tensor:
    """Log-likelihoods ``[S, unit]`` (or what they lead as) of what is seen, at the draws of the globals."""
    model, joint = rows.joint.model, rows.joint
    inner_model = replace(
        model, factors=tuple(f for f in model.factors if getattr(f, "target", None) not in rows.undrawn())
    )
    inner = density_of_binding(inner_model, joint.binding, joint.held, joint.dtype, joint.device)
    wanted = tuple(k for k in inner.factor_axes if not rows.is_known(k))
    return _unit_values(rows, inner, rows.given, wanted, plate)


def _unit_values(
    rows: NewRows, inner: BoundDensity, values: Mapping[str, Tensor], wanted: tuple[str, ...], plate: str | None
) -> Tensor:
    """The factors ``wanted``, added up for each unit, at values ``[S, *shape]``: ``[S, unit]``, or what they lead as."""
    if rows.nets is None:
        found = unit_values(inner, values, rows.params, wanted, plate, rows.num_draws)
        if found is not None:
            return found
    with torch.no_grad():
        terms = inner.factors(values, rows.params, rows.nets)
        return sum_per_unit(inner, {k: terms[k] for k in wanted}, plate)


def _by_forward_draws(rows: NewRows, unit: str) -> Score:
    """Likelihood weighting: see `forward_draws`."""
    drawn = forward_draws(rows, ENOUGH if rows.is_point else FEWEST)
    refuse_few(drawn)
    words = f"importance sampling, {len(drawn.log_weights)} forward draws of {_listed(rows.hidden)}"
    return score_of_weights(drawn.log_weights, unit, _words(rows, words))


def _left_to_right(labels: SequentialLabels, unit: str) -> Score:
    """See `sequential_labels`."""
    runs = labels.repeats * labels.num_draws
    words = f"left to right over `{labels.arrays.labels[0].name}`, {runs} runs, unbiased for the likelihood, low in its logarithm"
    few = replace(labels.rows, num_draws=labels.num_draws)
    return score_of_weights(labels.log_weights(), unit, _words(few, words), labels.rows.is_point)


def _by_guide(rows: NewRows, plate: str) -> Score:
    """Importance sampling with the guide as the proposal."""
    given = {k: v[:1] for k, v in rows.given.items()}
    weights = log_weights(rows.joint, rows.params, rows.nets, GUIDED, rows.generator, plate, given)
    return score_of_weights(weights, plate or "data", f"importance sampling, {len(weights)} draws of the guide")


def _by_prior(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str | None
) -> Score:
    """Importance sampling with the prior as the proposal, for each draw of the globals."""
    return score_of_weights(
        _prior_weights(rows, inner, sums, names, plate),
        plate or "data",
        _words(rows, f"importance sampling, {PARTICLES} draws of the prior"),
    )


def _prior_weights(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str | None
) -> Tensor:
    """Log-likelihoods ``[particle, S, element]`` at draws of the prior of the rows' latents."""
    weights = []
    apart = log_density_apart(rows, inner, sums, names, plate)
    inner, sums = around_latents(inner, sums, names)
    with torch.no_grad():
        for _ in range(PARTICLES):
            values = {**rows.given, **rows.drawn_from_prior(names)}
            if sums is None:
                wanted = tuple(k for k in inner.factor_axes if k not in names and not rows.is_known(k))
                weights.append(_unit_values(rows, inner, values, wanted, plate))
            else:
                tables = sums.tables(values, rows.params, rows.nets)
                tables = {k: v for k, v in tables.items() if k in names or not rows.is_known(str(k))}
                weights.append(prior_and_rest(sums, tables, names, plate)[1])
    return torch.stack(weights) + apart


def _by_annealing(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str | None,
    temperatures: int,
) -> Score:  # fmt: skip
    """Annealed importance sampling, a particle for each unit and draw of the globals."""
    few = replace(rows, given={k: v[:ANNEALED] for k, v in rows.given.items()},
                  num_draws=min(ANNEALED, rows.num_draws))  # fmt: skip
    units = units_of_rows(few, inner, sums, names, plate)
    weights = annealed(units, few.drawn_from_prior(names), rows.generator, temperatures)
    weights = weights + log_density_apart(few, inner, sums, names, plate)
    words = f"annealed importance sampling, {temperatures} temperatures"
    return score_of_weights(weights, plate or "data", _words(few, words), rows.is_point)


def _by_quadrature(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str | None
) -> Integrals | None:
    if not fits(inner, names, plate):
        return None
    units = units_of_rows(rows, inner, sums, names, plate)
    if units.width not in STEPS:
        return None
    integrals = integrated(units, lambda: rows.drawn_from_prior(names))
    if integrals is None:
        return None
    return integrals._replace(values=integrals.values + log_density_apart(rows, inner, sums, names, plate))
