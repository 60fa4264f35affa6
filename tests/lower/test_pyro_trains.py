"""Pyro's own SVI climbs emitted models to the maxima that this package finds: discrete latents enumerated."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.lower import lower
from pgmlang.lower.enumerated import enumerability
from pgmlang.lower.pyro_chains import chains_of
from pgmlang.sema import compile_source
from tests.models import MODELS

pyro = pytest.importorskip("pyro")
from pyro.infer import SVI, Trace_ELBO, TraceEnum_ELBO  # noqa: E402
from pyro.infer.autoguide import AutoDelta, init_to_value  # noqa: E402

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """float64, a fixed seed, an empty store, and Pyro's checks of shapes."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    pyro.clear_param_store()
    with pyro.validation_enabled(True):
        yield
    torch.set_default_dtype(torch.float32)
    pyro.clear_param_store()


def nothing(*_: Any) -> None:
    """The guide of a model whose latents are all enumerated."""


def point(module: ModuleType, **start: torch.Tensor) -> Any:
    """A guide of point masses for what is not enumerated."""
    shown = pyro.poutine.block(module.model, hide_fn=lambda s: s["infer"].get("enumerate") == "parallel")
    return AutoDelta(shown, init_loc_fn=init_to_value(values=start))


def climb(model: Any, guide: Any, arguments: tuple[Any, ...], steps: int, rate: float, loss: Any = None) -> float:
    """Adam with a falling rate; the loss at the end."""
    optimiser = pyro.optim.ClippedAdam({"lr": rate, "lrd": 0.02 ** (1 / steps)})
    svi = SVI(model, guide, optimiser, loss or TraceEnum_ELBO(max_plate_nesting=1))
    for _ in range(steps):
        svi.step(*arguments)
    return float(svi.evaluate_loss(*arguments))


def same_up_to_labels(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> bool:
    return any(np.allclose(ours[list(p)], theirs, atol=tolerance) for p in permutations(range(len(ours))))


def test_mixture_of_iris() -> None:
    model = pgmlang.compile(EXAMPLES / "iris" / "mixture.pgm")
    data, layout = model.tensors(EXAMPLES / "iris" / "iris.csv")
    module = model.program.load()
    start = {"mean": data["x"][[10, 70, 130]], "share": torch.ones(3) / 3, "variance": torch.full((3, 2), 0.05)}
    guide = point(module, **start)
    loss = climb(module.model, guide, (data, layout), 150, 0.1)
    fit = model.fit(EXAMPLES / "iris" / "iris.csv", method="map", seed=2, options={"restarts": 6})
    assert loss == pytest.approx(-fit.record.trace[-1] * 150, abs=0.02)
    assert same_up_to_labels(fit.params["mean"], guide.median()["mean"].detach().numpy(), 0.01)


def test_topics() -> None:
    rng = np.random.default_rng(1)
    doc = np.repeat(np.arange(12), 15)
    is_one = rng.random(180) < np.where(doc % 2, 0.9, 0.15)
    word = np.where(is_one, rng.integers(0, 4, 180), rng.integers(3, 7, 180))
    rows = {"doc": doc.astype(str), "w": np.array([f"w{i}" for i in word])}
    model = pgmlang.compile(EXAMPLES / "language" / "lda.pgm", topics=2, alpha=2, eta=2)
    data, layout = model.tensors(rows)
    module = model.program.load()
    phi = torch.tensor(np.random.default_rng(3).dirichlet(np.ones(7) * 3, 2))
    guide = point(module, phi=phi)
    loss = climb(module.model, guide, (data, layout), 200, 0.1)
    fit = model.fit(rows, method="map", seed=1)
    assert loss == pytest.approx(-fit.record.trace[-1] * 12, abs=0.02)
    assert same_up_to_labels(fit.params["phi"], guide.median()["phi"].detach().numpy(), 0.005)


def sequences(rng: np.random.Generator, count: int, longest: int) -> dict[str, np.ndarray]:
    """Sequences of unequal length of a chain of three states, their rows in any order within the file's."""
    move = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.3, 0.1, 0.6]])
    names, y = [], []
    for number in range(count):
        z = rng.integers(3)
        for _ in range(rng.integers(2, longest + 1)):
            names.append(str(number))
            y.append(4.0 * (z - 1) + rng.normal())
            z = rng.choice(3, p=move[z])
    return {"seq": np.array(names), "y": np.array(y)}


