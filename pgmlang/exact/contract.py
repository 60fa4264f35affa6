"""Running a program on numbers: all evidence rows at once, in linear space rescaled as it goes or in logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pgmlang.exact.program import Backward, ContractionProgram
from pgmlang.exact.rows import RowIndex, RowMerger

# Rescalings that shrink a row's tables by more than this (e^-400) may have lost cells to underflow.
_LOSS = -400.0
_TINY = 1e-130


@dataclass
class ForwardTables:
    """Values of all tables after a forward pass; ``rows[t]`` is None for a table without evidence rows.

    ``log_z``: (num_rows,); ``suspect``: rows whose linear arithmetic may have lost something.
    """

    values: list[np.ndarray | None]
    rows: list[RowIndex | None]
    merger: RowMerger
    log_z: np.ndarray
    shrunk: np.ndarray
    scales: list[tuple[RowIndex | None, np.ndarray | float]] = field(default_factory=list)


def _rescale(values: np.ndarray, has_rows: bool) -> tuple[np.ndarray, np.ndarray | float]:
    """``values``, in place, with the largest cell of each row at 1, and the log of what it was divided by."""
    if has_rows:
        top = values.reshape(-1, values.shape[-1]).max(axis=0)
        if not top.all():
            top = np.where(top > 0, top, 1.0)
        values /= top
        return values, np.log(top)
    peak = float(values.max()) if values.size else 1.0
    if peak <= 0.0 or peak == 1.0:
        return values, 0.0
    return values / peak, float(np.log(peak))


def _joined(
    merger: RowMerger, x: np.ndarray, rx: RowIndex | None, y: np.ndarray, ry: RowIndex | None
) -> tuple[np.ndarray, np.ndarray, RowIndex | None]:
    """Both operands over the same versions of rows."""
    if rx is None:
        return x, y, ry
    if ry is None or rx is ry:
        return x, y, rx
    rows, take_x, take_y = merger.merge(rx, ry)
    if take_x is not None:
        x = x.take(take_x, axis=-1)
    if take_y is not None:
        y = y.take(take_y, axis=-1)
    return x, y, rows


def forward(
    program: ContractionProgram, leaves: Sequence[np.ndarray], leaf_rows: Sequence[RowIndex | None], num_rows: int
) -> ForwardTables:
    """All tables from the leaves' values. A leaf's largest cell should be near 1."""
    count = len(program.scopes)
    values: list[np.ndarray | None] = [*leaves, *([None] * (count - len(leaves)))]
    rows: list[RowIndex | None] = [*leaf_rows, *([None] * (count - len(leaves)))]
    merger = RowMerger(num_rows)
    out = ForwardTables(values, rows, merger, np.zeros(num_rows), np.zeros(num_rows))
    folded = program.folded
    for a, b, to, kernel, axes, rescale in program.forward:
        if to in folded:
            values[to], scale = folded[to]
            if scale:
                out.scales.append((None, scale))
            continue
        x = values[a]
        assert x is not None
        joint: RowIndex | None
        if b < 0:
            joint = rows[a]
            result = program.total(x, axes)
        else:
            y = values[b]
            assert y is not None
            joint = rows[a]
            if joint is not None or rows[b] is not None:
                x, y, joint = _joined(merger, x, joint, y, rows[b])
            result = kernel.run(x, y)
        log_scale: np.ndarray | float = 0.0
        if rescale:
            result, log_scale = _rescale(result, joint is not None)
            out.scales.append((joint, log_scale))
        if program.static[to] and joint is None:
            folded[to] = (result, float(log_scale))
        values[to], rows[to] = result, joint
    _total(program, out)
    return out


def _total(program: ContractionProgram, out: ForwardTables) -> None:
    """log Z from the roots (tables over the outputs are left unsummed in them) and the rescalings."""
    scalars: list[float] = []
    for root in program.plan.roots:
        value, rows, scope = out.values[root], out.rows[root], program.scopes[root]
        assert value is not None
        if not scope and rows is None:
            scalars.append(float(value))
            continue
        total = program.total(value, tuple(range(len(scope))))
        if program.space == "linear":
            with np.errstate(divide="ignore"):
                total = np.log(total)
        out.log_z += rows.expand(total) if rows is not None else total
    if scalars:
        with np.errstate(divide="ignore"):
            out.log_z += np.sum(np.log(scalars) if program.space == "linear" else scalars)
    for rows, scale in out.scales:
        log_scale = rows.expand(scale) if rows is not None and isinstance(scale, np.ndarray) else scale
        out.log_z += log_scale
        out.shrunk += np.minimum(log_scale, 0.0)


Found = tuple[np.ndarray, RowIndex | None]


def backward(program: ContractionProgram, passes: Backward, tables: ForwardTables) -> list[Found]:
    """The unnormalised posterior of each extraction, axes as its scope says, and its rows."""
    grads: dict[int, Found] = {}
    values, rows, merger = tables.values, tables.rows, tables.merger
    extracted: list[Found | None] = [None] * len(passes.extractions)
    extractions_at, needed_above = passes.at, passes.needed_above

    def extract(table: int) -> None:
        for number in extractions_at[table]:
            _, axes, kernel, _ = passes.extractions[number]
            value, joint = values[table], rows[table]
            assert value is not None
            if axes:
                value = program.total(value, axes)
            if kernel is not None:
                grad, grad_rows = grads[table]
                if joint is not None or grad_rows is not None:
                    value, grad, joint = _joined(merger, value, joint, grad, grad_rows)
                value = kernel.run(value, grad)
            extracted[number] = value, joint

    for table in extractions_at:
        if table not in passes.reached:
            extract(table)
    # Gradients live no longer than needed: memory is that of the forward pass.
    for into, above, sibling, axes, kernel, rescale, last in passes.steps:
        if sibling < 0:
            grads[into] = grads[above]
        else:
            y = values[sibling]
            assert y is not None
            if axes:
                y = program.total(y, axes)
            if kernel is None:
                grads[into] = y, rows[sibling]
            else:
                (x, above_rows), joint = grads[above], rows[sibling]
                if joint is not None or above_rows is not None:
                    y, x, joint = _joined(merger, y, joint, x, above_rows)
                result = kernel.run(y, x)
                if rescale:
                    result, _ = _rescale(result, joint is not None)
                grads[into] = result, joint
        if into in extractions_at:
            extract(into)
        if last:
            grads.pop(above, None)
        if into not in needed_above:
            grads.pop(into)
    return [one for one in extracted if one is not None]


def is_suspect(
    program: ContractionProgram, tables: ForwardTables, totals: Sequence[tuple[np.ndarray, RowIndex | None]] = ()
) -> np.ndarray:
    """Rows for which linear arithmetic may have lost a cell that matters, (num_rows,) of bool.

    ``totals``: sums of unnormalised posteriors (versions,) and their rows; a tiny one means that what the rest of
    the network favours a table all but excludes, so that cells just above underflow decide.
    """
    suspect = np.zeros(len(tables.log_z), dtype=bool)
    if program.space != "linear" or program.spread < -_LOSS:
        return suspect
    suspect |= (tables.shrunk < _LOSS) | ~np.isfinite(tables.log_z)
    for total, rows in totals:
        if rows is None:
            if total[0] < _TINY:
                suspect[:] = True
        elif (tiny := total < _TINY).any():
            suspect |= rows.expand(tiny)
    return suspect


def normalised(values: np.ndarray, rows: RowIndex | None, space: str) -> tuple[np.ndarray, np.ndarray]:
    """(cells, versions) summing to one over the cells from unnormalised values (NaN where all are zero; the
    caller quietens numpy, once for many tables), and what they summed to in linear space (versions,)."""
    flat = values.reshape(-1, values.shape[-1]) if rows is not None else values.reshape(-1, 1)
    if space != "linear":
        top = flat.max(axis=0)
        flat = np.exp(flat - np.where(np.isfinite(top), top, 0.0))
    total = flat.sum(axis=0)
    return flat / total, total
