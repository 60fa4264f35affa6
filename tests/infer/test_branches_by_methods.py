"""Every method that follows gradients, on models whose untaken branches have infinite slopes: against closed forms and
scipy's optima. Each form says the slope ``b`` times a feature in another way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

import pgmlang
from pgmlang import FittedModel

SIZE, GROUP, SLOPE = 120, 4, 1.3
RNG = np.random.default_rng(3)
X = RNG.normal(size=SIZE)
X[::7] = 0.0
X[0:12] = np.abs(X[0:12]) + 0.1
W = np.array([0.0, 0.4, 2.5, -1.0])
PICK = RNG.integers(0, 4, SIZE)
GROUPS = [f"g{i // GROUP}" for i in range(SIZE)]
FIRST = np.arange(SIZE) % GROUP == 0
BEFORE = np.where(FIRST, 0, np.r_[0, X[:-1]])


def log_or_zero(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0)


LOW = X.reshape(-1, GROUP).min(1)
TOTAL = np.where(LOW > 0, log_or_zero(X).reshape(-1, GROUP).sum(1), 0)


class Form(NamedTuple):
    """``text``: the plates, with `FACTORS` where the rows' factors go; ``mean``: slope times feature; ``feature``: its values."""

    text: str
    mean: str
    feature: np.ndarray


ROWS = "plate row {\n  input x : real\n  INSIDE\n  FACTORS\n}"
CHAINS = "plate g {\n  plate row in g = chain {\n    input x : real\n    INSIDE\n    FACTORS\n  }\n}"
FORMS = {
    "a definition": Form(ROWS.replace("INSIDE", "z = b * log(x)"), "if x > 0 then z else 0", log_or_zero(X)),
    "definition of a definition": Form(
        ROWS.replace("INSIDE", "r = sqrt(x)\n  z = b * log(r) * 2"), "if x > 0 then z else 0", log_or_zero(X)
    ),
    "an index": Form(
        "plate item {\n  input w : real\n  d = b * log(w)\n}\nplate row {\n  input pick : item\n  FACTORS\n}",
        "if w[pick] > 0 then d[pick] else 0",
        log_or_zero(W)[PICK],
    ),
    "a lag": Form(
        CHAINS.replace("INSIDE", "z = b * log(x)"),
        "if first then 0 else (if prev(x) > 0 then prev(z) else 0)",
        log_or_zero(BEFORE),
    ),
    "a lag of a definition that asks for the first": Form(
        CHAINS.replace("INSIDE", "z = if first then b * log(x) else log(x * x) * b / 2"),
        "if first then 0 else (if prev(x) > 0 then prev(z) else 0)",
        log_or_zero(BEFORE),
    ),
    "reduced over an inner plate": Form(
        "plate g {\n  low = min(x, over = row)\n  all = b * sum(lx, over = row)\n}\n"
        "plate row in g {\n  input x : real\n  lx = log(x)\n  FACTORS\n}",
        "if low > 0 then all else 0",
        np.repeat(TOTAL, GROUP),
    ),
}  # fmt: skip


def fitted(form: Form, slope: str, rows: str, y: np.ndarray, method: str, **more: Any) -> FittedModel:
    """A fit of a form's model, its rows' factors said with `MEAN`."""
    text = f"{slope}\n{form.text.replace('FACTORS', rows.replace('MEAN', f'({form.mean})'))}\n"
    columns: dict[str, Any] = {"x": X, "y": y}
    data: dict[str, Any] = columns if "g {" not in text else {**columns, "g": GROUPS}
    if "pick" in form.mean:
        items = [f"i{k}" for k in range(4)]
        data = {"item": {"item": items, "w": W}, "row": {"pick": [items[k] for k in PICK], "y": y}}
    return pgmlang.compile(text).fit(data, method=method, seed=1, **more)


def logistic(margin: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-margin))


def posterior(feature: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Mean and sd of a slope under Normal(0, 10) and noise of one."""
    precision = feature @ feature + 0.01
    return feature @ y / precision, precision**-0.5


def best(loss: Callable[[float], float]) -> float:
    return float(minimize(lambda b: loss(b[0]), [0.5], tol=1e-10).x[0])


LATENT, ROW = "b ~ Normal(0, 10)", "y ~ Normal(MEAN, 1)"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_map(form: Form) -> None:
    y = SLOPE * form.feature + RNG.normal(size=SIZE)
    fit = fitted(form, LATENT, ROW, y, "map")
    assert float(fit.params["b"]) == pytest.approx(posterior(form.feature, y)[0], abs=1e-4)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_elbo(form: Form) -> None:
    y = SLOPE * form.feature + RNG.normal(size=SIZE)
    fit = fitted(form, LATENT, ROW, y, "elbo", options={"epochs": 400})
    mean, sd = posterior(form.feature, y)
    draws = np.asarray(fit.draws["b"])
    assert draws.mean() == pytest.approx(mean, abs=0.25 * sd)
    assert draws.std() == pytest.approx(sd, rel=0.2)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_hmc(form: Form) -> None:
    y = SLOPE * form.feature + RNG.normal(size=SIZE)
    fit = fitted(form, LATENT, ROW, y, "hmc", options={"warmup": 150, "draws": 150})
    mean, sd = posterior(form.feature, y)
    draws = np.asarray(fit.draws["b"])
    assert draws.mean() == pytest.approx(mean, abs=0.2 * sd)
    assert draws.std() == pytest.approx(sd, rel=0.15)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_em(form: Form) -> None:
    z = RNG.integers(0, 2, SIZE)
    y = SLOPE * form.feature + 4 * z + RNG.normal(size=SIZE)
    rows = "side : bit ~ Bernoulli(0.5)\n y ~ Normal(MEAN + 4 * side, 1)"
    fit = fitted(form, "param b : real", rows, y, "em")

    def loss(b: float) -> float:
        rest = y - b * form.feature
        return -logsumexp([-(rest**2) / 2, -((rest - 4) ** 2) / 2], axis=0).sum()

    assert float(fit.params["b"]) == pytest.approx(best(loss), abs=2e-3)


@pytest.mark.parametrize("method", ["ml", "pseudo"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_fields(form: Form, method: str) -> None:
    y = (RNG.random(SIZE) < logistic(SLOPE * form.feature)).astype(int)
    fit = fitted(form, "param b : real", "field y : bit\n factor y * MEAN", y, method)
    expected = best(lambda b: np.logaddexp(0, -b * form.feature * (2 * y - 1)).sum())
    assert float(fit.params["b"]) == pytest.approx(expected, abs=2e-3)
