"""Collapsed sweeps: the density of labels against torch's joint density, the labels drawn against enumeration, planted faults."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import beta, digamma, polygamma

import pgmlang
from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.density.bind import bound_density
from pgmlang.density.reductions import log_joint
from pgmlang.diagnostics import PgmError
from pgmlang.infer import collapsed
from pgmlang.infer.collapsed import CollapsedState
from pgmlang.infer.collapsible import latent_names
from pgmlang.infer.cycle_options import GibbsOptions
from pgmlang.native.collapsed import collapsed_form
from pgmlang.native.collapsed_arrays import arrays_of
from pgmlang.native.collapsed_sweeps import CollapsedSweeps, Remembered, program_text
from pgmlang.native.formulas import NotScalar
from pgmlang.native.program_files import load_program
from pgmlang.results.convergence import convergence
from tests.infer.by_hand import problem_of

LDA = """
dim word
plate topic[2] { phi[word] ~ Dirichlet(0.5) }
plate doc { theta[topic] ~ Dirichlet(0.7) ; plate token { z ~ Categorical(theta) ; w : word ~ Categorical(phi[z]) } }
"""
TOKENS = {"doc": ["a", "a", "a", "b", "b"], "w": ["x", "y", "x", "y", "u"]}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "topics": (LDA, TOKENS),
    "concentrations that are not alike": (
        "dim word\nplate topic[2] { phi[word] ~ Dirichlet(0.5) }\n"
        "plate doc { input a : positive ; theta[topic] ~ Dirichlet(0.3 + a)\n"
        "plate token { z ~ Categorical(theta) ; w : word ~ Categorical(phi[z]) } }",
        {**TOKENS, "a": [0.4, 0.4, 0.4, 1.5, 1.5]},
    ),
    "authors that the data tell": (
        "dim word\ndim author = {a, b}\ntheta[author, topic] ~ Dirichlet(0.4)\nplate topic[2] { phi[word] ~ Dirichlet(0.5) }\n"
        "plate token { input who : author ; z ~ Categorical(theta[who]) ; w : word ~ Categorical(phi[z]) }",
        {"who": ["a", "b", "a", "b", "b"], "w": TOKENS["w"]},
    ),
    "topics of several languages": (
        "dim word\ndim tongue = {en, fr}\ndim topic = {one, two}\nphi[tongue, topic, word] ~ Dirichlet(0.5)\n"
        "plate doc { theta[topic] ~ Dirichlet(0.7)\n plate token { input lang : tongue ; z ~ Categorical(theta) ; "
        "w : word ~ Categorical(phi[lang, z]) } }",
        {**TOKENS, "lang": ["en", "fr", "en", "en", "fr"]},
    ),
    "documents of one topic": (
        "dim word\nplate topic[2] { phi[word] ~ Dirichlet(0.5) }\nshare[topic] ~ Dirichlet(1)\n"
        "plate doc { z ~ Categorical(share) ; plate token { w : word ~ Categorical(phi[z]) } }",
        {"doc": ["a", "a", "b", "c", "c"], "w": ["x", "x", "y", "y", "x"]},
    ),
    "several emissions, one by its complement": (
        "share[k] ~ Dirichlet(1)\nplate k[3] { p ~ Beta(1, 2) ; q ~ Beta(2, 1) }\n"
        "plate row { z ~ Categorical(share) ; a : bit ~ Bernoulli(p[z]) ; b : bit ~ Bernoulli(1 - p[z]) ; c : bit ~ Bernoulli(q[z]) }",
        {"a": [1, 0, 1, 1], "b": [1, 1, 0, 0], "c": [0, 0, 1, 1]},
    ),
    "some labels seen": (
        "dim word\nshare[k] ~ Dirichlet(1)\nplate k[2] { phi[word] ~ Dirichlet(0.5) }\n"
        "plate row { z : k ~ Categorical(share) ; w : word ~ Categorical(phi[z]) }",
        {"z": ["0", None, "1", None, None], "w": ["x", "x", "y", "u", "y"]},
    ),
    "a bit with a probability to be learned": (
        "share ~ Beta(2, 1)\ndim word\ndim side = {l, r}\nphi[side, word] ~ Dirichlet(0.5)\n"
        "plate row { z : side ~ Categorical(1 / 2) ; w : word ~ Categorical(phi[z]) ; b : bit ~ Bernoulli(share) }",
        {"w": ["x", "x", "y", "u"], "b": [1, 0, 1, 1]},
    ),
    "labels of labels": (
        "dim word\ndim kind = {l, m}\ntheta[kind, topic] ~ Dirichlet(0.4)\nshare[kind] ~ Dirichlet(1)\n"
        "plate topic[2] { phi[word] ~ Dirichlet(0.5) }\n"
        "plate doc { c ~ Categorical(share) ; plate token { z ~ Categorical(theta[c]) ; w : word ~ Categorical(phi[z]) } }",
        TOKENS,
    ),
    "known tables beside": (
        "share[k] ~ Dirichlet(1)\nplate k[2] { p ~ Beta(1, 2) }\n"
        "plate row { input x : real ; z ~ Categorical(share) ; a : bit ~ Bernoulli(p[z]) ; "
        "b : bit ~ Bernoulli(logit = if z == \"1\" then x else -0.3) }",
        {"a": [1, 0, 1, 1], "b": [1, 1, 0, 0], "x": [0.3, 1.0, -2.0, 0.2]},
    ),
    "a mixture of normals": (
        "share[k] ~ Dirichlet(1)\nplate k[2] { mu ~ Normal(0.3, 2) }\n"
        "plate row { z ~ Categorical(share) ; y ~ Normal(mu[z], 1.2) }",
        {"y": [0.1, -1.0, 0.5, 2.0, -2.2]},
    ),
    "a mixture with a spread for each label": (
        "share[k] ~ Dirichlet(1)\nplate k[2] { mu ~ Normal(0.3, 2) ; phi[word] ~ Dirichlet(0.5) }\ndim word\n"
        "plate row { z ~ Categorical(share) ; y ~ Normal(mu[z], if z == \"0\" then 0.4 else 1.5) ; w : word ~ Categorical(phi[z]) }",
        {"y": [0.1, -1.0, 0.5, 2.0], "w": ["x", "y", "y", "x"]},
    ),
    "a choice by data": (
        "dim word\nplate topic[2] { phi[word] ~ Dirichlet(0.5) ; psi[word] ~ Dirichlet(1.5) }\nshare[topic] ~ Dirichlet(0.7)\n"
        "plate token { input x : real ; z ~ Categorical(share) ; w : word ~ if x > 0 then Categorical(phi[z]) else Categorical(psi[z]) }",
        {"w": TOKENS["w"], "x": [1.0, -1.0, 2.0, -2.0, 1.0]},
    ),
}  # fmt: skip


def sweeps_over(case: str) -> CollapsedSweeps:
    problem = problem_of(*MODELS[case])
    names = latent_names(problem.model, problem.facts)
    return CollapsedSweeps(
        arrays_of(collapsed_form(problem.model, names), bound_evaluator(problem.binding), in_blocks=True)
    )


def streams(chains: int) -> np.ndarray:
    return np.random.default_rng(0).integers(2**63, size=chains).astype(np.uint64)


def assignments(sweeps: CollapsedSweeps) -> np.ndarray:
    """All labels that there may be ``[assignments, elements]``."""
    known = sweeps.first_labels(1)[0]
    sizes = [v.size for v in sweeps.arrays.labels for _ in v.codes]
    return np.array(
        list(itertools.product(*(range(k) if c < 0 else [c] for k, c in zip(sizes, known, strict=True)))), np.int32
    )


@pytest.mark.parametrize("case", list(MODELS))
def test_density_of_labels(case: str) -> None:
    """p(labels, data) is p(labels, data, others) over p(others | labels, data), whatever the others are."""
    sweeps = sweeps_over(case)
    every = assignments(sweeps)
    labels = every[np.random.default_rng(1).integers(len(every), size=6)]
    remembered = sweeps.remembered(labels)
    values = sweeps.values(labels, remembered, streams(6), sweeps.arrays.form.names)
    problem = problem_of(*MODELS[case])
    joint = log_joint(
        bound_density(problem),
        {n: torch.from_numpy(v.astype(np.int64) if v.dtype.kind == "i" else v) for n, v in values.items()},
    )
    found = sweeps.log_joint(labels, remembered) + log_posterior(sweeps, remembered, values)
    np.testing.assert_allclose(found, joint.numpy(), rtol=1e-10, atol=1e-9)


def log_posterior(sweeps: CollapsedSweeps, remembered: Remembered, values: dict[str, np.ndarray]) -> np.ndarray:
    """ln p(integrated variables | labels, data) by their closed forms."""
    out = np.zeros(len(remembered.counts))
    prior = sweeps.arrays.concentrations
    for table in sweeps.arrays.tables:
        x = torch.from_numpy(values[table.variable.name])
        if not table.is_count:
            rows = slice(table.first_row, table.first_row + table.rows)
            a, m = (torch.from_numpy(v[:, rows]) for v in (remembered.precisions, remembered.moments))
            order = [1 + table.axes.index(r) for r in table.variable.rows]
            a, m = (v.reshape(len(v), *table.sizes).permute(0, *order) for v in (a, m))
            out += torch.distributions.Normal(m / a, a**-0.5).log_prob(x).reshape(len(x), -1).sum(1).numpy()
            continue
        counts = table.of_cells(remembered.counts) + table.of_cells(prior.cells)
        counts = counts.transpose(0, *(1 + table.axes.index(a) for a in (*table.variable.rows, table.event)))
        x = torch.stack([1 - x, x], -1) if table.variable.remembered == "zero and one" else x
        out += (
            torch.distributions.Dirichlet(torch.from_numpy(counts.copy()))
            .log_prob(x)
            .reshape(len(x), -1)
            .sum(1)
            .numpy()
        )
    return out


def distance(sweeps: CollapsedSweeps, chains: int = 256, sweeps_each: int = 400) -> float:
    """Total variation between the labels' distribution by enumeration and that of the sweeps."""
    every = assignments(sweeps)
    log_p = sweeps.log_joint(every, sweeps.remembered(every))
    p = np.exp(log_p - log_p.max())
    place = {tuple(z): i for i, z in enumerate(every.tolist())}
    labels, counters = sweeps.first_labels(chains), streams(chains)
    remembered = sweeps.remembered(labels)
    seen = np.zeros(len(every))
    for i in range(sweeps_each):
        sweeps.sweep(labels, remembered, counters)
        if i >= 20:
            distinct, count = np.unique(labels, axis=0, return_counts=True)
            seen[[place[tuple(z)] for z in distinct.tolist()]] += count
    for kept, anew in zip(remembered, sweeps.remembered(labels), strict=True):
        np.testing.assert_allclose(kept, anew, atol=1e-9)
    return float(0.5 * np.abs(p / p.sum() - seen / seen.sum()).sum())


