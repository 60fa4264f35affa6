"""Coordinate ascent where a label's two factors only pick elements of Dirichlet variables: mixed membership, LDA above all.

``p(z) = theta[d, z]`` and ``p(w | z) = phi[z, w]`` with d and w known in every row. The sum over z of the exponentials of
two gathered tables is a matrix product at the rows' places alone (a sampled product), and what the labels count for the
tables are two sparse products: nothing of the size rows x labels is laid out (Hoffman, Blei and Bach 2010, section 2).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.reductions import scaled_sum
from pgmlang.density.summing import LogTable, Marginaliser
from pgmlang.graph.summable import mentioned
from pgmlang.infer.ascent import Ascent
from pgmlang.infer.exponential import DIRICHLET, Factor, optimal
from pgmlang.lower.factors import factor_names

BLOCK_NUMBERS = 4_000_000
"""Most numbers, of draws, pairs and labels, that are laid out at once."""
LEAST = 1e-300
"""Least sum of exponentials whose logarithm is taken."""


class PickingTable(NamedTuple):
    """A table that picks elements of variable ``name``: ``group`` of every row, ``at [groups, labels]`` the places of a
    group's elements in the flat variable."""

    name: str
    group: Tensor
    at: Tensor


class Pairs(NamedTuple):
    """Distinct pairs of groups in compressed rows of the first (``starts``, ``second``) with their weights ``[pairs]``;
    and the same by the second: ``order`` of the pairs, ``ends``, ``first``. ``totals``: the weights of every group of
    either side."""

    starts: Tensor
    second: Tensor
    weights: Tensor
    order: Tensor
    ends: Tensor
    first: Tensor
    totals: tuple[Tensor, Tensor]


class LabelPosterior(NamedTuple):
    """Exponentials of both tables ``[groups, labels]`` (each group's largest is 1), and weight over sum of every pair."""

    tables: tuple[Tensor, Tensor]
    ratio: Tensor


