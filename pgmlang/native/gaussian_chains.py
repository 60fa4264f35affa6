"""Kalman filtering, smoothing and draws of chains, by compiled loops that are linear in their length."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType

import numpy as np

from pgmlang.gaussian.chain_network import ChainNetwork
from pgmlang.native.program_files import load_program


@cache
def chain_programs() -> ModuleType:
    """The compiled passes."""
    from pgmlang.native.runtime import normal_chains

    return load_program(inspect.getsource(normal_chains))


@dataclass(frozen=True, eq=False)
class ChainPosterior:
    """What is known of the rows of a chain. ``values`` ``[rows, n]`` in the order of the table, NaN where one is not seen."""

    network: ChainNetwork
    values: np.ndarray

    @cached_property
    def _seen(self) -> np.ndarray:
        return np.ascontiguousarray(self.values[self.network.order], dtype=float)

    def _in_table_order(self, values: np.ndarray) -> np.ndarray:
        out = np.empty_like(values)
        out[self.network.order] = values
        return out

    def log_density(self) -> np.ndarray:
        """Of what is seen of each sequence."""
        return self._forward(np.empty((0, 0, 0)), np.empty((0, 0), dtype=bool), *[np.empty((0, 0))] * 2)

    def filtered(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and sds ``[rows, n]`` given what is seen of each row and those before it (Kalman 1960)."""
        mean, variance = self._seen.copy(), np.zeros_like(self._seen)
        self._forward(np.empty((0, 0, 0)), np.empty((0, 0), dtype=bool), mean, variance)
        return self._in_table_order(mean), self._in_table_order(np.sqrt(variance))

    def smoothed(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and sds ``[rows, n]`` given all that is seen (Rauch, Tung and Striebel 1965)."""
        mean, variance = self._seen.copy(), np.zeros_like(self._seen)
        saved, is_open, _ = self._triangle
        chain_programs().backward(
            self.network.begins, saved, is_open, self.network.lags, np.empty((0, 0)), mean, variance
        )
        return self._in_table_order(mean), self._in_table_order(np.sqrt(variance))

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """A joint draw ``[rows, n]`` of what is not seen, given all that is."""
        out = self._seen.copy()
        saved, is_open, _ = self._triangle
        noise = rng.standard_normal(out.shape)
        chain_programs().backward(
            self.network.begins, saved, is_open, self.network.lags, noise, out, np.empty_like(out)
        )
        return self._in_table_order(out)

    @cached_property
    def _triangle(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows, n = self._seen.shape
        width = (self.network.lags + 1) * n
        saved, is_open = np.zeros((rows, n, width + 1)), np.zeros((rows, width), dtype=bool)
        log_density = self._forward(saved, is_open, *[np.empty((0, 0))] * 2)
        return saved, is_open, log_density

    def _forward(
        self, saved: np.ndarray, is_open: np.ndarray, mean: np.ndarray, variance: np.ndarray
    ) -> np.ndarray:
        network = self.network
        log_density = np.zeros(len(network.begins) - 1)
        chain_programs().forward(
            network.begins, network.kind, network.slopes, network.sd, network.intercept, self._seen, network.lags,
            saved, is_open, mean, variance, log_density,
        )  # fmt: skip
        return log_density