@pytest.mark.slow
def test_hidden_markov_model() -> None:
    rows = sequences(np.random.default_rng(1), 15, 6)
    model = pgmlang.compile(EXAMPLES / "language" / "hmm.pgm")
    data, layout = model.tensors(rows)
    module = model.program.load()
    even = {"mean": torch.tensor([-4.0, 0.5, 4.0]), "start": torch.ones(3) / 3, "move": torch.ones(3, 3) / 3}
    guide = point(module, **even)
    loss = climb(module.model, guide, (data, layout), 200, 0.2)
    fit = model.fit(rows, method="map", seed=1)
    assert loss == pytest.approx(-fit.record.trace[-1] * 15, abs=0.02)
    assert same_up_to_labels(fit.params["mean"], guide.median()["mean"].detach().numpy(), 0.02)


def test_conditional_random_field() -> None:
    rng = np.random.default_rng(1)
    count, length = 40, 5
    features = rng.normal(size=(count * length, 2))
    is_code = features[:, 0] + rng.logistic(size=len(features)) > 0
    rows = {
        "sentence": np.repeat(np.arange(count), length).astype(str),
        "f.a": features[:, 0],
        "f.b": features[:, 1],
        "y": np.where(is_code, "code", "prose"),
    }
    model = pgmlang.compile(EXAMPLES / "tagging" / "tagging.pgm")
    data, layout = model.tensors(rows)
    module = model.program.load()
    loss = climb(module.model, nothing, (data, layout), 150, 0.1)
    fit = model.fit(rows, method="ml", seed=1)
    assert loss == pytest.approx(-fit.log_likelihood, abs=0.005)
    assert np.allclose(pyro.param("weight").detach().numpy(), fit.params["weight"], atol=0.02)


def test_variational_autoencoder() -> None:
    """The bound at our networks is ours, and Pyro's training comes as high."""
    model = pgmlang.compile(EXAMPLES / "digits" / "vae.pgm", latent=2, hidden=10)
    rows = pgmlang_rows(EXAMPLES / "digits" / "train.csv", 80)
    data, layout = model.tensors(rows)
    module = model.program.load()
    fit = model.fit(rows, method="elbo", seed=1, options={"epochs": 300, "learning_rate": 0.01, "batch": 80})
    nets = module.build_nets(layout)
    nets.load_state_dict({k: torch.as_tensor(v) for k, v in fit.params.items()})
    bound = SVI(module.model, module.guide, pyro.optim.Adam({}), Trace_ELBO(num_particles=20))
    ours = bound.evaluate_loss(data, layout, None, nets) / 80
    assert ours == pytest.approx(-fit.record.trace[-1], rel=0.02)
    pyro.clear_param_store()
    climb(module.model, module.guide, (data, layout), 300, 0.03, Trace_ELBO())
    assert bound.evaluate_loss(data, layout) / 80 == pytest.approx(ours, rel=0.06)
    assert {"nets$$$decode.body.0.weight", "nets$$$encode.heads.1.bias"} <= set(pyro.get_param_store().keys())


def pgmlang_rows(path: Path, count: int) -> dict[str, np.ndarray]:
    """The first rows of a table of numbers."""
    names = path.read_text(encoding="utf-8").split("\n", 1)[0].split(",")
    values = np.loadtxt(path, delimiter=",", skiprows=1, max_rows=count, usecols=range(len(names)))
    return {name: values[:, i].astype(int) for i, name in enumerate(names) if name.startswith("v.")}


# ---- enumeration against sums by hand


def programs() -> dict[str, str]:
    """Texts of the models of all families, and of every example."""
    examples = {
        f"{p.parent.name}/{p.stem}": p.read_text(encoding="utf-8") for p in sorted(EXAMPLES.rglob("*.pgm"))
    }
    return {n: t for n, t in MODELS.items() if n != "learned_density"} | examples