@pytest.mark.parametrize("case", list(MODELS))
def test_labels_by_enumeration(case: str) -> None:
    assert distance(sweeps_over(case)) < 0.02


@pytest.mark.parametrize("case", ["topics", "documents of one topic", "a mixture of normals"])
def test_wrong_priors_would_be_seen(case: str) -> None:
    """The planted fault: sweeps by concentrations half again as large, and by means twice as near to their prior."""
    sweeps = sweeps_over(case)
    every = assignments(sweeps)
    right = sweeps.log_joint(every, sweeps.remembered(every))
    prior = sweeps.arrays.concentrations
    wrong = replace(
        prior,
        cells=1.5 * prior.cells,
        rows=1.5 * prior.rows,
        precisions=4 * prior.precisions,
        moments=4 * prior.moments,
    )
    faulty = CollapsedSweeps(replace(sweeps.arrays, concentrations=wrong))
    faulty.log_joint = lambda labels, remembered: right  # type: ignore[method-assign]
    assert distance(faulty) > 0.03


def test_shares_by_the_moments_of_their_logarithms() -> None:
    """E ln(x / y) and its variance of a Dirichlet's shares are those of two gamma numbers, of concentrations below one and above."""
    concentration = np.array([0.05, 0.6, 0.999, 1.0, 7.0])
    out = np.empty((2, 20000, 5))
    load_program(program_text()).draw_shares(np.broadcast_to(concentration, out.shape).copy(), streams(2), out)
    logs = np.log(out).reshape(-1, 5)
    np.testing.assert_allclose(out.sum(2), 1.0, rtol=1e-12)
    ratios = logs[:, :4] - logs[:, 4:]
    mean = digamma(concentration[:4]) - digamma(7.0)
    variance = polygamma(1, concentration[:4]) + polygamma(1, 7.0)
    assert (np.abs(ratios.mean(0) - mean) < 4 * np.sqrt(variance / len(logs))).all()
    spread = (ratios - mean) ** 2
    assert (np.abs(spread.mean(0) - variance) < 4 * spread.std(0) / np.sqrt(len(logs))).all()


