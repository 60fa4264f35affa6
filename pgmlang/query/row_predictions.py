"""Predictions of unseen rows: what the rows leave open, completed for each draw of the globals.

Discrete latents are summed out; for continuous ones every draw of the globals gets a chain of its own (Hamiltonian Monte
Carlo).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.importance import resampled
from pgmlang.density.reductions import determines
from pgmlang.density.row_subset import with_latent_cells
from pgmlang.density.simulation import simulate_given_seen
from pgmlang.density.summing import Marginaliser, marginaliser_of
from pgmlang.density.transforms import free_shape
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.summable import elimination_steps
from pgmlang.model import Model
from pgmlang.query.new_rows import GUIDED, NewRows, unknown_above
from pgmlang.query.number_mixtures import NumberMixture, number_mixtures
from pgmlang.query.row_target import RowTarget
from pgmlang.query.rows import Columns
from pgmlang.results.convergence import error_of_mean

WARMUP = 200
"""Steps that the chains of the rows' own latents take before their last state is used."""
QUANTILES = (0.05, 0.95)
MAX_COLUMNS = 2_000


def predict_rows(rows: NewRows, targets: Sequence[str] | None = None) -> Columns:
    """For every row and every target not observed in it: mean, sd and a 90 % interval of a number, the most
    probable label and all their probabilities. Raises PgmError PGM0607 for an unknown target, PGM0602 for latents
    that cannot be inferred."""
    names = _targets(rows, targets)
    plate = _plate_of(rows, names)
    mixtures = number_mixtures(rows, tuple(names))
    chances: dict[str, Tensor] = {}
    completed = complete(rows, chances) if set(names) - set(mixtures) else {}
    columns: dict[str, list[str] | np.ndarray] = {}
    labels = rows.joint.binding.labels.get(plate)
    if plate != rows.joint.binding.plate and labels is not None:
        columns[plate] = list(labels)
    for name in names:
        if name in mixtures:
            columns.update(_columns_of_mixture(rows, name, mixtures[name]))
        else:
            columns.update(_columns(rows, name, completed[name], chances.get(name)))
    if len(columns) > MAX_COLUMNS:
        message = f"that would be {len(columns):,} columns"
        raise PgmError(Diagnostic("PGM0611", message, help="name fewer variables with `--targets`"))
    return Columns(columns)


def _targets(rows: NewRows, targets: Sequence[str] | None) -> list[str]:
    model = rows.joint.model
    asked = [v.name for v in model.variables if v.name in {*rows.joint.latent, *rows.joint.unseen}]
    local = [n for n in (*rows.hidden, *rows.forward) if model.by_name[n].plates and n not in rows.num_known]
    if targets is None:
        inner = rows.joint.binding.plate
        names = [n for n in asked if n in local and inner in rows.joint.axes(n)]
        names = names or [n for n in asked if n in local]
        if not names:
            raise PgmError(Diagnostic("PGM0612", "everything in these rows is observed: there is nothing to predict",
                                      help="leave the column out that is to be predicted, or ask for `score`"))  # fmt: skip
        return names
    unknown = [t for t in targets if t not in asked]
    if unknown:
        known = ", ".join(f"`{n}`" for n in asked) or "nothing"
        raise PgmError(Diagnostic("PGM0607", f"`{unknown[0]}` is not to be predicted here",
                                  help=f"not observed in these rows: {known}"))  # fmt: skip
    return list(targets)


def _plate_of(rows: NewRows, names: Sequence[str]) -> str:
    plates = {rows.joint.axes(n)[0] if rows.joint.axes(n) else "" for n in names}
    if len(plates) > 1:
        raise PgmError(Diagnostic("PGM0612", "the targets are of several plates: " + ", ".join(sorted(plates)),
                                  help="predict those of one plate at a time: `--targets`"))  # fmt: skip
    return next(iter(plates), "")


