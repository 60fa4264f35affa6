"""New rows count by the column that the fit's rows counted by, unless another is named, or none."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.cli.main import run
from pgmlang.diagnostics import PgmError, PgmWarning

COIN = "plate toss { side : {head, tail} ~ Table(prior = 1) }\n"
ROWS = {"side": ["head", "tail"], "n": [5, 2]}


def weighed(fit, data=ROWS, **said):
    weights = fit.bind(data, **said).weights
    return None if weights is None else weights.tolist()


@pytest.mark.parametrize("option", ["counts", "weights"])
def test_a_fit_weighs_new_rows_as_its_own(option, tmp_path):
    fit = pgmlang.compile(COIN).fit(ROWS, method="em", **{option: "n"})
    fit.save(tmp_path / "coin")
    for one in (fit, pgmlang.load(tmp_path / "coin")):
        assert weighed(one) == [5, 2]
        assert weighed(one, **{option: None}) is None
        assert weighed(one, **{option: ""}) is None
        assert weighed(one, {**ROWS, "k": [1, 0]}, counts="k") == [1, 0]


def test_rows_without_the_column_count_once_and_a_score_says_so():
    fit = pgmlang.compile(COIN).fit(ROWS, counts="n")
    with pytest.warns(PgmWarning, match="PGM0724"):
        assert fit.score({"side": ["head", "tail"]}).shape == (2,)
    assert fit.predict_columns({"side": ["tail", None]}).columns["side"][1] == "head"


def test_a_variable_that_is_mapped_to_the_column_is_no_count():
    model = pgmlang.compile("plate row { y ~ Normal(mean, 1) }\nmean ~ Normal(0, 10)\n")
    fit = model.fit({"y": [1.0, 2.0], "n": [3, 4]}, method="map", counts="n")
    bound = fit.bind({"n": [3.0, 4.0]}, mapping={"y": "n"})
    assert bound.weights is None
    assert bound.values["y"].tolist() == [3, 4]


def test_a_fit_without_counts_is_as_before():
    fit = pgmlang.compile("plate row { n ~ Poisson(rate) }\nparam rate : positive\n").fit({"n": [3, 4]})
    assert weighed(fit, {"n": [3, 4]}) is None


def test_a_cell_that_counts_nothing_is_cured_by_counting_once():
    fit = pgmlang.compile(COIN).fit(ROWS, counts="n")
    blank = {"side": ["head", "tail"], "n": [5, None]}
    with pytest.raises(PgmError, match="counts=None"):
        fit.bind(blank)
    assert weighed(fit, blank, counts=None) is None


def test_what_is_of_a_fit_s_data_is_refused_of_others():
    text = "plate row { y ~ Normal(mu, 1) }\nmu ~ Normal(0, 10)\n"
    few = {"chains": 1, "warmup": 50, "draws": 50}
    data = {"y": [0.1, 1.2, 2.7]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options=few)
    for call in (fit.loo, fit.waic, fit.with_pointwise, fit.inference_data):
        with pytest.raises(PgmError, match="PGM0904"):
            call({"y": [0.1, 1.2, 2.8]})
    with pytest.raises(PgmError, match="PGM0904"):
        pgmlang.rank_fits([fit, fit], {"y": [0.1, 1.2]})


def test_data_of_a_fit_are_known_in_any_table(tmp_path):
    pandas = pytest.importorskip("pandas")
    text = "plate row { c : {a, b} ~ Table() { 0.5, 0.5 }\n y ~ Normal(mu, 1) }\nmu ~ Normal(0, 10)\n"
    few = {"chains": 1, "warmup": 50, "draws": 50}
    frame = pandas.DataFrame({"y": [0.1, 1e-7 / 3, 2.7e9], "c": ["a", "b", "a"], "other": [1, 2, 3]})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    fit = pgmlang.compile(text).fit(tmp_path / "rows.csv", method="hmc", seed=1, options=few)
    told = fit.loo(tmp_path / "rows.csv").elpd
    for same in (frame, frame[["c", "y"]], {n: list(frame[n]) for n in ("y", "c")}):
        assert fit.loo(same).elpd == pytest.approx(told)


def test_a_sweep_of_wrong_fits_to_compare():
    fit = pgmlang.compile(COIN).fit(ROWS, counts="n")
    for wrong in ([], [fit], [fit, 3], ["x", "y"], [None, fit]):
        with pytest.raises(PgmError, match="PGM0612"):
            pgmlang.compare_fits(*wrong)
    for wrong in ([], [fit, 3], ["x"], {"one": None}, 3):
        with pytest.raises(PgmError, match="PGM0612"):
            pgmlang.rank_fits(wrong)
    assert np.allclose([d.difference for d in pgmlang.compare_fits(fit, fit)], 0)


def test_a_replicate_has_a_row_for_each_that_counts():
    text = "plate row { y ~ Normal(mu, 1) }\nmu ~ Normal(0, 10)\n"
    few = {"chains": 1, "warmup": 50, "draws": 50}
    data = {"y": [0.1, 1.2, 2.7], "n": [4, 0, 2]}
    fit = pgmlang.compile(text).fit(data, counts="n", method="hmc", seed=1, options=few)
    assert fit.replicate(data, 2).values["y"].shape == (2, 6)
    assert len(fit.replicate(data, 2).to_columns().columns["y"]) == 12
    assert fit.replicate(data, 2, counts=None).values["y"].shape == (2, 3)
    assert fit.prior_draws(2, data).values["y"].shape == (2, 6)
    total = fit.loo(data)
    for tree in (fit.inference_data(data), fit.with_pointwise(data).inference_data()):
        values = np.asarray(tree["log_likelihood"]["y"])
        assert values.shape == (1, 50, 6)
        lppd = (np.logaddexp.reduce(values[0], axis=0) - np.log(50)).sum()
        assert lppd == pytest.approx(total.elpd + total.p)
    with pytest.raises(PgmError, match="PGM0602"):
        fit.replicate({"y": [1.0], "w": [0.5]}, 2, weights="w")


VERBS = {
    "score": ["score", "coin", "DATA"],
    "replicate": ["sample", "coin", "--replicate", "DATA", "-n", "1", "--seed", "1", "-o", "out.csv"],
    "prior": ["sample", "coin", "--prior", "--replicate", "DATA", "-n", "1", "--seed", "1", "-o", "out.csv"],
    "plot": ["plot", "coin", "predictive", "--data", "DATA", "-o", "out.png"],
    "graph": ["graph", "coin", "DATA", "-o", "out.svg"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_say_by_what_rows_count(verb, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "with.csv").write_text("side,n\nhead,5\ntail,2\n")
    (tmp_path / "without.csv").write_text("side\nhead\ntail\n")
    pgmlang.compile(COIN).fit(ROWS, counts="n").save("coin")
    for data, said in (("with.csv", "counts    column n, as in the fit"), ("without.csv", "warning[PGM0724]")):
        arguments = [data if a == "DATA" else a for a in VERBS[verb]]
        assert run(arguments) == 0
        assert said in capsys.readouterr().err
        assert run([*arguments, "--quiet"]) == 0
        assert said not in capsys.readouterr().err


def test_replicates_warn_where_the_column_lacks():
    fit = pgmlang.compile(COIN).fit(ROWS, counts="n")
    with pytest.warns(PgmWarning, match="PGM0724"):
        fit.replicate({"side": ["head", "tail"]}, 1)
