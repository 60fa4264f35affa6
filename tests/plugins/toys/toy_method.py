"""A method: the mean of normal data in closed form. It says so where there are too few."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgmlang.diagnostics import Code, Diagnostic, PgmError
from pgmlang.infer.base import Algorithm, Outcome, StepReport
from pgmlang.model import Conditional, Model
from pgmlang.model.expr import Ref
from pgmlang.plan.method import Facts, Method, Options
from pgmlang.tables.verdict import Verdict

TOO_FEW = Code(
    "too few rows to average",
    exit=64,
    page="""
The method `closedform` averages rows, two at least.

```bad console
$ pgmc fit mean.pgm one_row.csv --method closedform
```

```good console
$ pgmc fit mean.pgm rows.csv --method closedform
```
""",
)


def normal_mean(model: Model) -> tuple[str, str] | None:
    """The data variable and the param that is its mean."""
    for factor in model.factors:
        if isinstance(factor, Conditional) and getattr(factor.distribution, "family", "") == "Normal":
            mean = dict(factor.distribution.arguments)["loc"]
            if isinstance(mean, Ref) and model.by_name[mean.name].role == "param":
                return factor.target, mean.name
    return None


def supports(model: Model, facts: Facts) -> Verdict:
    if normal_mean(model) is None:
        return Verdict.of((Diagnostic("PGM0602", "no param is the mean of a Normal"),))
    return Verdict.of(())


def build(problem: Any, options: Options) -> Algorithm:
    data, param = normal_mean(problem.model)
    rows = np.asarray(problem.binding.values[data], float)
    if rows.size < 2:
        raise PgmError(Diagnostic("TOY0001", "one row is no average"))

    def step(state: float | None) -> tuple[float, StepReport]:
        return float(rows.mean()), StepReport(0.0, 0.0)

    def conclude(state: float) -> Outcome:
        return Outcome({param: np.array(state)}, (0.0,), True)

    return Algorithm(lambda rng: None, step, lambda state: state is not None, conclude)


METHOD = Method("closedform", "means in closed form", Options, supports, lambda m, f: ("a mean is enough",), build)
