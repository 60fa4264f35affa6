"""Edges of the engine: shapes, refusals, conflicts, many rows, long chains, lightness."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from exact_cases import conditional, random_case

from pgmlang.diagnostics import PgmError
from pgmlang.exact import ExactEngine, conflict, impossible_evidence
from pgmlang.exact import compiled as compiled_module
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor


def bit(name: str) -> DiscreteVariable:
    return DiscreteVariable(name, ("no", "yes"))


def grid(side: int) -> DiscreteNetwork:
    coupling = np.array([[0.4, -0.4], [-0.4, 0.4]])
    factors = []
    for i in range(side):
        for j in range(side):
            here = i * side + j
            if j + 1 < side:
                factors.append(TableFactor((here, here + 1), coupling, is_log=True))
            if i + 1 < side:
                factors.append(TableFactor((here, here + side), coupling, is_log=True))
    return DiscreteNetwork(tuple(bit(f"s{k}") for k in range(side * side)), tuple(factors), "grid")


def complete(count: int) -> DiscreteNetwork:
    """Every pair of bits coupled."""
    coupling = np.array([[0.4, -0.4], [-0.4, 0.4]])
    pairs = itertools.combinations(range(count), 2)
    factors = tuple(TableFactor(pair, coupling, is_log=True) for pair in pairs)
    return DiscreteNetwork(tuple(bit(f"s{k}") for k in range(count)), factors, "complete")


def chain(length: int, size: int, seed: int) -> DiscreteNetwork:
    rng = np.random.default_rng(seed)
    variables = tuple(DiscreteVariable(f"z{t}", tuple(map(str, range(size)))) for t in range(length))
    factors = [TableFactor((0,), conditional(rng, [size], 0.0), 0)]
    factors += [TableFactor((t - 1, t), conditional(rng, [size, size], 0.0), t) for t in range(1, length)]
    return DiscreteNetwork(variables, tuple(factors), "chain")


def test_too_wide_is_refused_before_allocating() -> None:
    start = time.perf_counter()
    with pytest.raises(PgmError):
        ExactEngine(grid(40)).marginals({})
    assert time.perf_counter() - start < 20
    tracemalloc.start()
    with pytest.raises(PgmError) as caught:
        ExactEngine(complete(40)).marginals({})
    assert tracemalloc.get_traced_memory()[1] < 30e6
    tracemalloc.stop()
    (problem,) = caught.value.diagnostics
    assert problem.code == "PGM0603"
    assert "treewidth" in problem.message
    assert "`s" in problem.notes[0]
    assert "gibbs" in problem.help


def test_max_cells_and_the_report_agree() -> None:
    network = grid(6)
    report = ExactEngine(network).width_report()
    assert 5 <= report.treewidth <= 7
    assert report.largest_cells == 2 ** len(report.largest_clique)
    assert report.bytes >= 8 * report.total_cells
    ExactEngine(network, max_cells=report.total_cells).marginals({})
    with pytest.raises(PgmError, match="PGM0603"):
        ExactEngine(network, max_cells=report.total_cells - 1).marginals({})
    observed = ExactEngine(network).width_report(range(0, 36, 2))
    assert observed.total_cells < report.total_cells


def test_ising_grid_by_its_known_log_z() -> None:
    """L = 8 with free edges at K = 0.4406867935 (transfer matrix)."""
    network = grid(8)
    coupling = 0.4406867935 * np.array([[1.0, -1.0], [-1.0, 1.0]])
    factors = tuple(TableFactor(f.scope, coupling, is_log=True) for f in network.factors)
    engine = ExactEngine(DiscreteNetwork(network.variables, factors))
    assert engine.log_z()[0] == pytest.approx(56.9244422, abs=1e-6)
    assert np.allclose(engine.marginals({}).tables[10], 0.5)


def test_conflict_is_minimal() -> None:
    rng = np.random.default_rng(0)
    same = np.eye(2)
    variables = tuple(bit(name) for name in "abcdef")
    factors = [TableFactor((0,), np.array([0.5, 0.5]), 0)]
    factors += [TableFactor((0, 1), same, 1), TableFactor((1, 2), same, 2)]
    factors += [TableFactor((v,), conditional(rng, [2], 0.0), v) for v in (3, 4, 5)]
    network = DiscreteNetwork(variables, tuple(factors))
    row = {0: 0, 2: 1, 3: 0, 4: 1, 5: 1}
    assert conflict(network, row) == [0, 2]
    assert conflict(network, {0: 1, 2: 1, 3: 0, 4: -1}) == []
    problem = impossible_evidence(network, row).diagnostics[0]
    assert problem.code == "PGM0609"
    assert "`a = no`" in problem.notes[0]
    assert "`c = yes`" in problem.notes[0]
    assert "`d" not in problem.notes[0]


def test_impossible_rows_do_not_disturb_the_others() -> None:
    network = DiscreteNetwork(
        (bit("a"), bit("b")), (TableFactor((0,), np.array([1.0, 0.0]), 0), TableFactor((0, 1), np.eye(2), 1))
    )
    found = ExactEngine(network).marginals({1: np.array([0, 1, -1])})
    assert found.log_evidence.tolist() == [0.0, -np.inf, 0.0]
    assert np.isnan(found.tables[0][1]).all()
    assert np.isnan(found.tables[1][1]).all()
    assert found.tables[0][2].tolist() == [1.0, 0.0]


def test_many_rows_equal_row_by_row() -> None:
    network = chain(40, 5, 1)
    rng = np.random.default_rng(2)
    evidence = {v: rng.integers(-1, 5, 3000) for v in range(0, 40, 3)} | {1: rng.integers(0, 5, 3000)}
    engine = ExactEngine(network)
    together = engine.marginals(evidence)
    threaded = ExactEngine(network, threads=2).marginals(evidence)
    assert all((threaded.tables[v] == table).all() for v, table in together.tables.items())
    for r in range(0, 3000, 271):
        alone = engine.marginals({v: int(c[r]) for v, c in evidence.items()})
        assert alone.log_evidence[0] == pytest.approx(together.log_evidence[r], abs=1e-10)
        for v in range(40):
            assert np.allclose(alone.tables[v][0], together.tables[v][r], atol=1e-12)


def test_cached_patterns_do_not_mix() -> None:
    """More patterns than the cache holds, each asked twice in turn."""
    network = chain(12, 3, 5)
    engine = ExactEngine(network)
    rng = np.random.default_rng(6)
    for seed in range(150):
        chosen = np.random.default_rng(seed % 75).choice(12, 4, replace=False)
        evidence: dict[int, np.ndarray | int] = {int(v): rng.integers(-1 if v % 2 else 0, 3, 9) for v in chosen}
        targets = None if seed % 2 else [0, 7]
        found = engine.marginals(evidence, targets)
        fresh = ExactEngine(network).marginals(evidence, targets)
        assert all(np.allclose(found.tables[v], table, atol=1e-12) for v, table in fresh.tables.items())


def test_missing_patterns_one_by_one_when_all_at_once_is_too_wide() -> None:
    network = grid(8)
    rng = np.random.default_rng(7)
    codes = rng.integers(0, 2, (60, 64))
    codes[:, ::3] = -1
    codes[:, 0] = np.where(rng.random(60) < 0.5, -1, 1)
    codes[rng.random(60) < 0.3, 1:60:2] = -1
    evidence: dict[int, np.ndarray | int] = {v: codes[:, v] for v in range(64)}
    wide = ExactEngine(network).marginals(evidence)
    counts, log_z = ExactEngine(network).expected_counts(evidence)
    narrow = ExactEngine(network, max_cells=1200)
    with pytest.raises(PgmError, match="PGM0603"):
        narrow.marginals(num_rows=1)
    found = narrow.marginals(evidence)
    assert np.allclose(found.log_evidence, wide.log_evidence, atol=1e-9)
    assert all(np.allclose(found.tables[v], wide.tables[v], atol=1e-9) for v in range(64))
    again, also = narrow.expected_counts(evidence)
    assert np.allclose(also, log_z, atol=1e-9)
    assert all(np.allclose(a, b, atol=1e-9) for a, b in zip(again, counts, strict=True))


def test_row_by_row_where_a_row_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(40):
        case = random_case(seed)
        wanted = ExactEngine(case.network).marginals(case.evidence, None, case.soft, case.num_rows)
        monkeypatch.setattr(compiled_module, "_CHUNK_BYTES", 1)
        found = ExactEngine(case.network).marginals(case.evidence, None, case.soft, case.num_rows)
        counts = ExactEngine(case.network).expected_counts(case.evidence, None, case.soft, case.num_rows)
        monkeypatch.undo()
        assert np.allclose(found.log_evidence, wanted.log_evidence, atol=1e-9)
        assert np.allclose(counts[1], wanted.log_evidence, atol=1e-9)
        for v, table in wanted.tables.items():
            assert np.allclose(found.tables[v], table, atol=1e-9, equal_nan=True)


def test_long_chain_with_all_observed_but_a_few() -> None:
    """Log-evidence far below the range of a double."""
    network = chain(3000, 4, 3)
    rng = np.random.default_rng(4)
    evidence = {v: rng.integers(0, 4, 3) for v in range(3000) if v % 100}
    found = ExactEngine(network).marginals(evidence, [100])
    assert (found.log_evidence < -1000).all()
    for r in range(3):
        a, b = int(evidence[99][r]), int(evidence[101][r])
        right = network.factors[100].values[a] * network.factors[101].values[:, b]
        assert np.allclose(found.tables[100][r], right / right.sum(), atol=1e-12)


def test_range_beyond_doubles_in_the_messages() -> None:
    """A thousand observations against one hypothesis, undone by a prior as extreme: logs must take over."""
    variables = tuple(bit(f"x{v}") for v in range(1001))
    ratio = np.log(np.array([[0.9, 0.1], [0.1, 0.9]]))
    factors = [TableFactor((0,), np.array([0.0, -1000 * np.log(9.0)]), is_log=True)]
    factors += [TableFactor((0, v), ratio, is_log=True) for v in range(1, 1001)]
    network = DiscreteNetwork(variables, tuple(factors))
    evidence: dict[int, np.ndarray | int] = dict.fromkeys(range(1, 1001), 1)
    engine = ExactEngine(network)
    found = engine.marginals(evidence, [0])
    assert np.allclose(found.tables[0], 0.5, atol=1e-9)
    assert np.allclose(engine.joint([0], evidence), 0.5, atol=1e-9)
    assert engine.posterior_sample(evidence, 2000, np.random.default_rng(0))[0, :, 0].mean() == pytest.approx(
        0.5, abs=0.05
    )
    counts, _ = engine.expected_counts(evidence)
    assert np.allclose(counts[0], 0.5, atol=1e-9)


def test_shapes_without_rows_and_without_evidence() -> None:
    engine = ExactEngine(random_case(0).network)
    assert engine.marginals().log_evidence.shape == (1,)
    none = engine.marginals({0: np.zeros(0, dtype=int)})
    assert none.log_evidence.shape == (0,)
    assert none.tables[0].shape == (0, engine.network.sizes[0])
    assert engine.log_z(num_rows=5).shape == (5,)
    assert engine.mpe(num_rows=3)[0].shape == (3, len(engine.network.variables))
    assert engine.expected_counts({0: np.zeros(0, dtype=int)})[1].shape == (0,)


def test_bad_evidence_is_refused() -> None:
    engine = ExactEngine(grid(3))
    with pytest.raises(IndexError):
        engine.marginals({9: 0})
    with pytest.raises(ValueError, match="outside"):
        engine.marginals({0: 2})
    with pytest.raises(ValueError, match="whole numbers"):
        engine.marginals({0: np.array([0.5])})
    with pytest.raises(ValueError, match="differ"):
        engine.marginals({0: np.zeros(3, dtype=int), 1: np.zeros(4, dtype=int)})
    with pytest.raises(ValueError, match="weights a row"):
        engine.marginals(soft={0: np.ones(3)})
    with pytest.raises(ValueError, match="not negative"):
        engine.marginals(soft={0: np.array([1.0, -1.0])})


def test_import_is_light() -> None:
    code = "import sys, pgmlang.exact; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
