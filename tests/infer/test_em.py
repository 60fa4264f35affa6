"""EM: against counting, against enumeration, monotone, restarts, hard."""

from __future__ import annotations

import numpy as np
import pytest

from pgmlang.binding import row_groups as row_sets
from pgmlang.binding.record import Binding
from pgmlang.diagnostics import PgmError
from pgmlang.infer import em_tables, fit_model
from pgmlang.infer.counts import log_prior, normalise
from pgmlang.model import Model
from pgmlang.sema import compile_source
from pgmlang.tables.from_model import row_network
from tests.infer.by_hand import (
    SPRINKLER,
    bound,
    columns_of,
    completions,
    joint,
    log_sum,
    random_dag,
    random_tables,
    sample_rows,
)


def with_holes(seed: int, prior: str = "", num_rows: int = 120) -> tuple[Model, Binding, np.ndarray]:
    rng = np.random.default_rng(seed)
    model = compile_source(random_dag(seed, prior, max_nodes=5)[0])
    network = row_network(model, random_tables(model, rng))
    rows = sample_rows(network, num_rows, rng)
    rows[rng.random(rows.shape) < 0.25] = -1
    return model, bound(model, columns_of(network, rows)), rows


def naive_log_likelihood(model: Model, parameters: dict[str, np.ndarray], rows: np.ndarray) -> float:
    network = row_network(model, parameters)
    log_p = joint(network)
    return sum(log_sum(np.array([log_p[c] for c in completions(r, network.sizes)])) for r in rows)


