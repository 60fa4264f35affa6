"""Discrete variables of a bound density whose factors hang on them alone, as a network of labels: sweeps of compiled loops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.element_sweeps import still_values
from pgmlang.lower.density_forms import with_short_densities
from pgmlang.native.formulas import NotScalar
from pgmlang.native.label_chains import LabelChains
from pgmlang.native.placed import Marks
from pgmlang.native.tabulated import LabelBlock, label_blocks, tabulated
from pgmlang.native.value_terms import ValueTerms


@dataclass(eq=False)
class TabulatedLabels:
    """The variables of ``blocks``, each ``[..., *shape]`` in values; ``held``: of those with missing cells, True at the cells that are seen, and
    their codes, which sweeps leave alone."""

    blocks: Mapping[str, LabelBlock]
    chains: LabelChains
    held: Mapping[str, tuple[Tensor, Tensor]]
    _base: tuple[Any, np.ndarray] | None = field(default=None, init=False, repr=False)
    _last: tuple[dict[str, Tensor], np.ndarray, tuple[int, ...]] | None = field(
        default=None, init=False, repr=False
    )

    def sweep(self, generator: Generator, values: Values, params: Values | None = None, nets: Any = None,
              heat: tuple[float, Mapping[str, Tensor]] | None = None) -> dict[str, Tensor]:  # fmt: skip
        """As ``Fields.sweep``, at the params that tables were made for."""
        states, lead = self.states(values)
        if heat is None:
            self.chains.sweep(states, _seeds(generator, states))
        else:
            self.chains.sweep(states, _seeds(generator, states), heat[0], self._base_of(heat[1]))
        return self._values_at(values, states, lead)

    def sweeps(self, generator: Generator, values: Values, count: int) -> tuple[dict[str, Tensor], np.ndarray]:
        """The values after so many sweeps, and the nodes ``[chain, count, V + 1]`` after each."""
        states, lead = self.states(values)
        seeds = np.stack([_seeds(generator, states) for _ in range(count)])
        passed = self.chains.sweeps(states, seeds).swapaxes(0, 1)
        return self._values_at(values, states, lead), passed

    def _values_at(self, values: Values, states: np.ndarray, lead: tuple[int, ...]) -> dict[str, Tensor]:
        """The values with those of some nodes."""
        counts = [*(b.count for b in self.blocks.values()), 1]
        numbers = {
            dtype: torch.from_numpy(states).to(dtype).split(counts, 1)
            for dtype in {values[n].dtype for n in self.blocks}
        }
        drawn = {}
        for i, (name, block) in enumerate(self.blocks.items()):
            here = numbers[values[name].dtype][i]
            # of hundreds of labels every call tells
            drawn[name] = here if len(lead) == len(block.shape) == 1 else here.reshape(*lead, *block.shape)
        self._last = drawn, states, lead
        return {**values, **drawn}

    def draws_at(self, states: np.ndarray, name: str, dtype: torch.dtype) -> Tensor:
        """A variable's values ``[chain, draw, *shape]`` at nodes ``[chain, draw, V + 1]``."""
        block = self.blocks[name]
        here = states[:, :, block.first : block.first + block.count]
        return torch.from_numpy(np.ascontiguousarray(here)).to(dtype).reshape(*states.shape[:2], *block.shape)

    def energies_at(self, states: np.ndarray) -> Tensor:
        """The summed log-potentials ``[chain, draw]`` at nodes ``[chain, draw, V + 1]``."""
        flat = np.ascontiguousarray(states).reshape(-1, states.shape[2])
        return torch.from_numpy(self.chains.energies(flat)).reshape(states.shape[:2])

    def energy(self, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
        """The summed log-potentials ``[...]``, at those params."""
        states, lead = self.states(values)
        return torch.from_numpy(self.chains.energies(states)).reshape(lead)

    def states(self, values: Values) -> tuple[np.ndarray, tuple[int, ...]]:
        """The nodes of each chain as `LabelChains` has them, and the shape of the chains."""
        if self._last is not None and all(values[n] is v for n, v in self._last[0].items()):
            return self._last[1:]
        leads = [values[n].shape[: values[n].dim() - len(b.shape)] for n, b in self.blocks.items()]
        lead = np.broadcast_shapes(*leads)
        states = np.zeros((math.prod(lead), self.chains.network.num_nodes + 1), dtype=np.uint8)
        for name, block in self.blocks.items():
            value = values[name]
            if name in self.held:
                seen, codes = self.held[name]
                value = torch.where(seen, codes, value)
            # numpy converts these ten times as fast as torch
            flat = value.expand(*lead, *block.shape).reshape(len(states), -1).numpy()
            states[:, block.first : block.first + block.count] = flat.astype(np.uint8)
        return states, lead

    def _base_of(self, logits: Mapping[str, Tensor]) -> np.ndarray:
        """Log-weights ``[V, K]`` of an independent base: log-odds of bits, scores of labels."""
        if self._base is None or self._base[0] is not logits:
            network = self.chains.network
            base = np.zeros((network.num_nodes, int(network.num_states.max(initial=1))))
            for name, block in self.blocks.items():
                here = base[block.first : block.first + block.count]
                given = logits[name].detach().to(torch.float64)
                if given.dim() > len(block.shape):
                    here[:, : block.size] = given.expand(*block.shape, block.size).reshape(-1, block.size).numpy()
                else:
                    here[:, 1] = given.expand(block.shape).reshape(-1).numpy()
            self._base = logits, base
        return self._base[1]


def _seeds(generator: Generator, states: np.ndarray) -> np.ndarray:
    """A seed for each chain."""
    return torch.randint(-(2**63), 2**63 - 1, (len(states),), generator=generator).numpy().view(np.uint64)


def tabulated_labels(
    joint: BoundDensity, names: Sequence[str], params: Values | None = None, held: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    *, with_rest: bool = False,
) -> TabulatedLabels:  # fmt: skip
    """The network of variables whose factors hang on nothing else that moves; ``with_rest``: with the factors that hold none of them, for
    energies; ``held``: as `TabulatedLabels` has it, else the cells that are seen. Raises NotScalar for what has no such form."""
    if joint.device.type != "cpu" or find_spec("numba") is None:
        raise NotScalar("devices other than the CPU, or without the package numba")
    if joint.scale or joint.weights or joint.intervened or joint.partition is not None:
        raise NotScalar("weights, interventions and normalising constants")
    if any(map(joint.least, names)):
        raise NotScalar("counts that begin above zero")
    model = joint.model.once(with_short_densities)
    terms = ValueTerms(model, {}, Marks(partly_seen=frozenset(joint.programs.partly_seen)), drawn=frozenset(names))
    found = terms.terms() if with_rest else terms.terms_around(names)
    blocks = label_blocks({n: joint.shapes[n] for n in names}, {n: joint.num_states(n) for n in names})
    network = tabulated(
        terms,
        found,
        blocks,
        lambda array: still_values(joint, array, params),
        lambda axis: joint.layout.size(joint.model.root_axis(axis)),
    )
    if held is None:
        held = {n: (~joint.missing[n], joint.observed[n].clamp(min=0)) for n in names if n in joint.missing}
    free = [
        np.flatnonzero(~held[n][0].expand(b.shape).reshape(-1).numpy()) + b.first if n in held else np.arange(b.first, b.first + b.count)
        for n, b in blocks.items()
    ]  # fmt: skip
    return TabulatedLabels(blocks, LabelChains(network, np.concatenate(free), torch.get_num_threads()), held)
