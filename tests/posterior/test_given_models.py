"""Models that give everything are asked by every verb without a fit, densities too; networks of files as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError

MIXED = """
plate row {
  input m : real
  z : {p, q} ~ Table() { 0.3, 0.7 }
  y ~ Normal(if z == p then m else m + 2, 1)
}
"""
GROUPS = "param s : positive\nmu ~ Normal(0, 2)\nplate g {\n  a ~ Normal(mu, 1)\n  plate row in g { y ~ Normal(a, s) }\n}\n"


def mixture(y: float, m: float) -> tuple[float, float]:
    """ln p(y), and P(z = q given y)."""
    p, q = 0.3 * stats.norm.pdf(y, m), 0.7 * stats.norm.pdf(y, m + 2)
    return float(np.log(p + q)), float(q / (p + q))


def test_scores_and_predictions_of_rows() -> None:
    asked = pgmlang.compile(MIXED).given()
    rows = {"m": [0.0, 1.0, -1.0], "y": [1.5, None, 4.0]}
    right = [mixture(1.5, 0)[0], 0.0, mixture(4.0, -1)[0]]
    np.testing.assert_allclose(asked.score(rows), right, atol=1e-12)
    columns = asked.predict_columns(rows, targets=["z"]).columns
    shares = [mixture(1.5, 0)[1], 0.7, mixture(4.0, -1)[1]]
    np.testing.assert_allclose(columns["P(z = q)"], shares, atol=1e-12)


def test_questions_about_a_row() -> None:
    asked = pgmlang.compile(MIXED).given()
    answer = asked.query("P(z | y = 1.5, m = 0)")
    log_evidence, share = mixture(1.5, 0)
    assert answer.table[1]["p"] == pytest.approx(share, abs=1e-9)
    assert answer.log_evidence == pytest.approx(log_evidence, abs=1e-9)
    row = asked.query("E(y | m = 3)").table[0]
    assert row["mean"] == pytest.approx(4.4)
    assert asked.query("P(z)").probabilities == pytest.approx({"p": 0.3, "q": 0.7})


def test_draws_given_evidence_follow_the_posterior() -> None:
    asked = pgmlang.compile(MIXED).given()
    columns = asked.sample_columns(4000, seed=1, evidence="m = 0, y = 1.5").columns
    assert np.mean(np.array(columns["z"]) == "q") == pytest.approx(mixture(1.5, 0)[1], abs=0.03)
    assert set(columns["y"]) == {1.5}
    free = asked.sample_columns(9000, seed=1, evidence="m = 3").columns
    assert len(free["y"]) == 9000
    assert len(set(free["y"])) == 9000
    assert np.mean(free["y"]) == pytest.approx(4.4, abs=0.07)
    with pytest.raises(PgmError, match="hang on the input `m`"):
        asked.sample(3)


def test_latents_outside_of_rows_have_their_prior() -> None:
    asked = pgmlang.compile(GROUPS).given({"s": 0.5})
    rows = {"g": ["A", "A", "B"], "y": [1.0, 2.0, 0.0]}
    z = np.array([[1, 0], [1, 0], [0, 1]])
    cov = 4 * np.ones((3, 3)) + z @ z.T + 0.25 * np.eye(3)
    right = stats.multivariate_normal(np.zeros(3), cov).logpdf([1.0, 2.0, 0.0])
    assert float(asked.score(rows).sum()) == pytest.approx(right, abs=1e-9)
    assert asked.query("E(y | mu = 3)").table[0]["mean"] == pytest.approx(3)
    answer = asked.query("E(mu | y = 2)")
    assert answer.table[0]["mean"] == pytest.approx(2 * 4 / 5.25)
    assert answer.table[0]["sd"] == pytest.approx(2 * (1.25 / 5.25) ** 0.5)
    assert answer.log_evidence == pytest.approx(stats.norm(0, 5.25**0.5).logpdf(2), abs=1e-6)
    columns = asked.sample_columns(4000, seed=1, evidence="mu = 10").columns
    assert np.mean(columns["a"]) == pytest.approx(10, abs=0.1)
    assert np.std(columns["y"]) == pytest.approx(1.25**0.5, abs=0.06)


def test_what_is_not_given_is_said() -> None:
    for text in (GROUPS, "plate row { z : {a, b} ~ Table()\n y ~ Normal(z == a, 1) }\n"):
        with pytest.raises(PgmError) as caught:
            pgmlang.compile(text).given()
        assert caught.value.diagnostics[0].code == "PGM0610"


def test_impossible_evidence_is_refused_by_every_verb() -> None:
    asked = pgmlang.compile("plate row { z : {a, b} ~ Table() { 1, 0 }\n y ~ Normal(0, 1) }\n").given()
    for ask in (lambda: asked.query("E(y | z = b)"), lambda: asked.sample(3, evidence="z = b")):
        with pytest.raises(PgmError) as caught:
            ask()
        assert caught.value.diagnostics[0].code == "PGM0609"
    assert asked.score({"z": ["b"], "y": [0.0]})[0] == -np.inf


LINEAR = """
plate row {
  a ~ Normal(1, 2)
  b ~ Normal(0.5 * a, 1)
  c ~ Normal(a - b, 0.5)
  k ~ Poisson(exp(c))
}
"""
MEAN = np.array([1, 0.5, 0.5])
WEIGHTS = np.array([[2, 0, 0], [1, 1, 0], [1, -1, 0.5]])
COV = WEIGHTS @ WEIGHTS.T


@pytest.mark.parametrize("target", "abc")
@pytest.mark.parametrize("given", ["", "a", "b", "c", "ab", "bc", "ac"])
def test_questions_about_normals_are_conditional_normals(target: str, given: str) -> None:
    if target in given:
        return
    asked = pgmlang.compile(LINEAR).given()
    told = ["abc".index(g) for g in given]
    x = np.array([2.0, -1.0, 0.7])[told]
    t = "abc".index(target)
    gain = COV[t, told] @ np.linalg.inv(COV[np.ix_(told, told)]) if told else np.zeros(0)
    mean, var = MEAN[t] + gain @ (x - MEAN[told]), COV[t, t] - gain @ COV[told, t]
    evidence = " | " + ", ".join(f"{g} = {v}" for g, v in zip(given, x, strict=True)) if given else ""
    answer = asked.query(f"E({target}{evidence})")
    assert answer.method == "exact"
    assert answer.table[0]["mean"] == pytest.approx(mean, abs=1e-9)
    assert answer.table[0]["sd"] == pytest.approx(var**0.5, abs=1e-9)
    right = stats.multivariate_normal(MEAN[told], COV[np.ix_(told, told)]).logpdf(x) if given else 0.0
    assert answer.log_evidence == pytest.approx(right, abs=1e-9)
    for op, tail in ((">", stats.norm.sf), ("<=", stats.norm.cdf)):
        p = asked.query(f"P({target} {op} 0.3{evidence})").table[0]["p"]
        assert p == pytest.approx(tail(0.3, mean, var**0.5), abs=1e-9)


def test_interventions_on_normals_and_counts_beside_them() -> None:
    asked = pgmlang.compile(LINEAR).given()
    assert asked.query("E(a | do(b = 5))").table[0]["mean"] == pytest.approx(1)
    assert asked.query("E(c | do(b = 5))").table[0]["mean"] == pytest.approx(-4)
    assert asked.query("E(a | b = 5)").method == "exact"
    row = asked.query("E(a | k = 3)").table[0]
    a = np.linspace(-9, 11, 801)[:, None]
    c = np.linspace(-8, 9, 801)[None]
    weights = stats.norm.pdf(a, 1, 2) * stats.norm.pdf(c, 0.5 * a, 1.25**0.5) * stats.poisson.pmf(3, np.exp(c))
    assert row["mean"] == pytest.approx((weights * a).sum() / weights.sum(), abs=5 * row["mcse"] + 0.01)


BIF = """network rain { }
variable r { type discrete [ 2 ] { no, yes }; }
variable w { type discrete [ 2 ] { no, yes }; }
probability ( r ) { table 0.8, 0.2; }
probability ( w | r ) { (no) 0.9, 0.1; (yes) 0.0, 1.0; }
"""


def test_a_network_of_a_file_by_every_verb(tmp_path: Path) -> None:
    from pgmlang.cli.sources import asked_of

    path = tmp_path / "rain.bif"
    path.write_text(BIF)
    asked = asked_of(str(path))
    rows = {"r": ["no", None, "yes"], "w": [None, "yes", "no"]}
    np.testing.assert_allclose(asked.score(rows), [np.log(0.8), np.log(0.28), -np.inf])
    predicted = asked.predict_columns(rows)
    assert predicted.columns["P(r = yes)"][1] == pytest.approx(0.2 / 0.28)
    assert predicted.columns["P(w = yes)"][0] == pytest.approx(0.1)
    assert [w.code for w in predicted.warnings] == ["PGM0806"]
    assert asked.query("P(r | w = yes)").probabilities["yes"] == pytest.approx(0.2 / 0.28)
    assert set(asked.sample_columns(20, seed=1, evidence="r = yes").columns["w"]) == {"yes"}
    assert asked.log_z("w = yes") == pytest.approx(np.log(0.28))
    with pytest.raises(PgmError) as caught:
        asked.sample(3, evidence="r = yes, w = no")
    assert caught.value.diagnostics[0].code == "PGM0609"


def test_rows_that_cannot_be_have_no_predictions() -> None:
    text = "plate row { z : {a, b} ~ Table() { 1, 0 }\n y ~ Normal(0, 1)\n k ~ Bernoulli(z == a) }\n"
    asked = pgmlang.compile(text).given()
    for data in ({"z": ["b", "a"], "y": [1.0, None]}, {"k": [0, 1], "y": [1.0, 0.0]}):
        predicted = asked.predict_columns(data)
        assert [w.code for w in predicted.warnings] == ["PGM0806"]
        for values in predicted.columns.values():
            assert values[0] == "" or np.isnan(values[0])
            assert values[1] != ""


def test_a_latent_of_all_rows_that_is_not_normal() -> None:
    asked = pgmlang.compile("m ~ Gamma(2, 1)\nplate row { y ~ Poisson(m) }\n").given()
    score = asked.score_rows({"y": [3, 0, 2]})
    y = np.array([3, 0, 2])
    m = np.linspace(1e-6, 30, 300_001)
    density = m * np.exp(-m) * np.prod(stats.poisson.pmf(y[:, None], m), 0)
    assert "quadrature" in score.estimator
    assert len(score.values) == 1
    assert float(score.values[0]) == pytest.approx(np.log(density.sum() * (m[1] - m[0])), abs=1e-6)
    row = asked.query("E(m | y = 3)").table[0]
    assert row["mean"] == pytest.approx(5 / 2, abs=1e-6)
