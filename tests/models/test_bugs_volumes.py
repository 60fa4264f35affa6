"""Models of the kinds in the BUGS books, with the books' vague priors, on data drawn from values that are known: as first written down, by the
method that is taken unasked, without options, they converge and have the truth within four of their standard deviations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import pgmlang


class Drawn(NamedTuple):
    """``data``: a table, or tables by plate; ``truth``: values of the model's names."""

    data: dict[str, Any]
    truth: dict[str, float]


class Kind(NamedTuple):
    """A model's ``text`` and what draws data that it describes."""

    text: str
    draw: Callable[[np.random.Generator], Drawn]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def trials(rng: np.random.Generator) -> Drawn:
    """Two arms of 24 trials of very different sizes."""
    treated, control = rng.integers(30, 1500, 24), rng.integers(30, 1500, 24)
    level, effect = rng.normal(-2.2, 0.5, 24), rng.normal(-0.3, 0.25, 24)
    columns = {
        "nt": treated, "nc": control,
        "rt": rng.binomial(treated, sigmoid(level + effect)), "rc": rng.binomial(control, sigmoid(level)),
    }  # fmt: skip
    return Drawn(columns, {"d": -0.3, "sigma": 0.25})


TRIALS = """
d ~ Normal(0.0, precision = 1.0E-6)
tau ~ Gamma(0.001, 0.001)
sigma = 1 / sqrt(tau)
plate trial {
  input nt, nc : count
  mu ~ Normal(0.0, precision = 1.0E-5)
  delta ~ Normal(d, precision = tau)
  rt ~ Binomial(nt, sigmoid(mu + delta))
  rc ~ Binomial(nc, sigmoid(mu))
}
"""


def growth(rng: np.random.Generator) -> Drawn:
    """Weights of 40 animals at five ages, in a wide table of which a fifth is missing."""
    line = rng.multivariate_normal([106, 6.2], [[110, -3.3], [-3.3, 0.26]], 40)
    days = np.array([8.0, 15, 22, 29, 36])
    weight = line[:, :1] + line[:, 1:] * days + rng.normal(0, 6, (40, 5))
    weight[rng.random(weight.shape) < 0.2] = np.nan
    columns = {f"d{int(day)}": weight[:, k] for k, day in enumerate(days)}
    return Drawn(columns, {"mu[level]": 106, "mu[slope]": 6.2, "sigma": 6.0})


GROWTH = """
dim coef = {level, slope}
dim day = {d8, d15, d22, d29, d36}
x[day] = [8, 15, 22, 29, 36]
mu[coef] ~ Normal(0, precision = 1.0E-6)
R[coef, coef'] ~ Wishart(2, inverse(diag([200, 0.2])))
tau ~ Gamma(0.001, 0.001)
sigma = 1 / sqrt(tau)
plate rat {
  b[coef] ~ MultivariateNormal(mu, precision = R)
  y[day] ~ Normal(b[level] + b[slope] * x, precision = tau)
}
"""


def seizures(rng: np.random.Generator) -> Drawn:
    """Counts of 60 patients at four visits, with an effect of the patient and one of each count."""
    base, treated = np.exp(rng.normal(3.2, 0.75, 60)), np.arange(60) % 2
    patient, visit = rng.normal(0, 0.5, 60), rng.normal(0, 0.35, (60, 4))
    y = rng.poisson(np.exp(-1.2 + 0.9 * np.log(base)[:, None] - 0.4 * treated[:, None] + patient[:, None] + visit))
    names = [f"s{i:02d}" for i in range(60)]
    tables = {
        "patient": {"patient": names, "base": base, "treated": treated},
        "visit": {"patient": np.repeat(names, 4), "y": y.ravel()},
    }
    return Drawn(tables, {"a0": -1.2, "a_base": 0.9, "a_treated": -0.4, "sigma_patient": 0.5, "sigma_visit": 0.35})


SEIZURES = """
a0 ~ Normal(0, precision = 1.0E-4)
a_base ~ Normal(0, precision = 1.0E-4)
a_treated ~ Normal(0, precision = 1.0E-4)
tau_patient ~ Gamma(1.0E-3, 1.0E-3)
tau_visit ~ Gamma(1.0E-3, 1.0E-3)
sigma_patient = 1 / sqrt(tau_patient)
sigma_visit = 1 / sqrt(tau_visit)
plate patient {
  input base : positive
  input treated : bit
  b ~ Normal(0, precision = tau_patient)
  plate visit {
    e ~ Normal(0, precision = tau_visit)
    y ~ Poisson(exp(a0 + a_base * log(base) + a_treated * treated + b + e))
  }
}
"""


