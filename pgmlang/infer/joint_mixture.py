"""Numbers that rows share beside labels that are not seen, few enough that their configurations are listed: a linear Gaussian model of all data for each, and their mixture
(conditional Gaussian distributions: Lauritzen 1992)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact.gaussian import MOST_CONFIGURATIONS
from pgmlang.infer.base import Algorithm, Facts, Outcome, Problem, StepReport
from pgmlang.infer.joint_gaussian import JointGaussian, matched
from pgmlang.model import Model
from pgmlang.plan.latents import summed_names
from pgmlang.results.normal_posterior import NormalPosterior


def label_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why the labels that are not seen are not listed."""
    assert facts.binding is not None
    names = summed_names(model, facts)
    unlisted = [n for n in names if _num_states(facts.binding, n) is None]
    if unlisted:
        return (Diagnostic("PGM0602", f"`{unlisted[0]}` has no list of values, and rows share numbers"),)
    weighed = [
        n for n in names if facts.binding.weights is not None and facts.binding.plate in model.by_name[n].plates
    ]
    if weighed:
        # a row counts as often as it is weighed after its labels are summed out, and a configuration is of all rows
        message = f"rows have weights or counts, and labels of their own that are not seen, `{weighed[0]}`"
        return (Diagnostic("PGM0602", message, model.by_name[weighed[0]].span),)
    count = num_configurations(model, facts)
    if count <= MOST_CONFIGURATIONS:
        return ()
    shown = f"{count:,}" if count < 10**9 else f"over 2^{count.bit_length() - 1}"
    message = f"the labels of {', '.join(f'`{n}`' for n in names)} have {shown} configurations beside numbers that rows share; the limit is {MOST_CONFIGURATIONS:,}"
    return (Diagnostic("PGM0611", message, help="`--method hmc` sums them out"),)


def num_configurations(model: Model, facts: Facts) -> int:
    """How many configurations the labels have that are not seen."""
    assert facts.binding is not None
    sizes = [
        (_num_states(facts.binding, n) or 1, len(_open_cells(facts.binding, n)))
        for n in summed_names(model, facts)
    ]
    return math.prod(size**cells for size, cells in sizes)


def _num_states(binding: Binding, name: str) -> int | None:
    type_ = binding.model.by_name[name].type
    labels = binding.model.labels_of(type_)
    if labels is not None:
        return len(labels)
    return binding.layout.size(binding.model.root_axis(type_.axis)) if type_.axis else None


def _open_cells(binding: Binding, name: str) -> np.ndarray:
    """Where a variable's labels are not seen, of its elements laid end to end."""
    if name in binding.values:
        return np.flatnonzero(np.asarray(binding.values[name]).reshape(-1) < 0)
    return np.arange(math.prod(binding.layout.shape(binding.model.array_axes(binding.model.by_name[name]))))


