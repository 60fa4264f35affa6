"""Prior and posterior predictive draws: closed forms, groups and inputs of the data, refusals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import pgmlang
from pgmlang.cli.main import run
from pgmlang.diagnostics import PgmError

MEAN = "m ~ Normal(1, 3)\nplate row { y ~ Normal(m, 1) }\n"
GROUPS = "plate group { u ~ Normal(0, 2) }\nplate row in group { input x ; y ~ Normal(u + x, 0.5) }\n"
OPTIONS = {"chains": 4, "warmup": 300, "draws": 1000}


def test_prior_draws_have_the_prior_s_moments() -> None:
    drawn = pgmlang.compile(MEAN).prior_draws(20_000, {"y": [9.0, 9.0, 9.0]}, seed=1).values
    assert drawn["y"].shape == (20_000, 3)
    assert drawn["m"].mean() == pytest.approx(1, abs=0.1)
    assert drawn["y"].std() == pytest.approx(math.sqrt(10), abs=0.1)
    assert np.cov(drawn["y"].T)[0, 1] == pytest.approx(9, abs=0.4)
    one = pgmlang.compile(MEAN).prior_draws(100, seed=1)
    assert one.values["y"].shape == (100, 1)
    assert set(one.to_columns().columns) == {"replicate", "m", "y"}


def test_posterior_replicates_have_the_predictive_moments() -> None:
    y = [0.5, 2.0, 1.0]
    fit = pgmlang.compile(MEAN).fit({"y": y}, method="meanfield", seed=1)
    drawn = fit.replicate({"y": y}, 20_000, seed=2)
    precision = 1 / 9 + 3
    replicates = drawn.values["y"]
    assert replicates.mean() == pytest.approx((1 / 9 + sum(y)) / precision, abs=0.05)
    assert replicates.std() == pytest.approx(math.sqrt(1 + 1 / precision), abs=0.03)
    assert np.cov(replicates.T)[0, 1] == pytest.approx(1 / precision, abs=0.03)


def test_replicates_keep_inputs_and_groups() -> None:
    data = {"group": ["b", "a", "b"], "x": [0.0, 100.0, 50.0], "y": [5.0, 95.0, 55.0]}
    fit = pgmlang.compile(GROUPS).fit(data, method="hmc", seed=1, options=OPTIONS)
    drawn = fit.replicate(data, 2000, seed=1)
    u = fit.draws["u"].reshape(-1, 2).mean(0)
    labels = fit.record.labels["group"]
    wanted = [u[labels.index(g)] + x for g, x in zip(data["group"], data["x"], strict=True)]
    np.testing.assert_allclose(drawn.values["y"].mean(0), wanted, atol=0.1)
    columns = drawn.to_columns().columns
    assert columns["replicate"][:4].tolist() == [1, 1, 1, 2]
    np.testing.assert_allclose(np.reshape(columns["y"], (-1, 3)).mean(0), wanted, atol=0.1)
    prior = pgmlang.compile(GROUPS).prior_draws(2000, data, seed=1)
    by_row = prior.to_columns().columns
    first = np.reshape(by_row["u"], (-1, 3))
    assert (first[:, 0] == first[:, 2]).all()
    assert (first[:, 0] != first[:, 1]).all()
    np.testing.assert_allclose(np.std(np.reshape(by_row["y"], (-1, 3)), axis=0), math.sqrt(4.25), rtol=0.1)
    with pytest.raises(PgmError, match="the data of the fit"):
        fit.replicate({"group": ["a", "b", "c"], "x": [0.0] * 3, "y": [0.0] * 3})


def test_tables_are_drawn_by_their_dirichlet_priors() -> None:
    """A share drawn by Dirichlet(2, 2) has variance 1/20, and rows of one draw hang together by it."""
    text = "plate row { a : {no, yes} ~ Table(prior = 2) }\n"
    drawn = pgmlang.compile(text).prior_draws(3000, {"a": ["no"] * 40}, seed=1).values["a"]
    shares = drawn.mean(1)
    assert shares.mean() == pytest.approx(0.5, abs=0.02)
    assert shares.var() == pytest.approx(1 / 20 + (1 / 4 - 1 / 20) / 40, abs=0.005)


def test_discrete_latents_are_drawn_from_the_fit_s_globals() -> None:
    text = "p ~ Beta(2, 2)\nplate row { z : bit ~ Bernoulli(p) ; y ~ Normal(9 * z, 0.1) }\n"
    data = {"y": [0.0, 9.0, 9.0, 9.0]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options=OPTIONS)
    replicates = fit.replicate(data, 1000).values["y"]
    np.testing.assert_allclose((replicates > 4.5).mean(0), [0, 1, 1, 1], atol=0.01)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("param m\nplate row { y ~ Normal(m, 1) }\n", "no prior"),
        ("m ~ Flat()\nplate row { y ~ Normal(m, 1) }\n", "improper"),
        ("plate row { a : {no, yes} ~ Table() }\n", "no prior"),
        ("plate row { field s : spin ; factor s }\n", "chains"),
        (GROUPS, "group|input|plate"),
    ],
)
def test_what_has_no_prior_is_refused(text: str, words: str) -> None:
    with pytest.raises(PgmError, match=words):
        pgmlang.compile(text).prior_draws(3)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data, fit = (str(tmp_path / n) for n in ("m.pgm", "d.csv", "m.fit"))
    Path(model).write_text(GROUPS)
    Path(data).write_text("group,x,y\nb,0,1\na,1,2\nb,2,3\n")
    assert run(["sample", model, "-n", "2", "--prior", "--replicate", data, "--seed", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "replicate,u,y"
    assert len(lines) == 7
    assert run(["fit", model, data, "--method", "meanfield", "--seed", "1", "-q"]) == 0
    for flags in ([], ["--prior"]):
        assert run(["sample", fit, "-n", "2", "--replicate", data, "--seed", "1", *flags]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 7
    assert run(["sample", model, "--prior", "--evidence", "y = 1"]) == 64
    capsys.readouterr()
    Path(model).write_text("param m\nplate row { y ~ Normal(m, 1) }\n")
    assert run(["sample", model, "--prior", "--seed", "1"]) == 69
    assert "--fix m=VALUE" in capsys.readouterr().err
    assert run(["sample", model, "--prior", "--seed", "1", "--fix", "m=100", "-n", "3"]) == 0
    values = [float(line.split(",")[-1]) for line in capsys.readouterr().out.splitlines()[1:]]
    assert values == pytest.approx([100] * 3, abs=6)


FIELDS = """bond ~ Normal(0, 1)
plate row { input x : real ; field u : bit ; field v : bit ; factor bond * u * v + x * u ; c ~ Normal(u, 0.1) }"""


@pytest.mark.parametrize("method", ["map", pytest.param("hmc", marks=pytest.mark.slow)])
def test_fields_are_drawn_anew_with_their_inputs(method: str) -> None:
    """Each row by its own input, at each draw of what the fit tells; what is below hangs on the fields drawn."""
    rng = np.random.default_rng(0)
    data = {
        "x": np.repeat([-1.0, 2.0], 10),
        "u": rng.integers(2, size=20),
        "v": rng.integers(2, size=20),
        "c": rng.normal(size=20),
    }
    options = {"chains": 4, "warmup": 100, "draws": 50} if method == "hmc" else {}
    fit = pgmlang.compile(FIELDS).fit(data, method=method, seed=1, options=options)
    drawn = fit.replicate(data, 100, seed=1)
    bonds = (
        np.asarray(fit.draws["bond"]).ravel()[drawn.draws] if method == "hmc" else np.asarray([fit.params["bond"]])
    )
    for rows, x in ((slice(0, 10), -1.0), (slice(10, 20), 2.0)):
        weights = np.exp(np.stack([0 * bonds, 0 * bonds, x + 0 * bonds, x + bonds]))
        right = (weights[2:].sum(0) / weights.sum(0)).mean()
        assert drawn.values["u"][:, rows].mean() == pytest.approx(
            right, abs=5 * np.sqrt(right * (1 - right) / 1000)
        )
    assert np.abs(drawn.values["c"] - drawn.values["u"]).max() < 0.6
    assert set(drawn.values) == {"u", "v", "c"}
    np.testing.assert_array_equal(drawn.values["v"], fit.replicate(data, 100, seed=1).values["v"])
