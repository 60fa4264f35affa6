"""Fields whose factors hang on latents outside of rows: at each value of these they are fields with params.

A fit holds values of the latents, one or many draws: each is a point, the same model with params in their place, and what is
asked of the posterior is the mean of what the points say (of questions given evidence, each as probable as it makes that).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.model.dependence import names_behind
from pgmlang.query.answer import Answer
from pgmlang.query.parse import Query
from pgmlang.query.rows import Columns
from pgmlang.query.score import Score, deviations_of
from pgmlang.results.fit import Fit

if TYPE_CHECKING:
    pass

MOST = 100
"""Most draws that are points."""


def points_of(fit: Fit) -> tuple[Fit, ...]:
    """The fit at each of its values of the latents outside of rows, which are params there; none where no field hangs on
    such a latent, or where the fit has no value of one."""
    names = _latents_of_fields(fit.model)
    if not names or not names <= {*fit.draws, *fit.parameters}:
        return ()
    model = _with_params(fit.model, names)
    known = {n: v for n, v in fit.parameters.items() if n not in fit.draws}
    others = [n for n in fit.draws if n in fit.model.by_name and n not in names]
    if any(fit.model.by_name[n].role == "param" for n in others):
        return ()
    drawn = {n: np.asarray(fit.draws[n]).reshape(-1, *fit.draws[n].shape[2:]) for n in names if n in fit.draws}
    count = min((len(v) for v in drawn.values()), default=1)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST)).astype(int))
    bare = replace(fit, model=model, draws={}, draw_axes={}, sample_stats={}, deterministic={}, pointwise=None)
    return tuple(replace(bare, parameters={**known, **{n: v[i] for n, v in drawn.items()}}) for i in chosen)


def _latents_of_fields(model: Model) -> frozenset[str]:
    """Latents outside of rows, where a potential rests on one of them."""
    rows = {p.name for p in model.plates if p.is_rows}
    outside = {v.name for v in model.of_role("random") if not rows & set(v.plates)}
    behind: set[str] = set()
    for potential in model.potentials:
        behind |= names_behind(model, potential)
    return frozenset(outside) if behind & outside else frozenset()


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
        are_particles=len(scores) == 1 and scores[0].are_particles,
    )  # fmt: skip


def mean_columns(predictions: Sequence[Columns]) -> Columns:
    """Mean probabilities, and the labels that are most probable by them."""
    if len(predictions) == 1:
        return predictions[0]
    out: dict[str, list[str] | np.ndarray] = {}
    first = predictions[0].columns
    for name, column in first.items():
        if isinstance(column, np.ndarray):
            arrays = np.array([p.columns[name] for p in predictions])
            is_log = name == "log_evidence"
            out[name] = np.logaddexp.reduce(arrays, axis=0) - math.log(len(arrays)) if is_log else arrays.mean(0)
        else:
            out[name] = column
    for name in [n for n, column in first.items() if not isinstance(column, np.ndarray)]:
        prefix = f"P({name} = "
        labels = [k.removeprefix(prefix).removesuffix(")") for k in out if k.startswith(prefix)]
        if labels:
            chances = np.array([out[f"{prefix}{label})"] for label in labels])
            out[name] = [labels[k] for k in chances.argmax(0)]
    return Columns(out, predictions[0].warnings)


def mean_answer(query: Query, answers: Sequence[Answer]) -> Answer:
    """The answers of the points together, each as probable as it makes the evidence. Raises PgmError PGM0606 for the most
    probable labels of several points."""
    if len(answers) == 1:
        return answers[0]
    if query.kind == "MAP":
        message = "the most probable labels under many draws at once are no one's"
        raise PgmError(Diagnostic("PGM0606", message, help="ask for `P(...)`, or fit by `--method map`"))
    logs = np.array([a.log_evidence for a in answers])
    total = np.logaddexp.reduce(logs)
    weights = np.exp(logs - total)
    table = [_mean_row([a.table[i] for a in answers], weights) for i in range(len(answers[0].table))]
    words = f"{answers[0].method}, mean over {len(answers)} draws"
    return replace(
        answers[0], table=tuple(table), log_evidence=float(total - math.log(len(answers))), method=words
    )


def _mean_row(rows: Sequence[dict[str, Any]], weights: np.ndarray) -> dict[str, Any]:
    """A row of an answer, with the Monte Carlo error of its figure."""
    out = {k: v for k, v in rows[0].items() if k not in ("p", "mean", "sd", "q5", "q50", "q95", "mcse")}
    figure = "p" if "p" in rows[0] else "mean"
    values = np.array([row[figure] for row in rows])
    mean = float(weights @ values)
    out[figure] = mean
    if "sd" in rows[0]:
        squares = np.array([row["sd"] ** 2 + row[figure] ** 2 for row in rows])
        out["sd"] = math.sqrt(max(float(weights @ squares) - mean**2, 0.0))
    return {**out, "mcse": float(np.sqrt(np.sum(np.square(weights * (values - mean)))))}


def joined(samples: Sequence[Columns]) -> Columns:
    """Draws of several points, one after the other."""
    out: dict[str, list[str] | np.ndarray] = {}
    for name, column in samples[0].columns.items():
        columns = [s.columns[name] for s in samples]
        out[name] = (
            np.concatenate(columns) if isinstance(column, np.ndarray) else [x for one in columns for x in one]
        )
    return Columns(out, samples[0].warnings)
