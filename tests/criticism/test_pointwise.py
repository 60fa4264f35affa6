"""Pointwise log-likelihoods, LOO, WAIC and folds: closed forms, sums by hand, arviz-stats, a published number."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import special, stats

import pgmlang
from pgmlang.api import FittedModel
from pgmlang.criticism.pointwise import pointwise_log_likelihood
from pgmlang.diagnostics import PgmError
from pgmlang.results.elpd import psis_loo, waic
from pgmlang.results.pointwise import Pointwise

MEAN = "m ~ Normal(0, 3)\nplate row { y ~ Normal(m, 1) }\n"
Y = [0.5, 2.0, 1.0, -0.7, 1.4, 0.3]
OPTIONS = {"chains": 4, "warmup": 300, "draws": 1000}


def exact_loo(y: list[float]) -> np.ndarray:
    """ln p(y_i | the others) of MEAN: normal, by the posterior of m without row i."""
    out = []
    for i in range(len(y)):
        rest = np.delete(y, i)
        precision = 1 / 9 + len(rest)
        out.append(stats.norm.logpdf(y[i], rest.sum() / precision, math.sqrt(1 + 1 / precision)))
    return np.array(out)


@pytest.fixture(scope="module")
def mean_fit() -> FittedModel:
    return pgmlang.compile(MEAN).fit({"y": Y}, method="hmc", seed=1, options=OPTIONS)


def test_loo_of_a_conjugate_normal_is_the_exact_one(mean_fit: FittedModel) -> None:
    elpd = mean_fit.loo({"y": Y})
    np.testing.assert_allclose(elpd.pointwise, exact_loo(Y), atol=0.03)
    assert elpd.elpd == pytest.approx(exact_loo(Y).sum(), abs=0.08)
    assert elpd.num_poor == 0
    assert elpd.se == pytest.approx(math.sqrt(len(Y) * elpd.pointwise.var()))


def test_pointwise_values_are_the_densities_of_the_rows(mean_fit: FittedModel) -> None:
    kept = mean_fit.with_pointwise({"y": Y}).record.pointwise
    assert kept is not None
    assert (kept.plate, kept.given) == ("row", ())
    np.testing.assert_allclose(kept.values, stats.norm.logpdf(Y, mean_fit.draws["m"][..., None], 1), atol=1e-10)


def test_some_draws_do_where_all_are_too_many(mean_fit: FittedModel) -> None:
    bound = mean_fit.bind({"y": Y})
    whole = pointwise_log_likelihood(mean_fit.record, bound)
    some = pointwise_log_likelihood(mean_fit.record, bound, most=4 * 50 * len(Y))
    assert some.values.shape == (4, 50, len(Y))
    picked = np.linspace(0, whole.values.shape[1] - 1, 50).round().astype(int)
    np.testing.assert_array_equal(some.values, whole.values[:, picked])
    assert pointwise_log_likelihood(mean_fit.record, bound, most=1).values.shape == (4, 25, len(Y))


def test_loo_and_waic_are_arviz_s_and_those_by_hand(mean_fit: FittedModel) -> None:
    values = stats.norm.logpdf(Y, mean_fit.draws["m"][..., None], 1)
    flat = values.reshape(-1, len(Y))
    by_hand = special.logsumexp(flat, 0) - math.log(len(flat)) - flat.var(0, ddof=1)
    found = mean_fit.waic({"y": Y})
    assert found.elpd == pytest.approx(by_hand.sum())
    assert found.p == pytest.approx(flat.var(0, ddof=1).sum())
    by_loo = psis_loo(Pointwise(values, "row"), 0.7)
    for i in range(len(Y)):
        elpd, shape, _ = array_stats._loo(values[:, :, i], r_eff=0.7)
        assert by_loo.pointwise[i] == pytest.approx(float(elpd), abs=1e-9)
        assert by_loo.pareto_k is not None
        assert by_loo.pareto_k[i] == pytest.approx(float(shape), abs=1e-9)


def test_equal_rows_by_counts_are_the_rows_written_out() -> None:
    values = np.random.default_rng(0).normal(-1, 0.3, size=(2, 500, 3))
    once = Pointwise(values, "row", weights=np.array([1.0, 3.0, 2.0]))
    written_out = Pointwise(values[:, :, [0, 1, 1, 1, 2, 2]], "row")
    for judged in (psis_loo, waic):
        one, other = judged(once), judged(written_out)
        assert (one.elpd, one.se, one.p) == pytest.approx((other.elpd, other.se, other.p))


def test_eight_schools_as_published(mean_fit: FittedModel) -> None:
    """elpd_loo -30.8, se 1.4 (Vehtari, Gelman and Gabry 2017, section 3.1), given each school's own effect."""
    text = (Path(__file__).parents[2] / "examples" / "schools" / "schools.pgm").read_text()
    data = {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sd": [15, 10, 16, 11, 9, 11, 10, 18]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options=OPTIONS)
    elpd = fit.loo(data)
    assert elpd.elpd == pytest.approx(-30.8, abs=0.3)
    assert elpd.se == pytest.approx(1.4, abs=0.1)
    assert "given the draws of its `effect`" in elpd.given


def test_discrete_latents_of_rows_are_summed_out() -> None:
    text = "p ~ Beta(2, 2)\nplate row { z : bit ~ Bernoulli(p) ; y ~ Normal(3 * z, 1) }\n"
    data = {"y": [0.1, 3.3, 2.0]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options={**OPTIONS, "draws": 50})
    kept = fit.with_pointwise(data).record.pointwise
    assert kept is not None
    p = fit.draws["p"][..., None]
    by_hand = np.log((1 - p) * stats.norm.pdf(data["y"], 0) + p * stats.norm.pdf(data["y"], 3))
    np.testing.assert_allclose(kept.values, by_hand, atol=1e-9)


def test_a_latent_of_a_group_makes_the_group_the_element() -> None:
    text = "p ~ Beta(2, 2)\nplate group { z : bit ~ Bernoulli(p) }\nplate row in group { y ~ Normal(3 * z, 1) }\n"
    data = {"group": ["a", "a", "b"], "y": [0.1, 0.3, 2.0]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options={**OPTIONS, "draws": 50})
    kept = fit.with_pointwise(data).record.pointwise
    assert kept is not None
    assert kept.plate == "group"
    p = fit.draws["p"]
    density = {z: stats.norm.pdf(data["y"], 3 * z) for z in (0, 1)}
    a = np.log((1 - p) * density[0][:2].prod() + p * density[1][:2].prod())
    b = np.log((1 - p) * density[0][2] + p * density[1][2])
    np.testing.assert_allclose(kept.values, np.stack([a, b], -1), atol=1e-9)


def test_rows_in_groups_of_real_latents_are_rows_given_these() -> None:
    text = "plate group { u ~ Normal(0, 1) }\nplate row in group { y ~ Normal(u, 1) }\n"
    data = {"group": ["a", "a", "b"], "y": [0.1, 0.3, 2.0]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options={**OPTIONS, "draws": 50})
    kept = fit.with_pointwise(data).record.pointwise
    assert kept is not None
    assert kept.plate == "row"
    np.testing.assert_allclose(
        kept.values, stats.norm.logpdf(data["y"], fit.draws["u"][..., [0, 0, 1]]), atol=1e-9
    )


def test_missing_cells_are_no_data() -> None:
    """What nothing hangs on drops out; a label is summed out."""
    text = "m ~ Normal(0, 3)\nplate row { x : bit ~ Bernoulli(0.3) ; y ~ Normal(m + x, 1) }\n"
    data = {"x": [1, None, 0], "y": [0.2, 0.4, math.nan]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options={**OPTIONS, "draws": 50})
    kept = fit.with_pointwise(data).record.pointwise
    assert kept is not None
    m = fit.draws["m"]
    by_hand = np.stack([
        math.log(0.3) + stats.norm.logpdf(0.2, m + 1, 1),
        np.log(0.3 * stats.norm.pdf(0.4, m + 1, 1) + 0.7 * stats.norm.pdf(0.4, m, 1)),
        np.full_like(m, math.log(0.7)),
    ], -1)  # fmt: skip
    np.testing.assert_allclose(kept.values, by_hand, atol=1e-9)


def test_a_fit_keeps_them(mean_fit: FittedModel, tmp_path: Path) -> None:
    kept = mean_fit.with_pointwise({"y": Y})
    kept.save(tmp_path / "m.fit")
    loaded = pgmlang.load(tmp_path / "m.fit")
    assert loaded.loo().elpd == kept.loo().elpd
    (tmp_path / "m.fit" / "log_likelihood.safetensors").unlink()
    with pytest.raises(PgmError, match="log_likelihood"):
        pgmlang.load(tmp_path / "m.fit")


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("param m\nplate row { y ~ Normal(m, 1) }\n", {"y": Y}, "map", "no draws"),
    ("p ~ Beta(1, 1)\nplate t = chain { z : bit ~ if first then Bernoulli(p) else Bernoulli(0.9 * prev(z)) ; "
     "y ~ Normal(z, 1) }\n", {"y": Y}, "hmc", "hang together"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "data", "method", "words"), REFUSED)
