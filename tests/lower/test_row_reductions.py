"""Reductions over the rows of a plate, from inside and outside of the plates around it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.reductions import log_joint
from pgmlang.diagnostics import PgmError
from pgmlang.lower.runtime.support import segments
from pgmlang.signatures.functions import REDUCTIONS
from tests.infer.by_hand import problem_of

NUMPY = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "min": np.min, "max": np.max,
    "logsumexp": lambda x, axis: np.log(np.sum(np.exp(x), axis)),
}  # fmt: skip


def test_every_reduction_is_there() -> None:
    assert set(NUMPY) == set(REDUCTIONS)


def test_a_choice_whose_condition_alone_goes_along_an_axis() -> None:
    """The neighbours of places, counted over the table of their borders."""
    joint = bound_density(problem_of("""
w[area, area'] = sum(if (one == area and two == area') or (two == area and one == area') then 1 else 0, over = border)
plate border { input one, two : area }
plate area { y ~ Normal(2 + w[a, b] + 10 * w[b, a] + 100 * w[a, c] + 1000 * w[b, c], 1) }
""", {"area": {"area": ["a", "b", "c"], "y": [13.0, 1013.0, 1000.0]}, "border": {"one": ["a", "c"], "two": ["b", "b"]}}))  # fmt: skip
    got = float(log_joint(joint, {}))
    assert got == pytest.approx(norm.logpdf([13.0, 1013.0, 1000.0], 1013.0).sum())


@pytest.mark.parametrize("function", REDUCTIONS)
def test_segments_of_two_plates(function: str) -> None:
    rng = np.random.default_rng(3)
    a, b = np.arange(24) % 2, np.arange(24) // 2 % 3
    x = rng.normal(size=(5, 24))
    members = (torch.tensor(a), torch.tensor(b))
    leaf = torch.tensor(x, requires_grad=True)
    got = segments(function, leaf, members, (2, 3))
    for i in range(2):
        for j in range(3):
            wanted = NUMPY[function](x[:, (a == i) & (b == j)], 1)
            assert got[:, i, j].detach().numpy() == pytest.approx(wanted)
    assert torch.autograd.gradcheck(lambda v: segments(function, v, members, (2, 3)), leaf)


@pytest.mark.parametrize("function", REDUCTIONS)
def test_every_reduction_over_rows_equals_its_numpy_meaning(function: str) -> None:
    """The emitted density of a model that reduces over rows, from inside of a plate and from outside of all."""
    joint = bound_density(problem_of(f"""
dim k[2]
b[k] ~ Normal(0, 1)
plate district {{
  a ~ Normal(0, 1)
  heap[k] = {function}(x - b, over = pupil)
  n = sum(1, over = pupil)
  z ~ Normal({function}(x * a, over = pupil) + sum(heap), 1 + n)
}}
plate pupil in district {{ x ~ Normal(a, 1) }}
overall[k] = {function}(x * b, over = pupil)
y ~ Normal(sum(overall), 1)
""", {"district": ["u", "v", "v", "w", "u", "w", "w"], "x": [0.1, 0.9, -0.4, 1.3, 2.0, 0.7, 0.2]}))  # fmt: skip
    rng = np.random.default_rng(7)
    a, b, z, y = rng.normal(size=3), rng.normal(size=2), rng.normal(size=3), rng.normal()
    x, member = np.array([0.1, 0.9, -0.4, 1.3, 2.0, 0.7, 0.2]), np.array([0, 1, 1, 2, 0, 2, 2])
    got = float(log_joint(joint, {n: torch.tensor(v) for n, v in (("a", a), ("b", b), ("z", z), ("y", y))}))

    def reduced(x: np.ndarray) -> np.ndarray:
        return np.asarray(NUMPY[function](x, 0))

    wanted = norm.logpdf(y, reduced(x[:, None] * b).sum(), 1) + norm.logpdf(a).sum() + norm.logpdf(b).sum()
    wanted += norm.logpdf(x, a[member], 1).sum()
    for g in range(3):
        rows = x[member == g]
        mean = reduced(rows * a[g]) + reduced(rows[:, None] - b).sum()
        wanted += norm.logpdf(z[g], mean, 1 + len(rows))
    assert got == pytest.approx(wanted)


def test_a_mean_over_rows_beside_a_latent() -> None:
    fit = pgmlang.compile("mu ~ Normal(0, 1)\nplate row { x ~ Normal(mu, 1) }\nm = mean(x, over = row)\n").fit(
        {"x": [1.0, 2.0]}, seed=1
    )
    rows = {r["name"]: r for r in fit.summary()}
    assert rows["m"]["mean"] == pytest.approx(1.5)
    assert rows["mu"]["mean"] == pytest.approx(1.0, abs=0.05)


SLOPES = """
b ~ Normal(0, 1)
centre = mean(x, over = row)
plate row {
  input x : real
  y ~ Normal(b * (x - centre), 1)
}
"""


@pytest.mark.parametrize("method", ["hmc", "mh", "langevin", "map", "elbo"])
def test_a_covariate_centred_at_its_mean(method: str) -> None:
    x, y = np.array([11.0, 13.0, 12.0, 16.0]), np.array([-1.0, 0.5, -0.4, 1.9])
    fit = pgmlang.compile(SLOPES).fit({"x": x, "y": y}, method=method, seed=2)
    centred = x - x.mean()
    precision = 1 + (centred**2).sum()
    row = next(r for r in fit.summary() if r["name"] == "b")
    assert row["mean"] == pytest.approx((centred * y).sum() / precision, abs=0.05)


@pytest.mark.parametrize(
    ("method", "options", "binding", "code"),
    [
        ("map", {"batch": 2}, {}, "PGM0612"),
        ("elbo", {"batch": 2}, {}, "PGM0612"),
        ("map", {}, {"weights": "w"}, "PGM0602"),
    ],
)
def test_rows_that_stand_for_others_are_refused(
    method: str, options: dict[str, int], binding: dict[str, str], code: str
) -> None:
    data = {"x": [11.0, 13.0, 12.0, 16.0], "y": [-1.0, 0.5, -0.4, 1.9], "w": [1, 2, 1, 3]}
    with pytest.raises(PgmError) as error:
        pgmlang.compile(SLOPES).fit(data, method=method, options=options, **binding)
    assert error.value.diagnostics[0].code == code