@pytest.mark.parametrize("case", ["topics", "a mixture of normals"])
def test_the_same_for_any_number_of_threads(case: str) -> None:
    results = []
    for threads in (1, 3):
        sweeps = sweeps_over(case)
        sweeps.threads = threads
        labels, counters = sweeps.first_labels(7), streams(7)
        remembered = sweeps.remembered(labels)
        for _ in range(5):
            sweeps.sweep(labels, remembered, counters)
        results.append((labels, *sweeps.values(labels, remembered, counters, sweeps.arrays.form.names).values()))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


WIDE = {
    "three blocks": LDA.replace("topic[2]", "topic[19]").replace("0.7", "0.2").replace("0.5", "0.1"),
    # a label of the same document adds less to a topic's total than it takes from its share
    "a document says little": LDA.replace("topic[2]", "topic[11]").replace("0.7", "9").replace("0.5", "0.05"),
    "topics of several languages": MODELS["topics of several languages"][0]
    .replace("{one, two}", "{" + ", ".join(f"t{i}" for i in range(9)) + "}")
    .replace("0.7", "0.2"),
}


def surprise(sweeps: CollapsedSweeps, late: int = 0, chains: int = 400) -> float:
    """How often sweeps draw the likeliest of a label's values, the second, the third, by their full conditionals: the furthest of these from
    what the density says, in standard errors. The planted fault: it says so of conditionals to which a label is known ``late`` draws late."""
    labels, counters = sweeps.first_labels(chains), streams(chains)
    remembered = sweeps.remembered(labels)
    furthest = 0.0
    for _ in range(2):
        before = labels.copy()
        sweeps.sweep(labels, remembered, counters)
        for i in (1, 4):
            order = np.argsort(-conditional(sweeps, labels, before, i, i), axis=0)
            p = np.take_along_axis(conditional(sweeps, labels, before, i, i - late), order, 0)
            gap = (order == labels[:, i]).sum(1) - p.sum(1)
            furthest = max(furthest, float(np.abs(gap / np.sqrt((p * (1 - p)).sum(1))).max()))
    return furthest


