"""Models whose rows are conditional Gaussian networks: everything asked of them is a closed form."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.exact.gaussian import GaussianEngine
from pgmlang.gaussian.from_model import reasons_against, row_network
from tests.gaussian.dense import dense_posterior

TEXT = """
param slope : real
dim part = {p, q}
plate row {
  k : {a, b} ~ Table() { 0.3, 0.7 }
  j : {u, v, w} ~ Table(k) { a : 0.2, 0.3, 0.5
                             b : 0.6, 0.3, 0.1 }
  x ~ Normal(2e6, 2)
  centred = (x - 2e6) / 4
  m[part] ~ Normal(centred - 1, 0.5)
  y ~ if k == a then Normal(slope * x + sum(m, over = part), 1.5) else Normal(1 - mean(m, over = part), if j == w then 0.1 else 3)
  z ~ Normal(x - (x - y * 0.25) + (if j == u then 7 else 0), 1)
}
"""
SLOPE = 1e-3


def given() -> pgmlang.api.Asked:
    return pgmlang.compile(TEXT).given({"slope": SLOPE})


def test_the_network_of_a_row() -> None:
    """Definitions, elements, sums, choices of values and of distributions, a large constant beside a small slope."""
    model = pgmlang.compile(TEXT).model
    row = row_network(model, {"slope": np.array(SLOPE)})
    network = row.network
    assert network.numbers == ("x", "m[p]", "m[q]", "y", "z")
    _, p, q, y, z = network.conditionals
    for m in (p, q):
        assert (m.parents, m.intercept[0, 0], m.coefficients[0, 0, 0]) == ((0,), -500001, 0.25)
    j, k = network.discrete.index["j"], network.discrete.index["k"]
    assert set(y.labels) == {j, k}
    by_name = {
        tuple(c): (y.intercept[0, i], dict(zip(y.parents, y.coefficients[0, i].tolist(), strict=True)), y.sd[0, i])
        for i, c in enumerate(np.ndindex(*(network.discrete.sizes[v] for v in y.labels)))
    }
    order = [y.labels.index(k), y.labels.index(j)]
    for key, (constant, slopes, sd) in by_name.items():
        code_k, code_j = (key[o] for o in order)
        if code_k == 0:
            assert (constant, slopes, sd) == (0, {0: SLOPE, 1: 1, 2: 1}, 1.5)
        else:
            assert (constant, slopes, sd) == (1, {0: 0, 1: -0.5, 2: -0.5}, 0.1 if code_j == 2 else 3)
    assert dict(zip(z.parents, z.coefficients[0, 0].tolist(), strict=True)) == {0: 0, 3: 0.25}


def test_questions_are_dense_conditioning() -> None:
    asked = given()
    network = asked.posterior.gaussian_answers.network
    values = np.array([np.nan, np.nan, 0.5, np.nan, 3.0])
    right = dense_posterior(network, {network.discrete.index["j"]: 1}, values)
    answer = asked.query("P(x, m[p], y | z = 3, m[q] = 0.5, j = v)")
    assert [r["mean"] for r in answer.table] == pytest.approx(right.mean, rel=1e-9)
    assert [r["sd"] for r in answer.table] == pytest.approx(np.sqrt(np.diag(right.covariance)), rel=1e-9)
    assert answer.log_evidence == pytest.approx(right.log_evidence, abs=1e-9)
    assert asked.log_z("z = 3, m[q] = 0.5, j = v") == pytest.approx(right.log_evidence, abs=1e-9)
    chances = asked.query("P(k | z = 3, m[q] = 0.5, j = v)").probabilities
    assert list(chances.values()) == pytest.approx(right.chances[network.discrete.index["k"]], abs=1e-10)
    both = asked.query("P(y > 1, k = a | z = 3, m[q] = 0.5, j = v)").table[0]["p"]
    given_a = asked.query("P(y > 1 | k = a, z = 3, m[q] = 0.5, j = v)").table[0]["p"]
    assert both == pytest.approx(given_a * chances["a"], rel=1e-10)
    assert asked.query("E(y | do(m[p] = 2), do(m[q] = 4), do(k = b))").table[0]["mean"] == pytest.approx(-2)
    mode = asked.query("MAP(* | z = 3, k = b, j = w)").table[0]
    mean = {r["variable"]: r["mean"] for r in asked.query("P(x, m, y | z = 3, k = b, j = w)").table}
    assert {n: mode[n] for n in mean} == pytest.approx(mean, rel=1e-12)


def test_rows_with_any_missing_pattern() -> None:
    asked = given()
    rng = np.random.default_rng(0)
    count = 200
    table = {
        "k": rng.choice(["a", "b", ""], count).tolist(), "j": rng.choice(["u", "v", "w", ""], count).tolist(),
        "x": np.where(rng.random(count) < 0.5, 2e6 + rng.normal(size=count), np.nan),
        "y": np.where(rng.random(count) < 0.5, rng.normal(size=count), np.nan),
        "z": np.where(rng.random(count) < 0.5, rng.normal(size=count), np.nan),
    }  # fmt: skip
    predicted = asked.predict_columns(table).columns
    scores = asked.score_rows(asked.bind(table))
    assert scores.estimator == "exact"
    network = asked.posterior.gaussian_answers.network
    for r in range(0, count, 23):
        codes = {
            network.discrete.index[n]: network.discrete.variables[network.discrete.index[n]].labels.index(table[n][r])
            for n in ("k", "j") if table[n][r]
        }  # fmt: skip
        values = np.array([table["x"][r], np.nan, np.nan, table["y"][r], table["z"][r]])
        right = dense_posterior(network, codes, values)
        hidden = [n for n, v in zip(network.numbers, values, strict=True) if np.isnan(v)]
        assert scores.values[r] == pytest.approx(right.log_evidence, abs=1e-9)
        assert [predicted[n][r] for n in hidden] == pytest.approx(right.mean, rel=1e-9, abs=1e-8)
        assert [predicted[f"{n}.sd"][r] for n in hidden] == pytest.approx(
            np.sqrt(np.diag(right.covariance)), rel=1e-8
        )
        if not np.isnan(values[3]):
            assert predicted["y"][r] == values[3]
            assert predicted["y.sd"][r] == 0


def test_inputs_and_groups_tell_rows_apart() -> None:
    text = """