def _columns(
    rows: NewRows, name: str, values: Tensor, chances: Tensor | None
) -> dict[str, list[str] | np.ndarray]:
    """Columns of one variable from its draws ``[S, row, ...]``, or the ``chances [S or 1, row, ..., label]``, with the Monte
    Carlo error of the mean, or of the probability that has the largest."""
    joint = rows.joint
    variable = joint.model.by_name[name]
    axes = joint.axes(name)[1:]
    flat = values.reshape(values.shape[0], values.shape[1] if values.dim() > 1 else 1, -1)
    out: dict[str, list[str] | np.ndarray] = {}
    texts = joint.binding.layout.element_names(axes)
    text_labels = joint.model.labels_of(variable.type) if variable.type.is_discrete else None
    for i, element in enumerate(texts):
        label = f"{name}[{element}]" if element else name
        one = flat[..., i]
        if text_labels is not None:
            by_draw = torch.stack([(one == k).double() for k in range(len(text_labels))], -1)
            if chances is not None:
                by_draw = chances.reshape(len(chances), one.shape[1], -1, len(text_labels))[:, :, i]
            shares = by_draw.mean(0)
            out[label] = [text_labels[k] for k in shares.argmax(-1).tolist()]
            out.update({f"P({label} = {t})": shares[:, k].cpu().numpy() for k, t in enumerate(text_labels)})
            if len(by_draw) > 1:
                out[f"{label}.mcse"] = error_of_mean(by_draw.cpu().numpy(), rows.is_point).max(-1)
        else:
            numbers = one.double().cpu().numpy()
            low, high = np.quantile(numbers, QUANTILES, axis=0)
            out[label] = numbers.mean(0)
            if rows.num_draws > 1 or len(numbers) > 1:
                out[f"{label}.sd"] = numbers.std(0, ddof=1)
                out[f"{label}.q5"], out[f"{label}.q95"] = low, high
                out[f"{label}.mcse"] = error_of_mean(numbers, rows.is_point)
    return out


def _columns_of_mixture(rows: NewRows, name: str, mixture: NumberMixture) -> dict[str, list[str] | np.ndarray]:
    """Columns of one number by its distribution; cells that are seen have their value."""
    joint = rows.joint
    figures = [mixture.mean, mixture.sd, *(mixture.quantile(q) for q in QUANTILES)]
    mask = joint.missing.get(name, joint.unseen.get(name))
    if mask is not None:
        seen = joint.observed[name].to(joint.dtype)
        zero = torch.zeros_like(seen)
        figures = [torch.where(mask, f, zero if i == 1 else seen) for i, f in enumerate(figures)]
    count = joint.shapes[name][0] if joint.shapes[name] else 1
    flat = [f.reshape(count, -1).cpu().numpy() for f in figures]
    out: dict[str, list[str] | np.ndarray] = {}
    for i, element in enumerate(joint.binding.layout.element_names(joint.axes(name)[1:])):
        label = f"{name}[{element}]" if element else name
        out.update(
            zip((label, *(f"{label}.{s}" for s in ("sd", "q5", "q95"))), (f[:, i] for f in flat), strict=True)
        )
    return out


def complete(rows: NewRows, chances: dict[str, Tensor]) -> dict[str, Tensor]:
    """A draw of everything latent in the rows for each draw of the globals, ``[S, *shape]`` by name; ``chances``
    takes the probabilities ``[S or 1, *shape, labels]`` of what is summed out, and of labels given their parents."""
    given = {**rows.given, **_inferred(rows, chances)}
    shape = (rows.num_draws,)
    out = simulate_given_seen(rows.joint, rows.generator, given, rows.params, rows.nets, shape)
    labels = [n for n in rows.forward if _has_labels(rows.joint.model, n) and n not in chances]
    chances.update(_summed_labels(rows, labels, given))
    for name in labels:
        if name not in chances:
            chances[name] = _given_parents(rows, name, out)
    return out


def _has_labels(model: Model, name: str) -> bool:
    return model.labels_of(model.by_name[name].type) is not None


