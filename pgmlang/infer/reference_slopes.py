"""Maxima of the expected log-joint from its slopes at values of reference, where these are linear in the expected statistics: as the maximum is the same
from wherever two slopes are taken, they are worked out once, and an M-step is a product of matrices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import TableKey
from pgmlang.density.row_blocks import Expectation, RowBlocks
from pgmlang.density.transforms import constrain, free_shape
from pgmlang.infer.m_steps import SHARES, MaximumBlock
from pgmlang.infer.spreads import in_units_of_data

MOST_ENTRIES = 2**20
"""Coefficients of a group of factors, squared, at the most."""

Slopes = dict[TableKey, dict[str, Tensor]]
"""By group and name, ``[coefficient, *shape]``: what a unit of a statistic adds to Q's slope."""


@dataclass(frozen=True, eq=False)
class ReferenceSlopes:
    """``blocks``: of one round; ``values`` of reference ``[1, ...]``; ``here``, ``there``: the slopes at these, and at a step's second values."""

    blocks: tuple[MaximumBlock, ...]
    values: dict[str, Tensor]
    here: Slopes
    there: Slopes

    def maximum(self, values: dict[str, Tensor], known: Expectation) -> dict[str, Tensor]:
        """Values ``[start, ...]`` at the maximum; those stay of which no row is."""
        here, there = (self._slopes(each, known, values) for each in (self.here, self.there))
        out: dict[str, Tensor] = {}
        for block in self.blocks:
            starts = len(values[block.names[0]])
            begin = tuple(self.values[n].expand(starts, *self.values[n].shape[1:]) for n in block.names)
            fresh = block.step.solve(
                begin, tuple(here[n] for n in block.names), tuple(there[n] for n in block.names)
            )
            for name, value in zip(block.names, fresh, strict=True):
                is_idle = (here[name] == 0) & (there[name] == 0)
                is_idle = is_idle.all(-1, keepdim=True) if block.step is SHARES else is_idle
                out[name] = torch.where(is_idle, values[name], value)
        return out

    def _slopes(self, slopes: Slopes, known: Expectation, values: dict[str, Tensor]) -> dict[str, Tensor]:
        out = {n: torch.zeros_like(values[n]) for n in self.values}
        for key, by_name in slopes.items():
            flat = known.statistics[key].movedim(known.sums.places, 0).flatten(1)
            for name, matrix in by_name.items():
                out[name] = out[name] + torch.tensordot(flat, matrix, 1)
        return out


def reference_slopes(
    joint: BoundDensity, sums: RowBlocks, names: tuple[str, ...], blocks: tuple[tuple[MaximumBlock, ...], ...]
) -> ReferenceSlopes | None:
    """Those of Q, None where it hangs on the names by more than coefficients of statistics or not all of them are maximised at once."""
    if (
        len(blocks) != 1
        or {n for b in blocks[0] for n in b.names} != set(names)
        or not sums.is_of_statistics(names)
    ):
        return None
    with torch.no_grad():
        free = {n: torch.zeros(1, *free_shape(joint, n), dtype=joint.dtype, device=joint.device) for n in names}
        values = in_units_of_data(joint, blocks[0], constrain(joint, free)[0])
        away = dict(values)
        for block in blocks[0]:
            away |= zip(block.names, block.step.elsewhere(tuple(values[n] for n in block.names)), strict=True)
    both = [_slopes_at(joint, sums, one) for one in (values, away)]
    if both[0] is None or both[1] is None:
        return None
    return ReferenceSlopes(blocks[0], values, both[0], both[1])


def _slopes_at(joint: BoundDensity, sums: RowBlocks, values: dict[str, Tensor]) -> Slopes | None:
    """As many starts side by side as there are coefficients, of which each start looks at one."""
    out: Slopes = {}
    learned = set(joint.learned)
    for group in sums.groups:
        with torch.no_grad():
            one, _ = sums.whole.coefficients(group, *_apart(values, learned))
        count = one.values.numel()
        if count**2 > MOST_ENTRIES or not bool(torch.isfinite(one.values).all()):
            return None
        leaves = {n: v.detach().expand(count, *v.shape[1:]).clone().requires_grad_() for n, v in values.items()}
        with torch.enable_grad():
            table, _ = sums.whole.coefficients(group, *_apart(leaves, learned))
            flat = table.values.movedim(sums.places, 0)
            flat = flat.expand(count, *flat.shape[1:]).flatten(1)
            if not flat.requires_grad:
                continue
            slopes = torch.autograd.grad(flat.diagonal().sum(), list(leaves.values()), allow_unused=True)
        out[group.key] = {n: s for n, s in zip(leaves, slopes, strict=True) if s is not None}
        if not all(bool(torch.isfinite(s).all()) for s in out[group.key].values()):
            return None
    return out


def _apart(values: dict[str, Tensor], learned: Iterable[str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Values of variables, and what is learned."""
    of_model = set(learned)
    return {n: v for n, v in values.items() if n not in of_model}, {
        n: v for n, v in values.items() if n in of_model
    }
