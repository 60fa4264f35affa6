"""Fields: conditionals, log Z, gradients and what is learned, against enumeration by hand."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.bound import BoundDensity
from pgmlang.density.partition import density_of
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.diagnostics import PgmError
from pgmlang.fields.fields import bernoulli, fields_of
from pgmlang.fields.pairwise import Pairwise
from pgmlang.fields.partition import way_of
from pgmlang.fields.reasons import field_names
from pgmlang.objectives.divergence import Divergence
from pgmlang.objectives.pseudo import log_pseudo_likelihood
from pgmlang.objectives.unnormalised import log_unnormalised
from tests.infer.by_hand import problem_of

RBM = """
dim pixel = {a, b, c}
dim unit[2]
param W[pixel, unit], b[pixel], c[unit] : real
plate image {
  field v[pixel] : bit
  field h[unit] : bit
  factor v @ W @ h + b @ v + c @ h
}
"""
ISING = """
model ising(side = 3)
param J, B : real
plate image {
  plate site = grid(side, side) { field s : spin ; factor B * s }
  plate bond(i, j) = edges(site) { factor J * s[i] * s[j] }
}
"""
LATTICE = """
dim site = {p, q, r, t}
param J, B : real
plate image {
  field s[site] : spin
  factor B * sum(s, over = site)
}
"""
CRF = """
dim feature = {f, g}
dim tag = {noun, verb}
dim next like tag
param emit[tag, feature], move[tag, next] : real
plate sentence {
  plate token = chain {
    input x[feature] : real
    field y : tag
    factor emit[y] @ x
    factor if first then 0 else move[prev(y), y]
  }
}
"""
BITS = {"a": [1, 0, 1, 1, 0], "b": [0, 0, 1, 1, 1], "c": [1, 1, 0, 0, 1]}


def rbm() -> tuple[BoundDensity, dict[str, torch.Tensor]]:
    joint = bound_density(problem_of(RBM, BITS))
    torch.manual_seed(0)
    return joint, {n: torch.randn(joint.shapes[n], dtype=torch.float64) for n in ("W", "b", "c")}


def energy(params: dict[str, torch.Tensor], v: Any, h: Any) -> float:
    W, b, c = (params[n].numpy() for n in ("W", "b", "c"))
    v, h = np.array(v), np.array(h)
    return float(v @ W @ h + b @ v + c @ h)


def rbm_log_z(params: dict[str, torch.Tensor]) -> float:
    everything = [energy(params, v, h) for v in product((0, 1), repeat=3) for h in product((0, 1), repeat=2)]
    return float(np.logaddexp.reduce(everything))


def test_conditionals_of_an_rbm() -> None:
    joint, params = rbm()
    fields = fields_of(joint, ("v", "h"))
    values = {
        "v": joint.observed["v"].double(),
        "h": torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0], [1, 0]]).double(),
    }
    torch.testing.assert_close(fields.logits("h", values, params), values["v"] @ params["W"] + params["c"])
    torch.testing.assert_close(fields.logits("v", values, params), values["h"] @ params["W"].T + params["b"])
    assert fields.is_independent("v")


def test_log_z_and_free_energy() -> None:
    joint, params = rbm()
    one = fields_of(restricted_to_rows(joint, "image", np.array([0])), ("v", "h"))
    assert float(one.log_partition(params)) == pytest.approx(rbm_log_z(params), rel=1e-12)
    rows = log_unnormalised(joint, ("h",), params, None)
    data = joint.observed["v"].tolist()
    expected = [np.logaddexp.reduce([energy(params, v, h) for h in product((0, 1), repeat=2)]) for v in data]
    np.testing.assert_allclose(rows.numpy(), expected, rtol=1e-12)


def exact_gradient(joint: BoundDensity, params: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    leaves = {k: v.clone().requires_grad_() for k, v in params.items()}
    one = fields_of(restricted_to_rows(joint, "image", np.array([0])), ("v", "h"))
    value = log_unnormalised(joint, ("h",), leaves, None).mean() - one.log_partition(leaves)
    return dict(zip(leaves, torch.autograd.grad(-value, list(leaves.values())), strict=True))


def mean_gradient(
    joint: BoundDensity, params: dict[str, torch.Tensor], k: int, repeats: int
) -> tuple[torch.Tensor, torch.Tensor]:
    phases = Divergence(joint.model, ("v",), ("h",), k, 1, False, "image")
    generator = torch.Generator().manual_seed(k)
    found = []
    for _ in range(repeats):
        leaves = {n: v.clone().requires_grad_() for n, v in params.items()}
        loss, _ = phases.loss(joint, leaves, None, generator, phases.extra(joint, generator))
        found.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(leaves.values()))]))
    stacked = torch.stack(found)
    return stacked.mean(0), stacked.std(0) / math.sqrt(repeats)


def test_cd_gradient_nears_the_exact_one() -> None:
    joint, params = rbm()
    joint = restricted_to_rows(joint, "image", np.arange(5).repeat(40))
    params = {k: 2 * v for k, v in params.items()}
    exact = torch.cat([exact_gradient(joint, params)[n].flatten() for n in params])
    near, error = mean_gradient(joint, params, 60, 40)
    assert bool(((near - exact).abs() < 4.5 * error + 1e-3).all())
    far, far_error = mean_gradient(joint, params, 1, 40)
    assert float(((far - exact).abs() / far_error).max()) > 5, "one sweep is biased, and the test can see it"


def test_grid_conditionals_and_colours() -> None:
    rng = np.random.default_rng(0)
    joint = bound_density(problem_of(ISING, {f"s.{i}": rng.choice([-1, 1], 4) for i in range(9)}))
    fields = fields_of(joint, ("s",))
    params = {"J": torch.tensor(0.4, dtype=torch.float64), "B": torch.tensor(-0.2, dtype=torch.float64)}
    codes = torch.randint(0, 2, (4, 9)).double()
    spins = (2 * codes - 1).reshape(4, 3, 3)
    expected = torch.full((4, 3, 3), -0.2).double()
    expected[:, 1:] += 0.4 * spins[:, :-1]
    expected[:, :-1] += 0.4 * spins[:, 1:]
    expected[:, :, 1:] += 0.4 * spins[:, :, :-1]
    expected[:, :, :-1] += 0.4 * spins[:, :, 1:]
    torch.testing.assert_close(fields.logits("s", {"s": codes}, params), 2 * expected.reshape(4, 9))
    assert len(fields.colours["s"]) == 2


def grid_energies(J: float, B: float) -> np.ndarray:
    out = []
    for spins in product((-1, 1), repeat=9):
        s = np.array(spins).reshape(3, 3)
        out.append(J * ((s[1:] * s[:-1]).sum() + (s[:, 1:] * s[:, :-1]).sum()) + B * s.sum())
    return np.array(out)


def test_settled_couplings_are_those_of_the_factors() -> None:
    """Two rows with inputs of their own: unary logits and couplings differ between them."""
    text = ISING.replace("factor B * s }", "input y : real ; factor (B + y) * s }")
    rng = np.random.default_rng(1)
    data = {f"{n}.{i}": v for i in range(9) for n, v in (("s", rng.choice([-1, 1], 2)), ("y", rng.normal(size=2)))}
    fields = fields_of(bound_density(problem_of(text, data)), ("s",))
    params = {"J": torch.tensor(0.4, dtype=torch.float64), "B": torch.tensor(-0.2, dtype=torch.float64)}
    settled = fields.with_frozen_params(params)
    assert isinstance(settled, Pairwise)
    codes = {"s": torch.randint(0, 2, (5, 2, 9)).double()}
    torch.testing.assert_close(settled.energy(codes), fields.energy(codes, params))
    s = codes["s"].reshape(5, -1).T
    logits = (settled.unary + settled.couplings @ s).T.reshape(5, 2, 9)
    torch.testing.assert_close(logits, fields.logits("s", codes, params))
    heat = (0.5, {"s": torch.randn(2, 9).double()})
    one, other = (
        f.sweep(torch.Generator().manual_seed(3), codes, params, heat=heat)["s"].mean() for f in (settled, fields)
    )
    assert abs(float(one - other)) < 0.4


@pytest.mark.parametrize("is_settled", [False, True])
def test_gibbs_on_a_grid_has_the_exact_moments(is_settled: bool) -> None:
    joint = bound_density(problem_of(ISING, {f"s.{i}": [1] for i in range(9)}))
    fields = fields_of(joint, ("s",))
    params = {"J": torch.tensor(0.3).double(), "B": torch.tensor(0.1).double()}
    energies = grid_energies(0.3, 0.1)
    p = np.exp(energies - np.logaddexp.reduce(energies))
    spins = np.array(list(product((-1, 1), repeat=9)))
    generator = torch.Generator().manual_seed(1)
    values = fields.begin(generator, (4000,))
    drawing = fields.with_frozen_params(params) if is_settled else fields
    for _ in range(60):
        values = drawing.sweep(generator, values, params)
    mean = (2 * values["s"] - 1).mean(-1).flatten()
    expected = (p * spins.mean(1)).sum()
    assert abs(float(mean.mean()) - expected) < 4.5 * float(mean.std()) / math.sqrt(4000)


def test_a_stale_block_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: both colours drawn from the state before the sweep."""
    joint = bound_density(problem_of(ISING, {f"s.{i}": [1] for i in range(9)}))
    fields = fields_of(joint, ("s",))
    params = {"J": torch.tensor(0.6).double(), "B": torch.tensor(0.0).double()}
    generator = torch.Generator().manual_seed(1)

    def pair_mean(stale: bool) -> tuple[float, float]:
        values = fields.begin(generator, (4000,))
        for _ in range(60):
            if stale:
                values = {"s": bernoulli(generator, fields.logits("s", values, params))}
            else:
                values = fields.sweep(generator, values, params)
        s = (2 * values["s"] - 1).reshape(-1, 3, 3)
        pairs = (s[:, 1:] * s[:, :-1]).mean((1, 2))
        return float(pairs.mean()), float(pairs.std()) / math.sqrt(4000)

    energies = grid_energies(0.6, 0.0)
    p = np.exp(energies - np.logaddexp.reduce(energies))
    spins = np.array(list(product((-1, 1), repeat=9))).reshape(-1, 3, 3)
    expected = float((p * (spins[:, 1:] * spins[:, :-1]).mean((1, 2))).sum())
    good, error = pair_mean(False)
    assert abs(good - expected) < 4.5 * error
    bad, error = pair_mean(True)
    assert abs(bad - expected) > 8 * error