plate school {
  input level : real
  plate pupil {
    input hours : real
    k : {a, b} ~ Table() { 0.5, 0.5 }
    talent ~ Normal(level, 1)
    mark ~ Normal(if k == a then talent + 0.5 * hours else hours * talent, 2)
  }
}
"""
    asked = pgmlang.compile(text).given()
    level = {"s": 1.5, "t": -0.5}
    rows = {"pupil": {"school": ["t", "s"], "hours": [4.0, 2.0], "mark": [3.0, 1.0], "k": ["b", ""]},
            "school": {"school": list(level), "level": list(level.values())}}  # fmt: skip
    out = asked.predict_columns(rows).columns
    mean = level["t"] + 4 * (3.0 - 4 * level["t"]) / (16 + 4)
    assert out["talent"][0] == pytest.approx(mean, rel=1e-9)
    both = [level["s"] + g * (1.0 - c - g * level["s"]) / (g * g + 4) for g, c in ((1.0, 1.0), (2.0, 0.0))]
    spread = [g * g + 4 for g in (1.0, 2.0)]
    density = [
        np.exp(-0.5 * (1.0 - c - g * level["s"]) ** 2 / v) / np.sqrt(v)
        for (g, c), v in zip(((1.0, 1.0), (2.0, 0.0)), spread, strict=True)
    ]
    assert out["talent"][1] == pytest.approx(np.dot(density, both) / sum(density), rel=1e-9)


def test_exact_gives_the_log_likelihood() -> None:
    fit = pgmlang.compile(TEXT).fit(
        {"z": [1.0, 2.0, np.nan], "k": ["a", "", "b"]}, fixed={"slope": SLOPE}, method="exact", seed=1
    )
    assert fit.record.method == "exact"
    assert fit.log_likelihood == pytest.approx(
        fit.score({"z": [1.0, 2.0, np.nan], "k": ["a", "", "b"]}).sum(), rel=1e-12
    )


@pytest.mark.parametrize(("line", "words"), [
    ("y ~ StudentT(4, x, 1)", "`y` is drawn from StudentT"),
    ("y ~ Normal(x * x, 1)", "the mean of `y` is not linear"),
    ("y ~ Normal(0, exp(x))", "the sd of `y` hangs on numbers"),
    ("y ~ Bernoulli(logit = x)", "`y` is discrete and hangs on the number `x`"),
    ("y ~ if x > 0 then Normal(0, 1) else Normal(1, 2)", "the sd of `y` hangs on numbers"),
    ("y ~ Truncated(Normal(x, 1), lower = 0)", "`y` is drawn from Truncated"),
])  # fmt: skip
def test_what_is_no_such_network(line: str, words: str) -> None:
    model = pgmlang.compile(f"plate row {{\n  x ~ Normal(0, 1)\n  {line}\n}}").model
    assert any(words in d.message for d in reasons_against(model, {}))


def test_draws_given_evidence() -> None:
    columns = given().sample_columns(4000, seed=3, evidence="z = 3, j = w").columns
    asked = given().query("P(y | z = 3, j = w)").table[0]
    assert float(np.mean(columns["y"])) == pytest.approx(asked["mean"], abs=5 * asked["sd"] / np.sqrt(4000))
    assert set(columns["j"]) == {"w"}
    assert list(columns) == ["k", "j", "x", "m[p]", "m[q]", "y", "z"]


def test_evidence_that_is_no_number() -> None:
    for question, code in (
        ("P(y | z = much)", "PGM0606"),
        ("P(y | x ~ {a: 1})", "PGM0606"),
        ("P(y | m = 1)", "PGM0607"),
    ):
        with pytest.raises(PgmError) as caught:
            given().query(question)
        assert caught.value.diagnostics[0].code == code


def test_a_pattern_is_factorised_once() -> None:
    engine = GaussianEngine(given().posterior.gaussian_answers.network)
    assert engine.is_shared


def test_numbers_that_do_not_vary_are_refused_with_what_to_write() -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile("plate row {\n  x ~ Normal(0, 1)\n  y ~ Normal(x, 0)\n  z ~ Normal(y, 1)\n}")
    assert caught.value.diagnostics[0].help == "what does not vary is not drawn: `y = ...`"
    text = "plate row {\n  k : {a, b} ~ Table() { 0.5, 0.5 }\n  x ~ Normal(0, if k == a then 0 else 1)\n}"
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).given().query("E(x)")
    assert caught.value.diagnostics[0].code == "PGM0410"
    assert "as small as 1e-9" in caught.value.diagnostics[0].help
    assert pgmlang.compile(text.replace("then 0", "then 1e-9")).given().query("E(x)").table[0][
        "sd"
    ] == pytest.approx(np.sqrt(0.5))