def test_what_has_no_elements_is_refused(text: str, data: dict[str, Any], method: str, words: str) -> None:
    options = {**OPTIONS, "draws": 30} if method == "hmc" else {}
    fit = pgmlang.compile(text).fit(data, method=method, seed=1, options=options)
    with pytest.raises(PgmError, match=words):
        fit.loo(data)


def test_without_data_nothing_is_known(mean_fit: FittedModel) -> None:
    with pytest.raises(PgmError, match="--pointwise"):
        mean_fit.loo()
    text = "plate row { u ~ Normal(0, 1) ; y ~ Normal(u, 1) }\n"
    of_rows = pgmlang.compile(text).fit({"y": Y}, method="hmc", seed=1, options={**OPTIONS, "draws": 30})
    with pytest.raises(PgmError, match="PGM0904"):
        of_rows.loo({"y": Y[:3]})


LINE = "a ~ Normal(0, 3)\nb ~ Normal(0, 3)\nplate row { input x ; y ~ Normal(a + b * x, 1) }\n"


def test_models_of_the_same_data_are_ranked() -> None:
    x = np.linspace(-2, 2, 20)
    data = {"x": x, "y": 1 + 2 * x + np.random.default_rng(0).normal(size=20)}
    fits = {
        name: pgmlang.compile(text).fit(data, method="hmc", seed=1, options={**OPTIONS, "draws": 200})
        for name, text in (("flat", MEAN), ("line", LINE))
    }
    best, other = pgmlang.rank_fits(fits, data)
    assert (best.name, best.rank, other.name, other.rank) == ("line", 1, "flat", 2)
    gap = other.elpd.pointwise - best.elpd.pointwise
    assert other.difference == pytest.approx(gap.sum())
    assert other.difference_se == pytest.approx(math.sqrt(20 * gap.var()))
    assert other.difference < -2 * other.difference_se
    again = pgmlang.compare_fits(fits["flat"].with_pointwise(data), fits["line"].with_pointwise(data))
    assert [r.name for r in again] == ["fit 2", "fit 1"]
    stranger = pgmlang.compile(MEAN).fit({"y": Y}, method="hmc", seed=1, options={**OPTIONS, "draws": 30})
    with pytest.raises(PgmError, match="different data"):
        pgmlang.rank_fits({"flat": fits["flat"].with_pointwise(data), "other": stranger.with_pointwise({"y": Y})})


