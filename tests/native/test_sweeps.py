"""Sweeps by compiled loops draw from the exact distribution, found by listing, and give the same bytes for any number of threads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bound import BoundDensity
from pgmlang.density.element_sweeps import ElementSweeps, element_sweeps
from pgmlang.density.partition import density_of
from pgmlang.density.reductions import log_joint
from pgmlang.density.tabulated_labels import TabulatedLabels, tabulated_labels
from pgmlang.diagnostics import PgmError
from pgmlang.fields.annealing import discrete_log_z
from pgmlang.fields.fields import fields_of
from pgmlang.infer.cycle import first_values
from pgmlang.infer.sweep_blocks import SweepBlock, label_run
from pgmlang.native import label_network
from tests.infer.by_hand import SPRINKLER, problem_of
from tests.native.test_conditionals import MODELS, STATIC, discrete, joint_of, open_fields

CHAINS, SWEEPS = 4000, 40


def listed(joint: BoundDensity, values: dict[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """All configurations ``[count, element]`` of the discrete variables that are open, the others at some values, and their chances."""
    names = discrete(joint)
    open_cells = [
        (n, c)
        for n in names
        for c in np.ndindex(*joint.shapes[n])
        if n not in joint.missing or joint.missing[n][c]
    ]
    sizes = [joint.num_states(n) for n, _ in open_cells]
    codes = torch.tensor(list(itertools.product(*map(range, sizes))))
    tried = {n: v[:1].expand(len(codes), *v.shape[1:]).clone() for n, v in values.items()}
    for i, (name, cell) in enumerate(open_cells):
        tried[name][(slice(None), *cell)] = codes[:, i].to(tried[name].dtype)
    return codes.numpy(), torch.softmax(log_joint(joint.unnormalised, tried), 0).numpy()


def drawn(
    joint: BoundDensity, sweeps: ElementSweeps | TabulatedLabels, values: dict[str, torch.Tensor], seed: int
) -> np.ndarray:
    """Where chains are after many sweeps, ``[chain, element]``."""
    generator = torch.Generator().manual_seed(seed)
    values = {n: v[:1].expand(CHAINS, *v.shape[1:]).clone() for n, v in values.items()}
    for _ in range(SWEEPS):
        values = sweeps.sweep(generator, values)
    cells = []
    for name in discrete(joint):
        flat = values[name].reshape(CHAINS, -1)
        is_open = (
            joint.missing[name].reshape(-1)
            if name in joint.missing
            else torch.ones(flat.shape[1], dtype=torch.bool)
        )
        cells.append(flat[:, is_open])
    return torch.cat(cells, 1).long().numpy()


def assert_exact(
    joint: BoundDensity, sweeps: ElementSweeps | TabulatedLabels, values: dict[str, torch.Tensor]
) -> None:
    """Means, and products of pairs, of codes are within five standard errors."""
    codes, chances = listed(joint, values)
    found = drawn(joint, sweeps, values, 1)
    for features in (
        lambda c: c,
        lambda c: np.stack([c[:, i] * c[:, j] for i in range(c.shape[1]) for j in range(i)] or [c[:, 0]], 1),
    ):
        exact, squares = chances @ features(codes), chances @ features(codes) ** 2
        error = np.sqrt(np.maximum(squares - exact**2, 0) / CHAINS)
        assert (np.abs(features(found).mean(0) - exact) < 5 * error + 1e-9).all()


NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "a network of tables": (SPRINKLER.replace("cloudy    : {no, yes} ~ Table()", "cloudy : {no, yes} ~ Table() { 0.4, 0.6 }")
                            .replace("Table(cloudy)\n  sprinkler", "Table(cloudy) { no : 0.7, 0.3\n yes : 0.2, 0.8 }\n  sprinkler")
                            .replace("sprinkler : {no, yes} ~ Table(cloudy)", "sprinkler : {no, yes} ~ Table(cloudy) { no : 0.5, 0.5\n yes : 0.9, 0.1 }")
                            .replace("no,  no  : 1.00, 0.00", "no,  no  : 0.95, 0.05"),
                            {"wet": ["yes", "no", None], "cloudy": [None, "yes", None]}),
    "a chain of two steps back": (
        "plate t = chain {\n  b ~ Bernoulli(logit = if first(2) then 0.3 else prev(b) + 2 * prev(b, 2) - 1)\n  y ~ Normal(b, 1)\n}",
        {"y": [0.1, 1.4, 0.8, -0.3, 0.2, 1.0]},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "data"), STATIC.values(), ids=STATIC)
def test_fields_are_drawn_exactly(text: str, data: dict[str, Any]) -> None:
    joint = open_fields(text, data)
    values = first_values(joint, discrete(joint), torch.Generator().manual_seed(0), 1)
    assert_exact(joint, tabulated_labels(joint, discrete(joint)), values)


@pytest.mark.parametrize(("text", "data"), NETWORKS.values(), ids=NETWORKS)
def test_networks_are_drawn_exactly(text: str, data: dict[str, Any]) -> None:
    joint = joint_of(text, data)
    values = first_values(joint, discrete(joint), torch.Generator().manual_seed(0), 1)
    assert_exact(joint, tabulated_labels(joint, discrete(joint)), values)


@pytest.mark.parametrize("name", ["a chain", "labels partly seen", "a field with latent means", "a sum over bits"])
def test_labels_beside_numbers_are_drawn_exactly(name: str) -> None:
    text, data = MODELS[name]
    if name == "a sum over bits":
        data = {"y": data["y"][:3]}
    joint = joint_of(text, data)
    values = first_values(joint, joint.latent, torch.Generator().manual_seed(0), 1)
    assert_exact(joint, element_sweeps(joint, discrete(joint)), values)


def test_without_tables_of_neighbours_the_same_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that meet too many others are drawn by their factors."""
    monkeypatch.setattr(label_network, "MOST_OF_ONE", 1)
    joint = open_fields(*STATIC["a Potts model"])
    values = first_values(joint, ("s",), torch.Generator().manual_seed(0), 1)
    labels = tabulated_labels(joint, ("s",))
    assert labels.chains.network.classes is None
    assert_exact(joint, labels, values)