def answers(rng: np.random.Generator) -> Drawn:
    """Ordered answers of 150 patients to two treatments each."""
    patient = rng.normal(0, 1.2, 150)
    treatment = np.tile([0.5, -0.5], 150)
    above = sigmoid(1.1 * treatment[:, None] + np.repeat(patient, 2)[:, None] - np.array([-0.7, 1.5, 2.6]))
    answer = 1 + (rng.random(300)[:, None] < above).sum(1)
    columns = {
        "patient": np.repeat([f"p{i:03d}" for i in range(150)], 2),
        "treatment": treatment,
        "answer": answer,
    }
    return Drawn(columns, {"beta": 1.1, "sigma": 1.2, "a[c1]": -0.7, "a[c2]": 1.5, "a[c3]": 2.6})


ANSWERS = """
dim cut = {c1, c2, c3}
beta ~ Normal(0, precision = 1.0E-6)
a[cut] : ordered ~ Flat()
tau ~ Gamma(0.001, 0.001)
sigma = 1 / sqrt(tau)
plate patient {
  b ~ Normal(0, precision = tau)
  plate visit {
    input treatment : real
    answer : {"1", "2", "3", "4"} ~ OrderedLogistic(beta * treatment + b, a)
  }
}
"""


def infections(rng: np.random.Generator) -> Drawn:
    """Two times to infection of each of 60 patients, some censored, with a frailty of the patient."""
    age, female = rng.integers(10, 70, 60), rng.integers(0, 2, 60)
    hazard = np.exp(-4.5 - 1.5 * female + rng.normal(0, 0.6, 60))
    time = (rng.exponential(size=(60, 2)) / hazard[:, None]) ** (1 / 1.2)
    end = np.where(rng.random((60, 2)) < 0.3, rng.uniform(10, 400, (60, 2)), 1e6)
    names = [f"k{i:02d}" for i in range(60)]
    tables = {
        "patient": {"patient": names, "age": age, "female": female},
        "infection": {"patient": np.repeat(names, 2), "end": end.ravel(), "t": np.minimum(time, end).ravel()},
    }
    return Drawn(tables, {"alpha": -4.5, "b_age": 0.0, "b_female": -1.5, "r": 1.2, "sigma": 0.6})


INFECTIONS = """
alpha ~ Normal(0, precision = 0.0001)
b_age ~ Normal(0, precision = 0.0001)
b_female ~ Normal(0, precision = 0.0001)
r ~ Gamma(1, 1.0E-3)
tau ~ Gamma(1.0E-3, 1.0E-3)
sigma = 1 / sqrt(tau)
plate patient {
  input age : real
  input female : bit
  b ~ Normal(0, precision = tau)
  plate infection {
    input end : positive
    t ~ Censored(Weibull(r, hazard = exp(alpha + b_age * age + b_female * female + b)), upper = end)
  }
}
"""


def misclassified(rng: np.random.Generator) -> Drawn:
    """A case-control study of 900 whose exposure is known of a tenth, and measured with errors of all."""
    exposed = rng.random(900) < 0.45
    case = rng.random(900) < sigmoid(-0.9 + 0.8 * exposed)
    chance = np.array([[0.1, 0.2], [0.8, 0.7]])
    seen = (rng.random(900) < chance[exposed.astype(int), case.astype(int)]).astype(int)
    x = np.where(np.arange(900) % 10 == 0, np.where(exposed, "yes", "no"), None)
    columns = {"x": list(x), "d": np.where(case, "case", "control"), "w": seen}
    return Drawn(columns, {"q": 0.45, "b0": -0.9, "b": 0.8, "phi[no, control]": 0.1, "phi[yes, case]": 0.7})


MISCLASSIFIED = """
dim exposure = {no, yes}
dim disease = {control, case}
q ~ Uniform(0, 1)
b0 ~ Normal(0, precision = 0.00001)
b ~ Normal(0, precision = 0.00001)
phi[exposure, disease] ~ Uniform(0, 1)
plate woman {
  x : exposure ~ Categorical([1 - q, q])
  p = sigmoid(b0 + (if x == yes then b else 0))
  d : disease ~ Categorical([1 - p, p])
  w ~ Bernoulli(phi[x, d])
}
"""


def cures(rng: np.random.Generator) -> Drawn:
    """Beats out of order after a drug among all such of 60 patients, of whom a share is cured and has none."""
    total, cured = rng.integers(4, 25, 60), rng.random(60) < 0.55
    y = np.where(cured, 0, rng.binomial(total, 0.4))
    return Drawn({"total": total, "y": y}, {"theta": 0.55, "p": 0.4})


