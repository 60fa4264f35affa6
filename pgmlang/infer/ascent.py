"""The evidence lower bound that coordinate ascent climbs: expected factors, optimal updates, the beginning."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.gradients import gradient_error
from pgmlang.density.keys import AddedTable, PresenceTable, TableKey
from pgmlang.density.numerics import numerics
from pgmlang.density.summing import LogTable, Marginaliser
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.expectations import from_blocks, is_of_family, optimal_normal, to_blocks
from pgmlang.infer.exponential import ExponentialFamily, Factor, LogDensity, exponential_family, optimal, slope
from pgmlang.kernels.log_density import GradientNotFinite

LARGEST = 600
"""Most elements of a Normal variable that hang together."""


@dataclass(frozen=True, eq=False)
class Ascent:
    """One problem, set up once. ``families``: of the continuous latents, in the order of their updates."""

    joint: BoundDensity
    sums: Marginaliser
    families: Mapping[str, str]
    programs: dict[str, Marginaliser] = field(default_factory=dict)

    num_local_passes = 4
    """Updates of local factors before the others' (Hoffman, Blei and Bach 2010, algorithm 2)."""
    num_restarted_passes = 15
    """First iterations, in which local factors begin anew each time: what they settled on while the shared ones were
    crude would be kept for good."""

    @cached_property
    def local(self) -> tuple[str, ...]:
        """Latents of rows or of their groups, between shared ones and the discrete ones."""
        rows = {p.name for p in self.joint.model.plates if p.is_rows}
        local_names = tuple(n for n in self.families if rows & set(self.joint.axes(n)))
        return local_names if self.sums.names and 0 < len(local_names) < len(self.families) else ()

    # ---- expected factors

    def points(self, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]], but: str = "") -> dict[str, Tensor]:  # fmt: skip
        """Each latent ``but`` one at its points, along a leading axis of its own: their mean is the expectation."""
        out = {}
        for i, name in enumerate(self.families):
            if name == but:
                continue
            x = self.shaped(name, self.family(name).points(factors[name]), blocks)
            lead = [1] * len(self.families)
            lead[i] = len(x)
            out[name] = x.reshape((*lead, *self.joint.shapes[name]))
        return out

    def family(self, name: str) -> ExponentialFamily:
        return exponential_family(self.families[name])

    def shaped(self, name: str, x: Tensor, blocks: Mapping[str, tuple[int, ...]]) -> Tensor:
        """Points or draws of q as the variable's arrays."""
        shape = self.joint.shapes[name]
        return from_blocks(x, blocks[name], shape) if self.family(name).is_coupled else x

    def expected(self, tables: Mapping[TableKey, LogTable]) -> dict[TableKey, LogTable]:
        """Tables averaged over the points of every latent: ``[*value axes, *axes]``."""
        places = self.sums.places
        out = {}
        for name, table in tables.items():
            lead = table.values.dim() - places - len(table.axes)
            mean = table.values.mean(tuple(range(places, places + lead))) if lead else table.values
            out[name] = table._replace(values=mean)
        return out

    def posterior(self, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]]) -> tuple[float, Any]:
        """The expected log-joint with the discrete latents summed out, and how much each entry of each factor's table
        counts: their posterior."""
        with torch.no_grad():
            tables = self.expected(self.sums.tables(self.points(factors, blocks)))
        return self.weigh(tables)

    def bound(self, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]]) -> tuple[float, Any]:
        """The evidence lower bound, and what `posterior` counts."""
        total, weights = self.posterior(factors, blocks)
        return total + self.entropy(factors), weights

    def log_marginal(self, values: Mapping[str, Tensor]) -> Tensor:
        """The log-joint ``[draws]`` of draws ``[draws, *shape]`` of the continuous latents, the discrete ones summed out."""
        return self.sums.log_marginal(values)

    def entropy(self, factors: Mapping[str, Factor]) -> float:
        """Of all factors."""
        with numerics(self.joint.dtype, self.joint.device):
            return sum(float(self.family(n).entropy(q)) for n, q in factors.items())

    def weigh(self, tables: Mapping[TableKey, LogTable]) -> tuple[float, dict[str, Tensor]]:
        """The log-marginal of tables, and its gradient."""
        with torch.enable_grad():
            leaves = {k: t._replace(values=t.values.detach().requires_grad_()) for k, t in tables.items()}
            total = self.sums.reduce(leaves)
            slopes = torch.autograd.grad(total.sum(), [t.values for t in leaves.values()])
        return float(total.detach()), dict(zip(leaves, slopes, strict=True))

    def at_random(self, factors: Mapping[str, Factor], generator: Generator, share: float) -> dict[str, Tensor]:
        """Weights of a random assignment of the discrete latents, sharp for this share of the rows and uniform for the
        others: where the ascent begins, as no two values of a label may be alike for good."""
        joint, sums = self.joint, self.sums
        with torch.no_grad():
            tables = self.expected(sums.tables(self.points(factors, dict.fromkeys(factors, ()))))
            tables = {
                k: t if isinstance(k, PresenceTable) else t._replace(values=torch.zeros_like(t.values))
                for k, t in tables.items()
            }
            for i, name in enumerate(sums.names):
                size, shape = joint.num_states(name), joint.shapes[name]
                first = [1] * i + [size] + [1] * (sums.places - i - 1)
                noise = torch.rand(size, *shape, generator=generator, dtype=joint.dtype, device=joint.device)
                one = torch.rand(shape, generator=generator, dtype=joint.dtype, device=joint.device) < share
                values = torch.where(one, 20 * noise * size, noise).reshape((*first, *shape))
                tables[AddedTable(name)] = LogTable(frozenset({i}), joint.axes(name), values)
        return self.weigh(tables)[1]

    # ---- updates

    def density(self, name: str, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]],
                weights: Mapping[str, Tensor]) -> LogDensity:  # fmt: skip
        """The expected log-joint as a function of one variable, ``[*shape]``: the terms it occurs in."""
        sums = self._around(name)
        others = self.points(factors, blocks, name)

        def value(x: Tensor) -> Tensor:
            wide = x.reshape((*[1] * len(self.families), *x.shape))
            tables = self.expected(sums.tables({**others, name: wide}))
            total = torch.zeros((), dtype=x.dtype, device=x.device)
            for key, table in tables.items():
                weight = weights[key]
                # impossible entries have no weight, and minus infinity times it would be no number
                total = total + (torch.where(weight == 0, torch.zeros_like(weight), table.values) * weight).sum()
            return total

        return value

    def _around(self, name: str) -> Marginaliser:
        """The tables of the factors that mention a variable."""
        if name not in self.programs:
            program = self.joint.programs.of_blanket((name,))
            # axes of factors are the joint's cached ones, by the program
            self.programs[name] = replace(self.sums, joint=replace(self.joint, program=program))
        return self.programs[name]

    def update(self, name: str, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]],
               weights: Any, centre: Tensor | None = None) -> Factor:  # fmt: skip
        """The best q of one variable given the others. ``centre``: where a Normal's quadratic is read, its mean so far
        unless given."""
        density = self.density(name, factors, blocks, weights)
        if self.family(name).is_coupled:
            if centre is None:
                centre = self.shaped(name, factors[name][0], blocks)
            with self._led_back(name, density):
                return optimal_normal(density, self.joint.shapes[name], blocks[name], centre)
        like = torch.zeros(self.joint.shapes[name], dtype=self.joint.dtype, device=self.joint.device)
        with self._led_back(name, density):
            return optimal(self.family(name), density, like)

    @contextmanager
    def _led_back(self, name: str, density: LogDensity) -> Iterator[None]:
        """Raises PgmError PGM0808 with the model's line where a density has no finite slope."""
        try:
            yield
        except GradientNotFinite as stuck:
            leaf = stuck.x.detach().requires_grad_()
            joint = self._around(name).joint
            raise gradient_error(lambda: density(leaf), {name: leaf}, joint, "expected log-density") from stuck

    # ---- the beginning

    def first(self, generator: Generator) -> dict[str, Factor]:
        """Wide factors, a little apart from each other."""
        out: dict[str, Factor] = {}
        for name in self.families:
            shape = self.joint.shapes[name]
            noise = torch.rand(shape, generator=generator, dtype=self.joint.dtype, device=self.joint.device)
            out[name] = self.family(name).first(noise)
        return out

    def find_blocks(self, name: str, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]],
                    weights: Mapping[str, Tensor], generator: Generator) -> tuple[int, ...]:  # fmt: skip
        """The fewest axes along which a Normal's elements hang together, seen in its Hessian. Raises PgmError PGM0602
        when those are too many elements, or when there is no quadratic."""
        shape = self.joint.shapes[name]
        density = self.density(name, factors, blocks, weights)
        centre = self.shaped(name, factors[name][0], blocks)
        noise = torch.randn(shape, generator=generator, dtype=self.joint.dtype, device=self.joint.device)
        probe = centre + noise
        with self._led_back(name, density):
            seen = slope(density, probe)
        several = [i for i, n in enumerate(shape) if n > 1]
        subsets = [s for count in range(len(several) + 1) for s in combinations(several, count)]
        for axes in sorted(subsets, key=lambda s: math.prod(shape[i] for i in s)):
            if math.prod(shape[i] for i in axes) > LARGEST:
                break
            try:
                loc, root = optimal_normal(density, shape, axes, centre)
            except torch.linalg.LinAlgError:
                continue
            gap = (loc - to_blocks(probe, axes, len(shape))).unsqueeze(-1)
            told = from_blocks(torch.cholesky_solve(gap, root).squeeze(-1), axes, shape)
            if torch.allclose(told, seen, rtol=1e-6, atol=1e-7 * float(seen.abs().max()) + 1e-12):
                return axes
        message = f"more than {LARGEST} elements of `{name}` hang together"
        raise PgmError(Diagnostic("PGM0602", message, self.joint.model.by_name[name].span, help="`--method elbo`"))

    def check(self, name: str, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]],
              weights: Mapping[str, Tensor], generator: Generator) -> None:  # fmt: skip
        """Raises PgmError PGM0602 where the complete conditional is not of the family that the model promises."""
        shape = self.joint.shapes[name]
        noise = torch.rand(shape, generator=generator, dtype=self.joint.dtype, device=self.joint.device)
        x = self.family(name).value_of(noise)
        density = self.density(name, factors, blocks, weights)
        if not is_of_family(self.family(name), density, self.update(name, factors, blocks, weights), x):
            message = f"the complete conditional of `{name}` is no {self.families[name]}"
            raise PgmError(
                Diagnostic("PGM0602", message, self.joint.model.by_name[name].span, help="`--method elbo`")
            )