@pytest.mark.parametrize("backend", ["tables", "loops"])
def test_any_number_of_threads_draws_the_same(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgmlang.native.label_chains.FEWEST_DRAWS", 1)
    monkeypatch.setattr("pgmlang.native.conditional_chains.FEWEST_DRAWS", 1)
    joint = open_fields(*STATIC["a Potts model"]) if backend == "tables" else joint_of(*MODELS["a chain"])
    names = discrete(joint)
    values = first_values(
        joint, joint.latent if backend == "loops" else names, torch.Generator().manual_seed(0), 7
    )
    found = []
    for threads in (1, 2, 3):
        sweeps = tabulated_labels(joint, names) if backend == "tables" else element_sweeps(joint, names)
        sweeps.chains.threads = threads
        generator = torch.Generator().manual_seed(5)
        after = values
        for _ in range(5):
            after = sweeps.sweep(generator, after)
        found.append(after[names[0]])
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("is_stopped", [False, True])
def test_many_sweeps_at_a_time_are_those_one_after_the_other(
    is_stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever number of calls they are shared out over, with the density of each."""
    monkeypatch.setattr("pgmlang.native.label_chains.LONGEST_CALL", 1e-9 if is_stopped else 1.0)
    joint = open_fields(*STATIC["a Potts model"])
    names = discrete(joint)
    block = SweepBlock(names, tabulated_labels(joint, names, with_rest=True))
    run = label_run(joint, [block])
    assert run is not None
    first = first_values(joint, names, torch.Generator().manual_seed(0), 5)
    one, many = (torch.Generator().manual_seed(5) for _ in range(2))
    values, after = [first], first
    for _ in range(7):
        values.append(block.step(one, values[-1], (), 0)[0])
    parts = []
    for count, kept in ((3, 1), (4, 4)):
        after, draws, heights = run.sweeps(many, after, count, kept, names)
        parts.append((draws, heights))
    for i, (draws, heights) in enumerate(((d, h) for part in parts for d, h in _each_draw(*part)), start=3):
        for name in names:
            assert torch.equal(draws[name], values[i][name])
        torch.testing.assert_close(heights, log_joint(joint, values[i]))
    assert torch.equal(one.get_state(), many.get_state())


def _each_draw(
    draws: dict[str, torch.Tensor], heights: torch.Tensor
) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
    for i in range(heights.shape[1]):
        yield {n: v[:, i] for n, v in draws.items()}, heights[:, i]


def test_tempered_sweeps() -> None:
    """At the power 1/2, beside an even base, the chances are the square roots'."""
    joint = open_fields(*STATIC["spins"])
    values = first_values(joint, ("s",), torch.Generator().manual_seed(0), 1)
    codes, chances = listed(joint, values)
    labels = tabulated_labels(joint, ("s",))
    generator, after = torch.Generator().manual_seed(1), {"s": values["s"].expand(CHAINS, 1, 9).clone()}
    logits = {"s": torch.full((1, 9), 0.6, dtype=torch.float64)}
    for _ in range(SWEEPS):
        after = labels.sweep(generator, after, heat=(0.5, logits))
    weights = np.sqrt(chances) * np.exp(0.3 * codes.sum(1))
    exact = weights / weights.sum() @ codes
    assert np.abs(after["s"].reshape(CHAINS, -1).numpy().mean(0) - exact).max() < 5 * 0.5 / np.sqrt(CHAINS)


def random_network(seed: int) -> tuple[str, dict[str, Any]]:
    """A directed network of some labels over random tables, the last of which is seen."""
    rng = np.random.default_rng(seed)
    lines, sizes = [], []
    for i in range(6):
        size = int(rng.integers(2, 4))
        parents = [int(p) for p in rng.permutation(i)[: rng.integers(0, min(i, 2) + 1)]]
        labels = [f"l{k}" for k in range(size)]
        rows = []
        for given in itertools.product(*(range(sizes[p]) for p in parents)):
            p = np.round(rng.dirichlet(np.ones(size)) * 0.98 + 0.02 / size, 6)
            p[-1] = 1 - p[:-1].sum()
            head = ", ".join(f"l{g}" for g in given)
            rows.append(f"    {head + ' : ' if head else ''}{', '.join(f'{x:.6f}' for x in p)}")
        lines.append(
            f"  x{i} : {{{', '.join(labels)}}} ~ Table({', '.join(f'x{p}' for p in parents)}) {{\n"
            + "\n".join(rows)
            + "\n  }"
        )
        sizes.append(size)
    return "plate r {\n" + "\n".join(lines) + "\n}", {"x5": ["l1"]}


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(s, marks=pytest.mark.slow) for s in range(3, 20))])
def test_random_networks(seed: int) -> None:
    joint = joint_of(*random_network(seed))
    values = first_values(joint, discrete(joint), torch.Generator().manual_seed(0), 1)
    assert_exact(joint, tabulated_labels(joint, discrete(joint)), values)