def test_folds_of_one_row_are_exact_leave_one_out() -> None:
    """Of a point fit the score is that of the estimate; of draws it has their error."""
    text = "param m\nplate row { y ~ Normal(m, 1) }\n"
    fit = pgmlang.compile(text).fit({"y": Y}, method="map", seed=1)
    (one,) = pgmlang.rank_fits({"point": fit}, {"y": Y}, folds=len(Y))
    by_hand = [stats.norm.logpdf(Y[i], np.mean(np.delete(Y, i)), 1) for i in range(len(Y))]
    np.testing.assert_allclose(one.elpd.pointwise, by_hand, atol=1e-5)
    assert math.isnan(one.elpd.p)
    fit = pgmlang.compile(MEAN).fit({"y": Y}, method="meanfield", seed=1)
    (one,) = pgmlang.rank_fits({"meanfield": fit}, {"y": Y}, folds=len(Y))
    np.testing.assert_allclose(one.elpd.pointwise, exact_loo(Y), atol=0.12)
    with pytest.raises(PgmError, match="folds of"):
        pgmlang.rank_fits({"point": fit}, {"y": Y}, folds=7)


def test_a_fit_of_other_variables_is_no_rival() -> None:
    data = {"x": [0.1, 0.2, 0.4], "y": [1.0, 2.0, 0.5]}
    both = "m ~ Normal(0, 1)\nplate row { x ~ Normal(m, 1) ; y ~ Normal(m + x, 1) }\n"
    options = {**OPTIONS, "draws": 30}
    fits = {
        n: pgmlang.compile(t).fit(data, method="hmc", seed=1, options=options)
        for n, t in (("one", MEAN), ("two", both))
    }
    with pytest.raises(PgmError, match="different variables"):
        pgmlang.rank_fits(fits, data)