def naive_step(model: Model, parameters: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """One EM step by enumerating every completion of every row."""
    network = row_network(model, parameters)
    log_p = joint(network)
    counts = {k: np.zeros_like(v) for k, v in parameters.items()}
    for row in rows:
        every = completions(row, network.sizes)
        p = np.exp([log_p[c] for c in every])
        for codes, share in zip(every, p / p.sum(), strict=True):
            at = dict(zip((v.name for v in network.variables), codes, strict=True))
            for c in model.conditionals:
                parents = tuple(at[x.name] for x in c.distribution.parents)  # type: ignore[union-attr]
                counts[f"{c.target}.table"][(*parents, at[c.target])] += share
    return {k: normalise(v, 0.0) for k, v in counts.items()}


@pytest.mark.parametrize("seed", range(6))
def test_complete_data_give_the_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = compile_source(random_dag(seed, "prior = 0.5" if seed % 2 else "")[0])
    network = row_network(model, random_tables(model, rng))
    binding = bound(model, columns_of(network, sample_rows(network, 200, rng)))
    counted, expected = fit_model(model, binding), fit_model(model, binding, method="em", seed=1)
    assert expected.method == "em"
    assert all(np.allclose(expected.parameters[k], counted.parameters[k], atol=1e-12) for k in counted.parameters)
    assert expected.trace[-1] == pytest.approx(counted.trace[-1], rel=1e-12)
    assert len(expected.trace) <= 3


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("prior", ["", "prior = 1", "prior = bdeu(5)"])
def test_monotone_with_missing_cells(seed: int, prior: str) -> None:
    model, binding, _ = with_holes(seed, prior)
    fit = fit_model(model, binding, seed=1, options={"max_iterations": 30})
    assert fit.method == "em"
    if not prior:
        assert (np.diff(fit.trace) >= -1e-8).all()
    else:
        tables = {k: v for k, v in fit.parameters.items() if k.endswith(".table")}
        assert np.isfinite(log_prior(model, tables))


@pytest.mark.parametrize("seed", range(4))
def test_against_enumeration(seed: int) -> None:
    """The trace and the tables of four iterations are those of the naive EM from the same start."""
    model, binding, rows = with_holes(seed, num_rows=40)
    one = fit_model(model, binding, options={"max_iterations": 1}, seed=0)
    parameters = {k: v for k, v in one.parameters.items() if k.endswith(".table")}
    trace = []
    for _ in range(4):
        trace.append(naive_log_likelihood(model, parameters, rows))
        last, parameters = parameters, naive_step(model, parameters, rows)
    fit = fit_model(model, binding, options={"max_iterations": 4, "tolerance": 0.0}, seed=0)
    assert fit.status == "not converged"
    assert [w.code for w in fit.warnings if w.code == "PGM0801"]
    assert fit.trace == pytest.approx(trace)
    assert all(np.allclose(fit.parameters[k], last[k]) for k in last)


def test_weights_are_repeated_rows() -> None:
    model, binding, rows = with_holes(5, num_rows=40)
    weights = np.random.default_rng(0).integers(0, 3, size=40)
    names = list(binding.values)
    again = bound(model, {n: np.repeat(rows[:, i], weights) for i, n in enumerate(names)})
    weighted = bound(model, binding.values, weights=weights.astype(float))
    a, b = fit_model(model, weighted, seed=1), fit_model(model, again, seed=1)
    assert a.trace == pytest.approx(b.trace)
    assert all(np.allclose(a.parameters[k], b.parameters[k], atol=1e-6) for k in a.parameters)


def test_latent_classes_escape_the_symmetric_start() -> None:
    """Two latent classes with opposite answers: a uniform start would stay where the items are independent."""
    model = compile_source(
        "plate row { z : {p, q} ~ Table() ; a : bit ~ Table(z) ; b : bit ~ Table(z) ; c : bit ~ Table(z) }\n"
    )
    truth = {
        "z.table": np.array([0.4, 0.6]),
        **{f"{n}.table": np.array([[0.9, 0.1], [0.15, 0.85]]) for n in "abc"},
    }
    network = row_network(model, truth)
    rows = sample_rows(network, 3000, np.random.default_rng(1))
    columns = columns_of(network, rows)
    del columns["z"]
    binding = bound(model, columns)
    fit = fit_model(model, binding, seed=3)
    assert fit.provenance["restarts"] == 5
    independent = sum(np.log([1 - c.mean(), c.mean()])[c].sum() for c in columns.values())
    assert fit.trace[-1] > independent + 100
    share = np.sort(fit.parameters["z.table"])
    assert np.allclose(share, [0.4, 0.6], atol=0.06)
    single = fit_model(model, binding, seed=3, options={"restarts": 1})
    assert single.trace[-1] <= fit.trace[-1] + 1e-5


def test_same_seed_same_numbers() -> None:
    model = compile_source("plate row { z : {p, q} ~ Table() ; a : bit ~ Table(z) ; b : bit ~ Table(z) }\n")
    binding = bound(model, {"a": [0, 1, 1, 0, 1], "b": [0, 1, 1, 1, 1]})
    one, two = (fit_model(model, binding, seed=9, options={"restarts": 2}) for _ in range(2))
    assert one.trace == two.trace
    assert all((one.parameters[k] == two.parameters[k]).all() for k in one.parameters)


def test_hard_em_completes_rows() -> None:
    model, binding, rows = with_holes(2)
    fit = fit_model(model, binding, options={"hard": True}, seed=1)
    assert (np.diff(fit.trace) >= -1e-8).all()
    counts = {k: v for k, v in fit.parameters.items() if k.endswith(".counts")}
    assert all(np.allclose(v, np.round(v)) and v.sum() == len(rows) for v in counts.values())


def test_given_tables_stay_and_impossible_rows_are_named() -> None:
    model = compile_source(SPRINKLER)
    columns = {"rain": ["no", "yes"], "sprinkler": ["no", "yes"], "wet": ["no", "yes"], "cloudy": ["no", None]}
    fit = fit_model(model, bound(model, columns, "day"), seed=1)
    assert "wet.table" not in fit.parameters
    with pytest.raises(PgmError) as error:
        fit_model(model, bound(model, {**columns, "wet": ["yes", "yes"]}, "day"), seed=1)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.code == "PGM0609"
    assert "row 1" in diagnostic.message
    assert "wet = yes" in diagnostic.message


def test_by_tables_with_missing_cells() -> None:
    model = compile_source(
        "plate school { }\nplate pupil in school { x : {a, b} ~ Table(by = school) ; y : {a, b} ~ Table(x) }\n"
    )
    rng = np.random.default_rng(0)
    school = rng.integers(2, size=400)
    x = np.where(rng.random(400) < np.where(school == 1, 0.8, 0.2), 1, 0)
    y = np.where(rng.random(400) < np.where(x == 1, 0.9, 0.1), 1, 0)
    hidden = np.where(rng.random(400) < 0.3, -1, x)
    binding = bound(
        model, {"x": hidden, "y": y}, "pupil", sizes={"school": 2}, membership={("pupil", "school"): school}
    )
    fit = fit_model(model, binding, seed=1)
    assert fit.status == "converged"
    assert np.allclose(fit.parameters["x.table"][:, 1], [0.2, 0.8], atol=0.08)


def test_hidden_markov_chain() -> None:
    """Rows that hang together are one network; the trace rises and the result is exact for a tiny chain."""
    model = compile_source("""
plate seq {
  plate step = chain {
    z : {p, q} ~ if first then Table() else Table(prev(z))
    y : {a, b} ~ Table(z)
  }
}
""")
    seq = np.repeat([0, 1], [6, 5])
    y = list("aabbba") + list("bbaab")
    binding = bound(model, {"y": y}, "step", sizes={"seq": 2}, membership={("step", "seq"): seq})
    fit = fit_model(model, binding, seed=1, options={"max_iterations": 40, "restarts": 2})
    assert (np.diff(fit.trace) >= -1e-9).all()
    start, move, emit = (fit.parameters[k] for k in ("z.table", "z.table2", "y.table"))
    total = 0.0
    codes = np.array([0 if c == "a" else 1 for c in y])
    for part in (codes[:6], codes[6:]):
        alpha = start * emit[:, part[0]]
        for c in part[1:]:
            alpha = (alpha @ move) * emit[:, c]
        total += np.log(alpha.sum())
    assert fit.trace[-1] == pytest.approx(total)


@pytest.mark.parametrize(
    "text",
    [
        "plate doc { c : {x, y} ~ Table() ; plate token { t : {a, b} ~ Table(c) } }\n",
        "plate doc { plate token = chain { c : {x, y} ~ if first then Table() else Table(prev(c))\n"
        "  t : {a, b} ~ Table(c) } }\n",
    ],
)
def test_documents_of_one_length_share_a_network(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interleaved rows of documents of different lengths: the same as the whole unrolled in one network."""
    model = compile_source(text)
    rng = np.random.default_rng(6)
    doc = rng.permutation(np.repeat([0, 1, 2, 3], [3, 5, 3, 4]))
    tokens = rng.integers(-1, 2, size=len(doc))
    binding = bound(model, {"t": tokens}, "token", sizes={"doc": 4}, membership={("token", "doc"): doc})
    options = {"max_iterations": 5, "restarts": 1, "tolerance": 0.0}
    shared = fit_model(model, binding, seed=1, options=options)
    monkeypatch.setattr(row_sets, "nested_plates", lambda model, fixed: None)
    whole = fit_model(model, binding, seed=1, options=options)
    assert shared.trace == pytest.approx(whole.trace)
    assert all(np.allclose(shared.parameters[k], whole.parameters[k]) for k in whole.parameters)


def test_a_falling_log_likelihood_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard sees a planted fault: an M-step that turns every row around."""
    model, binding, _ = with_holes(1)
    good = em_tables.estimate
    monkeypatch.setattr(em_tables, "estimate", lambda m, c: {k: v[..., ::-1] for k, v in good(m, c).items()})
    with pytest.raises(PgmError) as error:
        fit_model(model, binding, seed=1)
    assert error.value.diagnostics[0].code == "PGM0805"
