"""Fits with draws: stored, summarised, judged and compared."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.results.convergence import convergence
from pgmlang.results.fit import Fit, Moves
from pgmlang.results.load import load_fit
from pgmlang.results.save import save_fit
from pgmlang.results.summary import summary_rows
from pgmlang.results.summary_view import Budget, summary_tables
from pgmlang.results.trust import CHECKS, compare, diagnose
from pgmlang.sema import compile_source

LABELS = ("Choate", "a, b", 'q"x', "ü\x00")
TEXT = (
    'dim f = {Choate, "a, b", "q\\"x", z}\ndim k[2]\nmu[k] ~ Normal(0, 1)\ntheta[f] ~ Normal(0, 1)\n'
    "plate row { x[f] ~ Normal(theta, 1) }\n"
)


def chains(shape: tuple[int, ...], rho: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    for t in range(1, shape[1]):
        x[:, t] += rho * x[:, t - 1]
    return x


def made(seed: int = 0, **more: Any) -> Fit:
    draws = {"theta": chains((4, 500, 4), seed=seed), "mu": chains((4, 500, 2), seed=seed + 1)}
    stats = {"acceptance_rate": np.full((4, 500), 0.8), "diverging": np.zeros((4, 500), bool)}
    stats["energy"] = chains((4, 500), seed=seed + 2)
    base = Fit(model=compile_source(TEXT), source=TEXT, method="hmc", moves=Moves.GRADIENT, parameters={}, draws=draws, sample_stats=stats,
               draw_axes={"theta": ("f",), "mu": ("k",)}, sizes={"row": 3})  # fmt: skip
    return dataclasses.replace(base, **more)


def test_round_trip(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    fit = made()
    fit.draws["mu"] = fit.draws["mu"].astype(np.float32)[:, ::-1]
    save_fit(fit, tmp_path / "m")
    again = load_fit(tmp_path / "m")
    assert list(again.draws) == list(fit.draws)
    assert again.draw_axes == fit.draw_axes
    for name, array in fit.draws.items():
        assert again.draws[name].dtype == array.dtype
        assert np.array_equal(again.draws[name], array)
        assert np.array_equal(load_file(tmp_path / "m" / "draws.safetensors")[name], array)
    assert all(np.array_equal(again.sample_stats[k], v) for k, v in fit.sample_stats.items())
    save_fit(again, tmp_path / "m", force=True)
    assert np.array_equal(load_fit(tmp_path / "m").draws["theta"], fit.draws["theta"])
    save_fit(made(draws={}, draw_axes={}, sample_stats={}), tmp_path / "old")
    assert json.loads((tmp_path / "old" / "fit.json").read_text())["schema"] == 1
    assert load_fit(tmp_path / "old").draws == {}


@pytest.mark.parametrize(
    "header",
    [
        {"theta": {"dtype": "F64", "shape": [1 << 60], "data_offsets": [0, 64]}},
        {"theta": {"dtype": "F64", "shape": [1 << 40, 1 << 40, 4], "data_offsets": [0, 1 << 62]}},
        {"theta": {"dtype": "F64", "shape": [-1, 2, 4], "data_offsets": [0, 64]}},
        {"theta": {"dtype": "F16", "shape": [1, 2, 4], "data_offsets": [0, 16]}},
        {"theta": {"dtype": "F64", "shape": [1, 2, 4], "data_offsets": [64, 0]}},
        {"theta": {"dtype": "F64", "shape": [1, 2, 4], "data_offsets": [0, 64]}},
        {"theta": 3},
        [],
    ],
)
def test_hostile_files(tmp_path: Path, header: Any) -> None:
    save_fit(made(), tmp_path / "m")
    text = json.dumps(header).encode()
    path = tmp_path / "m" / "draws.safetensors"
    for data in (
        len(text).to_bytes(8, "little") + text + b"\0" * 64,
        (1 << 62).to_bytes(8, "little") + text,
        b"",
        b"[",
    ):
        path.write_bytes(data)
        with pytest.raises(PgmError, match="PGM0903"):
            load_fit(tmp_path / "m")
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(PgmError, match="is a link"):
        load_fit(tmp_path / "m")


def test_convergence_is_arviz_stats() -> None:
    stats = pytest.importorskip("arviz_stats.base").array_stats
    for rho in (0.0, 0.9, -0.6):
        x = chains((4, 301, 5), rho)
        x[..., 0] = np.round(x[..., 0])
        found, axes = convergence(x), {"chain_axis": 0, "draw_axis": 1}
        assert found.r_hat == pytest.approx(stats.rhat(x, **axes))
        assert found.ess_bulk == pytest.approx(stats.ess(x, **axes))
        assert found.ess_tail == pytest.approx(stats.ess(x, method="tail", prob=(0.05, 0.95), **axes))
        assert found.mcse == pytest.approx(stats.mcse(x, **axes))


def test_summary_is_numpy_and_json() -> None:
    fit = made()
    theta = fit.draws["theta"].copy()
    theta[..., 1], theta[0, 0, 2] = 2.5, np.nan
    fit.draws["theta"] = theta
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = {r["name"]: r for r in summary_rows(fit)}
    json.dumps(list(rows.values()), allow_nan=False)
    x = fit.draws["theta"][..., 0]
    assert rows["theta[Choate]"]["mean"] == pytest.approx(x.mean())
    assert rows["theta[Choate]"]["sd"] == pytest.approx(x.std(ddof=1))
    assert rows["theta[Choate]"]["q95"] == pytest.approx(np.quantile(x, 0.95))
    assert rows['theta["a, b"]']["sd"] == 0
    assert rows['theta["a, b"]']["r_hat"] is None
    assert rows['theta["q\\"x"]']["mean"] is None
    folded = summary_tables(fit, budget=Budget(2, 2))[-1]
    assert str(folded).endswith('to see one: fit.summary("theta"); all: fit.summary().frame')


def test_discrete_draws() -> None:
    text = "plate row { z : {no, yes} ~ Table() given 0.5, 0.5 }\n"
    text = text if _compiles(text) else "plate row { z : {no, yes} ~ Table(prior = 1) }\n"
    codes = np.random.default_rng(1).integers(0, 2, (2, 100, 3)) * np.array([0, 1, 1])
    fit = Fit(model=compile_source(text), source=text, method="gibbs", parameters={}, sizes={"row": 3},
              draws={"z": codes}, draw_axes={"z": ("row",)})  # fmt: skip
    rows = summary_rows(fit)
    assert rows[0]["shares"] == {"no": 1.0}
    assert rows[1]["shares"]["yes"] == pytest.approx(codes[..., 1].mean())


def _compiles(text: str) -> bool:
    try:
        compile_source(text)
    except PgmError:
        return False
    return True


def test_inference_data() -> None:
    pytest.importorskip("arviz_base")
    from pgmlang.results.inference_data import inference_data

    tree = inference_data(made(labels={"f": LABELS}))
    assert tuple(tree["posterior"]["theta"].coords["f"].values) == LABELS
    assert tree["sample_stats"]["energy"].shape == (4, 500)


def test_importing_stays_light() -> None:
    code = "import sys, pgmlang.results.trust, pgmlang.results.inference_data as _; print([m for m in ('torch', 'xarray', 'arviz_base') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def shifted() -> np.ndarray:
    x = chains((4, 500, 2)) + np.array([-9.0, 9.0])
    x[1] = x[1][:, ::-1]
    return x


def stat(name: str, value: float) -> dict[str, Any]:
    return {"sample_stats": {name: np.full((4, 500), value)}}


RISING = tuple(float(x) for x in range(100))
BAD: dict[str, dict[str, Any]] = {
    "status": {"status": "not converged"},
    "draws that": {"draws": {"mu": np.full((4, 500, 2), np.inf)}},
    "tails of draws": {"draws": {"mu": chains((4, 500, 2)) / chains((4, 500, 2), seed=1)}},
    "R-hat": {"draws": {"mu": shifted()}},
    "bulk ESS": {"draws": {"mu": np.cumsum(chains((4, 500, 2)), axis=1)}},
    "tail ESS": {"draws": {"mu": np.cumsum(chains((4, 500, 2)), axis=1)}},
    "MCSE": {"draws": {"mu": np.cumsum(chains((4, 500, 2)), axis=1)}},
    "divergences": stat("diverging", 1),
    "acceptance, lowest": stat("acceptance_rate", 0.01),
    "acceptance of gradient": stat("acceptance_rate", 0.4),
    "acceptance of random": {**stat("acceptance_rate", 0.99), "moves": Moves.RANDOM_WALK},
    "energy": {"sample_stats": {"energy": np.cumsum(chains((4, 500)), axis=1)}},
    "swap": {"provenance": {"swap_rate": [0.5, 0.02]}},
    "AIS": {"provenance": {"ais_ess": 3.0}},
    "error of log Z": {"provenance": {"log_z_error": 1.0}},
    "Pareto": {"provenance": {"pareto_k": 0.9}},
    "rows whose guide": {"provenance": {"poor_rows": 0.8}},
    "decrease": {"method": "em", "only_rises": True, "trace": (-5.0, -4.0, -4.5)},
    "rise": {"method": "svi", "trace": RISING, "sample_stats": {}},
    "label": {"draws": {"mu": shifted()}},
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.name)
def test_each_check_fires(check: Any) -> None:
    change = dict(next(v for k, v in BAD.items() if check.name.startswith(k)))
    if "draws" in change:
        change["draw_axes"] = {"mu": ("k",)}
    found = {f.check: f for f in diagnose(made(**change))}
    assert found[check.name].severity != "ok"
    assert found[check.name].cure


def test_a_good_fit_is_fine() -> None:
    assert {f.severity for f in diagnose(made())} == {"ok"}
    plain = made(method="em", draws={}, draw_axes={}, sample_stats={}, trace=(-3.0, -2.0))
    assert {f.severity for f in diagnose(plain)} == {"ok"}


def test_compare() -> None:
    one, other = made(), made(seed=7)
    assert not any(d.is_far for d in compare((one, other)))
    other.draws["mu"] = other.draws["mu"] + np.eye(other.draws["mu"].shape[-1])[1]
    first = compare((one, other))[0]
    assert (first.name, first.is_far) == ("mu[1]", True)
    with pytest.raises(PgmError, match="different models"):
        compare((one, made(model=compile_source("a ~ Normal(0, 1)\n"), source="")))


def test_answers_of_draws_have_the_errors_of_the_summary() -> None:
    from pgmlang.query.draws import DrawAnswers
    from pgmlang.query.parse import parse_query

    fit = made()
    told = {r["name"]: r for r in summary_rows(fit)}
    for row in DrawAnswers.of(fit).answer(parse_query("E(mu)")).table:
        assert row["mcse"] == pytest.approx(told[row["variable"]]["mcse"], rel=1e-9)
    (row,) = DrawAnswers.of(fit).answer(parse_query("P(mu[0] > 0)")).table
    holds = fit.draws["mu"][..., 0] > 0
    assert row["mcse"] == pytest.approx(float(convergence(holds[..., None].astype(float)).mcse[0]), rel=1e-9)


def test_means_side_by_side_are_printed_to_their_own_errors() -> None:
    one, other = made(), made(seed=7)
    first = {r["name"]: r["mcse"] for r in summary_rows(one)}
    second = {r["name"]: r["mcse"] for r in summary_rows(other)}
    for d in compare((one, other)):
        if "[" in d.name:
            assert d.mcses == (first[d.name], second[d.name])


def test_heavy_tails_of_draws_are_told() -> None:
    """A t of 3 degrees of freedom has Pareto shape 1/3, on either side; normal numbers have none."""
    heavy = np.random.default_rng(5).standard_t(3, size=(4, 2000, 2))
    heavy[..., 0] = chains((4, 2000))

    def tail(fit: Fit) -> Any:
        return next(f for f in diagnose(fit) if f.check.startswith("tails of draws"))

    told = tail(made(draws={"mu": heavy}, draw_axes={"mu": ("k",)}))
    assert (told.severity, told.where) == ("warning", "mu[1]")
    assert told.figure == pytest.approx(1 / 3, abs=0.1)
    normal = {"mu": heavy[..., 0]}
    assert tail(made(draws=normal, draw_axes={})).severity == "ok"
    assert tail(made(draws=normal, draw_axes={}, deterministic={"v": -np.exp(heavy[..., 0] * 2)})).where == "v"
