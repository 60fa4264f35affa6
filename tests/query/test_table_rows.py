"""Rows of fits of tables keep their links: the scores of the training rows add up to the fit's log-likelihood, and
predictions are the posteriors of the whole model, against enumeration, for generated structures."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

PLAIN = "  z : {u, v} ~ Table()\n  x : {a, b} ~ Table(z)\n"
STRUCTURES = {
    "rows": "plate row {\n" + PLAIN + "}\n",
    "wide": "plate row {\n  z : {u, v} ~ Table()\n  plate item[2] { x : {a, b} ~ Table(z) }\n}\n",
    "axis": "dim k = {one, two}\nparam p[k] : real\nplate row {\n  x[k] ~ Bernoulli(logit = p)\n}\n",
    "group": "plate g {\n  z : {u, v} ~ Table()\n  plate row { x : {a, b} ~ Table(z) }\n}\n",
    "group with labels of its rows": (
        "plate g {\n  z : {u, v} ~ Table()\n  plate row { w : {c, d} ~ Table(z) ; x : {a, b} ~ Table(w, z) }\n}\n"
    ),
    "three levels": (
        "plate h {\n  t : {k, l} ~ Table()\n  plate g in h {\n    z : {u, v} ~ Table(t)\n"
        "    plate row in g { x : {a, b} ~ Table(z) }\n  }\n}\n"
    ),
    "chain alone": "plate row = chain {\n  z : {u, v} ~ if first then Table() else Table(prev(z))\n  x : {a, b} ~ Table(z)\n}\n",
    "sequences": (
        "plate g { plate row = chain {\n  z : {u, v} ~ if first then Table() else Table(prev(z))\n  x : {a, b} ~ Table(z)\n} }\n"
    ),
    "sequences of kinds": (
        "plate g {\n  t : {k, l} ~ Table()\n  plate row = chain {\n    z : {u, v} ~ if first then Table(t) else Table(prev(z), t)\n"
        "    x : {a, b} ~ Table(z)\n  }\n}\n"
    ),
    "observed chain": "plate g { plate row = chain { x : {a, b} ~ if first then Table() else Table(prev(x)) } }\n",
    "tables by group": "plate g { }\nplate row in g {\n  z : {u, v} ~ Table()\n  x : {a, b} ~ Table(z, by = g, prior = 1)\n}\n",
    "crossed": (
        "plate g { z : {u, v} ~ Table() }\nplate h { t : {k, l} ~ Table() }\nplate row in g, h { x : {a, b} ~ Table(z, t) }\n"
    ),
    "shared": "s : {k, l} ~ Table() { 0.3, 0.7 }\nplate row {\n  x : {a, b} ~ Table(s) { k : 0.9, 0.1 ; l : 0.4, 0.6 }\n}\n",
    "an input": "param a, b : real\nplate row {\n  input c : real\n  x ~ Bernoulli(logit = a + b * c)\n}\n",
}  # fmt: skip


def rows_for(name: str, seed: int, count: int = 9) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    letters = rng.choice(["a", "b"], count).tolist()
    if name in ("axis",):
        return {k: rng.integers(0, 2, count).tolist() for k in ("one", "two")}
    if name == "wide":
        return {"x.0": letters, "x.1": rng.choice(["a", "b"], count).tolist()}
    if name == "an input":
        return {"c": rng.normal(size=count).round(1).tolist(), "x": rng.integers(0, 2, count).tolist()}
    groups = [f"g{i}" for i in (1, 0, 1, 2, 0, 1, 1, 2, 0)][:count]
    data: dict[str, Any] = {"x": letters}
    if name not in ("rows", "chain alone", "shared"):
        data["g"] = groups
    if name == "three levels":
        data["h"] = [{"g0": "h0", "g1": "h0", "g2": "h1"}[g] for g in groups]
    if name == "crossed":
        data["h"] = [f"h{i % 2}" for i in range(count)]
    return data


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", list(STRUCTURES))
def test_scores_of_the_training_rows_are_the_fit(name: str, seed: int) -> None:
    fit = pgmlang.compile("model m\n" + STRUCTURES[name]).fit(rows_for(name, seed), seed=1)
    assert not fit.posterior.reasons_against_tables
    bound = fit.bind(rows_for(name, seed))
    assert float(np.sum(fit.score_rows(bound).values)) == pytest.approx(fit.log_likelihood, abs=1e-6)


def by_enumeration(fit: Any, bound: Any) -> tuple[float, dict[str, np.ndarray]]:
    """The log-evidence of all rows, and the posterior of every element of every latent, from all configurations of the
    unrolled network."""
    from pgmlang.tables.unroll import unroll

    inputs = {k: v for k, v in bound.values.items() if bound.model.by_name[k].role == "input"}
    whole = unroll(bound.model, fit.record.parameters, bound.sizes, bound.labels, inputs, bound.layout.parents)
    network = whole.network
    given = {}
    for name, block in whole.nodes.items():
        for i, code in enumerate(np.asarray(bound.values.get(name, np.full(block.shape, -1))).reshape(-1)):
            if code >= 0:
                given[block.first + i] = int(code)
    free = [v for v in range(len(network.variables)) if v not in given]
    posterior = {v: np.zeros(network.sizes[v]) for v in free}
    total = 0.0
    for codes in itertools.product(*(range(network.sizes[v]) for v in free)):
        at = {**given, **dict(zip(free, codes, strict=True))}
        p = float(np.exp(sum(f.log_values()[tuple(at[v] for v in f.scope)] for f in network.factors)))
        total += p
        for v, code in zip(free, codes, strict=True):
            posterior[v][code] += p
    found = {}
    for name, block in whole.nodes.items():
        if name not in bound.values:
            nodes = range(block.first, block.first + block.count)
            found[name] = np.stack([posterior[v] / total for v in nodes]).reshape(*block.shape, block.size)
    return float(np.log(total)), found


@pytest.mark.parametrize("name", [n for n in STRUCTURES if n not in ("axis", "an input", "observed chain")])
def test_predictions_are_the_posteriors_of_the_whole(name: str) -> None:
    fit = pgmlang.compile("model m\n" + STRUCTURES[name]).fit(rows_for(name, 3), seed=1)
    data = rows_for(name, 4, 6)
    bound = fit.bind(data)
    log_evidence, posterior = by_enumeration(fit, bound)
    assert float(np.nansum(fit.score_rows(bound).values)) == pytest.approx(log_evidence, abs=1e-9)
    columns = fit.predict_columns(data).columns
    for variable, table in posterior.items():
        labels = bound.model.labels_of(bound.model.by_name[variable].type)
        axes = bound.model.batch_axes(bound.model.by_name[variable].plates)
        for code, label in enumerate(labels):
            expected = table[..., code]
            if not axes:
                expected = np.full(6, expected)
            elif axes[0] != bound.plate:
                expected = expected[bound.layout.parents[bound.plate, axes[0]]]
            if bound.rows is not None:
                expected = expected[np.argsort(bound.rows)]
            np.testing.assert_allclose(columns[f"P({variable} = {label})"], expected, atol=1e-9)


def test_cells_of_wide_columns_that_are_missing() -> None:
    text = "model m\nplate row {\n  z : {u, v} ~ Table() { 0.5, 0.5 }\n  plate item[2] { x : {a, b} ~ Table(z) { u : 0.9, 0.1 ; v : 0.2, 0.8 } }\n}\n"
    fit = pgmlang.compile(text).fit({"x.0": ["a", "b"], "x.1": ["a", "b"]})
    found = fit.predict_columns({"x.0": ["a", "b"], "x.1": ["", "b"]}).columns
    assert found["P(z = u)"][0] == pytest.approx(0.45 / 0.55)
    assert found["P(x[1] = a)"][0] == pytest.approx((0.45 * 0.9 + 0.1 * 0.2) / 0.55)
    assert found["P(x[1] = b)"][1] == pytest.approx(1.0)
    assert "P(x[0] = a)" not in found
    asked = fit.predict_columns({"x.0": ["a"], "x.1": [""]}, targets=["x[1]"]).columns
    assert [c for c in asked if c.startswith("P(")] == ["P(x[1] = a)", "P(x[1] = b)"]


def test_scores_of_outer_elements_are_named_in_the_order_of_the_file() -> None:
    fit = pgmlang.compile("model m\n" + STRUCTURES["sequences"]).fit(rows_for("sequences", 0), seed=1)
    found = fit.score_rows({"g": ["zed", "ann", "zed", "ann"], "x": ["a", "b", "b", "b"]})
    assert found.elements == ("zed", "ann")
    one = fit.score_rows({"g": ["ann", "ann"], "x": ["b", "b"]})
    assert found.values[1] == pytest.approx(float(one.values[0]))


def test_elements_without_parameters_are_refused() -> None:
    fit = pgmlang.compile("model m\n" + STRUCTURES["tables by group"]).fit(rows_for("tables by group", 0), seed=1)
    with pytest.raises(PgmError) as caught:
        fit.predict_columns({"g": ["other"], "x": ["a"]})
    assert caught.value.diagnostics[0].code == "PGM0602"


def test_a_target_that_is_not_there() -> None:
    fit = pgmlang.compile("model m\n" + STRUCTURES["rows"]).fit(rows_for("rows", 0), seed=1)
    with pytest.raises(PgmError) as caught:
        fit.predict_columns({"x": ["a"]}, targets=["zz"])
    assert caught.value.diagnostics[0].code == "PGM0607"


def test_fresh_rows_of_a_chain_are_one_sequence() -> None:
    """Draws of moves that almost always change the state, from a start that is certain."""
    moves = "if first then Table() { 1, 0 } else Table(prev(s)) { a : 0.02, 0.98 ; b : 0.98, 0.02 }"
    for text in (
        f"plate day = chain {{ s : {{a, b}} ~ {moves} }}",
        f"plate q {{ plate day = chain {{ s : {{a, b}} ~ {moves} }} }}",
    ):
        data = {"s": list("ababab"), **({"q": ["x"] * 6} if "plate q" in text else {})}
        fit = pgmlang.compile(f"model m\n{text}\n").fit(data)
        drawn = fit.sample_columns(400, seed=1).columns["s"]
        changes = np.mean([x != y for x, y in itertools.pairwise(drawn)])
        assert drawn[0] == "a"
        assert changes == pytest.approx(0.98, abs=0.03)
        assert set(fit.sample_columns(3, evidence="s = a").columns["s"]) == {"a"}
        between = fit.sample_columns(200, seed=1, evidence="s[2] = a").columns["s[1]"]
        assert np.mean([x == "b" for x in between]) > 0.98


def test_fresh_rows_of_groups_are_refused() -> None:
    fit = pgmlang.compile("model m\n" + STRUCTURES["group"]).fit(rows_for("group", 0), seed=1)
    with pytest.raises(PgmError) as caught:
        fit.sample(3, seed=1)
    assert caught.value.diagnostics[0].code == "PGM0602"


ROWS_OF_GROUPS = {
    "a label": "y : {no, yes} ~ Table(k)",
    "a bit": "b : bit ~ Table(k)",
    "two labels": "y : {no, yes} ~ Table(k)\n  b : bit ~ Table(k, y)",
    "a label of an input": "input i : {s, t}\n  y : {no, yes} ~ Table(k, i)",
    "a chain": "y : {no, yes} ~ if first then Table(k) else Table(prev(y), k)",
}


@pytest.mark.parametrize("rows", ROWS_OF_GROUPS)
def test_rows_of_some_groups_of_a_fit(rows: str) -> None:
    """Those that are not asked about have no rows, and change nothing; against the sum over the group's label."""
    generator = np.random.default_rng(3)
    plate = "plate r = chain" if rows == "a chain" else "plate r"
    text = f"plate g {{\n k : {{lo, hi}} ~ Table()\n {plate} {{ {ROWS_OF_GROUPS[rows]} }}\n}}\n"
    groups = list("aaabbbbbccc")
    data = {"g": groups, "y": list(generator.choice(["no", "yes"], 11)), "b": list(generator.integers(0, 2, 11)),
            "i": list(generator.choice(["s", "t"], 11))}  # fmt: skip
    fit = pgmlang.compile(text).fit(data, seed=1, method="em", options={"restarts": 1})
    whole = fit.predict_columns(data).columns
    seen = {n: label for n, label in (("y", "yes"), ("b", "1")) if n in fit.record.model.by_name}
    for some in ("b", "ca", "a"):
        picked = [i for i, g in enumerate(groups) if g in some]
        part = {name: [column[i] for i in picked] for name, column in data.items()}
        answer = fit.predict_columns(part).columns
        assert np.asarray(answer["P(k = hi)"]) == pytest.approx(np.asarray(whole["P(k = hi)"])[picked], abs=1e-9)
        told = fit.predict_columns({n: v for n, v in part.items() if n not in seen}).columns
        prior = fit.predict_columns({n: v for n, v in data.items() if n not in seen}).columns
        for name in (f"P({n} = {label})" for n, label in seen.items()):
            assert np.asarray(told[name]) == pytest.approx(np.asarray(prior[name])[picked], abs=1e-9)
        assert np.asarray(told["P(k = hi)"]) == pytest.approx(fit.record.parameters["k.table"][1], abs=1e-9)
        assert np.isfinite(fit.predict_columns(part, targets=["k"]).columns["log_evidence"]).all()
