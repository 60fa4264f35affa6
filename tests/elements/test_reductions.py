"""Reductions over plates, from inside of them, from outside and from beside: by torch, tables, compiled loops and numpy; and what new
rows are given of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas
import pytest
import torch

import pgmlang
from pgmlang.density.simulation import deterministic_values
from pgmlang.density.target import Target, target_of
from pgmlang.diagnostics import CompileError
from pgmlang.normal import canonical_factors, normal_form
from pgmlang.normal.verify import breaches
from pgmlang.signatures.functions import REDUCTIONS, WRITTEN_REDUCTIONS
from pgmlang.tables.evaluate import Evaluator
from tests.infer.by_hand import problem_of
from tests.lower.test_row_reductions import NUMPY as OF_NUMPY
from tests.native.test_equal import assert_equal

Values = Mapping[str, np.ndarray]
REDUCED: dict[str, Callable[[np.ndarray], Any]] = {
    **{f: (lambda x, f=f: OF_NUMPY[f](x, 0)) for f in REDUCTIONS},
    "var": lambda x: np.var(x, ddof=1), "sd": lambda x: np.std(x, ddof=1),
    "any": lambda x: float((x > 0).any()), "all": lambda x: float((x > 0).all()),
}  # fmt: skip
HOUSES: dict[str, list[Any]] = {
    "county": ["p", "p", "q", "p", "q", "r", "r", "r"],
    "x": [0.3, -1.2, 0.8, 1.9, 0.4, 0.6, 1.1, 0.2],
}
SCHOOLS: dict[str, list[Any]] = {"county": ["p", "q", "r", "p"], "y": [1.0, 0.2, -0.7, 0.9]}
HOUSE, SCHOOL = np.array([0, 0, 1, 0, 1, 2, 2, 2]), np.array([0, 1, 2, 0])
TEXT = """
a ~ Normal(0, 1)
plate county {{
  u ~ Normal(0, 1)
  plate house {{
    input x : real
    own = a * x - {f}({own}, over = house)
    up = u - {f}({up}, over = county)
  }}
  of = {f}({own}, over = house)
  plate school {{
    v ~ Normal(0, 1)
    beside = {f}({beside}, over = house)
    y ~ Normal(v + beside / 9, 1)
  }}
  e ~ Normal(sum(own + up, over = house) + of, 1)
}}
all_of = {f}({own}, over = house)
w ~ Normal(all_of, 1)
"""


def by_hand(f: str, v: Values) -> dict[str, np.ndarray]:
    reduce, x, a, u = REDUCED[f], np.array(HOUSES["x"]), v["a"], v["u"]
    of = np.array([reduce((a * x)[c == HOUSE]) for c in range(3)])
    return {
        "own": a * x - of[HOUSE], "up": u[HOUSE] - reduce(u), "of": of, "all_of": np.asarray(reduce(a * x)),
        "beside": np.array([reduce((x - v["v"][k])[c == HOUSE]) for k, c in enumerate(SCHOOL)]),
    }  # fmt: skip


def target_over(f: str) -> Target:
    test = " > 0" if f in ("any", "all") else ""
    text = TEXT.format(f=f, own="a * x" + test, up="u" + test, beside="x - v" + test)
    return target_of(problem_of(text, {"house": pandas.DataFrame(HOUSES), "school": pandas.DataFrame(SCHOOLS)}))


def test_every_reduction_is_there() -> None:
    assert set(REDUCED) == {*REDUCTIONS, *WRITTEN_REDUCTIONS}


@pytest.mark.parametrize("f", REDUCED)
def test_reductions_inside_outside_and_beside_of_a_plate(f: str) -> None:
    target = target_over(f)
    x = torch.from_numpy(np.random.default_rng(4).normal(size=(2, target.dimension)))
    values, _ = target.values(x)
    shown, joint = deterministic_values(target.joint, values), target.joint
    columns = {k: v.numpy() for k, v in {**joint.data, **joint.observed}.items()}
    for chain in range(2):
        held = {**{k: v[chain].numpy() for k, v in values.items()}, **columns}
        oracle = Evaluator(joint.model, held, joint.binding.layout)
        for name, expected in by_hand(f, held).items():
            np.testing.assert_allclose(shown[name][chain].numpy(), expected, atol=1e-12, err_msg=name)
            place = joint.model.by_name[name].plates
            by_tables = oracle.evaluate(joint.model.definition_of[name].value, place).values
            np.testing.assert_allclose(by_tables, expected, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "f", [f if f in ("mean", "sd", "any") else pytest.param(f, marks=pytest.mark.slow) for f in REDUCED]
)
def test_loops_are_equal_to_torch(f: str) -> None:
    assert_equal(target_over(f))


ALONG_AN_AXIS = """
dim part = {{p, q}}
plate day {{
  input x[part] : real
  w[part] ~ Normal(0, 1)
  given[part] = x - {f}(x{test}, over = day)
  own[part] = w - {f}(w{test}, over = day)
  y ~ Normal(sum(given * exp(own), over = part) + sum(square(own - mean(own, over = day)), over = part), 1)
}}
all_of = sum(sum(square(w - {f}(w{test}, over = day)), over = part), over = day)
e ~ Normal(all_of, 1)
"""


@pytest.mark.parametrize("f", [f if f == "mean" else pytest.param(f, marks=pytest.mark.slow) for f in REDUCED])
def test_loops_over_a_plate_stand_in_loops_over_the_same_plate(f: str) -> None:
    """What varies along the axis alone is worked out within the loop over the axis, which stands in the one over the plate."""
    text = ALONG_AN_AXIS.format(f=f, test=" > 0" if f in ("any", "all") else "")
    rng = np.random.default_rng(7)
    assert_equal(
        target_of(problem_of(text, pandas.DataFrame(rng.normal(size=(5, 3)), columns=["x.p", "x.q", "y"])))
    )


@pytest.mark.parametrize("f", ["mean", "sd"])
def test_normal_forms_mean_the_same(f: str) -> None:
    """Which rows a reduction is over hangs on its place: written at another place it would be others."""
    joint = target_over(f).joint
    rng, layout = np.random.default_rng(6), joint.binding.layout
    held = {n: rng.normal(size=joint.shape_of(n)) for n in ("a", "u", "v", "e", "w")} | {
        "x": np.array(HOUSES["x"]),
        "y": np.array(SCHOOLS["y"]),
    }
    for form in (canonical_factors(joint.model), normal_form(joint.model)):
        assert breaches(form) == ()
        for name in ("y", "e", "w"):
            of = [Evaluator(m, held, layout).evaluate(dict(m.conditional_of[name].distribution.arguments)["loc"],  # type: ignore[union-attr]
                                                      m.conditional_of[name].plates).values for m in (joint.model, form)]  # fmt: skip
            np.testing.assert_allclose(of[0], of[1], rtol=1e-10)


SCALED = """
a ~ Normal(0, 10)
b ~ Normal(0, 10)
plate house {
  input x : real
  y ~ Normal(a + b * (x - mean(x, over = house)) / sd(x, over = house), 0.5)
}
"""


class Fitted(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    slope: float
    level: float

    def mean_at(self, x: float) -> float:
        return self.level + self.slope * (x - self.x.mean()) / self.x.std(ddof=1)


def fitted() -> Fitted:
    rng = np.random.default_rng(2)
    x = 2e6 + 30 * rng.normal(size=40)
    z = (x - x.mean()) / x.std(ddof=1)
    y = 3 + 2 * z + 0.5 * rng.normal(size=40)
    prior = 0.5**2 / 10**2
    return Fitted(x, y, (z * y).sum() / ((z**2).sum() + prior), y.sum() / (len(y) + prior))


@pytest.mark.parametrize(
    "method", ["hmc", "map", *(pytest.param(m, marks=pytest.mark.slow) for m in ("mh", "gibbs", "elbo"))]
)
def test_new_rows_are_centred_and_scaled_by_the_figures_of_the_fit(method: str) -> None:
    data = fitted()
    fit = pgmlang.compile(SCALED).fit({"x": data.x, "y": data.y}, method=method, seed=3)
    new = np.array([2e6 - 100.0, 2e6 + 50.0])
    told = fit.predict({"x": new})["y"]
    assert np.asarray(told) == pytest.approx([data.mean_at(x) for x in new], abs=0.25)
    one = fit.predict({"x": new[:1]})["y"]
    assert float(np.asarray(one)[0]) == pytest.approx(float(np.asarray(told)[0]), abs=0.05)
    apart = [float(np.asarray(fit.score({"x": new[k : k + 1], "y": [data.mean_at(new[k])]}))[0]) for k in range(2)]
    together = fit.score({"x": new, "y": [data.mean_at(x) for x in new]})
    np.testing.assert_allclose(np.asarray(together), apart, atol=1e-6)
    at_fit = -0.5 * np.log(2 * np.pi * 0.25)
    assert apart[1] == pytest.approx(at_fit, abs=0.1)


def test_groups_are_centred_by_their_own_figures_and_new_rows_by_those_of_the_fit() -> None:
    rng = np.random.default_rng(5)
    county = np.repeat(["p", "q"], 20)
    x = np.where(county == "p", 100.0, -7.0) + rng.normal(size=40)
    centred = x - np.where(county == "p", x[:20].mean(), x[20:].mean())
    y = 2 * centred + 0.1 * rng.normal(size=40)
    text = "b ~ Normal(0, 10)\nplate county {\n  plate house {\n    input x : real\n    y ~ Normal(b * (x - mean(x, over = house)), 0.1)\n  }\n}\n"
    fit = pgmlang.compile(text).fit({"county": county, "x": x, "y": y}, seed=1, method="map")
    assert fit.summary()[0]["mean"] == pytest.approx(2.0, abs=0.05)
    told = np.asarray(fit.predict({"county": ["q", "p"], "x": [x[20:].mean() + 1, x[:20].mean() + 1]})["y"])
    assert told == pytest.approx([2.0, 2.0], abs=0.1)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("plate user { }\nplate item { }\nplate rating in user, item {\n  input x : real\n  z = x - mean(x, over = rating)\n}",
         "PGM0302", "give the result a name where it is meant"),
        ("plate town { }\nplate user in town { }\nplate item { }\nplate rating in user, item {\n  input x : real\n  z = x - mean(x, over = user)\n}",
         "PGM0302", "no plate stands for these together"),
        ("plate user { }\nplate item { }\nplate year { }\nplate rating in user, item, year {\n  input x : real\n  z = x - mean(x, over = user)\n}",
         "PGM0302", "the rows of one `item` and `year`"),
        ("plate house {\n  x ~ Normal(mean(x, over = house), 1)\n}", "PGM0501", ""),
        ("plate house {\n  input x : real\n  z = mean(x, over = hous)\n}", "PGM0201", "did you mean `house`"),
        ("plate house {\n  input x : real\n  z = any(x, over = house)\n}", "PGM0307", "needs true or false"),
        ("plate county {\n  plate house {\n    input x : real\n    z = mean(x, over = county)\n  }\n}", "PGM0304", "outside it"),
        ("dim k[3]\nplate house {\n  input x : real\n  z = sd(x, over = k)\n}", "PGM0302", "the value has no axis `k`"),
    ],
)  # fmt: skip
def test_what_has_no_such_meaning_is_refused(text: str, code: str, message: str) -> None:
    with pytest.raises(CompileError) as error:
        pgmlang.compile(text)
    told = [d for d in error.value.diagnostics if d.code == code]
    assert told, error.value.diagnostics
    assert any(message in f"{d.message}; {d.help}" for d in told), told


CENTRED = "{first}\nplate row {{\n  input x : real\n  y ~ Normal(b * (x - mean(x, over = row)), {sd})\n}}\n"


@pytest.mark.parametrize(
    ("first", "sd", "method"),
    [("b ~ Normal(0, 3)", "1", "exact"), ("b ~ Normal(0, 3)\ns ~ HalfNormal(2)", "s", "map"), ("param b : real\nparam s : positive", "s", "auto")],
)  # fmt: skip
def test_rows_that_count_several_times_are_so_many_rows_of_a_reduction(first: str, sd: str, method: str) -> None:
    rng = np.random.default_rng(6)
    x, counts = rng.normal(size=9), rng.integers(0, 4, 9)
    y = 2 * x + rng.normal(size=9)
    model = pgmlang.compile(CENTRED.format(first=first, sd=sd))
    counted = model.fit({"x": x, "y": y, "n": counts}, counts="n", method=method, seed=1)
    written = model.fit({"x": np.repeat(x, counts), "y": np.repeat(y, counts)}, method=method, seed=1)
    assert counted.log_likelihood == written.log_likelihood
    for name, value in {**counted.params, **counted.draws}.items():
        assert (value == {**written.params, **written.draws}[name]).all()
    assert "written out" in str(counted.plan)
    with pytest.raises(pgmlang.PgmError, match="counts each row once"):
        model.plan({"x": x, "y": y, "n": counts + 0.5}, weights="n", method="map")


CROSSED = """
b ~ Normal(0, 3)
plate town {{ }}
plate house in town {{ u ~ Normal(0, 1) }}
plate year {{
  v ~ Normal(0, 1)
  {named}
}}
plate obs in house, year {{
  input x : real
  y ~ Normal(b * ({centred}) + u + v, 1)
}}
"""


@pytest.mark.parametrize("method", ["exact", "map"])
def test_a_reduction_over_one_of_crossed_plates_is_of_the_rows_of_the_others(method: str) -> None:
    rng = np.random.default_rng(8)
    year = rng.integers(0, 3, 15)
    house = np.append(np.arange(4), rng.integers(0, 4, 11))
    table = {
        "town": {"town": ["s", "t"]},
        "house": {"house": list("abcd"), "town": list("stst")},
        "obs": {
            "house": [list("abcd")[h] for h in house],
            "year": [str(t) for t in year],
            "x": rng.normal(size=15) + year,
            "y": rng.normal(size=15),
        },
    }
    fits = [
        pgmlang.compile(CROSSED.format(named=named, centred=centred)).fit(table, method=method, seed=1)
        for named, centred in (("m = mean(x, over = obs)", "x - m"), ("", "x - mean(x, over = town)"))
    ]  # fmt: skip
    for fit in fits[1:]:
        assert fit.query("E(b)").table == fits[0].query("E(b)").table
    x = np.asarray(table["obs"]["x"])
    means = {row["name"]: row["mean"] for row in fits[1].summary()}
    for t in np.unique(year):
        assert means[f"x.mean[{t}]"] == pytest.approx(x[year == t].mean(), rel=1e-12)
