"""Values that hang on those of earlier rows of their sequence."""

from __future__ import annotations

import torch


def linear_recurrence(factor, shift, position, before, dim):
    """Values ``x = factor * (x of the row before) + shift`` along dim ``dim``, zero before the first, in log-many steps
    (an associative scan: Blelloch 1990). ``position [rows]`` in the sequence, ``before [rows]``: the row before each."""
    rows = position.shape[0]
    is_first = (position == 0).reshape(-1, *[1] * (-dim - 1))
    factor = torch.where(is_first, torch.zeros_like(factor), factor)
    reach = 1
    while reach < rows:
        shift = shift + factor * shift.index_select(dim, before)
        factor = factor * factor.index_select(dim, before)
        before = before.index_select(0, before)
        reach *= 2
    return shift


def recurrence(step, position, dims, past, drivers):
    """Values that hang on those of earlier rows of their sequence, step after step, all sequences at once.

    ``step(*values before, *drivers)`` gives the values of a step's rows, each with the rows along its dim of ``dims``.
    ``position [rows]`` in the sequence; ``past``: of each value before which of the results it is, how many rows back, the
    row so far back of each row, and a value for rows that have none; ``drivers``: arrays, each with the dim of its rows,
    or None where it is the same at all."""
    order = torch.argsort(position, stable=True)
    counts = torch.bincount(position).tolist()
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    taken = [
        [array] * len(counts) if dim is None else array.index_select(dim, order).split(counts, dim)
        for array, dim in drivers
    ]
    rows_before = [place[rows[order]].split(counts) for _, _, rows, _ in past]
    results = []
    for t, count in enumerate(counts):
        values = []
        for (which, lag, _, nothing), rows in zip(past, rows_before, strict=True):
            dim = dims[which]
            if t < lag:
                shape = list(nothing.shape)
                shape[dim] = count
                values.append(nothing.expand(shape))
            else:
                values.append(results[t - lag][which].index_select(dim, rows[t] - starts[t - lag]))
        results.append(step(*values, *(d[t] for d in taken)))
    out = []
    for which, dim in enumerate(dims):
        parts = [r[which] for r in results]
        lead = torch.broadcast_shapes(*(p.shape[: p.dim() + dim] for p in parts))
        parts = [p.expand(*lead, *p.shape[p.dim() + dim :]) for p in parts]
        out.append(torch.cat(parts, dim).index_select(dim, place))
    return tuple(out)