def test_pseudo_likelihood_by_hand() -> None:
    rng = np.random.default_rng(2)
    data = {f"s.{i}": rng.choice([-1, 1], 6) for i in range(9)}
    joint = bound_density(problem_of(ISING, data))
    params = {"J": torch.tensor(0.4, dtype=torch.float64), "B": torch.tensor(-0.2, dtype=torch.float64)}
    s = np.stack([data[f"s.{i}"] for i in range(9)], 1).reshape(6, 3, 3)
    padded = np.pad(s, ((0, 0), (1, 1), (1, 1)))
    around = padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1] + padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2]
    expected = -np.log1p(np.exp(-2 * s * (0.4 * around - 0.2))).sum()
    assert float(log_pseudo_likelihood(joint, ("s",), params, None).detach()) == pytest.approx(expected, rel=1e-12)


@pytest.fixture(scope="module")
def lattice_rows() -> dict[str, np.ndarray]:
    """Exact draws of the 3 x 3 lattice with J = 0.35, B = 0.15."""
    energies = grid_energies(0.35, 0.15)
    p = np.exp(energies - np.logaddexp.reduce(energies))
    spins = np.array(list(product((-1, 1), repeat=9)))
    rows = spins[np.random.default_rng(0).choice(len(p), 3000, p=p)]
    return {f"s.{i}": rows[:, i] for i in range(9)}