CURES = """
alpha ~ Normal(0, precision = 1.0E-4)
delta ~ Normal(0, precision = 1.0E-4)
p = sigmoid(alpha)
theta = sigmoid(delta)
plate patient {
  input total : count
  cured ~ Bernoulli(theta)
  y ~ Binomial(total, if cured == 1 then 0 else p)
}
"""


def bent(rng: np.random.Generator) -> Drawn:
    """A line that bends at a place to be found."""
    x = np.sort(rng.uniform(-1.4, 1.2, 40))
    y = 0.54 + np.where(x > 0.03, -1.0, -0.42) * (x - 0.03) + rng.normal(0, 0.025, 40)
    return Drawn({"x": x, "y": y}, {"alpha": 0.54, "before": -0.42, "after": -1.0, "bend": 0.03, "sigma": 0.025})


BENT = """
alpha ~ Normal(0, precision = 1.0E-6)
before ~ Normal(0, precision = 1.0E-6)
after ~ Normal(0, precision = 1.0E-6)
tau ~ Gamma(0.001, 0.001)
sigma = 1 / sqrt(tau)
bend ~ Uniform(-1.3, 1.1)
plate point {
  input x : real
  y ~ Normal(alpha + (if x > bend then after else before) * (x - bend), precision = tau)
}
"""


def dogs(rng: np.random.Generator) -> Drawn:
    """Shocks of 30 dogs in 25 trials: what each has learned hangs on those before."""
    y = np.zeros((30, 25), dtype=int)
    for dog in range(30):
        for trial in range(25):
            shocks = y[dog, :trial].sum()
            y[dog, trial] = rng.random() < np.exp(-0.25 * (trial - shocks) - 0.08 * shocks)
    columns = {
        "dog": np.repeat([f"d{i:02d}" for i in range(30)], 25),
        "trial": np.tile(np.arange(25), 30),
        "y": y.ravel(),
    }
    return Drawn(columns, {"alpha": -0.25, "beta": -0.08})


DOGS = """
alpha ~ Truncated(Normal(0, precision = 0.00001), upper = -0.00001)
beta ~ Truncated(Normal(0, precision = 0.00001), upper = -0.00001)
plate dog {
  plate trial = chain {
    shocks = if first then 0 else prev(shocks) + prev(y)
    avoided = position(trial) - shocks
    y ~ Bernoulli(exp(alpha * avoided + beta * shocks))
  }
}
"""


def outliers(rng: np.random.Generator) -> Drawn:
    """A regression on two predictors far from zero and of other units, scaled in the model, with errors of heavy tails."""
    x = np.column_stack([rng.normal(60, 9, 80), rng.normal(0.021, 0.003, 80)])
    z = (x - x.mean(0)) / x.std(0, ddof=1)
    y = 17.5 + z @ [7.0, 3.0] + 2.5 * rng.standard_t(4, 80)
    columns = {"air": x[:, 0], "temp": x[:, 1], "loss": y}
    return Drawn(columns, {"b0": 17.5, "b[air]": 7.0, "b[temp]": 3.0, "scale": 2.5})


OUTLIERS = """
dim predictor = {air, temp}
b0 ~ Normal(0, precision = 0.00001)
b[predictor] ~ Normal(0, precision = 0.00001)
tau ~ Gamma(1.0E-3, 1.0E-3)
scale = 1 / sqrt(tau)
plate day {
  input x[predictor] : real
  z[predictor] = (x - mean(x, over = day)) / sd(x, over = day)
  loss ~ StudentT(4, b0 + z @ b, precision = tau)
}
"""

KINDS = {
    "trials of two arms": Kind(TRIALS, trials),
    "growth curves with missing cells": Kind(GROWTH, growth),
    "counts with two levels of effects": Kind(SEIZURES, seizures),
    "ordered answers": Kind(ANSWERS, answers),
    "censored times with frailties": Kind(INFECTIONS, infections),
    "a misclassified exposure": Kind(MISCLASSIFIED, misclassified),
    "a share of cured patients": Kind(CURES, cures),
    "a bent line": Kind(BENT, bent),
    "learning by trial": Kind(DOGS, dogs),
    "heavy tails on scaled predictors": Kind(OUTLIERS, outliers),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_the_truth_comes_back(name: str) -> None:
    kind = KINDS[name]
    data, truth = kind.draw(np.random.default_rng(20))
    fit = pgmlang.compile(kind.text).fit(data, seed=1)
    assert fit.record.status == "converged", fit.warnings
    rows = {row["name"]: row for row in fit.summary()}
    off = {n: (rows[n]["mean"] - value) / rows[n]["sd"] for n, value in truth.items()}
    assert all(abs(z) < 4 for z in off.values()), off
