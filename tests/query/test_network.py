"""Answers about networks: against the book, against enumeration by hand, and refusals."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def asia() -> pgmlang.CompiledModel:
    return pgmlang.compile(EXAMPLES / "asia" / "asia.pgm")


def joint_of_asia() -> dict[tuple[str, ...], float]:
    """The joint by the eight tables, multiplied out by hand."""
    yes = {"asia": 0.01, "smoke": 0.5}
    out = {}
    for a, s, t, lu, b, e, x, d in product((1, 0), repeat=8):
        if e != (lu or t):
            continue
        p = yes["asia"] if a else 1 - yes["asia"]
        p *= 0.5
        for value, chance in ((t, 0.05 if a else 0.01), (lu, 0.1 if s else 0.01), (b, 0.6 if s else 0.3),
                              (x, 0.98 if e else 0.05),
                              (d, (0.9 if e else 0.8) if b else (0.7 if e else 0.1))):  # fmt: skip
            p *= chance if value else 1 - chance
        key = tuple("yes" if v else "no" for v in (a, s, t, lu, b, e, x, d))
        out[key] = p
    return out


NAMES = ("asia", "smoke", "tub", "lung", "bronc", "either", "xray", "dysp")


def by_hand(target: str, evidence: dict[str, str]) -> tuple[float, float]:
    joint = joint_of_asia()
    keep = {k: p for k, p in joint.items() if all(k[NAMES.index(n)] == v for n, v in evidence.items())}
    total = sum(keep.values())
    return sum(p for k, p in keep.items() if k[NAMES.index(target)] == "yes") / total, total


@pytest.mark.parametrize(
    "evidence", [{}, {"asia": "yes", "dysp": "yes"}, {"smoke": "no", "xray": "yes"}, {"dysp": "no"}]
)
def test_posteriors_equal_the_joint_multiplied_out(asia: pgmlang.CompiledModel, evidence: dict[str, str]) -> None:
    given = ", ".join(f"{k} = {v}" for k, v in evidence.items())
    for name in NAMES:
        if name in evidence:
            continue
        answer = asia.query(f"P({name} | {given})" if given else f"P({name})")
        expected, total = by_hand(name, evidence)
        assert answer.probabilities["yes"] == pytest.approx(expected, abs=1e-12)
        assert answer.log_evidence == pytest.approx(np.log(total), abs=1e-10)


def test_the_book(asia: pgmlang.CompiledModel) -> None:
    answer = asia.query("P(lung | asia = yes, dysp = yes)")
    assert answer.probabilities["yes"] == pytest.approx(0.09953, abs=5e-6)
    assert np.exp(answer.log_evidence) == pytest.approx(0.00450138, abs=5e-9)


def test_joint_query_and_schema(asia: pgmlang.CompiledModel) -> None:
    answer = asia.query("P(lung, bronc | dysp = yes)")
    document = answer.to_dict()
    assert set(document) == {"query", "method", "variables", "table", "log_evidence"}
    assert document["variables"] == ["lung", "bronc"]
    assert len(document["table"]) == 4
    assert sum(row["p"] for row in document["table"]) == pytest.approx(1, abs=1e-12)
    assert set(document["table"][0]) == {"lung", "bronc", "p"}


def test_do_cuts_the_arrows_in(asia: pgmlang.CompiledModel) -> None:
    assert asia.query("P(smoke | do(lung = yes))").probabilities["yes"] == pytest.approx(0.5, abs=1e-12)
    assert asia.query("P(lung | do(smoke = yes))").probabilities["yes"] == pytest.approx(0.1, abs=1e-12)
    assert asia.query("P(smoke | lung = yes)").probabilities["yes"] > 0.9


def test_an_intervened_variable_may_be_asked(asia: pgmlang.CompiledModel) -> None:
    assert asia.query("P(lung | do(lung = yes))").probabilities == {"yes": 1.0, "no": 0.0}


def test_soft_evidence_is_a_likelihood(asia: pgmlang.CompiledModel) -> None:
    hard = asia.query("P(lung | xray = yes)").probabilities["yes"]
    assert asia.query("P(lung | xray ~ {yes: 1, no: 0})").probabilities["yes"] == pytest.approx(hard, abs=1e-12)
    p = asia.query("P(lung, xray)").probabilities
    expected = (0.9 * p["yes", "yes"] + 0.3 * p["yes", "no"]) / (
        0.9 * (p["yes", "yes"] + p["no", "yes"]) + 0.3 * (p["yes", "no"] + p["no", "no"])
    )
    answer = asia.query("P(lung | xray ~ {yes: 0.9, no: 0.3})")
    assert answer.probabilities["yes"] == pytest.approx(expected, abs=1e-12)


def test_map_and_mpe_equal_enumeration(asia: pgmlang.CompiledModel) -> None:
    joint = {k: p for k, p in joint_of_asia().items() if k[7] == "yes"}
    best = max(joint, key=joint.__getitem__)
    row = asia.query("MAP(* | dysp = yes)").table[0]
    assert tuple(row[n] for n in NAMES[:7]) == best[:7]
    assert row["p"] == pytest.approx(joint[best] / sum(joint.values()), abs=1e-12)
    marginal: dict[tuple[str, str], float] = {}
    for k, p in joint.items():
        marginal[k[3], k[4]] = marginal.get((k[3], k[4]), 0) + p
    row = asia.query("MAP(lung, bronc | dysp = yes)").table[0]
    assert (row["lung"], row["bronc"]) == max(marginal, key=marginal.__getitem__)


def test_events(asia: pgmlang.CompiledModel) -> None:
    assert asia.query("P(lung = yes | smoke = yes)").table[0]["p"] == pytest.approx(0.1)
    assert asia.query("P(lung != yes | smoke = yes)").table[0]["p"] == pytest.approx(0.9)


def test_numeric_labels_have_expectations() -> None:
    model = pgmlang.compile("plate row { x : {0, 1, 5} ~ Table() { 0.2, 0.3, 0.5 } }\n")
    answer = model.query("E(x)")
    assert answer.table[0]["mean"] == pytest.approx(2.8)
    assert model.query("P(x > 0)").table[0]["p"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("P(lungs)", "PGM0607"),
        ("P(lung | smoke = maybe)", "PGM0607"),
        ("P(lung | either = no, tub = yes)", "PGM0609"),
        ("E(lung)", "PGM0606"),
        ("MAP(smoke | smoke = yes)", "PGM0606"),
    ],
)
def test_refusals(asia: pgmlang.CompiledModel, query: str, code: str) -> None:
    with pytest.raises(PgmError) as caught:
        asia.query(query)
    assert caught.value.diagnostics[0].code == code
    assert caught.value.diagnostics[0].help


def test_impossible_evidence_names_the_smallest_conflict(asia: pgmlang.CompiledModel) -> None:
    with pytest.raises(PgmError) as caught:
        asia.query("P(lung | smoke = yes, either = no, tub = yes, dysp = no)")
    message = caught.value.diagnostics[0].message
    assert "either = no" in message
    assert "tub = yes" in message
    assert "smoke" not in message


def test_do_on_a_field_is_refused() -> None:
    model = pgmlang.compile("param J : real\nplate row { field a : bit, b : bit\n factor J * a * b }\n")
    with pytest.raises(PgmError) as caught:
        model.query("P(a | do(b = 1))", fixed={"J": 0.3})
    assert caught.value.diagnostics[0].code == "PGM0608"
    p = model.query("P(a | b = 1)", fixed={"J": 0.3}).probabilities["1"]
    assert p == pytest.approx(1 / (1 + np.exp(-0.3)), abs=1e-12)


def test_a_param_without_a_value_is_refused() -> None:
    model = pgmlang.compile("param J : real\nplate row { field a : bit, b : bit\n factor J * a * b }\n")
    with pytest.raises(PgmError) as caught:
        model.query("P(a)")
    assert caught.value.diagnostics[0].code == "PGM0610"


def test_samples_follow_the_posterior(asia: pgmlang.CompiledModel) -> None:
    draws = asia.sample_columns(20_000, seed=3, evidence="dysp = yes").columns
    p = asia.query("P(bronc | dysp = yes)").probabilities["yes"]
    share = np.mean([x == "yes" for x in draws["bronc"]])
    assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / 20_000)
    assert set(draws["dysp"]) == {"yes"}