@pytest.mark.parametrize(("method", "options"), [("ml", {"epochs": 150}), ("pseudo", {"epochs": 150}),
                                                 ("pcd", {"epochs": 20, "learning_rate": 0.02, "k": 5})])  # fmt: skip
def test_couplings_are_recovered(
    method: str, options: dict[str, Any], lattice_rows: dict[str, np.ndarray]
) -> None:
    fit = pgmlang.compile(ISING).fit(lattice_rows, method=method, seed=1, options=options)
    # the information of 3000 rows gives a standard error near 0.006 and 0.007
    assert float(fit.params["J"]) == pytest.approx(0.35, abs=0.03)
    assert float(fit.params["B"]) == pytest.approx(0.15, abs=0.03)


def test_ml_of_listed_states_is_the_maximum(lattice_rows: dict[str, np.ndarray]) -> None:
    fit = pgmlang.compile(ISING).fit(lattice_rows, method="ml", seed=1, options={"epochs": 300})
    rows = np.stack([lattice_rows[f"s.{i}"] for i in range(9)], 1).reshape(-1, 3, 3)
    pairs = ((rows[:, 1:] * rows[:, :-1]).sum((1, 2)) + (rows[:, :, 1:] * rows[:, :, :-1]).sum((1, 2))).mean()

    def value(J: float, B: float) -> float:
        return float(J * pairs + B * rows.sum((1, 2)).mean() - np.logaddexp.reduce(grid_energies(J, B)))

    J, B = float(fit.params["J"]), float(fit.params["B"])
    best = value(J, B)
    assert fit.record.log_likelihood / 3000 == pytest.approx(best, abs=1e-9)
    assert all(best >= value(J + dj, B + db) for dj, db in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)))