@dataclass(frozen=True, eq=False)
class BilinearAscent(Ascent):
    """`Ascent` with the label summed by sparse products. ``sides``: the two tables. Of the other factors none holds two
    latents: together they are a Dirichlet density of each with the concentrations ``prior``, times exp ``constant``.
    ``known``: of a variable's last q the exponentials and what they were divided by, and its expected logarithms."""

    sides: tuple[PickingTable, PickingTable] = ()  # type: ignore[assignment]
    pairs: Pairs = ()  # type: ignore[assignment]
    prior: Mapping[str, Tensor] = field(default_factory=dict)
    constant: Tensor = None  # type: ignore[assignment]
    known: dict[str, tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=dict)

    num_local_passes = 20
    num_restarted_passes = 1 << 30

    def posterior(self, factors: Mapping[str, Factor], blocks: Any) -> tuple[float, Any]:
        (a, high_a), (b, high_b) = (self._exponentials(side, factors[side.name][0]) for side in self.sides)
        pairs = self.pairs
        sums = _sampled(pairs, a, b).clamp(min=LEAST)
        total = (pairs.weights * sums.log()).sum()
        total = total + pairs.totals[0] @ high_a + pairs.totals[1] @ high_b
        return float(total), LabelPosterior((a, b), pairs.weights / sums)

    def log_marginal(self, values: Mapping[str, Tensor]) -> Tensor:
        logs = {n: values[n].log() for n in self.prior}
        (a, high_a), (b, high_b) = (_scaled(logs[side.name].flatten(1)[:, side.at]) for side in self.sides)
        pairs = self.pairs
        rows = torch.repeat_interleave(torch.diff(pairs.starts))
        # all draws at once: a sampled product takes one matrix
        block = max(1, BLOCK_NUMBERS // max(1, len(a) * a.shape[-1]))
        sums = torch.cat(
            [
                (a[:, i] * b[:, j]).sum(-1)
                for i, j in zip(rows.split(block), pairs.second.split(block), strict=True)
            ],
            1,
        ).clamp(min=LEAST)
        picked = sums.log() @ pairs.weights + high_a @ pairs.totals[0] + high_b @ pairs.totals[1]
        return picked + self.constant + log_kernel(self.prior, logs)

    def bound(self, factors: Mapping[str, Factor], blocks: Any) -> tuple[float, Any]:
        total, posteriors = self.posterior(factors, blocks)
        expected = {side.name: self.known[side.name][3].unsqueeze(0) for side in self.sides}
        others = self.constant + log_kernel(self.prior, expected)
        return total + float(others) + self.entropy(factors), posteriors

    def update(
        self, name: str, factors: Mapping[str, Factor], blocks: Any, weights: Any, centre: Tensor | None = None
    ) -> Factor:
        (a, b), pairs = weights.tables, self.pairs
        if name == self.sides[0].name:
            side, expected_counts = (
                self.sides[0],
                a * (_matrix(pairs.starts, pairs.second, weights.ratio, len(b)) @ b),
            )
        else:
            ratio = weights.ratio[pairs.order]
            side, expected_counts = self.sides[1], b * (_matrix(pairs.ends, pairs.first, ratio, len(a)) @ a)
        counts = (
            torch.zeros_like(self.prior[name]).flatten().index_put((side.at.flatten(),), expected_counts.flatten())
        )
        return (self.prior[name] + counts.reshape(self.prior[name].shape),)

    def check(self, *_: Any) -> None:
        """The families were seen when the tables were."""

    def _exponentials(self, side: PickingTable, q: Tensor) -> tuple[Tensor, Tensor]:
        """Exponentials ``[groups, labels]`` of expected logarithms, and what each group's were divided by, logarithms."""
        exponentials = self.known.get(side.name)
        if exponentials is None or exponentials[0] is not q:
            log = torch.digamma(q) - torch.digamma(q.sum(-1, keepdim=True))
            exponentials = self.known[side.name] = q, *_scaled(log.flatten()[side.at]), log
        return exponentials[1], exponentials[2]


def log_kernel(prior: Mapping[str, Tensor], logs: Mapping[str, Tensor]) -> Tensor:
    """Dirichlet log-densities ``[draws]`` of these concentrations, without their constants, by logarithms of the values
    ``[draws, *shape]``."""
    return sum(((a - 1) * logs[n]).flatten(1).sum(1) for n, a in prior.items())  # type: ignore[return-value]


def _scaled(log: Tensor) -> tuple[Tensor, Tensor]:
    """Exponentials ``[groups, labels]``, each group's largest 1, and the logarithms ``[groups]`` of what they were divided by."""
    high = log.amax(-1, keepdim=True)
    return (log - high).exp(), high.squeeze(-1)


def _matrix(starts: Tensor, second: Tensor, values: Tensor, width: int) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that sparse CSR is in beta
        return torch.sparse_csr_tensor(starts, second, values, (len(starts) - 1, width), check_invariants=False)


def _sampled(pairs: Pairs, a: Tensor, b: Tensor) -> Tensor:
    """``a[i] @ b[j]`` for every pair."""
    pattern = _matrix(pairs.starts, pairs.second, torch.zeros_like(pairs.weights), len(b))
    return torch.sparse.sampled_addmm(pattern, a, b.mT).values()


def bilinear_of(ascent: Ascent) -> Ascent:
    """The ascent by sparse products where the model is of that form, else the same one."""
    joint, sums = ascent.joint, ascent.sums
    factors = factor_names(joint.model)
    around = [k for k, scope in sums.scopes.items() if scope]
    if not ascent.local or len(sums.names) != 1 or sums.lagged_names or joint.missing or len(around) != 2:
        return ascent
    latents = {k: [n for n in ascent.families if mentioned(joint.model, f, (n,))] for k, f in factors.items()}
    sides = [latents[k][0] for k in around if len(latents[k]) == 1]
    others = [k for k in factors if k not in around]
    if len(set(sides)) != 2 or set(sides) != set(ascent.families) or any(len(latents[k]) > 1 for k in others):
        return ascent
    if any(ascent.family(n) is not DIRICHLET for n in sides):
        return ascent
    picked = [_picked(ascent, key, name) for key, name in zip(around, sides, strict=True)]
    if picked[0] is None or picked[1] is None:
        return ascent
    rest = Marginaliser(
        replace(joint, program=joint.programs.of_factors(others)), (), (), (), {}, {k: frozenset() for k in others}
    )
    prior = {n: _prior(joint, rest, n, ascent) for n in sides}
    centres = {n: torch.full_like(a, 1 / a.shape[-1]) for n, a in prior.items()}
    with torch.no_grad():
        logs = {n: x.log().unsqueeze(0) for n, x in centres.items()}
        constant = rest.log_marginal(centres) - log_kernel(prior, logs).squeeze(0)
    first, second = sorted((p for p in picked if p is not None), key=lambda p: p.name not in ascent.local)
    pairs = _pairs_of(joint, sums.names[0], first, second)
    return BilinearAscent(joint, sums, ascent.families, ascent.programs, (first, second), pairs, prior, constant)


def _picked(ascent: Ascent, key: str, name: str) -> PickingTable | None:
    """Which elements of a variable a table picks, seen by giving every element a logarithm of its own."""
    joint, sums = ascent.joint, ascent.sums
    shape = joint.shapes[name]
    size = int(torch.Size(shape).numel())
    generator = torch.Generator(joint.device).manual_seed(0)

    def table(log: Tensor) -> LogTable:
        values = {n: torch.rand(joint.shapes[n], generator=generator, dtype=joint.dtype, device=joint.device)
                  for n in ascent.families}  # fmt: skip
        with torch.no_grad():
            return sums.tables({**values, name: log.exp().reshape(shape)})[key]

    marked = table(-(torch.arange(size, dtype=joint.dtype, device=joint.device) + 1) / (size + 1))
    rows = joint.axes(sums.names[0])
    labels = joint.num_states(sums.names[0])
    if marked.axes != rows or marked.values.shape != (labels, *joint.shapes[sums.names[0]]):
        return None
    index = (-marked.values * (size + 1) - 1).round().long().reshape(labels, -1)
    if not index.numel() or int(index.min()) < 0 or int(index.max()) >= size:
        return None
    log = -torch.rand(size, generator=generator, dtype=joint.dtype, device=joint.device) - 0.1
    same = torch.allclose(table(log).values.reshape(labels, -1), log[index], rtol=1e-9, atol=1e-9)
    steps = index - index[0]
    if not same or not bool((steps == steps[:, :1]).all()):
        return None
    groups, group = torch.unique(index[0], return_inverse=True)
    return PickingTable(name, group, groups[:, None] + steps[:, 0])


def _prior(joint: BoundDensity, rest: Marginaliser, name: str, ascent: Ascent) -> Tensor:
    """The concentrations that the other factors give a variable."""
    like = torch.zeros(joint.shapes[name], dtype=joint.dtype, device=joint.device)
    fixed = {n: torch.full(joint.shapes[n], 0.5, dtype=joint.dtype, device=joint.device) for n in ascent.families}

    def density(x: Tensor) -> Tensor:
        return rest.reduce(rest.tables({**fixed, name: x}))

    return optimal(DIRICHLET, density, like)[0]


def _pairs_of(joint: BoundDensity, label: str, first: PickingTable, second: PickingTable) -> Pairs:
    zero = torch.zeros(joint.shapes[label], dtype=joint.dtype, device=joint.device, requires_grad=True)
    with torch.enable_grad():
        (weight,) = torch.autograd.grad(scaled_sum(joint, zero, joint.axes(label)), zero)
    width = len(second.at)
    codes, inverse = torch.unique(first.group * width + second.group, return_inverse=True)
    weights = torch.zeros(len(codes), dtype=joint.dtype, device=joint.device).index_add(
        0, inverse, weight.flatten()
    )
    row, column = codes // width, codes % width
    order = torch.argsort(column, stable=True)
    totals = tuple(
        torch.zeros(n, dtype=joint.dtype, device=joint.device).index_add(0, i, weights)
        for i, n in ((row, len(first.at)), (column, width))
    )
    starts = _starts(row, len(first.at))
    return Pairs(starts, column, weights, order, _starts(column, width), row[order], (totals[0], totals[1]))


def _starts(index: Tensor, size: int) -> Tensor:
    counts = torch.bincount(index, minlength=size)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
