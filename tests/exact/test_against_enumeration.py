"""Every answer of the engine equals listing all configurations, on generated networks."""

from __future__ import annotations

import numpy as np
import pytest
from exact_cases import Case, random_case

from pgmlang.exact import ExactEngine, log_z_torch


def close(a: np.ndarray | float, b: np.ndarray | float) -> bool:
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True))


def check_marginals(case: Case, engine: ExactEngine) -> None:
    found = engine.marginals(case.evidence, None, case.soft, case.num_rows)
    alone = engine.log_z(case.evidence, case.soft, case.num_rows)
    for r in range(case.num_rows):
        right = case.row(r)
        assert close(found.log_evidence[r], right.log_z)
        assert close(alone[r], right.log_z)
        for v, table in right.marginals.items():
            assert close(found.tables[v][r], table), (r, v)


def check_some_targets(case: Case, engine: ExactEngine, rng: np.random.Generator) -> None:
    """Marginals and the joint of a few targets: barren variables are cut then."""
    count = len(case.network.variables)
    targets = [int(v) for v in rng.choice(count, min(count, 2), replace=False)]
    found = engine.marginals(case.evidence, targets, case.soft, case.num_rows)
    joint = engine.joint(targets, case.evidence, case.soft, case.num_rows)
    assert sorted(found.tables) == sorted(targets)
    for r in range(case.num_rows):
        right = case.row(r)
        assert close(found.log_evidence[r], right.log_z)
        for v in targets:
            assert close(found.tables[v][r], right.marginals[v])
        if np.isfinite(right.log_z):
            assert close(joint[r], right.joint(tuple(targets)))
        else:
            assert np.isnan(joint[r]).all()


def check_modes(case: Case, engine: ExactEngine, rng: np.random.Generator) -> None:
    codes, value = engine.mpe(case.evidence, case.soft, case.num_rows)
    count = len(case.network.variables)
    targets = [int(v) for v in rng.choice(count, int(rng.integers(1, count + 1)), replace=False)]
    best, best_value = engine.map(targets, case.evidence, case.soft, case.num_rows)
    for r in range(case.num_rows):
        right = case.row(r)
        assert close(value[r], right.mpe_log_value)
        if not np.isfinite(right.log_z):
            assert (codes[r] == -1).all()
            assert (best[r] == -1).all()
            assert best_value[r] == -np.inf
            continue
        assert close(right.log_joint[tuple(codes[r])], right.mpe_log_value)
        joint = right.joint(tuple(targets))
        # A second configuration of the same probability is as good an answer.
        assert joint[tuple(best[r])] == pytest.approx(joint.max(), rel=1e-9)
        assert close(best_value[r], right.log_z + np.log(joint.max()))


def check_counts(case: Case, engine: ExactEngine, rng: np.random.Generator) -> None:
    weights = rng.random(case.num_rows) * 3
    counts, log_z = engine.expected_counts(case.evidence, weights, case.soft, case.num_rows)
    wanted = [np.zeros(factor.values.shape) for factor in case.network.factors]
    for r in range(case.num_rows):
        right = case.row(r)
        assert close(log_z[r], right.log_z)
        if np.isfinite(right.log_z):
            for factor, total in zip(case.network.factors, wanted, strict=True):
                total += weights[r] * right.joint(factor.scope)
    for found, total in zip(counts, wanted, strict=True):
        assert close(found, total)


def check_gradient(case: Case, engine: ExactEngine) -> None:
    torch = pytest.importorskip("torch")
    tables = [torch.tensor(f.log_values(), dtype=torch.float64, requires_grad=True) for f in case.network.factors]
    log_z = log_z_torch(case.network, tables, case.evidence, case.soft, case.num_rows, engine)
    expected, right = engine.expected_counts(case.evidence, None, case.soft, case.num_rows)
    assert close(log_z.detach().numpy(), right)
    if tables:
        finite = torch.where(torch.isfinite(log_z), log_z, torch.zeros_like(log_z)).sum()
        if finite.requires_grad:
            finite.backward()
        for table, counts in zip(tables, expected, strict=True):
            grad = np.zeros(counts.shape) if table.grad is None else table.grad.numpy()
            assert np.isfinite(grad).all()
            assert close(grad, counts)


def check(seed: int) -> None:
    case = random_case(seed)
    rng = np.random.default_rng(seed)
    engine = ExactEngine(case.network)
    check_marginals(case, engine)
    check_some_targets(case, engine, rng)
    check_modes(case, engine, rng)
    check_counts(case, engine, rng)
    if seed % 3 == 0:
        check_gradient(case, engine)


@pytest.mark.parametrize("block", range(20))
def test_equals_enumeration(block: int) -> None:
    for seed in range(10 * block, 10 * block + 10):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(50))
def test_equals_enumeration_at_length(block: int) -> None:
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        check(seed)