def conditional(sweeps: CollapsedSweeps, labels: np.ndarray, before: np.ndarray, i: int, drawn: int) -> np.ndarray:
    """p(label ``i`` | others) ``[value, chain]``, of which so many have been drawn anew."""
    (label,) = sweeps.arrays.labels
    around = np.concatenate([labels[:, :drawn], before[:, drawn:]], 1)
    logs = np.empty((label.size, len(labels)))
    for k in range(label.size):
        around[:, i] = k
        logs[k] = sweeps.log_joint(around, sweeps.remembered(around))
    p = np.exp(logs - logs.max(0))
    return np.asarray(p / p.sum(0))


@pytest.mark.parametrize("case", list(WIDE))
def test_labels_of_tokens_by_their_full_conditionals(case: str) -> None:
    data = {**TOKENS, "w": ["x", "x", "y", "u", "u"]}
    problem = problem_of(
        WIDE[case], data | ({"lang": ["en", "en", "fr", "fr", "fr"]} if "lang" in WIDE[case] else {})
    )
    names = latent_names(problem.model, problem.facts)
    form = collapsed_form(problem.model, names)
    sweeps = CollapsedSweeps(arrays_of(form, bound_evaluator(problem.binding), in_blocks=True))
    assert sweeps.pairs
    assert surprise(sweeps) < 4.5
    assert surprise(sweeps, late=1) > 6


