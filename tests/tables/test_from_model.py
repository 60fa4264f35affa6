"""Tables made from Models against the naive evaluation of every configuration."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.sema import compile_source
from pgmlang.tables.evaluate import Evaluator
from pgmlang.tables.from_model import discrete_network, iid_plate, row_network
from pgmlang.tables.unroll import unroll
from pgmlang.tables.verdict import discrete_verdict
from tests.infer.by_hand import SPRINKLER, joint, log_sum, random_dag, random_tables

rng = np.random.default_rng(11)


def test_sprinkler() -> None:
    model = compile_source(SPRINKLER)
    tables = random_tables(model, rng)
    network = row_network(model, tables)
    assert [v.name for v in network.variables] == ["cloudy", "rain", "sprinkler", "wet"]
    assert network.is_directed
    c, r, s, w = 1, 0, 1, 1
    p = tables["cloudy.table"][c] * tables["rain.table"][c, r] * tables["sprinkler.table"][c, s] * 0.9
    assert np.isclose(np.exp(joint(network)[c, r, s, w]), p)


@pytest.mark.parametrize("seed", range(12))
def test_random_dags(seed: int) -> None:
    """Every configuration's probability is the product of the tables' cells."""
    text, sizes = random_dag(seed)
    model = compile_source(text)
    tables = random_tables(model, np.random.default_rng(seed))
    network = row_network(model, tables)
    log_p = joint(network)
    assert np.isclose(np.exp(log_p).sum(), 1)
    for codes in itertools.product(*(range(n) for n in sizes.values())):
        at = dict(zip(sizes, codes, strict=True))
        p = 1.0
        for conditional in model.conditionals:
            parents = tuple(at[x.name] for x in conditional.distribution.parents)  # type: ignore[union-attr]
            p *= tables[f"{conditional.target}.table"][(*parents, at[conditional.target])]
        assert np.isclose(np.exp(log_p[codes]), p)


def test_rounded_rows_are_normalised() -> None:
    model = compile_source("plate r { x : {a, b, c} ~ Table() { 0.333, 0.333, 0.333 } }\n")
    assert np.allclose(row_network(model, {}).factors[0].values, 1 / 3, atol=1e-12)


def test_bernoulli_logit_with_parents_and_definitions() -> None:
    model = compile_source("""
param a, b : real
plate row {
  x : bit ~ Table()
  k : {lo, mid, hi} ~ Table()
  score = a * x + (if k == hi then b else 0)
  y ~ Bernoulli(logit = score + 0.5 * x)
  z ~ Bernoulli(if y == 1 and k == lo then 0.9 else 0.2)
}
""")
    values = {**random_tables(model, rng), "a": np.array(0.7), "b": np.array(-1.2)}
    log_p = joint(row_network(model, values))
    for x, k, y, z in itertools.product(range(2), range(3), range(2), range(2)):
        p = 1 / (1 + np.exp(-(0.7 * x + (-1.2 if k == 2 else 0) + 0.5 * x)))
        q = 0.9 if y == 1 and k == 0 else 0.2
        expected = values["x.table"][x] * values["k.table"][k] * (p if y else 1 - p) * (q if z else 1 - q)
        assert np.isclose(np.exp(log_p[x, k, y, z]), expected)


def test_mixture_over_an_axis() -> None:
    """A naive Bayes with axes: nodes `x[label]`, parameters indexed by a latent."""
    model = compile_source("""
dim pixel = {p, q, r}
dim cluster = {one, two}
param share[cluster] : simplex
param on[cluster, pixel] : unit
plate row {
  z ~ Categorical(share)
  x[pixel] ~ Bernoulli(on[z])
}
""")
    share, on = np.array([0.3, 0.7]), rng.uniform(size=(2, 3))
    network = row_network(model, {"share": share, "on": on})
    assert [v.name for v in network.variables] == ["z", "x[p]", "x[q]", "x[r]"]
    log_p = joint(network)
    for z, *x in itertools.product(range(2), repeat=4):
        assert np.isclose(np.exp(log_p[(z, *x)]), share[z] * np.prod(np.where(x, on[z], 1 - on[z])))


def test_a_layer_mentions_all_of_the_one_above() -> None:
    model = compile_source("""
dim top = {a, b, c}
dim low = {u, v}
param W[top, low], bias[low] : real
plate row {
  h[top] ~ Bernoulli(0.3)
  x[low] ~ Bernoulli(logit = h @ W + bias)
}
""")
    W, bias = rng.normal(size=(3, 2)), rng.normal(size=2)
    log_p = joint(row_network(model, {"W": W, "bias": bias}))
    for codes in itertools.product(range(2), repeat=5):
        h, x = np.array(codes[:3]), np.array(codes[3:])
        p = 1 / (1 + np.exp(-(h @ W + bias)))
        expected = np.prod(np.where(h, 0.3, 0.7)) * np.prod(np.where(x, p, 1 - p))
        assert np.isclose(np.exp(log_p[codes]), expected)


def test_binomial_counts() -> None:
    model = compile_source("plate r {\n  a : bit ~ Table()\n  k ~ Binomial(4, if a == 1 then 0.9 else 0.25)\n}\n")
    network = row_network(model, {"a.table": np.array([0.5, 0.5])})
    assert network.variables[1].labels == ("0", "1", "2", "3", "4")
    assert np.allclose(
        network.factors[1].values[0], [0.75**4, 4 * 0.25 * 0.75**3, 6 * 0.0625 * 0.5625, 0.046875, 0.25**4]
    )


def test_by_tables_take_the_element() -> None:
    model = compile_source("plate school { }\nplate pupil in school { x : {a, b} ~ Table(by = school) }\n")
    tables = {"x.table": np.array([[0.1, 0.9], [0.6, 0.4]])}
    network = row_network(model, tables, {"school": 2}, elements={"school": 1})
    assert network.factors[0].values.tolist() == [0.6, 0.4]


def test_chain_is_unrolled() -> None:
    model = compile_source("""
