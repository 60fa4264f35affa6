"""Mixtures of normal distributions, a row each: moments, quantiles and probabilities of intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEPS = 200
"""Steps of the search for a quantile, at most."""


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
        for _ in range(STEPS):
            width = high - low
            if not (width > 4e-16 * np.maximum(np.abs(low), np.abs(high))).any():
                break
            excess = self.below(x) - chance
            low, high = np.where(excess < 0, x, low), np.where(excess < 0, high, x)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                step = x - excess / self._density(x)
            inside = (step > low) & (step < high)
            middle = 0.5 * (low + high)
            settled = inside & (np.abs(step - x) <= 1e-15 * np.maximum(np.abs(x), width))
            low, high = np.where(settled, step, low), np.where(settled, step, high)
            x = np.where(settled | inside, step, middle)
        return np.asarray(x)

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
