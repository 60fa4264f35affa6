"""Maximum likelihood of fields by gradients: exact where log Z is, else with draws of persistent chains.

log Z is exact for fields that can be summed out (a CRF's chain), for few elements, whose configurations are listed, and
for narrow graphs of elements (a lattice), by variable elimination. Else discrete fields take Gibbs chains (persistent contrastive divergence, Tieleman 2008), real fields Langevin
ones (Du and Mordatch 2019), some of which begin anew at noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.partition import (
    describe,
    directed_numbers,
    is_real,
    partition_and_sums,
    summed_variables,
    way_of,
)
from pgmlang.fields.reasons import (
    drawing_reasons,
    field_names,
    hidden_fields,
    inputs_in_fields,
    learning_reasons,
    observed_fields,
)
from pgmlang.infer.base import Algorithm, Problem
from pgmlang.infer.train_options import TrainOptions, idle_training
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.plan.method import Facts

if TYPE_CHECKING:
    from pgmlang.objectives.objective import Objective


@dataclass(frozen=True, kw_only=True)
class LikelihoodOptions(TrainOptions):
    """``chains``: persistent chains where log Z is not exact; ``k``: their steps between two steps of Adam;
    ``step_size``: of Langevin chains, as a share of the data's standard deviation."""

    epochs: int = 400
    learning_rate: float = 0.02
    chains: int = 200
    k: int = 20
    step_size: float = 0.1


def is_gradient_case(model: Model) -> bool:
    """Whether there are fields with something to learn in them, so that counting does not do."""
    return bool(field_names(model)) and bool(next(iter(model.of_role("param")), None) or model.nets)


def reasons_against(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """Why maximum likelihood by gradients does not fit."""
    yield from learning_reasons(model, facts)
    if way_of(model, facts) is None and model.conditionals:
        yield from partition_and_sums(model, facts)
        yield from directed_numbers(model, facts)
    elif way_of(model, facts) is None:
        if is_real(model):
            yield from (
                Diagnostic("PGM0602", f"the real field `{n}` is hidden", model.by_name[n].span)
                for n in hidden_fields(model, facts)
            )
        yield from drawing_reasons(model)
        yield from inputs_in_fields(model)


def idle(model: Model, facts: Facts, options: LikelihoodOptions) -> dict[str, str]:
    """Chains and their steps are of no use where log Z is exact."""
    way = way_of(model, facts) or "gibbs"
    chains = () if way == "langevin" else ("step_size",) if way == "gibbs" else ("chains", "k", "step_size")
    return {**dict.fromkeys(chains, describe(model, facts)), **idle_training(model, facts, options)}


def build(problem: Problem, options: LikelihoodOptions) -> Algorithm:
    """The algorithm of the way that fits."""
    return build_training(problem, options, _objective(problem, options))


def _objective(problem: Problem, options: LikelihoodOptions) -> Objective:
    from functools import partial

    from pgmlang.density.initial import initial_free
    from pgmlang.objectives.divergence import Divergence
    from pgmlang.objectives.langevin import LangevinLikelihood
    from pgmlang.objectives.likelihood import Likelihood
    from pgmlang.objectives.objective import Objective, learned_outcome

    model, facts = problem.model, problem.facts
    plate = unit_plate(model)
    way = way_of(model, facts)
    observed, hidden = observed_fields(model, facts), hidden_fields(model, facts)
    if way == "langevin":
        langevin = LangevinLikelihood(model, observed, plate, options.chains, options.k, options.step_size)
        return Objective(initial_free, langevin.loss, learned_outcome, "gap of the phases", langevin.extra)
    if way == "gibbs":
        chains = Divergence(model, observed, hidden, options.k, options.chains, True, plate)
        return Objective(chains.start, chains.loss, learned_outcome, "log pseudo-likelihood a row", chains.extra)
    hidden = summed_variables(model, facts) if way == "summed" else hidden
    exact = Likelihood(model, hidden, observed, plate, way or "listed")
    return Objective(partial(initial_free, spread=0.05), exact.loss, exact.conclude, "log-likelihood a row")
