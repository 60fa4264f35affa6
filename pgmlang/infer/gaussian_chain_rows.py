"""Bound rows of a chain of normal numbers: a Kalman filter and smoother, or where they are few one normal distribution of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.exact.gaussian import GaussianEngine, NumberRows
from pgmlang.gaussian.chain_network import ChainNetwork, chain_network, unrolled
from pgmlang.infer.gaussian_rows import check_elements
from pgmlang.tables.elements import NodeBlock

FEW_CELLS = 240
"""Cells of all rows up to which one factorisation is faster than loading compiled loops."""


@dataclass(frozen=True, eq=False)
class GaussianChainRows:
    """``parameters``: what is known beside the rows, by name."""

    binding: Binding
    parameters: Mapping[str, np.ndarray]

    @cached_property
    def network(self) -> ChainNetwork:
        check_elements(self.binding, self.parameters)
        model = self.binding.model
        inputs = {n: np.asarray(v) for n, v in self.binding.values.items() if model.by_name[n].role == "input"}
        return chain_network(model, self.parameters, inputs, self.binding.layout)

    @property
    def blocks(self) -> Mapping[str, NodeBlock]:
        return self.network.blocks

    @cached_property
    def values(self) -> np.ndarray:
        """``[rows, n]``, NaN where a cell is not seen."""
        out = np.full(self.network.intercept.shape, np.nan)
        for name, block in self.blocks.items():
            if name in self.binding.values:
                flat = np.asarray(self.binding.values[name], dtype=float).reshape(len(out), -1)
                out[:, block.first : block.first + flat.shape[1]] = flat
        return out

    @property
    def unit(self) -> str | None:
        """The plate of whose elements each has a sequence; None where there is one sequence of all."""
        outer = self.binding.model.enclosing(self.binding.plate)[:-1]
        return outer[-1] if outer else None

    def log_evidence(self) -> np.ndarray:
        """The log-density of what is seen of each unit."""
        network, layout = self.network, self.binding.layout
        if self._is_small:
            every, order = unrolled(network)
            engine = GaussianEngine(every)
            by_sequence = []
            for begin, end in zip(network.begins[:-1], network.begins[1:], strict=True):
                numbers = np.full((1, len(every.numbers)), np.nan)
                inside = (order >= begin) & (order < end)
                numbers[0, inside] = self.values[network.order].reshape(-1)[inside]
                by_sequence.append(float(engine.log_evidence(NumberRows({}, numbers))[0]))
        else:
            from pgmlang.native.gaussian_chains import ChainPosterior

            by_sequence = ChainPosterior(network, self.values).log_density().tolist()
        if self.unit is None:
            return np.array([sum(by_sequence)])
        out = np.zeros(layout.size(self.unit))
        first = network.order[network.begins[:-1]]
        np.add.at(out, layout.parent(self.unit, self.binding.plate)[first], by_sequence)
        return out

    def smoothed(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and sds ``[rows, n]`` given all that is seen."""
        network = self.network
        if not self._is_small:
            from pgmlang.native.gaussian_chains import ChainPosterior

            return ChainPosterior(network, self.values).smoothed()
        every, _ = unrolled(network)
        seen = self.values[network.order].reshape(1, -1)
        (block,) = GaussianEngine(every).posteriors(NumberRows({}, seen), range(seen.shape[1]))
        figures = block.figures(range(seen.shape[1])).reshape(2, *self.values.shape)
        out = np.empty_like(figures)
        out[:, network.order] = figures
        return out[0], out[1]

    @property
    def _is_small(self) -> bool:
        return 0 < self.values.size <= FEW_CELLS

    def is_open(self, name: str) -> bool:
        """Whether any cell of a variable is not seen."""
        return name not in self.binding.values or name in self.binding.missing
