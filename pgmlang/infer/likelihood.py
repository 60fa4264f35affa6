"""Maximum likelihood of fields by gradients: exact where log Z is, else with draws of persistent chains.

log Z is exact for fields that can be summed out (a CRF's chain), for few elements, whose configurations are listed, and
for narrow graphs of elements (a lattice), by variable elimination. Else discrete fields take Gibbs chains (persistent contrastive divergence, Tieleman 2008), real fields Langevin
ones (Du and Mordatch 2019), some of which begin anew at noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic, PgmError
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
    learned_params,
    learning_reasons,
    observed_fields,
)
from pgmlang.infer.base import Algorithm, Problem, numbers_of
from pgmlang.infer.train_options import (
    TRAINING,
    TrainOptions,
    check_options,
    idle_training,
    resolve_numbers,
    resolve_training,
)
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.plan.method import Facts
from pgmlang.plan.record import Assignment
from pgmlang.tables.learned import learned_tables

if TYPE_CHECKING:
    from pgmlang.objectives.objective import Objective


EPOCHS, LEARNING_RATE = 400, 0.02
LOG_Z = {
    "summed": "log Z summed",
    "listed": "log Z listed",
    "eliminated": "log Z by elimination",
    "gibbs": "Gibbs chains",
    "langevin": "Langevin chains",
}
"""How log Z and its gradient are had (`fields.partition.way_of`) to the kernel of the fields."""


@dataclass(frozen=True, kw_only=True)
class LikelihoodOptions(TrainOptions):
    """``chains``: persistent chains where log Z is not exact; ``k``: their steps between two steps of Adam;
    ``step_size``: of Langevin chains, as a share of the data's standard deviation. ``optimizer``: ``lbfgs`` or ``adam``; None:
    L-BFGS to the optimum where log Z is exact and no option of Adam is given; ``max_iterations`` and ``tolerance`` are
    L-BFGS's, ``epochs`` (None: 400) and ``learning_rate`` (None: 0.02) Adam's."""

    optimizer: str | None = None
    max_iterations: int = 1000
    tolerance: float = 1e-9
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
    """Chains and their steps are of no use where log Z is exact, nor options of the one optimiser for the other."""
    way = way_of(model, facts) or "gibbs"
    chains = () if way == "langevin" else ("step_size",) if way == "gibbs" else ("chains", "k", "step_size")
    unused = dict.fromkeys(chains, describe(model, facts))
    if _by_adam(model, facts, options):
        lbfgs = dict.fromkeys(("max_iterations", "tolerance"), "Adam climbs")
        return {**unused, **lbfgs, **idle_training(model, facts, options)}
    return {**unused, **dict.fromkeys(TRAINING, "L-BFGS climbs (`--optimizer adam` has it)")}


def _by_adam(model: Model, facts: Facts, options: LikelihoodOptions) -> bool:
    """Whether Adam climbs: not where the likelihood is exact, of all rows at once, and nobody asks for it."""
    if options.optimizer is not None:
        return options.optimizer == "adam"
    is_asked_for = options.epochs or options.learning_rate or options.batch or options.validation
    return way_of(model, facts) in ("langevin", "gibbs") or bool(is_asked_for or model.nets)


def resolve(model: Model, facts: Facts, options: LikelihoodOptions) -> LikelihoodOptions:
    """The optimiser, and its options."""
    if _by_adam(model, facts, options):
        return replace(resolve_training(options, model, EPOCHS, LEARNING_RATE), optimizer="adam")
    return replace(resolve_numbers(options, model), optimizer="lbfgs")


def assign(model: Model, facts: Facts, options: LikelihoodOptions) -> tuple[Assignment, ...]:
    """What is learned, and how log Z of the fields, with what is hidden, is had."""
    tables = tuple(t.name for t in learned_tables(model))
    learned = Assignment((*learned_params(model, facts), *tables), options.optimizer or "")
    hidden = summed_variables(model, facts) if model.conditionals else ()
    fields = tuple(dict.fromkeys((*field_names(model), *hidden)))
    return (learned, Assignment(fields, LOG_Z[way_of(model, facts) or "gibbs"], (describe(model, facts),)))


def build(problem: Problem, options: LikelihoodOptions) -> Algorithm:
    """The algorithm of the way that fits."""
    check_options(options)
    way = next(way for way, kernel in LOG_Z.items() if problem.has_kernel(kernel))
    if options.optimizer == "lbfgs" and way in ("langevin", "gibbs"):
        message = "L-BFGS needs the likelihood itself, and log Z is drawn"
        raise PgmError(Diagnostic("PGM0612", message, help="`--optimizer adam`"))
    objective = _objective(problem, options, way)
    if options.optimizer == "lbfgs":
        from pgmlang.infer.climb import climb

        return climb(
            problem, objective, numbers_of(options.dtype), 1, options.max_iterations, options.tolerance, ()
        )
    return build_training(problem, options, objective)


def _objective(problem: Problem, options: LikelihoodOptions, way: str) -> Objective:
    from functools import partial

    from pgmlang.density.initial import initial_free
    from pgmlang.objectives.divergence import Divergence
    from pgmlang.objectives.langevin import LangevinLikelihood
    from pgmlang.objectives.likelihood import Likelihood
    from pgmlang.objectives.objective import Objective, learned_outcome, per_unit

    model, facts = problem.model, problem.facts
    plate = unit_plate(model)
    observed, hidden = observed_fields(model, facts), hidden_fields(model, facts)
    if way == "langevin":
        langevin = LangevinLikelihood(model, observed, plate, options.chains, options.k, options.step_size)
        return Objective(initial_free, langevin.loss, learned_outcome, "gap of the phases", langevin.extra)
    if way == "gibbs":
        chains = Divergence(model, observed, hidden, options.k, options.chains, True, plate)
        return Objective(
            chains.start, chains.loss, learned_outcome, per_unit("log pseudo-likelihood", plate), chains.extra
        )
    hidden = summed_variables(model, facts) if way == "summed" else hidden
    exact = Likelihood(model, hidden, observed, plate, way)
    return Objective(
        partial(initial_free, spread=0.05), exact.loss, exact.conclude, per_unit("log-likelihood", plate)
    )
