"""K-fold cross-validation: the fit made again without each fold, which it then scores."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch

from pgmlang.binding.record import Binding
from pgmlang.criticism.element_order import split_into_folds
from pgmlang.criticism.pointwise import independent_plate
from pgmlang.density.bind import density_of_binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer import fit_model
from pgmlang.model.processes import processes
from pgmlang.plan.registry import method_named
from pgmlang.posterior import condition, posterior_of_fit, score
from pgmlang.results.elpd import Elpd, elpd_of
from pgmlang.results.fit import Fit
from pgmlang.results.pointwise import Pointwise


def k_fold(fit: Fit, binding: Binding, folds: int) -> Elpd:
    """The elpd of elements left out, ``folds`` times a share of them (the same for all fits: `split_into_folds`), by the fit's own method
    and options; new elements' latents are summed out or integrated as `score` does. Every fold draws from a stream of its own, so that
    their Monte Carlo errors are independent.

    Raises PgmError PGM0612 for fewer folds than two or more than elements, PGM0602 where the elements left out have no
    likelihood of their own.
    """
    joint = density_of_binding(binding.model, binding, {}, torch.float64, torch.device("cpu"))
    discrete = tuple(n for n in joint.latent if joint.model.by_name[n].type.is_discrete)
    plate = independent_plate(joint, discrete)
    count = binding.sizes[plate]
    if not 2 <= folds <= count:
        message = f"{folds} folds of {count} elements of `{plate}`"
        raise PgmError(Diagnostic("PGM0612", message, help=f"from 2 to {count} folds"))
    seed = int(fit.provenance.get("seed", 0))
    options = changed_options(fit)
    values = np.full(count, math.nan)
    estimators = set()
    weights = None if binding.weights is None or binding.plate != plate else binding.weights
    counted = np.ones(count) if weights is None else weights
    errors: list[float | None] = []
    streams = np.random.SeedSequence(seed).generate_state(2 * folds).reshape(folds, 2).tolist()
    for fold, (fit_seed, score_seed) in zip(split_into_folds(binding, plate, folds), streams, strict=True):
        held_out = np.sort(fold)
        rest = np.setdiff1d(np.arange(count), held_out)
        record = fit_model(
            fit.model,
            binding.rows_of(plate, rest),
            fit.method,
            options,
            fit_seed,
            held_params(fit),
            fit.source,
            fit.modules,
        )
        posterior = posterior_of_fit(record)
        scores = score(condition(posterior, binding.rows_of(plate, held_out), seed=score_seed))
        if scores.plate != plate and processes(fit.model):
            # of a process the rows left out hang together: each is told by the rows of the fit alone
            alone = [
                score(condition(posterior, binding.rows_of(plate, held_out[[i]]), seed=score_seed))
                for i in range(len(held_out))
            ]
            values[held_out] = [one.values.sum() for one in alone]
            estimators |= {f"{one.estimator}, row by row" for one in alone}
            of_rows = [one.total_mcse(np.ones(len(one.values))) or 0.0 for one in alone]
            # the draws are the same for all: at most the errors added up
            errors.append(math.fsum(e * w for e, w in zip(of_rows, counted[held_out], strict=True)))
            continue
        if scores.plate != plate or len(scores.values) != len(held_out):
            message = f"what is left out is scored by `{scores.plate}`, and not by `{plate}`"
            raise PgmError(
                Diagnostic("PGM0602", message, help="leave-one-out of fits with draws has no need of folds")
            )
        values[held_out] = scores.values
        estimators.add(scores.estimator)
        errors.append(scores.total_mcse(counted[held_out]))
    of = Pointwise(np.zeros((1, 1, 0)), plate, (), weights)
    impossible = np.flatnonzero(np.isneginf(values) & (counted > 0))
    elpd = elpd_of("k-fold", of, values, None, None, math.nan, len(impossible))
    words = f"of each {plate} left out in one of {folds} folds, scored by: {', '.join(sorted(estimators))}"
    drawn = [e for e in errors if e is not None]
    mcse = math.sqrt(math.fsum(e * e for e in drawn)) if drawn and not len(impossible) else None
    return dataclasses.replace(elpd, given=words, impossible=_names(binding, plate, impossible), mcse=mcse)


def _names(binding: Binding, plate: str, elements: np.ndarray) -> tuple[str, ...]:
    """Elements by their labels; rows by their numbers in the table, from 1."""
    labels = binding.layout.labels.get(plate)
    if labels:
        return tuple(labels[i] for i in elements)
    is_moved = plate == binding.plate and binding.rows is not None
    places = np.sort(np.asarray(binding.rows)[elements]) if is_moved else elements
    return tuple(str(i + 1) for i in places)


def changed_options(fit: Fit) -> dict[str, Any]:
    """The options of a fit's method that are not what the method has by itself."""
    defaults = dataclasses.asdict(method_named(fit.method).options())
    return {k: v for k, v in fit.options.items() if k in defaults and v != defaults[k]}


def held_params(fit: Fit) -> dict[str, Any]:
    """The params that were held at a value."""
    return {n: fit.parameters[n] for n in fit.provenance.get("fixed", ()) if n in fit.parameters}
