"""Pairwise binary fields at given params as their logits and couplings: sweeps by sparse products.

A field whose elements meet in pairs has log-potentials quadratic in them, ``b s + s' H s / 2``. Its b and H are read off
the factors once, by as many gradients as a colouring of elements two steps apart has colours; then a sweep over millions
of elements is two sparse products, where the factors would work out every bond for each colour.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.completion import Values


@dataclass(frozen=True, eq=False)
class Pairwise:
    """``unary``: the logits ``[N, 1]`` of a field of N elements whose others are 0; ``places``: for every colour the
    elements ``[n]`` drawn at once; ``rows``: their couplings with all elements, sparse ``[n, N]``; ``constant``: the
    log-potentials where all elements are 0."""

    name: str
    shape: tuple[int, ...]
    unary: Tensor
    places: tuple[Tensor, ...]
    rows: tuple[Tensor, ...]
    couplings: Tensor
    constant: Tensor

    def energy(self, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
        """The summed log-potentials ``[...]``."""
        s, lead = self._flat(values[self.name])
        energy: Tensor = (s * (self.unary + 0.5 * (self.couplings @ s))).sum(0) + self.constant
        return energy.reshape(lead)

    def sweep(self, generator: Generator, values: Values, params: Values | None = None, nets: Any = None,
              heat: tuple[float, Mapping[str, Tensor]] | None = None) -> dict[str, Tensor]:  # fmt: skip
        """As ``Fields.sweep``."""
        s, lead = self._flat(values[self.name])
        s = s.clone()
        base = None if heat is None else heat[1][self.name].reshape(-1, 1)
        for members, couplings in zip(self.places, self.rows, strict=True):
            logit = torch.addmm(self.unary[members].expand(-1, s.shape[1]), couplings, s)
            if heat is not None and base is not None:
                logit = heat[0] * logit + (1 - heat[0]) * base[members]
            uniform = torch.rand(logit.shape, generator=generator, dtype=logit.dtype, device=logit.device)
            s[members] = (uniform < logit.sigmoid_()).to(s.dtype)
        return {**values, self.name: s.T.reshape((*lead, *self.shape))}

    def _flat(self, value: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Elements first, contiguous: ``[N, chains]``, and the leading shape."""
        lead = tuple(value.shape[: value.dim() - len(self.shape)])
        return value.reshape(-1, math.prod(self.shape)).T.contiguous(), lead


def pairwise(
    name: str,
    zero: Tensor,
    masks: Iterable[Tensor],
    pairs: Iterable[tuple[int, int]],
    axis: int,
    logits: Callable[[Tensor], Tensor],
    energy: Callable[[Tensor], Tensor],
) -> Pairwise:
    """The couplings of a field whose elements along an axis meet in these pairs. ``zero``: its elements, all 0;
    ``masks``: of the elements drawn at once; ``logits``, ``energy``: of its values, at given params."""
    shape = tuple(zero.shape)
    size = shape[axis]
    neighbours: list[set[int]] = [set() for _ in range(size)]
    for i, j in pairs:
        neighbours[i].add(j)
        neighbours[j].add(i)
    unary = logits(zero).reshape(-1)
    apart = torch.tensor(_two_apart(neighbours), device=zero.device)
    along = [1] * len(shape)
    along[axis] = size
    grid = torch.arange(math.prod(shape), device=zero.device).reshape(shape).movedim(axis, -1)
    links = [(i, j) for i, near in enumerate(neighbours) for j in sorted(near)]
    ends = torch.tensor(links, device=zero.device, dtype=torch.int64).reshape(-1, 2)
    rows, columns, weights = [], [], []
    for colour in range(int(apart.max()) + 1):
        lit = (apart == colour).to(zero.dtype).reshape(along).expand(shape)
        gain = logits(lit).reshape(-1) - unary
        some = ends[apart[ends[:, 1]] == colour]
        row = grid[..., some[:, 0]].reshape(-1)
        rows.append(row)
        columns.append(grid[..., some[:, 1]].reshape(-1))
        weights.append(gain[row])
    count = math.prod(shape)
    places = tuple(m.expand(shape).reshape(-1).nonzero()[:, 0] for m in masks)
    whole, *parts = _sparse(torch.cat(rows), torch.cat(columns), torch.cat(weights), count, places)
    return Pairwise(name, shape, unary[:, None], places, tuple(parts), whole, energy(zero))


def _sparse(
    rows: Tensor, columns: Tensor, weights: Tensor, count: int, places: tuple[Tensor, ...]
) -> list[Tensor]:
    """The couplings ``[N, N]`` and their rows at each of the places, compressed by rows."""
    index = torch.stack([rows, columns])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        whole = torch.sparse_coo_tensor(index, weights, (count, count), check_invariants=False).coalesce()
        parts = [whole.index_select(0, members).coalesce() for members in places]
        return [whole.to_sparse_csr(), *(p.to_sparse_csr() for p in parts)]


def _two_apart(neighbours: list[set[int]]) -> list[int]:
    """Greedy colours such that no two of an element and its neighbours share one."""
    colour = [-1] * len(neighbours)
    for i, near in enumerate(neighbours):
        taken = {colour[j] for j in near}
        taken.update(colour[k] for j in near for k in neighbours[j])
        colour[i] = next(c for c in range(len(taken) + 1) if c not in taken)
    return colour