plate seq {
  plate step = chain {
    z : {a, b} ~ if first then Table() else Table(prev(z))
    y : {u, v, w} ~ Table(z)
  }
}
""")
    tables = random_tables(model, rng)
    assert set(tables) == {"z.table", "z.table2", "y.table"}
    seq = np.array([0, 1, 0, 0])
    whole = unroll(model, tables, {"seq": 2, "step": 4}, {"seq": ("p", "q")}, membership={("step", "seq"): seq})
    assert [v.name for v in whole.network.variables[:4]] == ["z[p, 0]", "z[q, 0]", "z[p, 1]", "z[p, 2]"]
    log_p = joint(whole.network)
    z, y = (0, 1, 1, 0), (2, 0, 1, 1)
    start, move = tables["z.table"], tables["z.table2"]
    expected = (
        start[0]
        * move[0, 1]
        * move[1, 0]
        * start[1]
        * np.prod([tables["y.table"][a, b] for a, b in zip(z, y, strict=True)])
    )
    assert np.isclose(np.exp(log_p[z + y]), expected)
    assert whole.node("z", 3) == 3
    assert not iid_plate(model)[0]


ISING = """
model ising(side = 3)
param J, B : real
plate site = grid(side, side) { field s : spin ; factor B * s }
plate bond(i, j) = edges(site) { factor J * s[i] * s[j] }
"""


@pytest.mark.parametrize("side", [2, 3, 4])
@pytest.mark.parametrize("beta", ["0.2", "0.4406867935", "1"])
def test_ising_log_z(side: int, beta: str, shared_data: Path) -> None:
    known = json.loads((shared_data / "ising" / "ising_exact.json").read_text())["ferro_free"][
        f"L={side},beta={beta}"
    ]
    model = compile_source(ISING, {"side": side})
    network = discrete_network(model, {"J": np.array(float(beta)), "B": np.array(0.0)})
    assert np.isclose(log_sum(joint(network)), known["lnZ"], rtol=1e-9)


def test_ising_against_the_naive_energy() -> None:
    model = compile_source(ISING)
    parameters = {"J": np.array(0.3), "B": np.array(-0.2)}
    log_p = joint(unroll(model, parameters).network)
    for _ in range(20):
        codes = rng.integers(2, size=9)
        evaluator = Evaluator(model, {**parameters, "s": codes})
        energy = sum(evaluator.evaluate(p.value, p.plates).values.sum() for p in model.potentials)
        assert np.isclose(log_p[tuple(codes)], energy)


def test_rbm_splits_into_pairs() -> None:
    model = compile_source("""
model rbm(hidden = 3)
dim pixel = {a, b, c, d}
dim unit[hidden]
param W[pixel, unit], b[pixel], c[unit] : real
plate image {
  field v[pixel] : bit
  field h[unit]  : bit
  factor v @ W @ h + b @ v + c @ h - 0.25
}
""")
    W, b, c = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3)
    network = row_network(model, {"W": W, "b": b, "c": c})
    assert max(len(f.scope) for f in network.factors) == 2
    log_p = joint(network)
    for codes in itertools.product(range(2), repeat=7):
        v, h = np.array(codes[:4]), np.array(codes[4:])
        assert np.isclose(log_p[codes], v @ W @ h + b @ v + c @ h - 0.25)


def test_too_large_is_refused_before_allocation() -> None:
    model = compile_source("""
model wide(n = 40)
dim top[n]
param w[top] : real
plate row {
  h[top] ~ Bernoulli(0.5)
  x ~ Bernoulli(logit = h @ w)
}
""")
    with pytest.raises(PgmError) as error:
        row_network(model, {"w": np.zeros(40)})
    assert error.value.diagnostics[0].code == "PGM0406"


def test_params_and_tables_without_values() -> None:
    model = compile_source(ISING)
    with pytest.raises(PgmError) as error:
        discrete_network(model, {"J": np.array(1.0)})
    assert error.value.diagnostics[0].code == "PGM0610"
    with pytest.raises(PgmError) as error:
        discrete_network(compile_source(SPRINKLER), {})
    assert error.value.diagnostics[0].code == "PGM0610"


def test_verdict_names_the_variable() -> None:
    model = compile_source("""
plate row {
  z : {a, b} ~ Table()
  x ~ Normal(if z == a then 0 else 1, 1)
  n ~ Poisson(3)
}
""")
    verdict = discrete_verdict(model, ["x"])
    assert not verdict.ok
    messages = [d.message for d in verdict.reasons]
    assert any("`x` is real and observed" in m for m in messages)
    assert any("`n` is a count" in m for m in messages)
    assert discrete_verdict(compile_source(SPRINKLER)).ok