def _summed_labels(rows: NewRows, names: Sequence[str], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Probabilities ``[S or 1, *shape, labels]`` of those labels drawn forwards that hang on no number drawn forwards,
    what is latent besides summed out with them: no draw of a label adds its noise. None of them where that is too wide."""
    model, numbers = rows.joint.model, {n for n in rows.forward if not _has_labels(rows.joint.model, n)}
    unknown = {*rows.forward, *rows.hidden}
    chosen = [n for n in names if not numbers & unknown_above(model, n, unknown)]
    if not chosen:
        return {}
    chosen = list(dict.fromkeys(a for n in chosen for a in (*sorted(unknown_above(model, n, unknown)), n)))
    summed = [n for n in dict.fromkeys((*rows.hidden, *chosen)) if _has_labels(model, n)]
    left_out = rows.undrawn() - set(chosen)
    reduced = replace(
        model, factors=tuple(f for f in model.factors if getattr(f, "target", None) not in left_out), guide=None
    )
    if elimination_steps(reduced, summed)[1]:
        return {}
    binding = replace(
        rows.joint.binding,
        values={k: v for k, v in rows.joint.binding.values.items() if k not in rows.undrawn()},
    )
    inner = density_of_binding(reduced, binding, rows.joint.held, rows.joint.dtype, rows.joint.device)
    known = {k: v for k, v in given.items() if k not in summed}
    has_numbers = any(n in given and n not in rows.given for n in rows.hidden if n not in summed)
    few = {k: v[:1] for k, v in known.items()} if rows.is_point and not has_numbers else known
    shares = marginaliser_of(with_latent_cells(inner, summed), summed).marginals(few, rows.params, rows.nets)
    wide = {n: s if s.dim() > len(rows.joint.shapes[n]) + 1 else s[None] for n, s in shares.items()}
    return {n: wide[n] for n in names if n in wide}


def _given_parents(rows: NewRows, name: str, values: Mapping[str, Tensor]) -> Tensor:
    """Probabilities ``[S, *shape, labels]`` of labels that are drawn forwards, given what they hang on: their mean over
    the draws errs less than the share of the labels drawn (Rao and Blackwell)."""
    model, binding = rows.joint.model, rows.joint.binding
    alone = replace(
        model, factors=tuple(f for f in model.factors if getattr(f, "target", None) == name), guide=None
    )
    inner = with_latent_cells(
        density_of_binding(alone, binding, rows.joint.held, rows.joint.dtype, rows.joint.device)
    )
    given = {k: v for k, v in values.items() if k != name}
    shares = marginaliser_of(inner, [name]).marginals(given, rows.params, rows.nets)[name]
    return shares if shares.dim() > len(rows.joint.shapes[name]) + 1 else shares[None]


def _inferred(rows: NewRows, chances: dict[str, Tensor]) -> dict[str, Tensor]:
    """Draws of the latents that something observed hangs on."""
    if not rows.hidden:
        return {}
    unit = rows.unit()
    if (
        rows.is_guided()
        and unit is not None
        and not rows.num_known
        and all(determines(rows.joint, rows.joint.axes(n), unit) for n in rows.hidden)
    ):
        few = {k: v[:1] for k, v in rows.given.items()}
        drawn = resampled(rows.joint, rows.params, rows.nets, GUIDED, rows.generator, unit, rows.num_draws, few)
        return {n: drawn[n] for n in rows.hidden}
    inner, sums, continuous = rows.inference()
    inferred: dict[str, Tensor] = {}
    units = rows.gaussian(inner, sums, continuous) if continuous else None
    if units is not None:
        inferred = units.draw(rows.generator)
    elif continuous:
        rows.need_whole(continuous)
        inferred = _chains(rows, inner, sums, continuous)
    if sums is not None:
        given = {**rows.given, **inferred}
        few = {k: v[:1] for k, v in given.items()} if rows.is_point and not continuous else given
        for name, shares in sums.marginals(few, rows.params, rows.nets).items():
            chances[name] = shares if shares.dim() > len(rows.joint.shapes[name]) + 1 else shares[None]
        side = () if given else (rows.num_draws,)
        inferred.update(sums.draw(rows.generator, given, rows.params, rows.nets, side))
    return inferred


def _chains(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...]
) -> dict[str, Tensor]:
    """The last states of chains over the rows' continuous latents, one for each draw of the globals."""
    from pgmlang.kernels import sample

    shapes = tuple(free_shape(inner, n) for n in names)
    known = {n: rows.given[n][:, : rows.num_known[n]] for n in names if n in rows.num_known}
    given = {k: v for k, v in rows.given.items() if k not in names}
    target = RowTarget(inner, names, shapes, sums, given, None, rows.params, rows.nets, known=known)
    x = torch.empty(rows.num_draws, target.dimension, dtype=inner.dtype, device=inner.device)
    x.uniform_(-1, 1, generator=rows.generator)
    done = sample(target, x, generator=rows.generator, warmup=WARMUP, draws=1)
    values, _ = target.values(done.draws[:, -1])
    return {n: values[n] for n in names}
