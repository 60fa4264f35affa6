"""The scalars of a fit's draws: their names with labels, their figures, and the shares of labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pgmlang.model.labels import Labels
from pgmlang.model.show import quoted
from pgmlang.results.convergence import Convergence, convergence
from pgmlang.results.fit import Fit

_BLOCK = 1 << 21


@dataclass(frozen=True, eq=False)
class Shares:
    """Of a discrete variable: ``labels``; ``share`` of each, shape (scalars, labels); ``mode``, the code of the most
    common, shape (scalars,); ``figures`` of the indicator of the mode."""

    labels: Labels
    share: np.ndarray
    mode: np.ndarray
    figures: Convergence


def filled(labels: Labels | None, size: int) -> tuple[str, ...]:
    """``size`` labels: those there are, and numbers where there are none."""
    known = (labels or ())[:size]
    return (*known, *map(str, range(len(known), size)))


def axis_labels(fit: Fit, axis: str, size: int) -> tuple[str, ...]:
    """Labels of the elements of a plate or dim, numbers where there are none (also for an axis of no model)."""
    return filled(fit.layout.labels.get(axis) or fit.row_names.get(fit.model.root_axis(axis)), size)


def is_independent(fit: Fit) -> bool:
    """Whether the draws are of a variational guide: no chain could go astray."""
    return bool(fit.provenance.get("independent_draws"))


def is_discrete(fit: Fit, name: str) -> bool:
    """Whether the draws of a variable are codes of labels."""
    return is_coded(fit, name, fit.draws[name])


def is_coded(fit: Fit, name: str, values: np.ndarray) -> bool:
    """Whether values of a variable are codes of labels."""
    variable = fit.model.by_name.get(name)
    return variable is not None and variable.type.is_discrete and values.dtype.kind in "iu"


def scalar_names(fit: Fit, name: str) -> Iterator[str]:
    """``theta[Choate]``: the scalars of a variable's draws, or of a deterministic name's, in C order, labels quoted as the language does."""
    shape = (fit.draws[name] if name in fit.draws else fit.deterministic[name]).shape[2:]
    if not shape:
        return iter((name,))
    axes = fit.draw_axes.get(name, ())
    labels = [[quoted(x) for x in axis_labels(fit, a, n)] for a, n in zip(axes, shape, strict=True)]
    return (f"{name}[{', '.join(index)}]" for index in itertools.product(*labels))


def value_labels(fit: Fit, name: str) -> Labels:
    """The labels behind the codes of a discrete variable; numbers up to the greatest code where none are known."""
    type_ = fit.model.by_name[name].type
    labels: Labels | None = fit.layout.labels.get(type_.axis) if type_.axis else None
    labels = labels or fit.model.labels_of(type_)
    if labels is not None:
        return labels
    codes = next(where[name] for where in (fit.draws, fit.deterministic, fit.parameters) if name in where)
    return filled(None, min(int(codes.max(initial=-1)) + 1, 1 << 16))


def shares(fit: Fit, name: str, limit: int | None = None) -> Shares:
    """Shares of the labels of the first ``limit`` scalars; codes that stand for no label count for none. The figures of a
    bit, truth value or spin are those of being one, whichever is commoner, so that means can be compared."""
    labels = value_labels(fit, name)
    is_number = fit.model.by_name[name].type.kind in ("bit", "truth", "spin")
    flat = first_scalars(fit.draws[name], limit)
    chains, draws, scalars = flat.shape
    size = len(labels)
    share = np.zeros((scalars, size))
    mode = np.zeros(scalars, dtype=np.int64)
    parts = []
    step = max(1, _BLOCK // max(chains * draws, size, 1))
    for start in range(0, scalars, step):
        block = flat[:, :, start : start + step]
        here = block.shape[2]
        is_label = (block >= 0) & (block < size)
        # one count over the cells (scalar, label); those of no label fall into a cell of their own
        cells = np.where(is_label, block, 0) + np.arange(here) * size
        cells = np.where(is_label, cells, here * size)
        counts = np.bincount(cells.ravel(), minlength=here * size + 1)[: here * size].reshape(here, size)
        share[start : start + here] = counts / (chains * draws)
        mode[start : start + here] = 1 if is_number else counts.argmax(axis=1) if size else 0
        parts.append(convergence(block == mode[start : start + here]))
    return Shares(labels, share, mode, _of_chains(fit, joined(parts)))


def first_scalars(draws: np.ndarray, limit: int | None) -> np.ndarray:
    """Draws of shape (chain, draw, scalars), of the first ``limit`` scalars."""
    return draws.reshape(*draws.shape[:2], -1)[:, :, :limit]


def joined(parts: list[Convergence]) -> Convergence:
    """Figures of several groups of scalars as one."""
    names = Convergence.__dataclass_fields__
    return Convergence(**{n: np.concatenate([getattr(p, n) for p in parts] or [np.zeros(0)]) for n in names})


def figures_of(fit: Fit, name: str, limit: int | None = None) -> Convergence:
    """Figures of a variable's scalars; of a discrete one, of the indicator that `shares` takes."""
    if is_discrete(fit, name):
        return shares(fit, name, limit).figures
    figures = _of_chains(fit, convergence(first_scalars(fit.draws[name], limit)))
    return _of_normal(fit, name, figures)


def _of_normal(fit: Fit, name: str, figures: Convergence) -> Convergence:
    """The figures with those of the posterior itself, where it is a normal distribution: of these draws have no part."""
    if fit.normal is None or name not in fit.normal.shapes:
        return figures
    places = fit.normal.places(name).reshape(-1)[: len(figures)]
    quantiles = {
        q: fit.normal.quantile(c, name).reshape(-1)[: len(figures)]
        for q, c in (("q5", 0.05), ("q50", 0.5), ("q95", 0.95))
    }
    return replace(
        figures, mean=fit.normal.mean[places], sd=fit.normal.sds[places], mcse=np.zeros(len(figures)), **quantiles
    )


def _of_chains(fit: Fit, figures: Convergence) -> Convergence:
    """The figures without R-hat where the draws are independent: they are of no chains that could disagree."""
    return replace(figures, r_hat=np.full(len(figures), np.nan)) if is_independent(fit) else figures
