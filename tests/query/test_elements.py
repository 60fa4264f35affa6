"""Questions about elements: of axes, sized plates and grids, by label, number or coordinates, of models and of fits."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

ROWS, COLS = 2, 3
GRID = f"""param J, B : real
plate site = grid({ROWS}, {COLS}) {{
  field s : spin
  factor B * s
}}
plate bond(i, j) = edges(site) {{ factor J * s[i] * s[j] }}
factor 0.9 * s[2]
factor -0.5 * s[3]
"""
HELD = {"J": 0.4, "B": -0.2}
SITES = list(product(range(ROWS), range(COLS)))


def grid_joint() -> dict[tuple[int, ...], float]:
    """All states of the grid; site ``i, j`` is number ``3 i + j``."""
    weights = {}
    for state in product((-1, 1), repeat=ROWS * COLS):
        s = np.reshape(state, (ROWS, COLS))
        energy = HELD["B"] * s.sum() + HELD["J"] * ((s[1:] * s[:-1]).sum() + (s[:, 1:] * s[:, :-1]).sum())
        weights[state] = float(np.exp(energy + 0.9 * state[2] - 0.5 * state[3]))
    total = sum(weights.values())
    return {state: weight / total for state, weight in weights.items()}


@pytest.fixture(scope="module")
def grid() -> Any:
    return pgmlang.compile(GRID).given(HELD)


@pytest.mark.parametrize("site", SITES)
def test_a_site_by_coordinates_or_by_number(grid: Any, site: tuple[int, int]) -> None:
    number = site[0] * COLS + site[1]
    expected = sum(p for state, p in grid_joint().items() if state[number] == 1)
    for text in (
        f"{site[0]}, {site[1]}",
        f"{site[0]},{site[1]}",
        f'"{site[0]}", "{site[1]}"',
        str(number),
        f"site = {number}",
    ):
        answer = grid.query(f"P(s[{text}])").table
        assert {next(iter(r.values())): r["p"] for r in answer}["1"] == pytest.approx(expected, abs=1e-12)
    assert grid.query(f"P(s[{site[0]}, {site[1]}] = 1)").table[0]["p"] == pytest.approx(expected, abs=1e-12)
    assert grid.query(f"E(s[{site[0]}, {site[1]}])").table[0]["mean"] == pytest.approx(2 * expected - 1, abs=1e-12)


def test_sites_that_are_given(grid: Any) -> None:
    joint = grid_joint()
    kept = {state: p for state, p in joint.items() if state[2] == -1 and state[3] == 1}
    expected = sum(p for state, p in kept.items() if state[5] == 1 and state[0] == 1) / sum(kept.values())
    answer = grid.query("P(s[1, 2], s[0, 0] | s[0, 2] = -1, s[1, 0] = 1)")
    assert answer.probabilities["1", "1"] == pytest.approx(expected, abs=1e-12)
    assert answer.log_evidence == pytest.approx(np.log(sum(kept.values())), abs=1e-9)
    assert grid.log_z("s[0, 2] = -1") < grid.log_z()
    drawn = grid.sample_columns(50, seed=1, evidence="s[0, 2] = -1").columns
    assert set(np.asarray(drawn["s[2]"]).astype(str)) == {"-1"}
    best = max(kept, key=kept.__getitem__)
    row = grid.query("MAP(s[0, 1] | s[0, 2] = -1, s[1, 0] = 1, s[0, 0] = 1, s[1, 1] = 1, s[1, 2] = 1)").table[0]
    assert row["s[1]"] in ("-1", "1")
    assert grid.query("MAP(* | s[0, 2] = -1, s[1, 0] = 1)").table[0]["s[5]"] == str(best[5])


@pytest.mark.parametrize(
    "text",
    [
        "s[2, 0]",
        "s[0, 3]",
        "s[1, 9]",
        "s[-1, 0]",
        "s[a, b]",
        "s[1.0, 1]",
        "s[6]",
        "s[0, 0, 0]",
        "s[q]",
        "s[i = 9]",
        "zz[0, 0]",
        "s",
    ],
)
def test_sites_that_are_not_there(grid: Any, text: str) -> None:
    for question in (f"P({text})", f"P(s[0] | {text} = 1)"):
        with pytest.raises(PgmError) as caught:
            grid.query(question)
        (problem,) = caught.value.diagnostics
        assert (problem.code, bool(problem.help), problem.span is not None) == ("PGM0607", True, True)


def test_one_site_given_by_two_names(grid: Any) -> None:
    with pytest.raises(PgmError) as caught:
        grid.query("P(s[0] | s[1, 1] = 1, s[4] = 1)")
    assert caught.value.diagnostics[0].code == "PGM0606"


def test_elements_of_several_axes() -> None:
    """The names that an answer suggests are names that can be asked."""
    text = """dim k = {u, v}
one[k] = 1
number[k] = cumsum(one, over = k)
plate cell[2] {
  a[k] : bit ~ Bernoulli(if number == 1 then 0.2 else 0.9)
}
"""
    model = pgmlang.compile(text)
    with pytest.raises(PgmError) as caught:
        model.query("P(a)")
    listed = [w for w in caught.value.diagnostics[0].help.split("`") if w.startswith("a[")]
    assert listed
    for name in listed:
        expected = 0.2 if "u" in name else 0.9
        assert model.query(f"P({name})").probabilities["1"] == pytest.approx(expected)


NUMBERS = """m ~ Normal(0, 1)
plate g { th ~ Normal(m, 1) }
dim k = {u, v}
dim d[2]
one[k] = 1
number[k] = cumsum(one, over = k)
w[k, d] ~ Normal(if number == 1 then 5 else -5, 0.01)
plate row in g { y ~ Normal(th, 1) }
"""
DATA = {"g": ["A", "A", "B"], "y": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize("method", ["hmc", "map"])
def test_elements_of_a_fit(method: str) -> None:
    options = {"chains": 2, "warmup": 60, "draws": 60} if method == "hmc" else {}
    fit = pgmlang.compile(NUMBERS).fit(DATA, method=method, seed=1, options=options)
    for text, mean in (("u, 0", 5), ("u,1", 5), ("v, 1", -5), ("k = v, d = 0", -5), ('"u", 1', 5)):
        assert fit.query(f"E(w[{text}])").table[0]["mean"] == pytest.approx(mean, abs=0.1)
    assert [r["variable"] for r in fit.query("E(w[v])").table] == ["w[v, 0]", "w[v, 1]"]
    assert [r["variable"] for r in fit.query("E(th)").table] == ["th[A]", "th[B]"]
    assert fit.query("E(th[g = B])").table == fit.query("E(th[B])").table
    for text in ("w[x, 0]", "w[u, 2]", "w[0, u]", "w[u, 0, 0]", "th[C]", "th[0]", "m[0]", "th[A, 0]", "q[A]"):
        with pytest.raises(PgmError) as caught:
            fit.query(f"E({text})")
        (problem,) = caught.value.diagnostics
        assert (problem.code, bool(problem.help)) == ("PGM0607", True), text