@pytest.mark.parametrize("case", ["topics", "a mixture of normals"])
def test_a_run_that_is_gone_on_with_ends_in_the_same_draws(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(*MODELS[case])
    names = latent_names(problem.model, problem.facts)
    options = GibbsOptions(chains=3, warmup=15, draws=20)
    outcomes = []
    for is_stopped in (False, True):
        monkeypatch.setattr(collapsed, "BLOCK", 4 if is_stopped else 100)
        algorithm = collapsed.build_collapsed(problem, options, names)
        state = algorithm.init(np.random.default_rng(3))
        while not algorithm.done(state):
            state, _ = algorithm.step(state)
            if is_stopped:
                # by another process: nothing but the state is known
                algorithm = collapsed.build_collapsed(problem, options, names)
                state = CollapsedState(*(x.copy() if isinstance(x, np.ndarray) else x for x in state))
        outcomes.append(algorithm.conclude(state))
    assert outcomes[0].draws.keys() == set(names)
    for name in names:
        np.testing.assert_array_equal(outcomes[0].draws[name], outcomes[1].draws[name])


WITHOUT_TORCH = f"""
import sys
import pgmlang
fit = pgmlang.compile({LDA!r}).fit({TOKENS!r}, method="gibbs", seed=1, options={{"chains": 2, "warmup": 5, "draws": 10}})
assert fit.draws["phi"].shape == (2, 10, 2, 3)
print(*(name for name in ("torch", "pyro", "networkx") if name in sys.modules))
"""


def test_a_fit_needs_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


OUTSIDE = """
v ~ InverseGamma(3, 2)
share[k] ~ Dirichlet(1)
plate k[2] { mu ~ Normal(0, 3) }
plate row { z ~ Categorical(share) ; y ~ Normal(mu[z], sqrt(v)) }
"""


@pytest.mark.parametrize(
    "text",
    [
        OUTSIDE,
        pytest.param(
            OUTSIDE.replace("Dirichlet(1)", "Dirichlet(a)") + "a ~ Gamma(2, 2)\n", marks=pytest.mark.slow
        ),
    ],
)
def test_what_is_learned_outside_agrees_with_torch(text: str) -> None:
    rng = np.random.default_rng(0)
    data = {"y": np.concatenate([rng.normal(-1, 0.6, 14), rng.normal(1.5, 0.6, 9)])}
    model = pgmlang.compile(text)
    options = {"chains": 16, "warmup": 60, "draws": 200}
    fits = [
        model.fit(data, method="gibbs", seed=1, options={**options, "backend": b}) for b in ("native", "torch")
    ]
    assert [f.record.provenance["backend"] for f in fits] == ["native", "torch"]
    for name, function in (
        ("a", lambda x: x), ("v", lambda x: x), ("share", lambda x: x.max(-1)), ("mu", lambda x: x.max(-1)),
        ("z", lambda x: (x == x[..., :1]).mean(-1)),
    ):  # fmt: skip
        if name not in fits[0].draws:
            continue
        draws = [function(f.draws[name]) for f in fits]
        error = [float(convergence(d[..., None].astype(float)).mcse[0]) for d in draws]
        assert abs(draws[0].mean() - draws[1].mean()) < 4 * np.hypot(*error), name


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("share[k] ~ Dirichlet(1)\nplate k[2] { m ~ Normal(0, 1) }\nplate row { z ~ Categorical(share) ; y ~ StudentT(4, m[z], 1) }", "no conjugate prior"),
        ("mu ~ Normal(0, 1)\nplate row { y ~ Normal(mu, 1) }\n", "where there are none"),
        ("share ~ Beta(1, 1)\nplate g { plate row { z : bit ~ Bernoulli(share) }\nw : bit ~ Bernoulli(sigmoid(mean(z, over = row))) }", "no conjugate prior"),
    ],
)  # fmt: skip
def test_other_structures_are_said(text: str, word: str) -> None:
    model = pgmlang.compile(text).model
    latent = [v.name for v in model.of_role("random") if v.name not in ("y", "w")]
    with pytest.raises(NotScalar, match=word):
        collapsed_form(model, latent)


