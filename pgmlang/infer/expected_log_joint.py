"""What an M-step raises: the expected complete log-joint Q, and its maximum (Dempster, Laird and Rubin 1977).

Probability vectors have theirs in closed form (theta times the gradient of Q are the expected counts), other parameters
where Q has a form that two gradients tell (`m_steps`), and the rest climb by L-BFGS: each only if Q gains, so that the
objective never falls (expectation conditional maximisation: Meng and Rubin 1993).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.gradients import gradient_error, gradients_of, slopes_of
from pgmlang.density.row_blocks import Expectation
from pgmlang.density.table_priors import log_table_priors
from pgmlang.density.transforms import constrain, unconstrain
from pgmlang.infer.m_steps import MaximumBlock
from pgmlang.infer.reference_slopes import reference_slopes
from pgmlang.kernels import lbfgs
from pgmlang.kernels.log_density import GradientNotFinite
from pgmlang.plan.deadline import Deadline
from pgmlang.tables.learned import learned_tables

LABEL = "expected log-joint"
CLIMBS = 15
"""Most L-BFGS iterations of an M-step."""


@dataclass(frozen=True, eq=False)
class ExpectedLogJoint:
    """Q of one problem. ``names``: what is moved, values ``[start, ...]``; ``blocks``: those with a closed form, in rounds."""

    joint: BoundDensity
    names: tuple[str, ...]
    blocks: tuple[tuple[MaximumBlock, ...], ...]
    deadline: Deadline

    @property
    def closed(self) -> tuple[MaximumBlock, ...]:
        """The blocks in one."""
        return tuple(block for some in self.blocks for block in some)

    def value(self, values: dict[str, Tensor], known: Expectation, moved: Collection[str]) -> Tensor:
        """Q and the tables' log priors, ``[start]``: of the factors that hang on what is ``moved``."""
        total = known.sums.expected_log_joint(*split(self.joint, values), known, moved)
        priors = torch.as_tensor(log_table_priors(self.joint, values), dtype=total.dtype, device=total.device)
        return (total + priors).expand(known.is_live.shape)

    def maximise(self, values: dict[str, Tensor], known: Expectation) -> dict[str, Tensor]:
        """Values ``[start, ...]`` at which Q is no lower, of every start: its maximum where that has a closed form. Raises
        PgmError PGM0808 where a gradient is not finite."""
        at_once = self._at_once(values, known)
        if at_once is not None:
            return at_once
        values, solved = self._solved(values, known)
        moved = {n: v for n, v in values.items() if n not in solved}
        return {**values, **self._climbed(values, moved, known)} if moved else values

    def _at_once(self, values: dict[str, Tensor], known: Expectation) -> dict[str, Tensor] | None:
        """The maximum by slopes at values of reference, where there are such and Q is no lower there."""
        reference = self.joint.memo.once(reference_slopes, self.joint, known.sums, self.names, self.blocks)
        if reference is None or learned_tables(self.joint.model):
            return None
        with torch.no_grad():
            before = self.value(values, known, self.names)
            fresh = reference.maximum(values, known)
            raised, is_higher = self._raised(values, fresh, before, known)
        return raised if bool(is_higher.all()) else None

    def _solved(self, values: dict[str, Tensor], known: Expectation) -> tuple[dict[str, Tensor], frozenset[str]]:
        """Values at the maxima that have a closed form, and the names of those that are: not where rounding left a value outside
        of its support or Q lower than before."""
        following, solved = dict(values), frozenset[str]()
        for blocks in self.blocks:
            names = frozenset(n for b in blocks for n in b.names)
            away = {
                n: v for b in blocks
                for n, v in zip(b.names, b.step.elsewhere(tuple(following[n] for n in b.names)), strict=True)
            }  # fmt: skip
            first, here, there = self._slopes_at_two(following, away, known)
            fresh: dict[str, Tensor] = {}
            for block in blocks:
                at = (tuple(some[n] for n in block.names) for some in (following, here, there))
                fresh.update(zip(block.names, block.step.solve(*at), strict=True))
            # what no row is of has slopes of zero, and stays
            for name, value in fresh.items():
                is_idle = (here[name] == 0) & (there[name] == 0) & ~torch.isfinite(value)
                fresh[name] = torch.where(is_idle, following[name], value)
            raised, is_higher = self._raised(following, fresh, first, known)
            if bool(is_higher.all()):
                following, solved = raised, solved | names
                continue
            for block in blocks:
                mine = {n: fresh[n] for n in block.names}
                with torch.no_grad():
                    before = self.value(following, known, block.names)
                following, is_higher = self._raised(following, mine, before, known)
                solved |= frozenset(block.names) if bool(is_higher.all()) else frozenset()
        return following, solved

    def _raised(
        self, values: dict[str, Tensor], fresh: dict[str, Tensor], before: Tensor, known: Expectation
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The values with the fresh ones at the starts where these are finite and Q is no lower than ``before``; and at which
        starts that is so, or there is nothing to raise."""
        with torch.no_grad():
            after = self.value({**values, **fresh}, known, tuple(fresh))
        is_higher = after >= before - 1e-9 * before.abs()
        for value in fresh.values():
            is_higher = is_higher & torch.isfinite(value).reshape(len(value), -1).all(-1)
        if bool(is_higher.all()):
            return {**values, **fresh}, is_higher
        chosen = {
            n: torch.where(is_higher.reshape(-1, *[1] * (v.dim() - 1)), v, values[n]) for n, v in fresh.items()
        }
        return {**values, **chosen}, is_higher | ~known.is_live

    def _slopes_at_two(
        self, values: dict[str, Tensor], away: dict[str, Tensor], known: Expectation
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Q ``[start]`` at the values, and its gradients by some names there and where these have other values."""
        if any(known.weights):
            # of rows, which are not laid out twice
            first, here = self._slopes(values, tuple(away), known)
            return first, here, self._slopes({**values, **away}, tuple(away), known)[1]
        both = {n: torch.cat([v, away.get(n, v)]) for n, v in values.items()}
        heights, slopes = self._slopes(both, tuple(away), known.repeated(2))
        halves = {n: s.chunk(2) for n, s in slopes.items()}
        return heights.chunk(2)[0], {n: h[0] for n, h in halves.items()}, {n: h[1] for n, h in halves.items()}

    def _slopes(
        self, values: dict[str, Tensor], names: Collection[str], known: Expectation
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Q ``[start]`` and its gradients by some names."""
        leaves = {n: values[n].detach().clone().requires_grad_() for n in names}
        heights: list[Tensor] = []

        def total() -> Tensor:
            heights.append(self.value({**values, **leaves}, known, tuple(leaves)))
            return heights[-1].sum()

        _, slopes = gradients_of(total, leaves, self.joint, LABEL)
        return heights[-1].detach(), dict(zip(leaves, slopes, strict=True))

    def _climbed(
        self, values: dict[str, Tensor], moved: dict[str, Tensor], known: Expectation
    ) -> dict[str, Tensor]:
        begin = {k: v.detach() for k, v in unconstrain(self.joint, moved, values, values).items()}

        def free(x: Tensor) -> dict[str, Tensor]:
            pieces = torch.split(x, [v.numel() for v in begin.values()])
            return {k: p.reshape(v.shape) for (k, v), p in zip(begin.items(), pieces, strict=True)}

        def objective(leaves: Mapping[str, Tensor]) -> Tensor:
            return -self.value(
                {**values, **constrain(self.joint, leaves, values, values)[0]}, known, tuple(moved)
            ).sum()

        def function(x: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                loss = objective(free(leaf))
                (gradient,) = slopes_of(loss, [leaf])
            return loss.detach(), gradient

        try:
            first = lbfgs.start(function, torch.cat([v.flatten() for v in begin.values()]))
            last = lbfgs.descend(function, first, CLIMBS, self.deadline.is_over)
        except GradientNotFinite as stuck:
            leaves = {k: v.detach().requires_grad_() for k, v in free(stuck.x).items()}
            raise gradient_error(lambda: objective(leaves), leaves, self.joint, LABEL) from stuck
        before, after = float(first.value), float(last.value)
        if not after <= before + 1e-9 * abs(before):
            return {}
        with torch.no_grad():
            return constrain(self.joint, free(last.x), values, values)[0]


def split(joint: BoundDensity, values: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Values of variables, and what is learned."""
    learned = set(joint.learned)
    return (
        {k: v for k, v in values.items() if k not in learned},
        {k: v for k, v in values.items() if k in learned},
    )
