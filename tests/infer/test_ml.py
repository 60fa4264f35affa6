"""Tables by counting: reference numbers, priors, weights, batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.infer import fit_model, ml, scores
from pgmlang.infer.counts import normalise
from pgmlang.model import Model
from pgmlang.results.summary import summary_rows
from pgmlang.sema import compile_source
from pgmlang.tables.from_model import row_network
from tests.infer.by_hand import (
    SPRINKLER,
    bound,
    columns_of,
    joint,
    random_dag,
    random_tables,
    sample_rows,
)

LEARNING = [("A", ""), ("C", ""), ("F", ""), ("B", "A"), ("D", "A, C"), ("E", "B, F")]
ASIA = [("A", ""), ("S", ""), ("T", "A"), ("L", "S"), ("B", "S"), ("E", "T, L"), ("X", "E"), ("D", "B, E")]


def from_file(path: Path, structure: list[tuple[str, str]]) -> tuple[Model, dict[str, list[object]]]:
    pandas = pytest.importorskip("pandas")
    if not path.exists():
        pytest.skip(f"no {path.name}")
    frame = pandas.read_csv(path, dtype=str)
    lines = [f"  {n} : {{{', '.join(sorted(frame[n].unique()))}}} ~ Table({ps})" for n, ps in structure]
    return compile_source("plate row {\n" + "\n".join(lines) + "\n}\n"), {n: list(frame[n]) for n, _ in structure}


@pytest.mark.parametrize(
    ("name", "structure", "log_likelihood", "bic", "bdeu"),
    [
        ("learning.test.csv.gz", LEARNING, -23832.132, -24006.734, -23967.650),
        ("asia.csv.gz", ASIA, -11033.087, -11109.742, -11142.014),
    ],
)
def test_reference_scores(
    name: str, structure: list[tuple[str, str]], log_likelihood: float, bic: float, bdeu: float, shared_data: Path
) -> None:
    binding = bound(*from_file(shared_data / "bn" / "data" / name, structure))
    assert scores.max_log_likelihood(binding) == pytest.approx(log_likelihood, abs=6e-4)
    assert scores.bic(binding) == pytest.approx(bic, abs=6e-4)
    assert scores.bdeu(binding, 10) == pytest.approx(bdeu, abs=6e-4)
    fit = fit_model(binding.model, binding)
    assert (fit.method, fit.status) == ("ml", "converged")
    assert fit.trace == (pytest.approx(log_likelihood, abs=6e-4),)


@pytest.mark.parametrize("seed", range(5))
def test_counts_and_log_likelihood(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = compile_source(random_dag(seed)[0])
    network = row_network(model, random_tables(model, rng))
    rows = sample_rows(network, 300, rng)
    binding = bound(model, columns_of(network, rows))
    fit = fit_model(model, binding, seed=1)
    for conditional in model.conditionals:
        names = [p.name for p in conditional.distribution.parents] + [conditional.target]  # type: ignore[union-attr]
        counts = np.zeros_like(fit.parameters[f"{conditional.target}.counts"])
        np.add.at(counts, tuple(binding.values[n] for n in names), 1)
        assert (fit.parameters[f"{conditional.target}.counts"] == counts).all()
        assert np.allclose(fit.parameters[f"{conditional.target}.table"], normalise(counts, 0.0))
    log_p = joint(row_network(model, fit.parameters))
    assert fit.trace[-1] == pytest.approx(log_p[tuple(rows.T)].sum())


def test_priors_give_posterior_means() -> None:
    text = "plate row { a : {x, y} ~ Table(prior = 1) ; b : {x, y, z} ~ Table(a, prior = bdeu(12)) }\n"
    model = compile_source(text)
    binding = bound(model, {"a": ["x", "x", "x"], "b": ["x", "y", "x"]})
    fit = fit_model(model, binding)
    assert np.allclose(fit.parameters["a.table"], [4 / 5, 1 / 5])
    assert np.allclose(fit.parameters["b.table"], [[4 / 9, 3 / 9, 2 / 9], [1 / 3, 1 / 3, 1 / 3]])
    assert fit.parameters["b.counts"].tolist() == [[2, 1, 0], [0, 0, 0]]
    assert not fit.warnings


def test_rows_without_data_are_uniform_and_counted() -> None:
    model = compile_source("plate row { a : {x, y, z} ~ Table() ; b : {x, y} ~ Table(a) }\n")
    fit = fit_model(model, bound(model, {"a": ["x", "x"], "b": ["x", "y"]}))
    assert fit.parameters["b.table"].tolist() == [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    assert fit.parameters["b.counts"].sum() == 2
    warning, zeros = fit.warnings
    assert warning.code == zeros.code == "PGM0802"
    assert zeros.message.startswith("P(a = y) is 0, on its bound (and so are 1 more)")
    assert "2 table rows" in warning.message
    assert "2 of 3 of `b`" in warning.message


def test_a_probability_of_zero_is_named_and_has_no_error() -> None:
    text = "plate row { a : {x, y} ~ Table() ; b : {u, v} ~ Table(a) }\n"
    data = {"a": ["x", "x", "y", "y"], "b": ["u", "v", "v", "v"]}
    model = compile_source(text)
    fit = fit_model(model, bound(model, data))
    assert fit.status == "converged"
    (warning,) = fit.warnings
    assert warning.message.startswith("P(b = u | a = y) is 0, on its bound:")
    errors = {(r["name"], *r["given"].values(), r["label"]): r["sd"] for r in summary_rows(fit)}
    assert errors["b", "y", "u"] is errors["b", "y", "v"] is None
    assert errors["b", "x", "u"] == pytest.approx((0.25 / 2) ** 0.5)
    cured = compile_source(text.replace("Table()", "Table(prior = 1)").replace("Table(a)", "Table(a, prior = 1)"))
    assert not fit_model(cured, bound(cured, data)).warnings


def test_weights_are_repeated_rows() -> None:
    rng = np.random.default_rng(2)
    model = compile_source(random_dag(3)[0])
    network = row_network(model, random_tables(model, rng))
    rows = sample_rows(network, 50, rng)
    weights = rng.integers(0, 4, size=50)
    weighted = fit_model(model, bound(model, columns_of(network, rows), weights=weights.astype(float)))
    repeated = fit_model(model, bound(model, columns_of(network, np.repeat(rows, weights, axis=0))))
    assert all(np.allclose(weighted.parameters[k], repeated.parameters[k]) for k in repeated.parameters)
    assert weighted.trace == pytest.approx(repeated.trace)


def test_batches_sum_to_the_whole() -> None:
    rng = np.random.default_rng(4)
    model = compile_source(random_dag(7)[0])
    network = row_network(model, random_tables(model, rng))
    rows = sample_rows(network, 90, rng)
    whole = bound(model, columns_of(network, rows))
    parts = [ml.summarize(bound(model, columns_of(network, rows[i : i + 30]))) for i in (0, 30, 60)]
    outcome = ml.conclude(whole, parts[0] + parts[1] + parts[2])
    fit = fit_model(model, whole)
    assert outcome.trace == pytest.approx(fit.trace)
    assert all((outcome.parameters[k] == fit.parameters[k]).all() for k in fit.parameters)


def test_a_table_for_each_element_of_a_plate() -> None:
    model = compile_source("plate school { }\nplate pupil in school { x : {a, b} ~ Table(by = school) }\n")
    school = np.array([0, 1, 1, 1, 0])
    binding = bound(
        model,
        {"x": ["a", "b", "b", "a", "a"]},
        "pupil",
        sizes={"school": 2},
        membership={("pupil", "school"): school},
    )
    fit = fit_model(model, binding)
    assert fit.parameters["x.counts"].tolist() == [[2, 0], [1, 2]]
    assert np.allclose(fit.parameters["x.table"], [[1, 0], [1 / 3, 2 / 3]])


def test_one_table_for_all_elements_of_an_axis() -> None:
    model = compile_source("dim f = {p, q}\nplate row { c : {x, y} ~ Table() ; v[f] : {lo, hi} ~ Table(c) }\n")
    columns = {"c": ["x", "y", "x"], "v": np.array([[0, 1], [1, 1], [0, 0]])}
    fit = fit_model(model, bound(model, columns))
    assert fit.parameters["v.counts"].tolist() == [[3, 1], [0, 2]]


def test_chains_count_first_and_later_rows_apart() -> None:
    model = compile_source(
        "plate seq { plate step = chain { z : {a, b} ~ if first then Table() else Table(prev(z)) } }\n"
    )
    seq = np.array([0, 1, 0, 1, 0])
    binding = bound(
        model, {"z": ["a", "b", "b", "b", "a"]}, "step", sizes={"seq": 2}, membership={("step", "seq"): seq}
    )
    fit = fit_model(model, binding)
    assert fit.parameters["z.counts"].tolist() == [1, 1]
    assert fit.parameters["z.counts2"].tolist() == [[0, 1], [1, 1]]
    assert fit.trace[-1] == pytest.approx(4 * np.log(0.5))


def test_conditionals_that_are_no_tables_count_too() -> None:
    model = compile_source("param w : real\nplate row { a : bit ~ Table() ; y ~ Bernoulli(logit = w * a - 1) }\n")
    binding = bound(model, {"a": [0, 1, 1], "y": [0, 0, 1]})
    fit = fit_model(model, binding, fixed={"w": 2.0})
    s = 1 / (1 + np.exp(-1))
    assert fit.trace[-1] == pytest.approx(np.log(1 / 3) + 2 * np.log(2 / 3) + np.log(s * (1 - s) * s))
    with pytest.raises(PgmError) as error:
        fit_model(model, binding, method="ml")
    assert error.value.diagnostics[0].code == "PGM0610"


def test_ml_refuses_what_is_latent_or_missing() -> None:
    model = compile_source(SPRINKLER)
    rows = {"cloudy": ["no", None], "sprinkler": ["no", "yes"], "wet": ["no", "yes"]}
    with pytest.raises(PgmError) as error:
        fit_model(model, bound(model, rows, "day"), method="ml")
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.code == "PGM0602"
    assert "`rain` is latent" in diagnostic.message
    assert any("`cloudy` has 1 missing cell" in n for n in diagnostic.notes)