def test_what_is_asked_for_and_cannot_be_is_refused() -> None:
    text = """
dim to like k
start[k] ~ Dirichlet(1)
plate k[2] { move[to] ~ Dirichlet(1) ; m ~ Normal(0, 1) }
plate row = chain { z ~ Categorical(if first then start else move[prev(z)]) ; y ~ Normal(m[z], 1) }
"""
    model = pgmlang.compile(text)
    with pytest.raises(PgmError, match="no program of loops"):
        model.fit({"y": [0.1, 0.2]}, method="gibbs", options={"backend": "native"})
    assert all(b.kernel != "collapsed sweep" for b in model.plan({"y": [0.1, 0.2]}, method="gibbs").blocks)


def test_plan_says_what_is_integrated_out() -> None:
    model = pgmlang.compile(LDA)
    plan = {b.kernel: b.variables for b in model.plan(TOKENS, method="gibbs").blocks}
    assert set(plan["integrated out"]) == {"phi", "theta"}
    assert plan["collapsed sweep"] == ("z",)
    blocks = model.plan(TOKENS, method="gibbs", options={"backend": "torch"}).blocks
    assert {b.kernel for b in blocks} == {"exact draws", "conjugate draws"}


def test_what_is_of_two_elements_of_a_label() -> None:
    """Pairs of nodes that are linked more often within a block: drawn node by node, by enumeration; no sweep takes them."""
    text = "p ~ Beta(3, 7)\nplate node { z ~ Bernoulli(p) }\nplate pair {\n  input i, j : node\n  e ~ Bernoulli(if z[i] == z[j] then 0.8 else 0.3)\n}"
    data = {"i": ["a", "a", "b", "c"], "j": ["b", "c", "c", "d"], "e": [1, 0, 0, 1]}
    problem = problem_of(text, data)
    with pytest.raises(NotScalar, match="`e`, which is of several elements of `z`"):
        collapsed_form(problem.model, ("z", "p"))
    fit = pgmlang.compile(text).fit(data, method="gibbs", seed=1, options={"draws": 800})
    weights, ones = [], []
    for z in itertools.product((0, 1), repeat=4):
        nodes = dict(zip("abcd", z, strict=True))
        weight = float(beta(3 + sum(z), 7 + 4 - sum(z)))
        for i, j, e in zip(data["i"], data["j"], data["e"], strict=True):
            linked = 0.8 if nodes[i] == nodes[j] else 0.3
            weight *= linked if e else 1 - linked
        weights.append(weight)
        ones.append(z)
    wanted = np.array(weights) @ np.array(ones) / sum(weights)
    draws = np.asarray(fit.record.draws["z"], dtype=float).reshape(-1, 4)
    np.testing.assert_allclose(draws.mean(0), wanted, atol=0.05)
