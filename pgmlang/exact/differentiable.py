"""log Z as a torch function of the log tables: the same contraction in log space, so autograd gives posteriors.

The gradient by a log table is its expected counts. Nothing is divided and no -inf meets another in the
backward pass, so gradients are finite where tables hold zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.exact.engine import ExactEngine
from pgmlang.exact.evidence import Evidence, EvidenceRows, Soft, prepare
from pgmlang.exact.leaves import LeafSource
from pgmlang.tables import DiscreteNetwork

if TYPE_CHECKING:
    import torch


def _log_sum(values: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
    """log-sum-exp whose gradient is zero, not NaN, where all terms are -inf."""
    import torch

    if not axes:
        return values
    top = values.detach().amax(dim=tuple(axes), keepdim=True)
    top = torch.where(torch.isfinite(top), top, torch.zeros_like(top))
    total = torch.exp(values - top).sum(dim=tuple(axes))
    zero = total <= 0
    safe = torch.where(zero, torch.ones_like(total), total)
    logs = torch.log(safe) + top.reshape(total.shape)
    return torch.where(zero, torch.full_like(logs, -np.inf), logs)


def _leaf(
    source: LeafSource, rows: EvidenceRows, tables: Sequence[torch.Tensor], sizes: Sequence[int]
) -> torch.Tensor:
    """A leaf's logarithms, axes (rows or 1, *rest)."""
    import torch

    like = tables[0] if tables else torch.zeros((), dtype=torch.float64)
    if source.unary is not None:
        unary = rows.unary[source.unary]
        with np.errstate(divide="ignore"):
            logs = np.log(unary.table) + unary.scale[:, None]
        table = torch.as_tensor(logs, dtype=like.dtype, device=like.device)
        ids = np.zeros(1, dtype=np.int64) if unary.ids is None else unary.ids
        table = table[torch.as_tensor(ids, device=like.device)]
        if source.rest:
            return table
        codes = torch.as_tensor(rows.codes(unary.variable), device=like.device)
        return table.expand(len(codes), -1).gather(1, codes[:, None])[:, 0]
    if source.factor is None:
        return like.new_zeros((1, sizes[source.rest[0]]))
    table = tables[source.factor]
    axis_of = {v: i for i, v in enumerate(source.full)}
    seen = [*source.fixed, *source.hard]
    if not seen:
        return table.unsqueeze(0)
    table = table.permute([axis_of[v] for v in (*seen, *source.rest)])
    if source.hard:
        index = tuple(torch.as_tensor(rows.codes(v), device=table.device) for v in seen)
        return table[index]
    return table[tuple(rows.fixed[v] for v in seen)].unsqueeze(0)


def _aligned(table: torch.Tensor, scope: Sequence[int], onto: Sequence[int]) -> torch.Tensor:
    """``table`` (rows, *scope) with an axis for each of ``onto``, length one where it lacks the variable."""
    held = [v for v in onto if v in scope]
    table = table.permute([0, *(1 + list(scope).index(v) for v in held)])
    shape = [table.shape[0]]
    axis = 1
    for v in onto:
        shape.append(table.shape[axis] if v in scope else 1)
        axis += v in scope
    return table.reshape(shape)


def log_z_torch(
    network: DiscreteNetwork,
    log_tables: Sequence[torch.Tensor],
    evidence: Evidence | None = None,
    soft: Soft | None = None,
    num_rows: int | None = None,
    engine: ExactEngine | None = None,
) -> torch.Tensor:
    """log of the summed product of exp(``log_tables``) under the evidence, (rows,), differentiable twice.

    ``network`` gives scopes and sizes alone (pass an ``engine`` of it to reuse compiled plans); ``log_tables``:
    one tensor a factor, of its table's shape. Impossible evidence gives -inf with gradient zero.
    PGM0603 when too wide.
    """
    import torch

    engine = engine or ExactEngine(network)
    rows = prepare(network, evidence, soft, num_rows)
    if not rows.num_rows:
        return torch.zeros(0, dtype=log_tables[0].dtype if log_tables else torch.float64)
    # Every factor takes part: the tables need not be normalised while they are being learnt.
    query = engine.query(rows, None, space="log")
    values = [_leaf(source, rows, log_tables, network.sizes) for source in query.sources]
    scopes = [source.rest for source in query.sources]
    for a, b, _, mask in query.program.plan.steps:
        union = list(scopes[a]) + [v for v in (scopes[b] if b >= 0 else ()) if v not in scopes[a]]
        table = _aligned(values[a], scopes[a], union)
        if b >= 0:
            table = table + _aligned(values[b], scopes[b], union)
        values.append(_log_sum(table, [1 + i for i, v in enumerate(union) if not mask >> v & 1]))
        scopes.append(tuple(v for v in union if mask >> v & 1))
    zero = values[0].new_zeros(1) if values else torch.zeros(1, dtype=torch.float64)
    total: torch.Tensor = sum((values[root] for root in query.program.plan.roots), zero)
    total = total.expand(rows.num_rows)
    return total if rows.inverse is None else total[torch.as_tensor(rows.inverse)]
