"""Torch and compiled loops as the providers of one density: modes, bounds, scores, side by side in one run.

Processor seconds of each fit, that of loops at the first time (it compiles, its cache is empty) and at the second. *Difference*: of
the modes, relative to the size of the largest number; of the bounds, in nats; of the log-likelihoods, the largest. ``python
providers.py [NAME...]``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ["PGMLANG_CACHE"] = tempfile.mkdtemp(prefix="providers")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402

import pgmlang  # noqa: E402
from pgmlang.density.unit_values import unit_values  # noqa: E402

torch.set_num_threads(1)
RNG = np.random.default_rng(0)
RADON = """
mu_a ~ Normal(0, 5)
mu_b ~ Normal(0, 5)
sd_a ~ InverseGamma(2, 1)
sd_b ~ InverseGamma(2, 1)
sigma ~ HalfNormal(2)
plate county {
  a ~ Normal(mu_a, sd_a)
  b ~ Normal(mu_b, sd_b)
  plate house {
    input floor : real
    y ~ Normal(a + b * floor, sigma)
  }
}
"""
"""Scales are held away from zero: the joint mode of a centred model has none else."""
ITEMS = """
dim item = {ITEMS}
a[item] ~ LogNormal(0, 0.3)
b[item] ~ Normal(0, 1)
plate person {
  ability ~ Normal(0, 1)
  plate answer {
    input of : item
    right ~ Bernoulli(logit = a[of] * (ability - b[of]))
  }
}
"""
PREDICTORS = [f"f{i}" for i in range(20)]
LOGISTIC = f"""
dim f = {{{", ".join(PREDICTORS)}}}
base ~ Normal(0, 5)
weight[f] ~ Normal(0, 2)
plate row {{
  input x[f] : real
  y ~ Bernoulli(logit = base + x @ weight)
}}
"""
COUNTS = """
m ~ Normal(0, 1)
s ~ Gamma(2, 2)
slope ~ Normal(0, 1)
plate group {
  t ~ Normal(m, s)
  plate row {
    input x : real
    k ~ Poisson(exp(t + slope * x))
  }
}
"""
LINE = "a ~ Normal(0, 2)\nb ~ Normal(0, 1)\ns ~ HalfNormal(1)\nplate row {\n  input x : real\n  y ~ Normal(a + b * x, s)\n}"


def radon() -> pd.DataFrame:
    """As large as the data on radon: 919 houses of 85 counties."""
    county, floor = RNG.integers(0, 85, 919), RNG.integers(0, 2, 919)
    level = 1.5 + 0.4 * RNG.normal(size=85)
    y = level[county] - 0.6 * floor + 0.7 * RNG.normal(size=919)
    return pd.DataFrame({"county": [f"c{i}" for i in county], "floor": floor.astype(float), "y": y})


def answers(persons: int = 500, items: int = 40) -> tuple[str, pd.DataFrame]:
    ability, hard = RNG.normal(size=persons), RNG.normal(size=items)
    person, item = np.divmod(np.arange(persons * items), items)
    right = RNG.random(len(person)) < 1 / (1 + np.exp(hard[item] - ability[person]))
    names = [f"i{k}" for k in range(items)]
    data = {"person": [f"p{i}" for i in person], "of": [names[k] for k in item], "right": right.astype(int)}
    return ITEMS.replace("ITEMS", ", ".join(names)), pd.DataFrame(data)


def logistic(rows: int = 100_000) -> pd.DataFrame:
    x, weight = RNG.normal(size=(rows, 20)), 0.3 * RNG.normal(size=20)
    y = RNG.random(rows) < 1 / (1 + np.exp(-x @ weight))
    return pd.DataFrame({**{f"x.{n}": x[:, i] for i, n in enumerate(PREDICTORS)}, "y": y.astype(int)})


def counts(rows: int = 100_000) -> pd.DataFrame:
    x, group = RNG.normal(size=rows), RNG.integers(0, 200, rows)
    k = RNG.poisson(np.exp(0.5 + 0.2 * x + 0.3 * RNG.normal(size=200)[group]))
    return pd.DataFrame({"group": [f"g{i}" for i in group], "x": x, "k": k})


def line(rows: int = 100_000) -> pd.DataFrame:
    x = RNG.normal(size=rows)
    return pd.DataFrame({"x": x, "y": 1 + 0.5 * x + RNG.normal(size=rows)})


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.process_time()
    out = call()
    return time.process_time() - begin, out


def fits(what: str, text: str, data: pd.DataFrame, method: str, **options: Any) -> None:
    """A fit by torch and by loops."""
    model = pgmlang.compile(text)

    def fitted(backend: str) -> tuple[float, Any]:
        given = {"backend": backend, **options}
        seconds, fit = timed(lambda: model.fit(data, method=method, seed=1, options=given))
        return seconds, fit.record

    by_torch, one = fitted("torch")
    first, _ = fitted("native")
    second, other = fitted("native")
    if method == "elbo":
        off = abs(one.provenance["elbo"] - other.provenance["elbo"])
    else:
        size = max(float(np.abs(v).max()) for v in one.parameters.values())
        off = max(float(np.abs(v - other.parameters[k]).max()) for k, v in one.parameters.items()) / size
    told(what, by_torch, first, second, off)


def scores(what: str, text: str, data: pd.DataFrame) -> None:
    """`score` (400 draws) and the leave-one-out of 1,000 draws of a fit, by torch and by loops."""
    model = pgmlang.compile(text)
    fit = model.fit(data, method="elbo", seed=1, options={"epochs": 200, "backend": "native"})
    rows, most = len(data), 1000 * len(data)
    for name, ask in (
        (f"score, {rows:,} rows x 400 draws", lambda: np.asarray(fit.score(data))),
        (f"pointwise, {rows:,} rows x 1,000 draws", lambda: pointwise(fit, data, most)),
    ):
        with mock.patch.object(unit_values, "__defaults__", (sys.maxsize,)):
            by_torch, one = timed(ask)
        first, _ = timed(ask)
        second, other = timed(ask)
        told(f"{name}: {what}", by_torch, first, second, float(np.abs(one - other).max()))


def pointwise(fit: Any, data: pd.DataFrame, most: int) -> np.ndarray:
    from pgmlang.criticism.pointwise import pointwise_log_likelihood

    binding = pgmlang.compile(fit.record.source).bind(data)
    return pointwise_log_likelihood(fit.record, binding, most).values


def told(what: str, by_torch: float, first: float, second: float, off: float) -> None:
    print(
        f"| {what} | {by_torch:.2f} | {first:.2f} | {second:.2f} | {by_torch / second:.1f}x | {off:.0e} |",
        flush=True,
    )


def main(names: list[str]) -> None:
    print("| | torch | loops, first | again | | difference |\n| --- | --- | --- | --- | --- | --- |")
    runs: dict[str, Callable[[], None]] = {
        "radon": lambda: fits("map: radon", RADON, radon(), "map"),
        "elbo": lambda: fits("elbo, 1,000 steps: radon", RADON, radon(), "elbo", epochs=1000),
        "items": lambda: fits("map: item response, 500 x 40", *answers(), "map"),
        "logistic": lambda: fits("map: logistic, 100,000 x 20", LOGISTIC, logistic(), "map"),
        "counts": lambda: fits("map: counts in 200 groups, 100,000", COUNTS, counts(), "map"),
        "score line": lambda: scores("a line", LINE, line()),
        "score counts": lambda: scores("counts in groups", COUNTS, counts()),
        "score logistic": lambda: scores("logistic", LOGISTIC, logistic()),
    }
    for name, run in runs.items():
        if not names or name in names:
            run()


if __name__ == "__main__":
    main(sys.argv[1:])
