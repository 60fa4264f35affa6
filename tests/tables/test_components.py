"""Fields below directed variables, and hard constraints, against listing every configuration of random models."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.sema import compile_source
from pgmlang.tables.from_model import row_network
from tests.infer.by_hand import joint
from tests.tables.field_models import LABELS, FieldModel, random_model

KINDS = [(seed, parents, is_hard) for seed, (parents, is_hard) in enumerate(
    itertools.product([("a", "b"), ("a",), ()], [False, True]))]  # fmt: skip
MODELS = [random_model(10 * seed + i, parents, is_hard) for seed, parents, is_hard in KINDS for i in range(4)]


def named(model: FieldModel) -> str:
    return f"{''.join(model.names)}-{MODELS.index(model)}"


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_every_configuration(model: FieldModel) -> None:
    """The network's joint is the chain graph's, but for log Z of the components without parents."""
    network = row_network(compile_source(model.text), {})
    order = [network.index[n] for n in model.names]
    log_p = joint(network).transpose(order)
    log_p = log_p - np.logaddexp.reduce(log_p.reshape(-1))
    np.testing.assert_allclose(np.exp(log_p), model.joint, atol=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_queries(model: FieldModel) -> None:
    compiled = pgmlang.compile(model.text)
    answer = compiled.query("P(s, t | e = 1)")
    for row in answer.table:
        expected = model.probability(s=row["s"], t=row["t"], e="1") / model.probability(e="1")
        assert row["p"] == pytest.approx(expected, abs=1e-10)
    assert answer.log_evidence == pytest.approx(np.log(model.probability(e="1")))
    if "a" in model.names:
        (one,) = (r["p"] for r in compiled.query("P(a | s = 1)").table if r["a"] == "1")
        assert one == pytest.approx(model.probability(a="1", s="1") / model.probability(s="1"))
        evidence = compiled.log_z("a = 1, s = 0") - compiled.log_z()
        assert evidence == pytest.approx(np.log(model.probability(a="1", s="0")))
        # an arrow cut: p(fields | a) stays
        (cut,) = (r["p"] for r in compiled.query("P(t | do(a = 1))").table if r["t"] == "q")
        assert cut == pytest.approx(model.probability(a="1", t="q") / model.probability(a="1"), abs=1e-10)
    best = compiled.query("MAP(*)").table[0]
    chosen = {n: str(best[n]) for n in model.names}
    assert model.probability(**chosen) == pytest.approx(model.joint.max())


@pytest.mark.parametrize("model", MODELS[::3], ids=named)
def test_draws(model: FieldModel) -> None:
    drawn = pgmlang.compile(model.text).sample_columns(4000, seed=1).columns
    for name in model.names:
        for label in LABELS[name]:
            share = np.mean(np.array(drawn[name]) == label)
            p = model.probability(**{name: label})
            assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / 4000) + 1e-12


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_rows(model: FieldModel) -> None:
    """Scores and predictions of rows with cells missing, and the likelihood of a fit."""
    rng = np.random.default_rng(3)
    rows = [
        {n: str(labels[rng.integers(len(labels))]) if rng.random() < 0.6 else "" for n, labels in LABELS.items()
         if n in model.names}
        for _ in range(12)
    ]  # fmt: skip
    rows = [r for r in rows if model.probability(**{k: v for k, v in r.items() if v}) > 0]
    rows.append(dict.fromkeys(model.names, ""))
    data = {n: [r[n] or None for r in rows] for n in model.names}
    fit = pgmlang.compile(model.text).fit(data, method="exact")
    log_p = [np.log(model.probability(**{k: v for k, v in r.items() if v})) for r in rows]
    np.testing.assert_allclose(fit.score(data), log_p, atol=1e-9)
    assert fit.log_likelihood == pytest.approx(sum(log_p))
    predicted = fit.predict_columns(data, targets=["t"]).columns
    for i, row in enumerate(rows):
        seen = {k: v for k, v in row.items() if v and k != "t"}
        for label in LABELS["t"]:
            expected = float(row["t"] == label)
            if not row["t"]:
                expected = model.probability(**seen, t=label) / model.probability(**seen)
            assert predicted[f"P(t = {label})"][i] == pytest.approx(expected, abs=1e-9)


LATTICE = """
plate picture {
  plate site = grid(%d, 2) {
    z : bit ~ Table() { 0.3, 0.7 }
    field s : spin
    factor 0.8 * (2 * z - 1) * s
  }
  plate bond(i, j) = edges(site) { factor 0.5 * s[i] * s[j] }
}
"""


def test_parents_of_a_lattice() -> None:
    """A latent label beside each element: log Z of the component hangs on all of them."""
    edges = [(0, 1), (2, 3), (0, 2), (1, 3)]
    spins = np.array(list(itertools.product([-1, 1], repeat=4)))
    expected = np.zeros(2)
    for z in itertools.product([0, 1], repeat=4):
        weight = np.exp((0.8 * (2 * np.array(z) - 1) * spins).sum(1)
                        + 0.5 * sum(spins[:, i] * spins[:, j] for i, j in edges))  # fmt: skip
        seen = (spins[:, 0] == 1) & (spins[:, 3] == -1)
        expected[z[0]] += np.prod(np.where(z, 0.7, 0.3)) * weight[seen].sum() / weight.sum()
    answer = pgmlang.compile(LATTICE % 2).query("P(z[0] | s[0] = 1, s[3] = -1)")
    assert [r["p"] for r in answer.table] == pytest.approx(expected / expected.sum())
    assert np.exp(answer.log_evidence) == pytest.approx(expected.sum())


def test_too_many_parents() -> None:
    """Refused with the width before memory is asked for; the cure works."""
    compiled = pgmlang.compile(LATTICE % 16)
    with pytest.raises(PgmError) as caught:
        compiled.query("P(z[0] | s[0] = 1)")
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0603"
    assert "32 directed parents" in problem.message
    assert "input" in problem.help
    text = (LATTICE % 16).replace("z : bit ~ Table() { 0.3, 0.7 }", "input z : bit")
    rng = np.random.default_rng(0)
    data = {"z": rng.integers(0, 2, (2, 32)), "s": 2 * rng.integers(0, 2, (2, 32)) - 1}
    assert np.isfinite(pgmlang.compile(text).fit(data, method="exact").log_likelihood)


def chance(logit: float, code: int) -> float:
    return float(1 / (1 + np.exp(-logit if code else logit)))


def test_parent_in_an_outer_plate() -> None:
    text = """