SENTENCES = {
    "sentence": ["s", "s", "s", "t", "t"],
    "f": [1.0, 0.2, -1.0, 0.5, 2.0],
    "g": [0.0, 1.0, 0.3, -0.7, 0.1],
    "y": ["noun", "verb", "noun", "verb", "verb"],
}


def test_crf_likelihood_and_gradient_by_enumeration() -> None:
    problem = problem_of(CRF, SENTENCES)
    assert way_of(problem.model, problem.facts) == "summed"
    from pgmlang.objectives.likelihood import Likelihood

    joint = density_of(problem)
    torch.manual_seed(1)
    params = {n: torch.randn(joint.shapes[n], dtype=torch.float64).requires_grad_() for n in ("emit", "move")}
    value = Likelihood(problem.model, (), ("y",), "sentence", "summed").value(joint, params, None)
    x = np.stack([SENTENCES["f"], SENTENCES["g"]], 1)
    y = [0, 1, 0, 1, 1]

    def by_hand(emit: np.ndarray, move: np.ndarray) -> float:
        total = 0.0
        for rows in ([0, 1, 2], [3, 4]):

            def score(tags: Any, rows: list[int] = rows) -> float:
                own = sum(emit[t] @ x[r] for t, r in zip(tags, rows, strict=True))
                return float(own + sum(move[a, b] for a, b in pairwise(tags)))

            everything = [score(t) for t in product((0, 1), repeat=len(rows))]
            total += score([y[r] for r in rows]) - float(np.logaddexp.reduce(everything))
        return total

    emit, move = (params[n].detach().numpy() for n in ("emit", "move"))
    assert float(value.detach()) == pytest.approx(by_hand(emit, move), rel=1e-12)
    gradient = torch.autograd.grad(value, params["move"])[0].numpy()
    for place in np.ndindex(2, 2):
        step = np.zeros((2, 2))
        step[place] = 1e-6
        slope = (by_hand(emit, move + step) - by_hand(emit, move - step)) / 2e-6
        assert gradient[place] == pytest.approx(slope, abs=1e-7)


def test_crf_learns_to_tag() -> None:
    rng = np.random.default_rng(0)
    tags = np.zeros(300, dtype=int)
    for i in range(1, 300):
        tags[i] = tags[i - 1] ^ int(rng.random() < 0.3)
    x = np.stack([tags * 2 - 1 + 1.2 * rng.normal(size=300), rng.normal(size=300)], 1)
    rows = {"sentence": np.repeat(np.arange(30), 10).astype(str), "f": x[:, 0], "g": x[:, 1],
            "y": np.array(["noun", "verb"])[tags]}  # fmt: skip
    fit = pgmlang.compile(CRF).fit(rows, seed=1, options={"epochs": 200})
    assert fit.record.method == "ml"
    emit, move = fit.params["emit"], fit.params["move"]
    assert emit[1, 0] - emit[0, 0] > 0.5
    assert move[0, 0] + move[1, 1] > move[0, 1] + move[1, 0]


