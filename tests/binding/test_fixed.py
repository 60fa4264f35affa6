"""What is held at a value (`--fix`): checked against the model and the data, and held by every method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.plan.registry import METHODS, method_named
from tests.hostile.running import pgmc

MODEL = """dim k[2]
param w[k] : real
param p : unit
m ~ Normal(0, 1)
u : positive ~ HalfNormal(1)
dim zs = {a, b}
z : zs ~ Categorical(1/2)
twice = 2 * m
plate row {
  input x : real
  h ~ Normal(m, 1)
  y ~ Normal(h + x + sum(w) + p * u, 1)
  t : {no, yes} ~ Table()
}
"""
DATA: dict[str, Any] = {"x": [1.0, 2.0, 3.0], "y": [0.5, None, 1.0], "t": ["no", "yes", "no"]}
REFUSED = [
    ({"zzz": 1}, "no `zzz`", "what can be fixed"),
    ({"mm": 1}, "no `mm`", "did you mean"),
    ({"y": 1}, "given by the data", "what can be fixed"),
    ({"y": [1, 2, 3]}, "given by the data", "what can be fixed"),
    ({"x": 1}, "given by the data", "what can be fixed"),
    ({"t": 1}, "given by the data", "what can be fixed"),
    ({"z": 0}, "params and numbers are fixed", "--observe z=VALUE"),
    ({"twice": 1}, "derived", "what can be fixed"),
    ({"t.table": 0.5}, "no `t.table`", "what can be fixed"),
    ({"row": 1}, "no `row`", "what can be fixed"),
    ({"k": 1}, "no `k`", "what can be fixed"),
    ({"w": [1, 2, 3]}, "has shape (2,)", ""),
    ({"m": [1, 2]}, "has shape ()", ""),
    ({"h": [1, 2]}, "has shape (3,)", ""),
    ({"p": 1.5}, "`p` is unit", ""),
    ({"u": -1}, "`u` is positive", ""),
    ({"u": [0.5, 0.5]}, "has shape ()", ""),
    ({"m": float("nan")}, "held at a number", ""),
    ({"m": float("inf")}, "held at a number", ""),
    ({"m": "1"}, "held at a number", ""),
    ({"m": None}, "held at a number", ""),
    ({"w": [[1], [2, 3]]}, "held at a number", ""),
    ({"m": 1j}, "held at a number", ""),
]


@pytest.mark.parametrize(("fixed", "said", "cure"), REFUSED, ids=lambda v: str(v)[:24])
def test_what_cannot_be_held(fixed: dict[str, Any], said: str, cure: str) -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(MODEL).fit(DATA, fixed=fixed, seed=1)
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0612"
    assert said in problem.message
    assert cure in problem.help


def test_all_are_told_at_once() -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(MODEL).fit(DATA, fixed={"zzz": 1, "y": 2, "m": 3, "p": 7}, seed=1)
    assert [d.code for d in caught.value.diagnostics] == ["PGM0612"] * 3


def test_a_column_without_values_is_no_data() -> None:
    """A variable that the table says nothing of is latent, and may be held."""
    text = "m ~ Normal(0, 1)\nplate row { h ~ Normal(m, 1)\n y ~ Normal(h, 1) }\n"
    fit = pgmlang.compile(text).fit(
        {"y": [1.0, 2.0], "h": [None, None]}, fixed={"h": [3, 5]}, seed=1, method="map"
    )
    assert fit.params["m"] == pytest.approx(8 / 3)


def test_the_cure_for_a_label_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.pgm").write_text(
        "m ~ Normal(0, 1)\ndim k = {a, b}\nz : k ~ Categorical(1/2)\nplate row { y ~ Normal(if z == a then m else 9, 1) }\n"
    )
    Path("d.csv").write_text("y\n1\n2\n")
    refused = pgmc(["fit", "m.pgm", "d.csv", "--fix", "z=0"])
    assert (refused.code, "--observe z=VALUE" in refused.stderr) == (64, True)
    held = pgmc(["fit", "m.pgm", "d.csv", "--observe", "z=a", "--method", "map", "--seed", "1", "-q"])
    assert held.code == 0, held.stderr
    assert pgmlang.load("m.fit").params["m"] == pytest.approx(1)


NUMBERS = [0.4, 1.9, 1.1, 2.2, -0.3, 1.0]
SHORT = {
    "epochs": 20,
    "warmup": 10,
    "draws": 10,
    "chains": 2,
    "temperatures": 2,
    "particles": 4,
    "max_iterations": 40,
}
HELD = {
    "a param": ("param m : real\nparam s : positive\nplate row { y ~ Normal(m, s) }\n", {"y": NUMBERS}, {"s": 2.5}),
    "a prior": ("m ~ Normal(0, 9)\ns ~ HalfNormal(1)\nplate row { y ~ Normal(m, s) }\n", {"y": NUMBERS}, {"s": 2.5}),
    "an axis": ("dim k = {a, b}\nparam q[k] : real\nplate row { z : k ~ Table()\n y ~ Normal(q[z], 1) }\n", {"y": NUMBERS}, {"q": [0.0, 2.0]}),
    "of rows": ("m ~ Normal(0, 9)\nplate row { h ~ Normal(m, 1)\n y ~ Normal(h, 1) }\n", {"y": NUMBERS}, {"h": NUMBERS}),
    "a field": ("param w, v : real\nplate row { field s, t : bit\n factor w * s * t + v * s }\n", {"s": [0, 1, 1, 0], "t": [0, 1, 1, 1]}, {"v": 0.7}),
    "a chain": ("param p, q : unit\nplate t = chain { y : bit ~ Bernoulli(if first then 0.5 else if prev(y) == 1 then p else q) }\n", {"y": [0, 1, 1, 0, 1, 1]}, {"q": 0.3}),
}  # fmt: skip


def fitted(text: str, data: Any, method: str, fixed: dict[str, Any]) -> Any:
    """The fit, with the short options that the method has a use for, or the error that it is refused with."""
    known = {n: v for n, v in SHORT.items() if n in method_named(method).options.__dataclass_fields__}
    while True:
        try:
            return pgmlang.compile(text).fit(data, method=method, fixed=fixed, seed=1, options=known)
        except PgmError as error:
            problem = error.diagnostics[0]
            idle = [n for n in known if problem.code == "PGM0612" and f"`{n}`" in problem.message]
            if not idle:
                return error
            known = {n: v for n, v in known.items() if n not in idle}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", HELD)
def test_every_method_holds_it(name: str, method: str) -> None:
    text, data, fixed = HELD[name]
    (held,) = fixed
    fit = fitted(text, data, method, fixed)
    if isinstance(fit, PgmError):
        problem = fit.diagnostics[0]
        assert problem.code in ("PGM0602", "PGM0610"), str(fit)
        assert f"`{held}`" not in problem.message, str(fit)
        return
    assert held not in fit.draws
    assert np.array_equal(fit.params[held], np.asarray(fixed[held], dtype=float))
    learned = {**fit.params, **fit.draws}.keys() - {held}
    assert learned or not fit.draws


@pytest.mark.parametrize("name", HELD)
def test_some_method_takes_it(name: str) -> None:
    text, data, fixed = HELD[name]
    fit = pgmlang.compile(text).fit(
        data, method={"an axis": "em", "a field": "ml"}.get(name, "map"), fixed=fixed, seed=1
    )
    assert np.array_equal(fit.params[next(iter(fixed))], np.asarray(*fixed.values(), dtype=float))
    assert fit.record.provenance["fixed"] == list(fixed)


@pytest.mark.parametrize("method", ["hmc", "gibbs", "elbo"])
def test_answers_of_a_fit_of_draws_go_by_what_is_held(method: str, tmp_path: Path) -> None:
    text, data, fixed = HELD["a prior"]
    options = (
        {"chains": 2, "warmup": 100, "draws": 300} if method != "elbo" else {"epochs": 800, "guide": "fullrank"}
    )
    pgmlang.compile(text).fit(data, method=method, fixed=fixed, seed=1, options=options).save(tmp_path / "x.fit")
    fit = pgmlang.load(tmp_path / "x.fit")
    precision = 1 / 81 + len(NUMBERS) / 2.5**2
    mean, variance = sum(NUMBERS) / 2.5**2 / precision, 1 / precision + 2.5**2
    expected = [-0.5 * (y - mean) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance) for y in NUMBERS]
    assert fit.score(data) == pytest.approx(expected, abs=0.02)
    predicted = fit.predict_columns({"y": [None, 1.0]}).columns
    assert float(predicted["y.sd"][0]) == pytest.approx(np.sqrt(variance), rel=0.15)
    assert np.std(fit.sample_columns(4000, seed=2).columns["y"]) == pytest.approx(np.sqrt(variance), rel=0.1)
