"""inference_data: every group with its dims and labels, what is left out and why, NetCDF and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import pgmlang
from pgmlang.api import FittedModel
from pgmlang.cli.main import run
from pgmlang.diagnostics import PgmError
from pgmlang.results import inference_data as inference_data_module

GROUPS = """
dim part = {front, back}
dim level = {low, high}
b[part] ~ Normal(0, 2)
share[level] ~ Dirichlet(2)
plate group { u ~ Normal(0, 2) }
plate row in group { input x ; z : level ~ Categorical(share) ; y ~ Normal(u + b[front] * x, 0.5) }
"""
DATA = {"group": ["s", "t", "s", "t"], "x": [0.0, 1.0, 2.0, 1.0], "z": ["low", "high", "high", "low"],
        "y": [1.0, 2.0, 0.5, 1.5]}  # fmt: skip
OPTIONS = {"chains": 3, "warmup": 200, "draws": 40}
ALL = {"posterior", "sample_stats", "log_likelihood", "observed_data", "constant_data", "posterior_predictive", "prior",
       "prior_predictive"}  # fmt: skip


@pytest.fixture(scope="module")
def fit() -> FittedModel:
    return pgmlang.compile(GROUPS).fit(DATA, method="hmc", seed=1, options=OPTIONS)


def test_every_group_with_its_dims_and_labels(fit: FittedModel) -> None:
    tree = fit.inference_data(DATA)
    assert set(tree.children) == ALL
    posterior = tree["posterior"]
    assert posterior["b"].dims == ("chain", "draw", "part")
    assert posterior["u"].coords["group"].values.tolist() == ["s", "t"]
    np.testing.assert_array_equal(posterior["u"].sel(group="t"), fit.draws["u"][..., 1])
    assert tree["observed_data"]["y"].dims == ("row",)
    np.testing.assert_array_equal(tree["observed_data"]["y"], DATA["y"])
    assert tree["observed_data"]["z"].attrs["labels"] == ["low", "high"]
    np.testing.assert_array_equal(tree["constant_data"]["x"], DATA["x"])
    assert dict(tree["posterior_predictive"]["y"].sizes) == {"chain": 3, "draw": 40, "row": 4}
    assert set(tree["prior"].data_vars) == {"b", "u", "share"}
    assert set(tree["prior_predictive"].data_vars) == {"y", "z"}
    (likelihood,) = tree["log_likelihood"].data_vars.values()
    kept = fit.with_pointwise(DATA).record.pointwise
    assert kept is not None
    np.testing.assert_array_equal(likelihood, kept.values)


def test_arviz_stats_reads_it(fit: FittedModel) -> None:
    pytest.importorskip("xarray_einstats")
    from arviz_stats import loo

    theirs = loo(fit.inference_data(DATA), pointwise=True)
    ours = fit.loo(DATA)
    assert ours.elpd == pytest.approx(float(theirs.elpd), abs=0.05)
    assert ours.se == pytest.approx(float(theirs.se), rel=0.05)


def test_without_data_there_is_what_the_fit_holds(fit: FittedModel) -> None:
    assert set(fit.inference_data().children) == {"posterior", "sample_stats"}
    assert set(fit.with_pointwise(DATA).inference_data().children) == {
        "posterior",
        "sample_stats",
        "log_likelihood",
    }


PRIORS = """
dim part = {front, back}
b[part] ~ Normal(0, 2)
plate group { u ~ Normal(0, 2) }
plate row in group { input x ; y ~ Normal(u + b[front] * x, 0.5) }
"""
TABLE = """
plate row { wet : {no, yes} ~ Table(prior = 1) ; slips : {no, yes} ~ Table(wet, prior = 1) }
"""
MIXTURE = """
dim kind = {small, large}
share[kind] ~ Dirichlet(2)
mu[kind] ~ Normal(0, 5)
plate row { z : kind ~ Categorical(share) ; y ~ Normal(mu[z], 1) }
"""
PAIR = """
param bond
plate row { field u : bit ; field v : bit ; factor bond * u * v }
"""
NUMBERS = {k: v for k, v in DATA.items() if k != "z"}
TWO = {"wet": ["no", "yes", "yes", "no"], "slips": ["no", "yes", "no", "no"]}
MIXED = {"y": [-4.0, -5.0, 4.5, 6.0, 5.2]}
BITS = {"u": [0, 1, 1, 0, 1], "v": [0, 1, 1, 1, 1]}
NO_INPUTS = ALL - {"constant_data"}
OF_FIELDS = {"posterior", "sample_stats", "log_likelihood", "observed_data", "posterior_predictive"}
KINDS: dict[str, tuple[str, dict[str, Any], str, set[str]]] = {
    "a point": (PRIORS, NUMBERS, "map", ALL),
    "a guide": (PRIORS, NUMBERS, "elbo", ALL - {"sample_stats"}),
    "marginals": (PRIORS, NUMBERS, "meanfield", ALL - {"sample_stats"}),
    "tables": (TABLE, TWO, "auto", NO_INPUTS),
    "tables by em": (TABLE, {"slips": TWO["slips"], "wet": ["no", None, "yes", None]}, "em", NO_INPUTS),
    "a mixture by em": (MIXTURE, MIXED, "em", NO_INPUTS),
    "fields": (PAIR, BITS, "ml", OF_FIELDS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fit_has_its_groups(kind: str, tmp_path: Path) -> None:
    text, data, method, groups = KINDS[kind]
    fit = pgmlang.compile(text).fit(
        data, method=method, seed=1, options={"epochs": 60} if method == "elbo" else None
    )
    fit.write_netcdf(tmp_path / "fit.nc", data)
    with xarray.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as tree:
        assert groups <= set(tree.children) <= ALL
        posterior = tree["posterior"]
        for name, value in fit.params.items():
            if not fit.draws:
                np.testing.assert_allclose(posterior[name].values[0, 0], value)
        likelihood = next(iter(tree["log_likelihood"].data_vars.values()))
        if not fit.draws:
            np.testing.assert_allclose(likelihood.values[0, 0].sum(), fit.score(data).sum())
        if "posterior_predictive" in groups:
            predicted = tree["posterior_predictive"]
            assert set(predicted.data_vars) == set(tree["observed_data"].data_vars)


def test_labels_are_coordinates_of_estimates() -> None:
    tree = pgmlang.compile(TABLE).fit(TWO).inference_data(TWO)
    table = tree["posterior"]["slips.table"]
    assert table.dims == ("chain", "draw", "wet_label", "slips_label")
    assert (
        table.coords["wet_label"].values.tolist() == table.coords["slips_label"].values.tolist() == ["no", "yes"]
    )
    assert table.sel(wet_label="yes", slips_label="yes").item() == pytest.approx(0.5)
    tree = pgmlang.compile(PRIORS).fit(NUMBERS, method="map").inference_data(NUMBERS)
    assert tree["posterior"]["b"].coords["part"].values.tolist() == ["front", "back"]
    assert tree["posterior"]["u"].coords["group"].values.tolist() == ["s", "t"]
    (objective,) = tree["sample_stats"].data_vars
    assert objective == "log_density_per_group"


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("m ~ Flat()\nplate row { y ~ Normal(m, 1) }\n", {"prior", "prior_predictive", "constant_data"}),
        ("p ~ Beta(1, 1)\nplate t = chain { z : bit ~ if first then Bernoulli(p) else Bernoulli(0.9 * prev(z)) ; "
         "y ~ Normal(z, 1) }\n", {"log_likelihood", "constant_data"}),
    ],
)  # fmt: skip
def test_a_group_that_the_model_does_not_have_is_left_out(text: str, lacking: set[str]) -> None:
    data: dict[str, Any] = {"y": [0.1, 0.9, 1.2]}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options=OPTIONS)
    assert set(fit.inference_data(data).children) == ALL - lacking


def test_other_data_than_the_fit_s_are_refused() -> None:
    text = "plate row { u ~ Normal(0, 1) ; y ~ Normal(u, 1) }\n"
    fit = pgmlang.compile(text).fit({"y": [0.1, 0.9]}, method="hmc", seed=1, options=OPTIONS)
    with pytest.raises(PgmError, match="PGM0904"):
        fit.inference_data({"y": [1.0]})


def test_netcdf_and_back(fit: FittedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("h5netcdf")
    fit.write_netcdf(tmp_path / "a.nc", DATA)
    with xarray.open_datatree(tmp_path / "a.nc", engine="h5netcdf") as tree:
        assert set(tree.children) == ALL
        np.testing.assert_array_equal(tree["posterior"]["u"].sel(group="t"), fit.draws["u"][..., 1])
        assert tree["posterior"].attrs.keys() >= {"creation_library"}
    with pytest.raises(PgmError, match="cannot write"):
        fit.write_netcdf(tmp_path / "none" / "a.nc")
    monkeypatch.setattr(inference_data_module, "find_spec", lambda name: None)
    with pytest.raises(PgmError, match=r"pgmlang\[netcdf\]"):
        fit.write_netcdf(tmp_path / "b.nc")


def test_commands(tmp_path: Path) -> None:
    pytest.importorskip("h5netcdf")
    model, data = tmp_path / "m.pgm", tmp_path / "d.csv"
    model.write_text("m ~ Normal(0, 3)\nplate row { y ~ Normal(m, 1) }\n")
    data.write_text("y\n1\n2\n")
    options = ["--method", "hmc", "--draws", "20", "--seed", "1", "-q", "--netcdf", str(tmp_path / "f.nc")]
    assert run(["fit", str(model), str(data), *options]) == 0
    assert run(["summary", str(tmp_path / "m.fit"), "--netcdf", str(tmp_path / "s.nc"), "--json"]) == 0
    with xarray.open_datatree(tmp_path / "f.nc", engine="h5netcdf") as tree:
        assert set(tree.children) == ALL - {"constant_data"}
    with xarray.open_datatree(tmp_path / "s.nc", engine="h5netcdf") as tree:
        assert set(tree.children) == {"posterior", "sample_stats"}