GAUSS = """
dim xy = {u, v}
dim zw like xy
param P[xy, zw] : real
plate row {
  field p[xy] : real
  factor -0.5 * sum(p * (P @ p), over = xy)
}
"""


@pytest.mark.parametrize("kind", ["denoising", "sliced"])
def test_score_matching_finds_a_precision(kind: str) -> None:
    text = """
dim xy = {u, v}
param a, b : positive
param c : real
plate row {
  field u, v : real
  factor -0.5 * (a * u * u + b * v * v + 2 * c * u * v)
}
"""
    precision = np.array([[2.0, 0.7], [0.7, 1.0]])
    rows = np.random.default_rng(0).multivariate_normal([0, 0], np.linalg.inv(precision), 8000)
    options = {"kind": kind, "epochs": 40, "learning_rate": 0.02}
    options |= {"noise": 0.05} if kind == "denoising" else {}
    fit = pgmlang.compile(text).fit({"u": rows[:, 0], "v": rows[:, 1]}, method="score", seed=1, options=options)
    found = np.array([[fit.params["a"], fit.params["c"]], [fit.params["c"], fit.params["b"]]])
    np.testing.assert_allclose(found, precision, atol=0.12)


def test_langevin_likelihood_finds_a_precision() -> None:
    text = (
        "param a : positive\nparam m : real\nplate row { field u : real ; factor -0.5 * a * (u - m) * (u - m) }\n"
    )
    u = 1 + 0.5 * np.random.default_rng(0).normal(size=2000)
    options = {"epochs": 400, "learning_rate": 0.05, "chains": 400, "step_size": 0.3}
    fit = pgmlang.compile(text).fit({"u": u}, method="ml", seed=1, options=options)
    assert float(fit.params["m"]) == pytest.approx(u.mean(), abs=0.06)
    assert float(fit.params["a"]) == pytest.approx(1 / u.var(), rel=0.15)


def test_rbm_training_raises_the_exact_likelihood() -> None:
    rng = np.random.default_rng(0)
    kind = rng.integers(2, size=400)
    rows = {k: (rng.random(400) < np.where(kind == i % 2, 0.95, 0.05)).astype(int) for i, k in enumerate("abc")}
    fit = pgmlang.compile(RBM).fit(
        rows, method="pcd", seed=1, options={"epochs": 60, "batch": 50, "learning_rate": 0.02}
    )
    joint = bound_density(problem_of(RBM, rows))
    params = {n: torch.as_tensor(fit.params[n], dtype=torch.float64) for n in ("W", "b", "c")}
    one = fields_of(restricted_to_rows(joint, "image", np.array([0])), field_names(joint.model))
    value = float(log_unnormalised(joint, ("h",), params, None).mean() - one.log_partition(params))
    x = np.stack([rows[k] for k in "abc"], 1)
    _, counts = np.unique(x, axis=0, return_counts=True)
    entropy = float((counts / 400 * np.log(counts / 400)).sum())
    independent = sum(float(p * np.log(p) + (1 - p) * np.log(1 - p)) for p in x.mean(0))
    assert independent + 0.5 < value <= entropy
    assert value > entropy - 0.12


@pytest.mark.parametrize(
    ("method", "text", "data", "word"),
    [
        ("pseudo", RBM, BITS, "hidden"),
        ("cd", GAUSS.replace("p * (P @ p)", "p"), {"u": [0.1], "v": [0.2]}, "cannot be listed"),
        ("score", LATTICE, {f"s.{k}": [1, -1] for k in "pqrt"}, "no score"),
        ("pcd", "param m : real\nplate row { y ~ Normal(m, 1) }\n", {"y": [0.1]}, "no fields"),
    ],
)
def test_refusals(method: str, text: str, data: dict[str, Any], word: str) -> None:
    with pytest.raises(PgmError, match=word):
        pgmlang.compile(text).fit(data, method=method, seed=1)
