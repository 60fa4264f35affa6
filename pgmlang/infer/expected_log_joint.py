"""What an M-step raises: the expected complete log-joint Q, and its maximum (Dempster, Laird and Rubin 1977).

Probability vectors have theirs in closed form (theta times the gradient of Q are the expected counts), other parameters
where Q has a form that two gradients tell (`m_steps`), and the rest climb by L-BFGS: each only if Q gains, so that the
objective never falls (expectation conditional maximisation: Meng and Rubin 1993).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.gradients import gradient_error, gradients_of, slopes_of
from pgmlang.density.keys import TableKey
from pgmlang.density.summing import Marginaliser
from pgmlang.density.table_priors import log_table_priors
from pgmlang.density.transforms import constrain, unconstrain
from pgmlang.infer.m_steps import MaximumBlock
from pgmlang.kernels import lbfgs
from pgmlang.kernels.log_density import GradientNotFinite
from pgmlang.lower.factors import factor_names
from pgmlang.model import Factor, Model
from pgmlang.model.dependence import names_behind
from pgmlang.plan.deadline import Deadline
from pgmlang.tables.learned import learned_tables

LABEL = "expected log-joint"
CLIMBS = 15
"""Most L-BFGS iterations of an M-step."""
Weights = dict[TableKey, Tensor]
"""The posterior weight of every entry of every factor's table, as the E-step gives them."""


@dataclass(frozen=True, eq=False)
class ExpectedLogJoint:
    """Q of one problem. ``names``: what is moved, values ``[start, ...]``; ``blocks``: those with a closed form, in rounds."""

    joint: BoundDensity
    completion: Marginaliser
    names: tuple[str, ...]
    blocks: tuple[tuple[MaximumBlock, ...], ...]
    deadline: Deadline

    def value(self, values: dict[str, Tensor], weights: Weights, moved: Collection[str]) -> Tensor:
        """Q and the tables' log priors, summed over starts: of the factors that hang on what is ``moved``."""
        total = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        total = total + torch.as_tensor(log_table_priors(self.joint, values)).sum()
        around = self.joint.memo.once(_around, self.completion, tuple(moved))
        for key, table in around.tables(*split(self.joint, values)).items():
            if key not in weights:
                continue
            # an entry without weight may be minus infinity
            total = total + torch.where(weights[key] == 0, 0.0, weights[key] * table.values.clamp(min=-1e30)).sum()
        return total

    def maximise(self, values: dict[str, Tensor], weights: Weights) -> dict[str, Tensor]:
        """Values ``[start, ...]`` at which Q is no lower, of every start: its maximum where that has a closed form. Raises
        PgmError PGM0808 where a gradient is not finite."""
        is_simplex = {n: self.is_simplex(n) for n in self.names}
        chances = {n: v.detach().clone().requires_grad_() for n, v in values.items() if is_simplex[n]}
        if chances:
            before, gradients = gradients_of(
                lambda: self.value({**values, **chances}, weights, chances),
                chances,
                self.joint,
                LABEL,
            )
            fresh = {}
            for (name, old), gradient in zip(chances.items(), gradients, strict=True):
                counts = (old.detach() * gradient).clamp(min=0)
                total = counts.sum(-1, keepdim=True)
                share = (counts / total.clamp(min=1e-300)).clamp(min=1e-15)
                fresh[name] = torch.where(total > 0, share / share.sum(-1, keepdim=True), old.detach())
            with torch.no_grad():
                after = self.value({**values, **fresh}, weights, fresh)
            if float(after) >= float(before) - 1e-9 * abs(float(after)):
                values = {**values, **fresh}
            else:
                is_simplex = dict.fromkeys(is_simplex, False)
        others = [n for n in values if not is_simplex[n]]
        values, solved = self._solved(values, weights)
        moved = {n: values[n] for n in others if n not in solved}
        return {**values, **self._climbed(values, moved, weights)} if moved else values

    def _solved(self, values: dict[str, Tensor], weights: Weights) -> tuple[dict[str, Tensor], frozenset[str]]:
        """Values at the maxima that have a closed form, and their names: those of a round are left out where rounding left
        one outside of its support or Q lower than before."""
        following, solved = dict(values), frozenset[str]()
        for blocks in self.blocks:
            names = frozenset(n for b in blocks for n in b.names)
            first, here = self._slopes(following, names, weights)
            away = {
                n: v for b in blocks
                for n, v in zip(b.names, b.step.elsewhere(tuple(following[n] for n in b.names)), strict=True)
            }  # fmt: skip
            _, there = self._slopes({**following, **away}, names, weights)
            fresh: dict[str, Tensor] = {}
            for block in blocks:
                at = (tuple(some[n] for n in block.names) for some in (following, here, there))
                fresh.update(zip(block.names, block.step.solve(*at), strict=True))
            if not all(bool(torch.isfinite(v).all()) for v in fresh.values()):
                continue
            with torch.no_grad():
                last = self.value({**following, **fresh}, weights, names)
            if float(last) >= float(first) - 1e-9 * abs(float(first)):
                following.update(fresh)
                solved |= names
        return following, solved

    def _slopes(
        self, values: dict[str, Tensor], names: Collection[str], weights: Weights
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Q and its gradients by some names."""
        leaves = {n: values[n].detach().clone().requires_grad_() for n in names}
        height, slopes = gradients_of(
            lambda: self.value({**values, **leaves}, weights, leaves), leaves, self.joint, LABEL
        )
        return height, dict(zip(leaves, slopes, strict=True))

    def is_simplex(self, name: str) -> bool:
        from torch.distributions import constraints

        return self.joint.program.SUPPORTS[name] is constraints.simplex

    def _climbed(self, values: dict[str, Tensor], moved: dict[str, Tensor], weights: Weights) -> dict[str, Tensor]:
        begin = {k: v.detach() for k, v in unconstrain(self.joint, moved, values, values).items()}

        def free(x: Tensor) -> dict[str, Tensor]:
            pieces = torch.split(x, [v.numel() for v in begin.values()])
            return {k: p.reshape(v.shape) for (k, v), p in zip(begin.items(), pieces, strict=True)}

        def objective(leaves: Mapping[str, Tensor]) -> Tensor:
            return -self.value({**values, **constrain(self.joint, leaves, values, values)[0]}, weights, moved)

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


def _around(sums: Marginaliser, names: tuple[str, ...]) -> Marginaliser:
    """The tables of the factors that hang on some values or params."""
    model = sums.joint.model
    mine = {
        key for key, factor in factor_names(model).items()
        if set(names) & {*names_behind(model, factor), getattr(factor, "target", "")} or _learned_in(model, factor, names)
    }  # fmt: skip
    others = sums.scopes.keys() - factor_names(model).keys()
    groups = [group.restricted_to(mine) for group in sums.counted]
    return replace(
        sums, scopes={k: s for k, s in sums.scopes.items() if k in mine or k in others},
        counted=tuple(g for g in groups if g is not None),
    )  # fmt: skip


def _learned_in(model: Model, factor: Factor, names: tuple[str, ...]) -> bool:
    """Whether a factor takes its probabilities from one of these learned tables."""
    return any(t.name in names and t.target == getattr(factor, "target", "") for t in learned_tables(model))