PROGRAMS = programs()


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_model_draws_by_itself(name: str) -> None:
    """With parameters begun by the model; what is improper has no draws."""
    model = compile_source(PROGRAMS[name])
    module = lower(model).load()
    data, layout, _, _, values = module.example()
    data |= {v.name: values[v.name] for v in model.of_role("field") if v.type.kind == "real"}
    data |= {v: values[v] for v in ("a", "y") if name == "arK"}
    trace = pyro.poutine.trace(module.model).get_trace(data, layout)
    assert np.isfinite(float(trace.log_prob_sum()))
    if hasattr(module, "guide"):
        drawn = pyro.poutine.trace(module.guide).get_trace({**data, **values}, layout)
        assert np.isfinite(float(drawn.log_prob_sum()))


def marginal(text: str, latent: dict[str, int], most: int = 5000) -> None:
    """The enumerated log-density of the example's observed values is the sum of log_joint over all latent ones; where
    those are too many to list, no less than one of them."""
    module = lower(compile_source(text)).load()
    data, layout, params, nets, values = module.example()
    seen = {k: v for k, v in values.items() if k not in latent}
    arguments = ({**data, **seen}, layout, params, nets)
    loss = TraceEnum_ELBO(max_plate_nesting=3).loss(module.model, nothing, *arguments)
    trace = pyro.poutine.trace(module.model).get_trace({**data, **values}, *arguments[1:])
    log_z = -float(trace.log_prob_sum(lambda site, _: site.startswith(("log Z of ", "prior of "))))
    shapes = [(name, values[name].shape, count) for name, count in latent.items()]
    sizes = [count for _, shape, count in shapes for _ in range(int(np.prod(shape)))]
    if np.prod(np.asarray(sizes, dtype=float)) > most:
        assert -loss + log_z > float(module.log_joint(values, data, layout, params, nets))
        return
    terms = []
    for code in np.ndindex(*sizes):
        given, at = dict(values), 0
        for name, shape, _ in shapes:
            number = int(np.prod(shape))
            given[name] = torch.tensor(code[at : at + number]).reshape(shape)
            at += number
        terms.append(module.log_joint(given, data, layout, params, nets).detach())
    assert -loss + log_z == pytest.approx(float(torch.stack(terms).logsumexp(0)), rel=1e-8)


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_enumerated_variable_is_summed_out(name: str) -> None:
    model = compile_source(PROGRAMS[name])
    known = enumerability(model, chains_of(model))
    for variable in known.reasons:
        if known.holds(variable):
            labels = model.labels_of(model.by_name[variable].type)
            pyro.clear_param_store()
            marginal(PROGRAMS[name], {variable: len(labels) if labels is not None else 4}, most=700)


def test_a_latent_table_outside_of_plates_and_one_inside() -> None:
    text = (
        "a : {no, yes} ~ Table() { 0.3, 0.7 }\nb : {no, yes} ~ Table(a) {\n  no : 0.9, 0.1\n  yes : 0.2, 0.8\n}\n"
        "plate row {\n  c : {u, v, w} ~ Table(b)\n  y ~ Normal(if c == v and a == no then 1 else 0, 1)\n}\n"
    )
    marginal(text, {"a": 2, "b": 2, "c": 3})


def test_nested_plates_of_fixed_size() -> None:
    text = (
        "plate outer[2] {\n  k ~ Bernoulli(0.3)\n"
        "  plate inner[2] {\n    z ~ Bernoulli(if k then 0.8 else 0.1)\n    y[d] ~ Normal(z + k, 1)\n  }\n}\ndim d[2]\n"
    )
    marginal(text, {"k": 2, "z": 2})


def test_a_chain_that_looks_two_rows_back() -> None:
    text = (
        "plate seq { plate step = chain {\n"
        "  z ~ Bernoulli(if first(2) then 0.5 else 0.1 + 0.3 * prev(z, 2) + 0.4 * prev(z))\n  y ~ Normal(z, 1)\n} }\n"
    )
    marginal(text, {"z": 2})


def test_a_choice_of_tables_along_a_chain() -> None:
    text = (
        "plate seq { plate step = chain {\n  z : {a, b} ~ if first then Table() else Table(prev(z))\n"
        "  y : {u, v} ~ Table(z)\n} }\n"
    )
    marginal(text, {"z": 2})


def test_classes_of_sequences() -> None:
    text = (
        "plate seq {\n  k ~ Bernoulli(0.4)\n  plate step = chain {\n"
        "    z ~ Bernoulli(if first then 0.5 else 0.1 + 0.3 * k + 0.4 * prev(z))\n    y ~ Normal(z, 1)\n  }\n}\n"
    )
    marginal(text, {"k": 2, "z": 2})


