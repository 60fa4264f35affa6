"""Soft evidence (`x ~ {label: weight}`) against the joint multiplied out, by every verb that takes it, and what is refused."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

A = [0.2, 0.5, 0.3]
B = [[0.9, 0.1], [0.4, 0.6], [0.25, 0.75]]
C = [[0.7, 0.3], [0.1, 0.9]]
TEXT = """a : {x, y, z} ~ Table() { 0.2, 0.5, 0.3 }
b : {no, yes} ~ Table(a) { x : 0.9, 0.1
 y : 0.4, 0.6
 z : 0.25, 0.75 }
c : {no, yes} ~ Table(b) { no : 0.7, 0.3
 yes : 0.1, 0.9 }
"""
LABELS = {"a": ("x", "y", "z"), "b": ("no", "yes"), "c": ("no", "yes")}
FIELD = "param w : real\nplate row { field a : {x, y, z}, b : {no, yes}, c : {no, yes}\n factor if a == y and b == yes then w else 0\n factor if b == c then 0.8 else 0 }\n"  # fmt: skip


def joint(kind: str) -> dict[tuple[str, str, str], float]:
    out = {}
    for i, j, k in product(range(3), range(2), range(2)):
        weight = A[i] * B[i][j] * C[j][k]
        if kind == "field":
            weight = float(np.exp(0.5 * (i == 1 and j == 1) + 0.8 * (j == k)))
        out[LABELS["a"][i], LABELS["b"][j], LABELS["c"][k]] = weight
    total = sum(out.values())
    return {labels: weight / total for labels, weight in out.items()}


@pytest.fixture(scope="module", params=["tables", "field"])
def asked(request: pytest.FixtureRequest) -> tuple[Any, dict[tuple[str, str, str], float]]:
    if request.param == "tables":
        return pgmlang.compile(TEXT).given(), joint("tables")
    return pgmlang.compile(FIELD).given({"w": 0.5}), joint("field")


EVIDENCE: list[tuple[str, dict[str, dict[str, float]]]] = [
    ("a ~ {x: 1, y: 2, z: 0.5}", {"a": {"x": 1, "y": 2, "z": 0.5}}),
    ("a ~ {z: 0.5, x: 1, y: 2}", {"a": {"x": 1, "y": 2, "z": 0.5}}),
    ("a ~ {x: 0, y: 1, z: 0}", {"a": {"y": 1}}),
    ("a ~ {x: 1e-200, y: 2e-200, z: 0}", {"a": {"x": 1e-200, "y": 2e-200}}),
    ("c ~ {no: 3, yes: 1}", {"c": {"no": 3, "yes": 1}}),
    (
        "a ~ {x: 1, y: 2, z: 4}, c ~ {no: 0.1, yes: 0.9}",
        {"a": {"x": 1, "y": 2, "z": 4}, "c": {"no": 0.1, "yes": 0.9}},
    ),
    ("a ~ {x: 1, y: 2, z: 4}, c = yes", {"a": {"x": 1, "y": 2, "z": 4}, "c": {"yes": 1}}),
    ('"a" ~ {"x": 1, "y": 1, "z": 1}', {}),
]


def weighed(table: dict[tuple[str, str, str], float], weights: dict[str, dict[str, float]]) -> dict[Any, float]:
    """The joint times the weights of what is seen, not normalised."""
    out = {}
    for labels, p in table.items():
        for name, by_label in weights.items():
            p *= by_label.get(labels["abc".index(name)], 0)
        out[labels] = p
    return out


@pytest.mark.parametrize(("evidence", "weights"), EVIDENCE)
def test_against_the_joint(asked: Any, evidence: str, weights: dict[str, dict[str, float]]) -> None:
    model, table = asked
    kept = weighed(table, weights)
    total = sum(kept.values())
    for name in "abc":
        answer = model.query(f"P({name} | {evidence})" if f"{name} = " not in evidence else f"P(b | {evidence})")
        name = name if f"{name} = " not in evidence else "b"
        for label in LABELS[name]:
            expected = sum(p for labels, p in kept.items() if labels["abc".index(name)] == label) / total
            assert answer.probabilities[label] == pytest.approx(expected, abs=1e-12)
        assert answer.log_evidence == pytest.approx(np.log(total), abs=1e-9)
    best = model.query(f"MAP(* | {evidence})").table[0]
    top = max(kept, key=kept.__getitem__)
    assert all(best.get(n, label) == label for n, label in zip("abc", top, strict=True))


def test_weights_say_only_their_ratio(asked: Any) -> None:
    one, two = (asked[0].query(f"P(b | a ~ {{x: {2 * s}, y: {3 * s}, z: {s}}})") for s in (1, 1e-150))
    assert one.probabilities == pytest.approx(two.probabilities, abs=1e-12)


def test_beside_do() -> None:
    """The arrows into `b` are cut: what is weighed above says nothing of what is below."""
    answer = pgmlang.compile(TEXT).query("P(c | do(b = yes), a ~ {x: 1, y: 7, z: 2})")
    assert answer.probabilities == pytest.approx({"no": 0.1, "yes": 0.9})


def test_other_verbs_take_it_or_refuse_it() -> None:
    model = pgmlang.compile(TEXT)
    evidence, weights = EVIDENCE[5]
    assert model.log_z(evidence) == pytest.approx(np.log(sum(weighed(joint("tables"), weights).values())))
    with pytest.raises(PgmError) as caught:
        model.sample(5, seed=1, evidence=evidence)
    assert (caught.value.diagnostics[0].code, bool(caught.value.diagnostics[0].help)) == ("PGM0606", True)


REFUSED = [
    ("a ~ {x: 1}", "PGM0606", "says nothing of `y`, `z`"),
    ("a ~ {x: 1, y: 2}", "PGM0606", "says nothing of `z`"),
    ("a ~ {x: 1, x: 2, y: 1, z: 1}", "PGM0606", "`x` has two weights"),
    ('a ~ {x: 1, "x": 1, y: 1, z: 1}', "PGM0606", "`x` has two weights"),
    ("a ~ {x: 0, y: 0, z: 0}", "PGM0606", "rules every label out"),
    ("a ~ {x: 0, y: 0.0, z: 0e5}", "PGM0606", "rules every label out"),
    ("a ~ {x: 1, y: 1, z: 1, q: 1}", "PGM0607", "`q` is not a label"),
    ("a ~ {}", "PGM0606", "label"),
    ("a ~ {x: -1, y: 1, z: 1}", "PGM0606", "weight from 0"),
    ("a ~ {x: 1e999, y: 1, z: 1}", "PGM0606", "weight from 0"),
    ("a ~ {x: nan, y: 1, z: 1}", "PGM0606", "weight from 0"),
    ("a ~ {x: 1, y: 1, z: 1}, a ~ {x: 1, y: 1, z: 1}", "PGM0606", "given twice"),
    ("a ~ {x: 1, y: 1, z: 1}, a = x", "PGM0606", "given twice"),
    ("d ~ {x: 1}", "PGM0607", "no variable `d`"),
    ("a ~ [0.5, 0.2, 0.3]", "PGM0606", ""),
    ("do(a ~ {x: 1, y: 1, z: 1})", "PGM0606", "`do` sets"),
]


@pytest.mark.parametrize(("evidence", "code", "said"), REFUSED)
def test_what_is_refused(evidence: str, code: str, said: str) -> None:
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(TEXT).query(f"P(b | {evidence})")
    (problem,) = caught.value.diagnostics
    assert problem.code == code
    assert said in problem.message
    assert problem.help
    if not evidence.startswith("do"):
        with pytest.raises(PgmError) as again:
            pgmlang.compile(TEXT).log_z(evidence)
        assert again.value.diagnostics[0].code == code


def test_weights_that_nothing_can_meet() -> None:
    """Each alone is possible; the model rules both out together."""
    text = "a : {x, y} ~ Table() { 0.5, 0.5 }\nb : {x, y} ~ Table(a) { x : 1, 0\n y : 0, 1 }\n"
    with pytest.raises(PgmError) as caught:
        pgmlang.compile(text).query("P(a | a ~ {x: 1, y: 0}, b ~ {x: 0, y: 1})")
    assert (caught.value.diagnostics[0].code, bool(caught.value.diagnostics[0].help)) == ("PGM0609", True)


def test_a_fit_takes_it_too() -> None:
    data = {
        "a": ["x", "y", "z", "y"] * 5,
        "b": ["no", "yes", "yes", "no"] * 5,
        "c": ["no", "yes", "yes", "no"] * 5,
    }
    rows = "plate row { a : {x, y, z} ~ Table(prior = 1)\n b : {no, yes} ~ Table(a, prior = 1)\n c : {no, yes} ~ Table(b, prior = 1) }\n"
    fit = pgmlang.compile(rows).fit(data)
    p = fit.query("P(a, b)").probabilities
    scaled = {k: v * {"x": 3.0, "y": 1.0, "z": 0.0}[k[0]] for k, v in p.items()}
    expected = sum(v for k, v in scaled.items() if k[1] == "yes") / sum(scaled.values())
    assert fit.query("P(b | a ~ {x: 3, y: 1, z: 0})").probabilities["yes"] == pytest.approx(expected)


def test_a_fit_of_draws_refuses_it() -> None:
    text = "m ~ Normal(0, 1)\nplate row { z : {a, b} ~ Table() { 0.5, 0.5 }\n y ~ Normal(if z == a then m else m + 4, 1) }\n"
    fit = pgmlang.compile(text).fit(
        {"y": [0.1, 4.2, 0.3, 3.9]}, method="hmc", seed=1, options={"chains": 2, "warmup": 50, "draws": 50}
    )
    for evidence in ("z ~ {a: 1, b: 2}", "z ~ {a: 1}", "z ~ {a: 0, b: 0}", "z ~ {a: 1, a: 1}"):
        with pytest.raises(PgmError) as caught:
            fit.query(f"E(y | {evidence})")
        assert caught.value.diagnostics[0].help
