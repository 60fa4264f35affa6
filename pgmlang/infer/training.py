"""Training by stochastic gradients, for every method that climbs an objective (`pgmlang/objectives`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Algorithm, Problem, numbers_of
from pgmlang.infer.train_options import TrainOptions, check_options
from pgmlang.model.row_plates import reductions_across, unit_plate

if TYPE_CHECKING:
    from pgmlang.objectives.objective import Objective


def build(problem: Problem, options: TrainOptions, objective: Objective) -> Algorithm:
    """The algorithm that trains an objective. Raises PgmError PGM0612 for a batch of rows that hang together."""
    from pgmlang.infer.trainer import trainer_of

    check_options(options)
    plate = unit_plate(problem.model)
    if (options.batch or options.validation) and plate is None:
        raise PgmError(Diagnostic("PGM0612", "there is no one plate of rows to take minibatches of",
                                  help="leave `--batch` and `--validation` out"))  # fmt: skip
    if (options.batch or options.validation) and plate is not None:
        for reduction in reductions_across(problem.model, plate):
            message = f"`{reduction.function}` over `{reduction.axis}` needs all rows at once"
            raise PgmError(Diagnostic("PGM0612", message, reduction.span,
                                      help="leave `--batch` and `--validation` out"))  # fmt: skip
    if options.validation and not 0 < options.validation < 1:
        raise PgmError(Diagnostic("PGM0612", f"`--validation {options.validation}` is no share of the rows"))
    trainer = trainer_of(problem, options, objective, numbers_of(options.dtype))
    return Algorithm(
        trainer.init, trainer.step, lambda state: bool(state.is_done), trainer.conclude, trainer.total
    )
