"""Mixtures of normal distributions, a row each: moments, quantiles and probabilities of intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STEPS = 200
"""Steps of the search for a quantile, at most."""
MOST_CELLS = 1 << 22
"""Parts of mixtures whose quantiles are sought together."""


@dataclass(frozen=True, eq=False)
class NormalMixture:
    """``weights``, ``means`` ``[rows, C]`` and ``sds`` of a shape that broadcasts to theirs; sd zero: a number that is known."""

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray

    def mean(self) -> np.ndarray:
        """``[rows]``."""
        return np.asarray(self._sum(self.means))

    def sd(self) -> np.ndarray:
        """``[rows]``: of the mixture, what its parts' means differ by among it."""
        centre = self.mean()[:, None]
        return np.asarray(np.sqrt(self._sum(np.square(self.sds) + np.square(self.means - centre))))

    def below(self, bounds: np.ndarray) -> np.ndarray:
        """The probability ``[rows]`` of being at most ``bounds`` ``[rows]``."""
        return np.asarray(self._sum(normal_below(bounds[:, None], self.means, self.sds)))

    def above(self, bounds: np.ndarray) -> np.ndarray:
        """The probability ``[rows]`` of being above: not one minus the other, which would cancel far out."""
        return np.asarray(self._sum(normal_below(-bounds[:, None], -self.means, self.sds)))

    def quantile(self, chance: float) -> np.ndarray:
        """``[rows]``: where the distribution function is ``chance``, by Newton's steps within a bracket that shrinks."""
        from scipy.special import ndtri

        ends = self.means + self.sds * ndtri(chance)
        if self.weights.shape[1] == 1:
            return np.asarray(ends[:, 0])
        has_weight = np.broadcast_to(self.weights > 0, ends.shape)
        low = np.where(has_weight, ends, np.inf).min(1)
        high = np.where(has_weight, ends, -np.inf).max(1)
        x = 0.5 * (low + high)
        rows = np.arange(len(x))
        for _ in range(STEPS):
            # rows that are there drop out
            wide = high[rows] - low[rows] > 4e-16 * np.maximum(np.abs(low[rows]), np.abs(high[rows]))
            rows = rows[wide]
            if not len(rows):
                break
            some, at = self.of(rows), x[rows]
            bottom, top = low[rows], high[rows]
            width = top - bottom
            excess = some.below(at) - chance
            bottom, top = np.where(excess < 0, at, bottom), np.where(excess < 0, top, at)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                step = at - excess / some._density(at)
            inside = (step > bottom) & (step < top)
            settled = inside & (np.abs(step - at) <= 1e-15 * np.maximum(np.abs(at), width))
            low[rows], high[rows] = np.where(settled, step, bottom), np.where(settled, step, top)
            x[rows] = np.where(settled | inside, step, 0.5 * (bottom + top))
        return np.asarray(x)

    def of(self, rows: np.ndarray) -> NormalMixture:
        """The mixtures of some of the rows."""
        return NormalMixture(*(a if len(a) == 1 else a[rows] for a in (self.weights, self.means, self.sds)))

    def _density(self, x: np.ndarray) -> np.ndarray:
        sds = np.where(self.sds > 0, self.sds, np.inf)
        z = (x[:, None] - self.means) / sds
        return np.asarray(self._sum(np.exp(-0.5 * z * z) / (sds * np.sqrt(2 * np.pi))))

    def _sum(self, values: np.ndarray) -> np.ndarray:
        return np.einsum("rc,rc->r", *np.broadcast_arrays(self.weights, values))


def normal_below(x: np.ndarray, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """The probability that each normal is at most ``x``; of none that varies, 0 or 1."""
    from scipy.special import ndtr

    varies = sds > 0
    return np.where(varies, ndtr((x - means) / np.where(varies, sds, 1.0)), x >= means)


class MixtureQuantiles:
    """Quantiles of many mixtures, those of as many parts together: `add` says where they go in ``out`` ``[quantiles, rows, numbers]``, `flush` works them
    out."""

    def __init__(self, out: np.ndarray, chances: Sequence[float]) -> None:
        self.out = out
        self.chances = chances
        self._waiting: dict[int, list[tuple[np.ndarray, int, NormalMixture]]] = {}
        self._cells = 0

    def add(self, rows: np.ndarray, number: int, mixture: NormalMixture) -> None:
        parts = mixture.weights.shape[1]
        self._waiting.setdefault(parts, []).append((rows, number, mixture))
        self._cells += len(rows) * parts
        if self._cells > MOST_CELLS:
            self.flush()

    def flush(self) -> None:
        for parts, listed in self._waiting.items():
            rows = np.concatenate([r for r, _, _ in listed])
            numbers = np.concatenate([np.full(len(r), i) for r, i, _ in listed])
            whole = NormalMixture(*(
                np.concatenate([np.broadcast_to(a, (len(r), parts)) for (r, _, _), a in zip(listed, arrays, strict=True)])
                for arrays in zip(*((m.weights, m.means, m.sds) for _, _, m in listed), strict=True)
            ))  # fmt: skip
            for k, chance in enumerate(self.chances):
                self.out[k, rows, numbers] = whole.quantile(chance)
        self._waiting, self._cells = {}, 0
