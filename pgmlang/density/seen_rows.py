"""Sums over discrete variables that most rows show: only the rows with open cells are laid out over all values.

The density is a product over rows, so the log-marginal is the sum of three: factors of no row, the factors of the rows that
show every variable, at what they show, and the log-marginal of the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.keys import TableKey
from pgmlang.density.plain_rows import plate_of_blocks
from pgmlang.density.reductions import sum_of_factors
from pgmlang.density.row_subset import rows_apart
from pgmlang.density.summing import Marginaliser

FEWEST_SAVED = 2**13
"""Cells of a table over all values and rows that must be saved, for the sum to be taken apart."""


@dataclass(frozen=True, eq=False)
class SeenRowsApart:
    """``outside``: the factors of no row; ``open_rows``: the sum over the rows that leave a variable open; ``seen``: the density of
    the others, of which ``factors`` are summed."""

    outside: Marginaliser | None
    open_rows: Marginaliser
    seen: BoundDensity
    factors: frozenset[TableKey]

    def log_marginal(self, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
        """As `Marginaliser.log_marginal` of all rows."""
        total = self.open_rows.log_marginal(values, params, nets)
        known = {k: v for k, v in values.items() if k not in self.open_rows.names}
        terms = self.seen.factors(known, params, nets, only=self.factors)
        total = total + sum_of_factors(self.seen, terms)
        return total if self.outside is None else total + self.outside.log_marginal(values, params, nets)


def seen_rows_apart(sums: Marginaliser) -> SeenRowsApart | None:
    """The sum taken apart; None where rows hang together or have latents of their own beside what is summed, and where little
    would be saved."""
    joint = sums.joint
    if not sums.names or not joint.missing.keys() >= set(sums.names):
        return None
    plate = plate_of_blocks(sums)
    if plate is None:
        return None
    is_open = torch.stack([joint.missing[n].flatten(1).any(1) if joint.missing[n].dim() > 1 else joint.missing[n]
                           for n in sums.names]).any(0)  # fmt: skip
    states = math.prod(joint.num_states(n) for n in sums.names)
    if int((~is_open).sum()) * (states - 1) < FEWEST_SAVED or not bool(is_open.any()):
        return None
    of_rows = {k: s for k, s in sums.scopes.items() if plate in joint.factor_axes[k]}
    others = {k: s for k, s in sums.scopes.items() if k not in of_rows}
    seen, left = (rows_apart(joint, plate, torch.nonzero(m)[:, 0].cpu().numpy()) for m in (~is_open, is_open))
    seen = replace(seen, missing={k: v for k, v in seen.missing.items() if k not in sums.names})
    outside = replace(sums, names=(), steps=(), scopes=others) if others else None
    return SeenRowsApart(outside, replace(sums, joint=left, scopes=of_rows), seen, frozenset(of_rows))


def prepared(sums: Marginaliser) -> SeenRowsApart | None:
    """The sum taken apart, once for each."""
    return sums.joint.memo.once(seen_rows_apart, sums)


def log_marginal_of(sums: Marginaliser, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
    """`Marginaliser.log_marginal`, over the rows that leave a variable open where that is the same."""
    apart = prepared(sums)
    return (sums if apart is None else apart).log_marginal(values, params, nets)
