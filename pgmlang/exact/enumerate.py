"""The oracle: exact answers by listing every configuration. For small networks and tests only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.tables import DiscreteNetwork

MAX_CONFIGURATIONS = 5_000_000


@dataclass(frozen=True)
class Enumeration:
    """One evidence row: ``log_z``, ``log_joint`` over all variables (-inf off the evidence), posteriors, mode."""

    log_z: float
    log_joint: np.ndarray
    marginals: dict[int, np.ndarray]
    mpe: tuple[int, ...]
    mpe_log_value: float

    def joint(self, targets: tuple[int, ...]) -> np.ndarray:
        """Normalised joint over ``targets``, axes in that order."""
        rest = tuple(v for v in range(self.log_joint.ndim) if v not in targets)
        table = np.exp(self.log_joint - self.log_z).sum(axis=rest)
        scope = sorted(targets)
        return table.transpose([scope.index(v) for v in targets])


def brute_force(
    network: DiscreteNetwork,
    evidence: Mapping[int, int] | None = None,
    soft: Mapping[int, np.ndarray] | None = None,
) -> Enumeration:
    """Every configuration of one evidence row (code -1: not observed). ValueError beyond 5 million of them."""
    sizes = network.sizes
    count = int(np.prod(sizes, dtype=np.float64))
    if count > MAX_CONFIGURATIONS:
        raise ValueError(f"{count} configurations are too many to list")
    total = np.zeros(sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        for factor in network.factors:
            order = np.argsort(factor.scope)
            shape = [sizes[v] if v in factor.scope else 1 for v in range(len(sizes))]
            total = total + factor.log_values().transpose(order).reshape(shape)
        for v, weights in (soft or {}).items():
            shape = [sizes[v] if u == v else 1 for u in range(len(sizes))]
            total = total + np.log(np.asarray(weights, dtype=np.float64)).reshape(shape)
        for v, code in (evidence or {}).items():
            if code >= 0:
                mask = np.full(sizes[v], -np.inf)
                mask[code] = 0.0
                total = total + mask.reshape([sizes[v] if u == v else 1 for u in range(len(sizes))])
    top = float(total.max(initial=-np.inf))
    if not np.isfinite(top):
        nothing = {v: np.full(size, np.nan) for v, size in enumerate(sizes)}
        return Enumeration(-np.inf, total, nothing, (-1,) * len(sizes), -np.inf)
    weights_all = np.exp(total - top)
    z = float(weights_all.sum())
    marginals = {}
    for v in range(len(sizes)):
        marginals[v] = weights_all.sum(axis=tuple(u for u in range(len(sizes)) if u != v)) / z
    mode = np.unravel_index(int(total.argmax()), sizes)
    return Enumeration(top + float(np.log(z)), total, marginals, tuple(int(c) for c in mode), top)
