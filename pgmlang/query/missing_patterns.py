"""New rows by their pattern of missing cells (Little and Rubin 2002, section 1.2): in the rows of one pattern a number is seen or
hidden whole, and each pattern is answered by what answers rows of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pgmlang.density.bind import density_of_binding
from pgmlang.query.fitted_values import split_latents
from pgmlang.query.forward_draws import MOST_NUMBERS, PARTICLES, numbers_of_draw
from pgmlang.query.new_rows import NewRows
from pgmlang.query.row_predictions import (
    ColumnsOfOne,
    columns_by_target,
    columns_of_seen,
    joined_columns,
    plate_of,
    predict_rows,
    targets_of,
)
from pgmlang.query.row_scores import impossible_of, score_rows
from pgmlang.query.rows import Columns, without_answers
from pgmlang.query.score import Score

MOST_PATTERNS = 64
"""Most patterns that are answered apart."""


@dataclass(frozen=True, eq=False)
class PatternRows:
    """The ``rows`` of one pattern; ``chosen``: which elements of each plate of rows they are."""

    rows: NewRows
    chosen: dict[str, np.ndarray]


def predict_new_rows(rows: NewRows, targets: Sequence[str] | None) -> Columns:
    """As `predict_rows`, pattern by pattern where that is needed; answers of rows of probability zero are empty."""
    patterns = missing_patterns(rows)
    if not patterns:
        return without_answers(predict_rows(rows, targets), impossible_of(rows), rows.joint.binding)
    names = targets_of(rows, targets)
    plate = plate_of(rows, names)
    size = rows.joint.layout.size(plate)
    by_target: dict[str, ColumnsOfOne] = {n: {} for n in names}
    is_impossible = np.zeros(rows.joint.layout.size(rows.joint.binding.plate), dtype=bool)
    for one in patterns:
        is_impossible[one.chosen[rows.joint.binding.plate]] = impossible_of(one.rows)
        seen = [n for n in names if n in one.rows.joint.observed and n not in _open(one.rows)]
        columns = columns_by_target(one.rows, [n for n in names if n not in seen])
        columns |= {n: columns_of_seen(one.rows, n) for n in seen}
        for name in names:
            written(by_target[name], columns[name], one.chosen[plate], size)
    return without_answers(joined_columns(rows, plate, by_target), is_impossible, rows.joint.binding)


def score_new_rows(rows: NewRows) -> Score:
    """As `score_rows`, pattern by pattern where that is needed."""
    patterns = missing_patterns(rows)
    plate = rows.unit()
    if not patterns or plate is None or any(one.rows.unit() != plate for one in patterns):
        return score_rows(rows)
    return _joined([score_rows(one.rows) for one in patterns], [one.chosen[plate] for one in patterns])


def missing_patterns(rows: NewRows) -> list[PatternRows]:
    """The rows by pattern, in blocks that memory holds; none where what hides numbers in them is no pattern, or rows hang
    together otherwise than by elements of one plate."""
    plate = rows.unit()
    if plate is None or not rows.needs_forward_draws or rows.joint.model.is_chain(plate):
        return []
    is_shared = any(plate in rows.joint.axes(n) for n in rows.given if n in rows.joint.model.by_name)
    if is_shared or plate in {rows.joint.axes(n)[0] for n in rows.num_known}:
        return []
    partly = [
        n for n in rows.hidden if n in rows.joint.missing and not rows.joint.model.by_name[n].type.is_discrete
    ]
    patterns = _patterns(rows, plate, partly)
    if len(patterns) > MOST_PATTERNS:
        return []
    return [PatternRows(*_rows_of(rows, plate, block)) for p in patterns for block in _blocks(rows, plate, p)]


def _patterns(rows: NewRows, plate: str, names: Sequence[str]) -> list[np.ndarray]:
    """The elements of a plate that lack the same cells of these variables; of rows inside of them all, some or none."""
    size = rows.joint.layout.size(plate)
    keys: list[list[bytes]] = [[] for _ in range(size)]
    for name in names:
        mask, axes = rows.joint.missing[name].cpu().numpy(), rows.joint.axes(name)
        position = next((i for i, a in enumerate(axes) if a == plate), None)
        if position is not None:
            cells = np.moveaxis(mask, position, 0).reshape(size, -1)
        else:
            inner = next(i for i, a in enumerate(axes) if (plate, a) in rows.joint.layout.parents)
            parent = rows.joint.layout.parent(plate, axes[inner]).cpu().numpy()
            flat = np.moveaxis(mask, inner, 0).reshape(mask.shape[inner], -1)
            some, every = np.zeros(size, dtype=bool), np.ones(size, dtype=bool)
            np.logical_or.at(some, parent, flat.any(1))
            np.logical_and.at(every, parent, flat.all(1))
            cells = np.stack([some, every], 1)
        for key, line in zip(keys, cells, strict=True):
            key.append(line.tobytes())
    groups: dict[tuple[bytes, ...], list[int]] = {}
    for i, key in enumerate(keys):
        groups.setdefault(tuple(key), []).append(i)
    return [np.array(g) for g in groups.values()]


def _blocks(rows: NewRows, plate: str, chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Elements of a plate, as many at once as their forward draws may be."""
    of_one = max(1, numbers_of_draw(rows) // rows.joint.layout.size(plate))
    most = max(1, MOST_NUMBERS // (of_one * rows.num_draws * PARTICLES))
    for start in range(0, len(chosen), most):
        yield chosen[start : start + most]


def _rows_of(rows: NewRows, plate: str, chosen: np.ndarray) -> tuple[NewRows, dict[str, np.ndarray]]:
    """Some elements of a plate and the rows inside of them, what lacks all its cells there unobserved; and which elements of
    each plate these are."""
    joint = rows.joint
    binding = joint.binding.rows_of(plate, chosen)
    values = {
        n: v for n, v in binding.values.items()
        if n not in binding.layout.missing or not binding.layout.missing[n].mask.all()
    }  # fmt: skip
    some = density_of_binding(joint.model, binding.with_values(values), joint.held, joint.dtype, joint.device)
    forward, hidden = split_latents(some, set(rows.given) - set(rows.num_known))
    forward = tuple(n for n in forward if n not in rows.num_known)
    _, elements = joint.binding.layout.take(plate, chosen)
    return replace(rows, joint=some, forward=forward, hidden=hidden), elements


def _open(rows: NewRows) -> set[str]:
    return {*rows.joint.latent, *rows.joint.unseen}


def written(columns: ColumnsOfOne, some: ColumnsOfOne, chosen: np.ndarray, size: int) -> None:
    """Writes cells of some rows; what has no error has none of zero."""
    for name, values in some.items():
        if isinstance(values, np.ndarray):
            empty = 0.0 if name.endswith(".mcse") else np.nan
            column = columns.setdefault(name, np.full(size, empty))
            assert isinstance(column, np.ndarray), "a figure is one in every row"
            column[chosen] = values
        else:
            texts = columns.setdefault(name, [""] * size)
            assert isinstance(texts, list), "a label is one in every row"
            for i, text in zip(chosen, values, strict=True):
                texts[i] = text


def _joined(scores: Sequence[Score], chosen: Sequence[np.ndarray]) -> Score:
    """The scores of several patterns as one, elements in their order."""
    order = np.argsort(np.concatenate(chosen))
    effective = [s.ess for s in scores if s.ess is not None]
    words = " and ".join(dict.fromkeys(s.estimator for s in scores))
    first = scores[0]
    out = Score(
        np.concatenate([s.values for s in scores])[order], first.plate, words, min(effective, default=None)
    )
    counts = {len(s.deviations) for s in scores if s.deviations is not None}
    if len(counts) == 1:
        # the draws of the globals are the same for all
        (count,) = counts
        deviations = [np.zeros((count, len(s.values))) if s.deviations is None else s.deviations for s in scores]
        are_particles = all(s.are_particles for s in scores if s.deviations is not None)
        return replace(out, deviations=np.concatenate(deviations, 1)[:, order], are_particles=are_particles)
    if counts:
        errors = [np.zeros(len(s.values)) if s.mcse is None else s.mcse for s in scores]
        return replace(out, log_z_error=np.concatenate(errors)[order])
    return out
