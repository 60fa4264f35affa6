"""Fields beside latents of which the fit has values: at each value of these they are fields with params.

The latents are those outside of the innermost rows: global ones, and those of outer elements. A fit holds one value or many
draws of them: each is a point, the same model with params in their place, and what is asked of the posterior is the mean of
what the points say (of questions given evidence, each as probable as it makes that).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.model.dependence import names_behind
from pgmlang.model.row_plates import row_plate
from pgmlang.query.answer import Answer
from pgmlang.query.parse import Query
from pgmlang.query.rows import Columns
from pgmlang.query.score import Score, deviations_of
from pgmlang.results.convergence import error_of_mean
from pgmlang.results.fit import Fit

MOST = 100
"""Most draws that are points."""
ENOUGH = 10
"""Effective points below which the evidence is too far from the fit to be answered for."""


def points_of(fit: Fit, seed: int = 0, indices: np.ndarray | None = None) -> tuple[Fit, ...]:
    """The fit at each of its values of the latents outside of the innermost rows, which are params there; none where the
    model has no fields or no such latent, or where the fit has no value of one. Of a given model these are draws of the
    prior by ``seed``; none where it hangs on data. ``indices``: which draws, chains one
    after the other; evenly spaced ones, `MOST` at most, where they are not said."""
    names = outer_latents(fit.model)
    if not names or not any(True for _ in fit.model.of_role("field")):
        return ()
    if fit.is_given and not names <= fit.parameters.keys():
        fit = _with_prior_draws(fit, names, seed)
    if not names <= {*fit.draws, *fit.parameters}:
        return ()
    model = _with_params(fit.model, names)
    known = {n: v for n, v in fit.parameters.items() if n not in fit.draws}
    others = [n for n in fit.draws if n in fit.model.by_name and n not in names]
    if any(fit.model.by_name[n].role == "param" for n in others):
        return ()
    drawn = {n: np.asarray(fit.draws[n]).reshape(-1, *fit.draws[n].shape[2:]) for n in names if n in fit.draws}
    count = min((len(v) for v in drawn.values()), default=1)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST)).astype(int))
    if indices is not None:
        chosen = np.minimum(indices, count - 1)
    bare = replace(fit, model=model, draws={}, draw_axes={}, sample_stats={}, deterministic={}, pointwise=None)
    return tuple(
        replace(bare, parameters={**known, **{n: np.array(v[i]) for n, v in drawn.items()}}) for i in chosen
    )


def _with_prior_draws(fit: Fit, names: frozenset[str], seed: int) -> Fit:
    """A given model with draws of these latents by their prior, ``[1, draw, *shape]``; as it is where their prior or their
    number hangs on data."""
    import torch

    from pgmlang.density.bind import density_of_binding
    from pgmlang.query.fitted_values import drawn_from_prior, estimates

    model = fit.model
    chosen = [v for v in model.of_role("random") if v.name in names and v.name not in fit.parameters]
    behind = names_behind(model, *(model.conditional_of[v.name] for v in chosen))
    hangs_on_data = any(n in behind and model.by_name[n].role in ("input", "field") for n in model.by_name)
    if hangs_on_data or any(not fit.layout.has_size(a) for v in chosen for a in model.array_axes(v)):
        return fit
    binding = Binding(model, fit.layout, fit.labels, {}, plate="")
    joint = density_of_binding(model, binding, {}, torch.float64, torch.device("cpu"))
    values, params, nets, _ = estimates(fit, joint)
    known = {n: v.expand(MOST, *v.shape[1:]) for n, v in values.items()}
    generator = torch.Generator().manual_seed(seed)
    drawn = drawn_from_prior(joint, tuple(v.name for v in chosen), known, params, nets, MOST, generator)
    return replace(fit, draws={n: v[None].numpy() for n, v in drawn.items()})


def outer_latents(model: Model) -> frozenset[str]:
    """Random variables outside of the innermost rows."""
    rows = row_plate(model)
    return frozenset(v.name for v in model.of_role("random") if rows not in v.plates)


def hold_up_fields(model: Model, names: Collection[str]) -> bool:
    """Whether a potential rests on one of these variables, so that log Z does."""
    return any(not names_behind(model, potential).isdisjoint(names) for potential in model.potentials)


def need_known_elements(fit: Fit, point: Fit, bound: Binding) -> None:
    """Raises PgmError PGM0602 for rows of an outer element that latents have no value of: its log Z would be an average over
    their prior."""
    model = bound.model
    for name in sorted(outer_latents(fit.model)):
        values = np.asarray(point.parameters[name])
        for plate, length in zip(model.by_name[name].plates, values.shape, strict=False):
            labels = bound.layout.element_labels(plate)
            if model.plate_by_name[plate].is_rows and len(labels) > length:
                message = f"the fit has no value of `{name}` for `{labels[length]}` of `{plate}`, and fields stand beside it"
                cure = f"leave the rows of `{labels[length]}` out, or fit again with them"
                raise PgmError(Diagnostic("PGM0602", message, fit.model.by_name[name].span, help=cure))


def _with_params(model: Model, names: frozenset[str]) -> Model:
    """The model with params in place of latents: without their distributions, and without a guide."""
    variables = tuple(replace(v, role="param") if v.name in names else v for v in model.variables)
    factors = tuple(f for f in model.factors if getattr(f, "target", None) not in names)
    return replace(model, variables=variables, factors=factors, guide=None)


def mean_score(scores: Sequence[Score]) -> Score:
    """The logarithm of the mean likelihood of each element."""
    values = np.logaddexp.reduce([s.values for s in scores], axis=0) - math.log(len(scores))
    sizes = [s.ess for s in scores if s.ess is not None]
    words = scores[0].estimator if len(scores) == 1 else f"{scores[0].estimator}; mean over {len(scores)} draws"
    deviations = scores[0].deviations
    if len(scores) > 1:
        deviations = deviations_of(np.array([s.values for s in scores]), values)
    return replace(
        scores[0], values=values, ess=min(sizes) if sizes else None, estimator=words, deviations=deviations,
        are_particles=len(scores) == 1 and scores[0].are_particles, log_z_error=_error_of_log_z(scores),
    )  # fmt: skip


def score_under_prior(scores: Sequence[Score], weights: np.ndarray) -> Score:
    """One number for all the data, which latents that have their prior tie together; rows by their ``weights``. Raises
    PgmError PGM0602 where too few draws of the prior agree with the data."""
    totals = [
        replace(s, values=np.array([_total(s, weights)]), plate="data", elements=(), deviations=None,
                log_z_error=_total_error(s, weights))
        for s in scores
    ]  # fmt: skip
    share_of_points(np.array([t.values[0] for t in totals]))
    return replace(mean_score(totals), are_particles=True)


def _total(score: Score, weights: np.ndarray) -> float:
    return float(score.values @ weights if len(weights) == len(score.values) else score.values.sum())


def _total_error(score: Score, weights: np.ndarray) -> np.ndarray | None:
    error = score.total_mcse(weights if len(weights) == len(score.values) else np.ones(len(score.values)))
    return None if error is None else np.array([error])


def share_of_points(logs: np.ndarray) -> np.ndarray:
    """The posterior probability of each draw of the prior by the log-likelihood of the rows there, shape (points,). Raises
    PgmError PGM0602 where too few agree with the rows."""
    if not np.isfinite(logs).any():
        return np.full(len(logs), 1 / len(logs))
    weights = np.exp(logs - np.logaddexp.reduce(logs))
    effective = 1 / float(np.square(weights).sum())
    if effective < ENOUGH:
        message = (
            f"{effective:.1f} of {len(logs)} draws of the prior agree with the rows; at least {ENOUGH} are needed"
        )
        raise PgmError(Diagnostic("PGM0602", message, help="fit the model to them: `pgmc fit`, then ask the fit"))
    return weights


def _error_of_log_z(scores: Sequence[Score]) -> np.ndarray | None:
    """The error of annealed log Zs in the logarithm of a mean likelihood: each by its share of that. Where a point's elements
    share one log Z, it is that of the element with the greatest."""
    if all(s.log_z_error is None for s in scores):
        return None
    logs = np.array([s.values for s in scores])
    shares = np.exp(logs - np.logaddexp.reduce(logs, axis=0))
    errors = [np.zeros(()) if s.log_z_error is None else s.log_z_error for s in scores]
    total = np.sqrt(sum(np.square(share * error) for share, error in zip(shares, errors, strict=True)))
    return np.asarray(total.max() if all(e.ndim == 0 for e in errors) else total)


def mean_columns(predictions: Sequence[Columns], weights: np.ndarray | None = None) -> Columns:
    """Mean probabilities, and the labels that are most probable by them. ``weights``: of the points, adding up to one."""
    if len(predictions) == 1:
        return predictions[0]
    # divided by their own sum, so that the mean of ones is one
    shares = np.ones(len(predictions)) if weights is None else weights
    shares = shares / shares.sum()
    out: dict[str, list[str] | np.ndarray] = {}
    first = predictions[0].columns
    for name, column in first.items():
        if name.endswith(".mcse") and name.removesuffix(".mcse") in first:
            continue
        if isinstance(column, np.ndarray):
            arrays = np.array([p.columns[name] for p in predictions])
            is_log = name == "log_evidence"
            with np.errstate(divide="ignore"):
                logs = np.log(shares).reshape(-1, *[1] * (arrays.ndim - 1))
            out[name] = np.logaddexp.reduce(arrays + logs, axis=0) if is_log else np.average(arrays, 0, shares)
        else:
            out[name] = column
    errors: dict[str, np.ndarray] = {}
    for name in [n for n, column in first.items() if not isinstance(column, np.ndarray)]:
        prefix = f"P({name} = "
        labels = [k.removeprefix(prefix).removesuffix(")") for k in out if k.startswith(prefix)]
        if labels:
            chances = np.array([out[f"{prefix}{label})"] for label in labels])
            out[name] = [labels[k] for k in chances.argmax(0)]
            arrays = np.array(
                [[p.columns[f"{prefix}{label})"] for label in labels] for p in predictions], dtype=float
            )
            # each point's own error is part of how they differ
            if np.ptp(arrays, axis=0).any():
                mean = np.tensordot(shares, arrays, 1)
                terms = shares.reshape(-1, *[1] * mean.ndim) * (arrays - mean) * len(shares) + mean
                errors[name] = error_of_mean(terms, are_independent=False).max(0)
    return replace(predictions[0], columns=_with_errors(out, errors))


def _with_errors(
    columns: dict[str, list[str] | np.ndarray], errors: dict[str, np.ndarray]
) -> dict[str, list[str] | np.ndarray]:
    """The errors of each variable behind its probabilities."""
    last = {n: [k for k in columns if k == n or k.startswith(f"P({n} = ")][-1] for n in errors}
    out: dict[str, list[str] | np.ndarray] = {}
    for key, column in columns.items():
        out[key] = column
        out.update({f"{n}.mcse": errors[n] for n in errors if last[n] == key})
    return out


def mean_answer(query: Query, answers: Sequence[Answer]) -> Answer:
    """The answers of the points together, each as probable as it makes the evidence. Raises PgmError PGM0606 for the most
    probable labels of several points, and where too few points agree with the evidence."""
    if len(answers) == 1:
        return answers[0]
    if query.kind == "MAP":
        message = "the most probable labels under many draws at once are no one's"
        raise PgmError(Diagnostic("PGM0606", message, help="ask for `P(...)`, or fit by `--method map`"))
    logs = np.array([a.log_evidence for a in answers])
    total = np.logaddexp.reduce(logs)
    weights = np.exp(logs - total)
    _need_enough(query, weights)
    # of the weights themselves, where log Z is annealed
    errors = np.array([a.log_evidence_mcse or 0.0 for a in answers])
    table = [_mean_row([a.table[i] for a in answers], weights, errors) for i in range(len(answers[0].table))]
    words = f"{answers[0].method}, mean over {len(answers)} draws"
    of_evidence = None
    if query.evidence:
        by_draw = error_of_mean((len(weights) * weights)[:, None], are_independent=False)[0]
        of_evidence = float(np.hypot(by_draw, np.linalg.norm(weights * errors)))
    return replace(
        answers[0], table=tuple(table), log_evidence=float(total - math.log(len(answers))), method=words,
        log_evidence_mcse=of_evidence,
    )  # fmt: skip


def _need_enough(query: Query, weights: np.ndarray) -> None:
    """Raises PgmError PGM0606 where too few points agree with the evidence."""
    effective = 1 / float(np.square(weights).sum())
    if not effective >= min(ENOUGH, len(weights)) * (1 - 1e-9):
        message = f"{effective:.1f} of {len(weights)} draws agree with the evidence; at least {ENOUGH} are needed"
        span = query.evidence[0].span if query.evidence else None
        cure = "it is far from what the fit has seen: add it to the data, and fit again"
        raise PgmError(Diagnostic("PGM0606", message, span, help=cure))


def _mean_row(rows: Sequence[dict[str, Any]], weights: np.ndarray, errors: np.ndarray) -> dict[str, Any]:
    """A row of an answer, with the Monte Carlo error of its figure: of the draws, of their weights (``errors``, relative) and
    of each draw's own figure."""
    out = {k: v for k, v in rows[0].items() if k not in ("p", "mean", "sd", "q5", "q50", "q95", "mcse")}
    figure = "p" if "p" in rows[0] else "mean"
    values = np.array([row[figure] for row in rows])
    mean = float(weights @ values)
    out[figure] = mean
    if "sd" in rows[0]:
        squares = np.array([row["sd"] ** 2 + row[figure] ** 2 for row in rows])
        out["sd"] = math.sqrt(max(float(weights @ squares) - mean**2, 0.0))
    of_figures = np.array([row.get("mcse", 0.0) for row in rows])
    variances = np.square(values - mean) * (1 + np.square(errors)) + np.square(of_figures)
    return {**out, "mcse": float(np.sqrt(np.square(weights) @ variances))}


def joined(samples: Sequence[Columns]) -> Columns:
    """Draws of several points, one after the other."""
    out: dict[str, list[str] | np.ndarray] = {}
    for name, column in samples[0].columns.items():
        columns = [s.columns[name] for s in samples]
        out[name] = (
            np.concatenate(columns) if isinstance(column, np.ndarray) else [x for one in columns for x in one]
        )
    return Columns(out, samples[0].warnings)