def test_gibbs_draws_what_meets_by_loops() -> None:
    """Rows that meet over two steps: marginals of a run are the exact ones; torch alone refuses."""
    text, data = NETWORKS["a chain of two steps back"]
    joint = joint_of(text, data)
    codes, chances = listed(joint, {"b": torch.zeros(1, 6, dtype=torch.int64)})
    fit = pgmlang.compile(text).fit(
        data, method="gibbs", seed=2, options={"chains": 8, "warmup": 50, "draws": 2000}
    )
    assert "compiled loops" in str(fit.plan)
    assert fit.record.provenance["backend"] == "native"
    np.testing.assert_allclose(fit.draws["b"].mean((0, 1)), chances @ codes, atol=0.04)
    with pytest.raises(PgmError, match="compiled loops alone"):
        pgmlang.compile(text).fit(data, method="gibbs", options={"backend": "torch"})


@pytest.mark.parametrize("backend", ["torch", "native"])
def test_gibbs_by_either_backend(backend: str) -> None:
    """Spins behind noise: the marginals of both are the exact ones, and so is the log-density that draws have."""
    text = "plate p {\nplate site = grid(2, 4) { field s : spin ; y ~ Normal(s, 1.2) }\nplate bond(i, j) = edges(site) { factor 0.5 * s[i] * s[j] }\n}"
    data = {"y": np.random.default_rng(1).normal(size=(1, 8))}
    options = {"chains": 8, "warmup": 50, "draws": 1000, "backend": backend}
    fit = pgmlang.compile(text).fit(data, method="gibbs", seed=3, options=options)
    joint = density_of(problem_of(text, data), torch.float64)
    codes, chances = listed(joint, {"s": torch.zeros(1, 1, 8, dtype=torch.float64)})
    assert fit.record.provenance["backend"] == backend
    np.testing.assert_allclose(fit.draws["s"].mean((0, 1))[0], chances @ codes, atol=0.04)
    last = {"s": torch.from_numpy(fit.draws["s"][:, -1]).double()}
    np.testing.assert_allclose(fit.record.sample_stats["lp"][:, -1], log_joint(joint, last), rtol=1e-12)


@pytest.mark.parametrize("name", ["spins", "a Potts model"])
def test_annealing_goes_through_loops(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgmlang.fields.fields.LOADING", 0.0)
    joint = joint_of(*STATIC[name])
    fields = fields_of(joint, ("s",))
    assert isinstance(fields.with_frozen_params({}, sweeps=1), TabulatedLabels)
    found = discrete_log_z(fields, {}, None, torch.Generator().manual_seed(0), 500, 100)
    assert abs(found.value - float(fields.log_partition())) < 4 * found.error + 0.01


def test_a_composed_sampler_draws_by_loops() -> None:
    text = (
        "m ~ Normal(0, 1)\nplate t = chain {\n"
        "  b ~ Bernoulli(logit = if first(2) then 0.3 else prev(b) + 2 * prev(b, 2) - 1)\n  y ~ Normal(b + m, 1)\n}"
    )
    options = {"chains": 2, "warmup": 20, "draws": 60, "backend": "native"}
    fit = pgmlang.compile(text).fit(
        {"y": [0.1, 1.4, 0.8, -0.3]}, method="gibbs(b) * hmc(m)", seed=1, options=options
    )
    assert fit.record.provenance["backend"] == "native"
    assert 0 < fit.draws["b"].mean() < 1
