"""Missing cells of emitted Pyro models: their log-probability against `log_joint`, discrete ones against sums, SVI against
a closed form, and the refusal of what Pyro does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.bind import bound_density
from pgmlang.density.reductions import log_joint
from pgmlang.diagnostics import PgmError
from tests.infer.by_hand import problem_of

pyro = pytest.importorskip("pyro")
from pyro.infer import SVI, Trace_ELBO, TraceEnum_ELBO  # noqa: E402
from pyro.infer.autoguide import AutoNormal  # noqa: E402

pytestmark = pytest.mark.usefixtures("pyro_afresh")

HEAD = "model m\nb ~ Normal(0, 1)\n"
CELLS = {"y": [0.3, None, 2.0]}
ALONE: dict[str, tuple[str, Mapping[str, Any]]] = {
    "a number": ("plate row { y ~ Normal(b, 1) }", CELLS),
    "a bit": ("plate row { y ~ Bernoulli(logit = b) }", {"y": [1, None, 0]}),
    "a count": ("plate row { y ~ Poisson(exp(b)) }", {"y": [1, None, 0]}),
    "a label": (
        "dim k = {u, w}\np[k] = 0.5\nplate row { y ~ Categorical(p) }",
        {"y": ["u", None, "w"]},
    ),
    "a cell of a vector of numbers": (
        "dim k = {y0, y1}\nplate row { y[k] ~ Normal(b, 1) }",
        {"y0": [0.3, None, 2.0], "y1": [0.3, 1.0, None]},
    ),
    "bounds that move": (
        "plate row {\n  input lo : real\n  y ~ Uniform(lo, lo + 1 + exp(b))\n}",
        {"y": [0.3, None, None], "lo": [0.0, 50.0, -9.0]},
    ),
    "in a chain": (
        "plate g {\n  plate row in g = chain {\n    x ~ Normal(if first then b else prev(x), 1)\n    y ~ Normal(x, 1)\n  }\n}",
        {"y": [0.3, None, 2.0], "x": [1.0, 2.0, 3.0], "g": ["a", "a", "b"]},
    ),
    "in groups": (
        "plate g { u ~ Normal(b, 1) }\nplate row in g { y ~ StudentT(4, u, 1) }",
        {**CELLS, "g": ["a", "a", "b"]},
    ),
}


@pytest.mark.parametrize(("text", "data"), ALONE.values(), ids=ALONE)
def test_cells_that_drop_out(text: str, data: Mapping[str, Any]) -> None:
    values = {"b": torch.tensor(0.4), **({"u": torch.tensor([0.1, 0.2])} if "u ~" in text else {})}
    model = pgmlang.compile(HEAD + text)
    tensors, layout = model.tensors(data)
    trace = pyro.poutine.trace(model.program.load().model).get_trace({**tensors, **values}, layout)
    expected = log_joint(bound_density(problem_of(HEAD + text, data)), values)
    assert float(trace.log_prob_sum()) == pytest.approx(float(expected), rel=1e-12)


def test_discrete_cells_are_enumerated() -> None:
    text = "plate row {\n  z : {a, b} ~ Table() { 0.3, 0.7 }\n  y ~ Normal(if z == a then -1 else 1, 1)\n}"
    y = np.array([0.3, 0.1, 2.0])
    model = pgmlang.compile(text)
    arguments = model.tensors({"z": ["a", None, "b"], "y": y})
    bound = TraceEnum_ELBO(max_plate_nesting=1).loss(model.program.load().model, lambda *_: None, *arguments)
    density = np.exp(-0.5 * (y - np.array([[-1], [1]])) ** 2) / np.sqrt(2 * np.pi) * np.array([[0.3], [0.7]])
    assert -bound == pytest.approx(np.log([density[0, 0], density[:, 1].sum(), density[1, 2]]).sum(), rel=1e-12)


def test_svi() -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(1.5, 1, 40)
    y[::3] = np.nan
    seen = y[~np.isnan(y)]
    model = pgmlang.compile(f"{HEAD}plate row {{ y ~ Normal(b, 1) }}")
    arguments = model.tensors({"y": y})
    program = model.program.load()
    guide = AutoNormal(program.model)
    svi = SVI(program.model, guide, pyro.optim.ClippedAdam({"lr": 0.1, "lrd": 0.985}), Trace_ELBO(num_particles=4))
    for _ in range(200):
        svi.step(*arguments)
    low, high = (float(x) for x in guide.quantiles([0.5, 0.8413])["b"])
    sd = (len(seen) + 1) ** -0.5
    assert low == pytest.approx(seen.sum() / (len(seen) + 1), abs=0.25 * sd)
    assert high - low == pytest.approx(sd, rel=0.25)


@pytest.mark.parametrize(
    "text",
    [
        "plate row {\n  x ~ Normal(0, 1)\n  y ~ Normal(b * x, 1)\n}",
        "plate g {\n  plate row in g = chain {\n    x : bit ~ Bernoulli(if first then 0.5 else 0.2 + 0.5 * prev(x))\n"
        "    y ~ Normal(b * x, 1)\n  }\n}",
    ],
    ids=["a number", "a state of a chain"],
)
def test_cells_that_would_be_latent_are_refused(text: str) -> None:
    data = {"x": [1, None, 0], "y": [0.3, 1.0, 2.0], **({"g": ["a", "a", "b"]} if "g {" in text else {})}
    with pytest.raises(PgmError, match="`x` has missing cells") as caught:
        pgmlang.compile(HEAD + text).tensors(data)
    assert caught.value.diagnostics[0].code == "PGM0710"