def test_few_draws_and_heavy_tails_are_counted() -> None:
    values = np.random.default_rng(0).standard_t(1.5, size=(1, 400, 4)) * 3
    judged = psis_loo(Pointwise(values, "row"))
    assert judged.num_poor == 4
    assert not judged.is_reliable
    short = psis_loo(Pointwise(values[:, :10], "row"))
    assert short.num_poor == 4
    assert dataclasses.asdict(short)["limit"] == 0


def test_rows_of_fields_have_a_log_z_each() -> None:
    text = "w ~ Normal(0, 1)\nplate row { field a : bit ; field b : bit ; factor w * a * b ; c ~ Bernoulli(if a == 1 then 0.8 else 0.3) }"
    data = {"a": [1, 0, 1, 1], "b": [1, 0, 1, 0], "c": [1, 1, 0, 0]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options={"chains": 2, "warmup": 100, "draws": 100})
    found = pointwise_log_likelihood(fit.record, fit.bind(data)).values
    w = fit.draws["w"][..., None]
    a, b, c = (np.array(data[n]) for n in "abc")
    share = np.where(a == 1, 0.8, 0.3)
    right = w * a * b - np.log(3 + np.exp(w)) + np.log(np.where(c == 1, share, 1 - share))
    np.testing.assert_allclose(found, right, atol=1e-9)


HIDDEN_STATES = "plate t = chain { z ~ Bernoulli(if first then 0.5 else if prev(z) == 1 then 0.9 else 0.2) ; y ~ Normal(mu + 3 * z, 1) }"


def test_states_of_one_sequence_have_no_leave_one_out_and_the_cure_has() -> None:
    y = [0.1, 0.3, 3.2, 2.8, 0.4, 0.2]
    options = {"chains": 2, "warmup": 100, "draws": 100}
    whole = pgmlang.compile("mu ~ Normal(0, 3)\n" + HIDDEN_STATES).fit(
        {"y": y}, method="hmc", seed=1, options=options
    )
    with pytest.raises(PgmError, match="hang together") as error:
        whole.loo({"y": y})
    assert "plate doc" in error.value.diagnostics[0].help
    data = {"doc": list("aabbcc"), "y": y}
    apart = pgmlang.compile(f"mu ~ Normal(0, 3)\nplate doc {{ {HIDDEN_STATES} }}").fit(
        data, method="hmc", seed=1, options=options
    )
    assert apart.loo(data).plate == "doc"