@dataclass(frozen=True, eq=False)
class JointMixture:
    """The posterior of all that is not seen."""

    problem: Problem

    @cached_property
    def codes(self) -> dict[str, np.ndarray]:
        """Of each variable with labels that are not seen, in every configuration: ``[configurations, *shape]``."""
        binding, names = self.problem.binding, summed_names(self.problem.model, self.problem.facts)
        cells = {n: _open_cells(binding, n) for n in names}
        states = [_num_states(binding, n) or 1 for n in names for _ in cells[n]]
        grid = (
            np.stack(np.unravel_index(np.arange(math.prod(states)), states), 1)
            if states
            else np.zeros((1, 0), int)
        )
        out, first = {}, 0
        for name in names:
            shape = binding.layout.shape(binding.model.array_axes(binding.model.by_name[name]))
            seen = np.asarray(binding.values.get(name, np.full(shape, -1))).reshape(-1)
            every = np.tile(seen, (len(grid), 1))
            every[:, cells[name]] = grid[:, first : first + len(cells[name])]
            out[name] = every.reshape(len(grid), *shape)
            first += len(cells[name])
        return out

    @cached_property
    def parts(self) -> tuple[JointGaussian, ...]:
        """That of each configuration."""
        count = len(next(iter(self.codes.values()))) if self.codes else 1
        return tuple(JointGaussian(self.problem, {n: c[s] for n, c in self.codes.items()}) for s in range(count))

    @cached_property
    def log_weights(self) -> np.ndarray:
        """The log-density of what is seen together with each configuration."""
        out: np.ndarray = np.array([part.log_evidence() for part in self.parts]) + self._log_given()
        return out

    def _log_given(self) -> np.ndarray:
        """The log-density of what hangs on no number that is not seen, in each configuration. Raises PgmError PGM0609 where it is zero in all of them."""
        names = self.parts[0].parts.given
        if not names:
            return np.zeros(len(self.parts))
        import torch

        from pgmlang.density.bind import bound_density
        from pgmlang.density.possible import impossible_words
        from pgmlang.density.reductions import sum_of_factors

        joint = bound_density(self.problem)
        codes = {n: torch.as_tensor(c) for n, c in self.codes.items()}
        with torch.no_grad():
            terms = joint.factors(codes, {}, None, only=frozenset(names))
            total = np.asarray(sum_of_factors(joint, terms).expand(len(self.parts)).cpu().numpy())
        if np.isneginf(total).all():
            cells = impossible_words(joint, terms)
            together = (f"what is seen excludes every value of {', '.join(f'`{n}`' for n in self.codes)}",)
            raise PgmError(Diagnostic("PGM0609", "the data have probability zero", place=self.problem.binding.source, notes=cells or together,
                                      help="correct the cell, or the probabilities and bounds that exclude it"))  # fmt: skip
        return total

    def log_evidence(self) -> float:
        return float(np.logaddexp.reduce(self.log_weights))

    def draws(self, chains: int, count: int, seed: int) -> dict[str, np.ndarray]:
        """``[chain, draw, *shape]`` of each variable, what is seen of it as it is."""
        rng = np.random.default_rng(seed)
        total = chains * count
        if len(self.parts) == 1:
            (part,) = self.parts
            drawn = part.values_at(matched(part.solved, rng, total)) | {
                n: np.repeat(c, total, 0) for n, c in self.codes.items()
            }
        else:
            chance = np.exp(self.log_weights - self.log_evidence())
            chosen = rng.choice(len(self.parts), total, p=chance / chance.sum())
            drawn = {n: c[chosen] for n, c in self.codes.items()}
            for s in np.unique(chosen):
                where = np.flatnonzero(chosen == s)
                solved = self.parts[s].solved
                away = solved.scattered(rng.standard_normal((len(solved.root), len(where))))
                for name, values in self.parts[s].values_at(away).items():
                    drawn.setdefault(name, np.empty((total, *values.shape[1:])))[where] = values
        return {n: v.reshape(chains, count, *v.shape[1:]) for n, v in drawn.items()}

    def normal(self) -> NormalPosterior | None:
        """The posterior of the numbers, where it is one normal distribution."""
        return self.parts[0].normal() if len(self.parts) == 1 else None


def joint_algorithm(problem: Problem, chains: int, draws: int) -> Algorithm:
    """One pass: ``(seed of the draws, log-evidence)`` is its state."""
    posterior = JointMixture(problem)
    model = problem.model

    def init(rng: np.random.Generator) -> tuple[int, float | None]:
        return int(rng.integers(1 << 62)), None

    def step(state: tuple[int, float | None]) -> tuple[tuple[int, float | None], StepReport]:
        total = posterior.log_evidence()
        return (state[0], total), StepReport(total, total)

    def conclude(state: tuple[int, float | None]) -> Outcome:
        seed, total = state
        assert total is not None, "there is one step"
        drawn: Mapping[str, np.ndarray] = posterior.draws(chains, draws, seed)
        axes = {n: model.array_axes(model.by_name[n]) for n in drawn}
        return Outcome({}, (total,), True, draws=drawn, draw_axes=axes, log_likelihood=total,
                       notes={"independent_draws": True}, normal=posterior.normal())  # fmt: skip

    return Algorithm(init, step, lambda state: state[1] is not None, conclude)
