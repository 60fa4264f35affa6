"""A method at work: a kernel of functions over immutable states. One file a method, one loop (run.py) for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.plan.method import Facts, Method, Options, facts_of
from pgmlang.plan.problem import Problem
from pgmlang.results.outcome import Outcome
from pgmlang.tables.verdict import Verdict

if TYPE_CHECKING:
    import torch

__all__ = [
    "LOG_LIKELIHOOD",
    "Algorithm",
    "Facts",
    "Measure",
    "Method",
    "Options",
    "Outcome",
    "Problem",
    "StepReport",
    "Verdict",
    "facts_of",
    "numbers_of",
]


@dataclass(frozen=True)
class Measure:
    """What the number of a step is: its ``name`` for people, and whether it ``may_be_impossible``: minus infinity is an
    answer of given tables, which can rule a row out, and no sign of a bad start."""

    name: str
    may_be_impossible: bool = False


LOG_LIKELIHOOD = Measure("log-likelihood", may_be_impossible=True)


class StepReport(NamedTuple):
    """What one step found. ``objective`` is the log-likelihood, plus the log prior where there is one; a sampler's
    step does several ``iterations``, and ``measure`` says what its number is; ``figures``: others by name, worked out where
    somebody watches."""

    log_likelihood: float
    objective: float
    iterations: int = 1
    measure: Measure = LOG_LIKELIHOOD
    figures: Callable[[], Mapping[str, float]] | None = None


class Algorithm(NamedTuple):
    """A method set up for a problem; states are immutable. ``done`` says that no further step is needed; ``total``: the
    number of iterations in all, where it is known beforehand."""

    init: Callable[[np.random.Generator], Any]
    step: Callable[[Any], tuple[Any, StepReport]]
    done: Callable[[Any], bool]
    conclude: Callable[[Any], Outcome]
    total: int | None = None


def numbers_of(dtype: str | None) -> torch.dtype:
    """The numbers of a run. Raises PgmError PGM0612 for a word that is not float32 or float64."""
    import torch

    known = {"float32": torch.float32, "float64": torch.float64}
    if dtype not in known:
        raise PgmError(Diagnostic("PGM0612", f"`--dtype {dtype}` is not one of float32, float64"))
    return known[dtype]