@pytest.mark.parametrize("count", [1, 2])
def test_log_z_of_rows_and_chains(count: int) -> None:
    """Against all states of the fields."""
    alone = "param J : real\nplate row { input x : real\n  field a, b : spin\n  factor J * a * b + x * a\n}\n"
    chained = (
        "param J : real\nplate seq { plate step = chain { input x : real\n  field a, b : bit\n"
        "  factor x * a + b\n  factor if first then 0 else J * prev(a) * b\n} }\n"
    )
    module = lower(compile_source(alone if count == 1 else chained)).load()
    data, layout, params, nets, values = module.example()
    trace = pyro.poutine.trace(module.model).get_trace({**data, **values}, layout, params, nets)
    log_z = -float(trace.log_prob_sum(lambda name, _: name.startswith("log Z of ")))
    terms = [
        module.log_joint({"a": torch.tensor(c[:4]), "b": torch.tensor(c[4:])}, data, layout, params)
        for c in np.ndindex(*[2] * 8)
    ]
    assert log_z == pytest.approx(float(torch.stack(terms).logsumexp(0)), rel=1e-9)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dim u[9]\nparam W[u] : real\nplate row { field h[u] : bit\n  factor W @ h }\n", "joint states"),
        ("param J : real\nplate s = grid(3, 3) { field x : spin }\nplate e(i, j) = edges(s) { factor J * x[i] * x[j] }\n",
         "several rows"),
        ("plate row { field x : real\n  factor -x * x }\n", "no finite set"),
    ],
)  # fmt: skip
def test_why_log_z_is_left_out(text: str, reason: str) -> None:
    lines = [line for line in lower(compile_source(text)).source.splitlines() if "# log Z of" in line]
    assert len(lines) == 1
    assert reason in lines[0]


def test_params_are_kept_in_their_supports() -> None:
    text = "param s : positive, p[k] : simplex\ndim k[3]\nplate row { z ~ Categorical(p)\n  y ~ Normal(0, s) }\n"
    module = lower(compile_source(text)).load()
    data, layout, _, _, values = module.example()
    climb(module.model, nothing, ({**data, "y": values["y"]}, layout), 20, 0.1)
    assert pyro.param("s") > 0
    assert float(pyro.param("p").sum()) == pytest.approx(1)


@pytest.mark.parametrize("prior", ["3", "bdeu(6)"])
def test_priors_of_tables(prior: str) -> None:
    rng = np.random.default_rng(0)
    data = {"a": rng.choice(["u", "v"], 40), "b": rng.choice(["x", "y", "w"], 40)}
    text = f"plate row {{\n  a : {{u, v}} ~ Table(prior = {prior})\n  b : {{x, y, w}} ~ Table(a, prior = {prior})\n}}\n"
    model = pgmlang.compile(text)
    arguments = model.tensors(data)
    module = model.program.load()
    climb(module.model, nothing, arguments, 120, 0.3, Trace_ELBO())
    counts = np.array([[(data["a"] == a)[data["b"] == b].sum() for b in ("x", "y", "w")] for a in ("u", "v")])
    added = 3.0 if prior == "3" else 1.0  # a count a cell; of `b` six cells share six
    expected = (counts + added) / (counts + added).sum(1, keepdims=True)
    np.testing.assert_allclose(pyro.param("b.table").detach().numpy(), expected, atol=2e-3)
    ours = model.fit(data, method="em", seed=1)
    np.testing.assert_allclose(ours.params["b.table"], expected, atol=1e-6)


def test_rows_that_stand_for_several() -> None:
    text = "param m : real\nplate row { z ~ Normal(m, 1) ; y ~ Normal(z, 1) }\n"
    model = pgmlang.compile(text)
    rows = {"y": [1.0, 2.0, 4.0], "n": [2, 1, 3]}
    data, layout = model.tensors(rows, counts="n")
    assert data["y"].tolist() == [1, 1, 2, 4, 4, 4]
    assert layout.size("row") == 6
    with pytest.raises(pgmlang.PgmError, match="weights of rows"):
        model.tensors({**rows, "n": [0.5, 1.0, 2.0]}, weights="n")