plate doc {
  z : {x, y} ~ Table() { 0.4, 0.6 }
  plate word {
    field w : bit
    factor (if z == x then 1.0 else -0.4) * w
  }
}
"""
    data = {"w": [1, 0, 1, 1, 0], "doc": ["A", "A", "B", "B", "B"]}
    fit = pgmlang.compile(text).fit(data, method="exact")
    expected = [
        np.log(0.4 * np.prod([chance(1.0, w) for w in words]) + 0.6 * np.prod([chance(-0.4, w) for w in words]))
        for words in ([1, 0], [1, 1, 0])
    ]
    np.testing.assert_allclose(fit.score(data), expected)
    assert fit.log_likelihood == pytest.approx(sum(expected))


def test_parent_of_all_rows() -> None:
    text = """
g : bit ~ Table() { 0.4, 0.6 }
plate row {
  field w : bit
  factor (if g == 1 then 1.0 else -0.4) * w
}
"""
    fit = pgmlang.compile(text).fit({"w": [1, 0, 1]}, method="exact")
    both = [0.4 * chance(-0.4, 1) ** 2 * chance(-0.4, 0), 0.6 * chance(1.0, 1) ** 2 * chance(1.0, 0)]
    assert fit.log_likelihood == pytest.approx(np.log(sum(both)))


def test_table_of_a_latent_parent() -> None:
    """EM climbs the likelihood with log Z of each value of the parent in it."""
    text = """
plate row {
  a : bit ~ Table()
  field s : bit
  field t : bit
  factor (2 * a - 1) * s + 0.3 * t
  factor 1.5 * a * s * t
}
"""
    rows = [(1, 1)] * 9 + [(0, 1)] * 7 + [(0, 0)] * 4
    fit = pgmlang.compile(text).fit({"s": [r[0] for r in rows], "t": [r[1] for r in rows]}, method="em")
    pairs = list(itertools.product((0, 1), repeat=2))
    given = {a: {(s, t): np.exp((2 * a - 1) * s + 0.3 * t + 1.5 * a * s * t) for s, t in pairs} for a in (0, 1)}
    p = np.linspace(0.001, 0.999, 999)
    value = sum(
        np.log((1 - p) * given[0][r] / sum(given[0].values()) + p * given[1][r] / sum(given[1].values()))
        for r in rows
    )
    assert fit.params["a.table"][1] == pytest.approx(p[value.argmax()], abs=2e-3)
    assert fit.log_likelihood == pytest.approx(value.max(), abs=1e-4)


def test_a_value_of_a_parent_that_leaves_nothing() -> None:
    """p(s | a = 1) has nowhere to go, unless a is never 1."""
    text = "plate row {{\n  a : bit ~ Table() {{ {}, {} }}\n  field s : bit\n  factor log(1 - a) + 0.2 * s\n}}\n"
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text.format(0.5, 0.5)).query("P(s)")
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0609"
    assert "a = 1" in problem.message
    answer = pgmlang.compile(text.format(1.0, 0.0)).query("P(s)")
    assert [r["p"] for r in answer.table] == pytest.approx([chance(0.2, 0), chance(0.2, 1)])


def test_no_number() -> None:
    """0 times log(0) is said to be none, and is not taken for an impossibility."""
    with pytest.raises(PgmError) as caught:
        pgmlang.compile("plate row {\n  field s : bit\n  factor s * log(0)\n}\n").query("P(s)")
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0410"


@pytest.mark.parametrize("is_field", [False, True])
def test_hidden_labels_that_all_rows_enter(is_field: bool) -> None:
    """`sum(z, over = row)` in a directed parent or in a field's factor, the labels summed out; in rows of groups too,
    against listing."""
    y = (
        "field y : bit\nfactor (sum(z, over = row) - 1) * y"
        if is_field
        else "y ~ Bernoulli(logit = sum(z, over = row) - 1)"
    )
    rows = "plate row {\n  z : bit ~ Table() { 0.4, 0.6 }\n  x ~ Bernoulli(0.2 + 0.6 * z)\n}\n"
    x = [1, 0, 1]
    network = pgmlang.compile(rows + y).fit({"x": x}, method="exact")
    assert network.log_likelihood == pytest.approx(sum(np.log([0.56 if k else 0.44 for k in x])))
    grouped = "plate group {\n" + rows + y + "\n}\n"
    data = {"group": {"group": ["A", "B"], "y": [1, 0]}, "row": {"x": x, "group": ["A", "A", "B"]}}
    fit = pgmlang.compile(grouped).fit(data, method="exact")
    chances = []
    for rows_x, is_one in (([1, 0], True), ([1], False)):
        chance = 0.0
        for z in itertools.product([0, 1], repeat=len(rows_x)):
            q = 1 / (1 + np.exp(1 - sum(z)))
            joint = [(0.6 if a else 0.4) * (0.8 if a == b else 0.2) for a, b in zip(z, rows_x, strict=True)]
            chance += float(np.prod(joint)) * (q if is_one else 1 - q)
        chances.append(chance)
    assert fit.log_likelihood == pytest.approx(np.log(chances).sum())
