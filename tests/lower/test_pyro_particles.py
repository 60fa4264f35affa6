"""Particles side by side in one plate around an emitted Pyro model: the right loss, or a refusal that says what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import pgmlang

pyro = pytest.importorskip("pyro")
from pyro.infer import Predictive, Trace_ELBO  # noqa: E402
from pyro.infer.autoguide import AutoDelta  # noqa: E402

pytestmark = pytest.mark.usefixtures("pyro_afresh")

WITH_PLATES = {
    "rows": "b ~ Normal(0, 1)\nplate row { y ~ Normal(b, 1) }",
    "plate inside of a plate": "s ~ HalfNormal(1)\nplate g {\n u ~ Normal(0, s)\n plate row in g { y ~ Normal(u, 1) } }",
    "a label": "b ~ Normal(0, 1)\nplate row {\n z : bit ~ Bernoulli(0.3)\n y ~ Normal(b * z, 1) }",
    "a chain": "b ~ Normal(0, 1)\nplate row = chain { y ~ if first then Normal(b, 1) else Normal(b * prev(y), 1) }",
}
WITHOUT = "dim k[3]\nb ~ Normal(0, 1)\nw[k] ~ Normal(b, 1)\ns ~ HalfNormal(1)\nc ~ Normal(sum(w) * b, s)"


def program_and_data(text: str) -> tuple[Any, tuple[Any, ...]]:
    data = {"y": np.array([0.3, -1.0, 2.0, 0.4]), "g": ["p", "p", "q", "q"]}
    model = pgmlang.compile(f"model m\n{text}\n")
    if "plate" not in text:
        return model.program.load(), ({"c": torch.tensor(1.5)},)
    return model.program.load(), model.tensors({k: v for k, v in data.items() if k != "g" or "g {" in text})


def loss(program: Any, arguments: tuple[Any, ...], is_vectorized: bool) -> float:
    guide = AutoDelta(
        pyro.poutine.block(program.model, hide_fn=lambda s: s["infer"].get("enumerate") == "parallel")
    )
    guide(*arguments)
    bound = Trace_ELBO(num_particles=10, vectorize_particles=is_vectorized, max_plate_nesting=3)
    return float(bound.loss(program.model, guide, *arguments))


@pytest.mark.parametrize("text", WITH_PLATES.values(), ids=WITH_PLATES)
def test_a_plate_around_a_model_with_plates_is_refused(text: str) -> None:
    program, arguments = program_and_data(text)
    if "bit" not in text:
        assert np.isfinite(loss(program, arguments, False))
    with pytest.raises(ValueError, match="one after the other"):
        loss(program, arguments, True)
    with pytest.raises(ValueError, match="parallel=False"):
        Predictive(program.model, num_samples=5, parallel=True)(*arguments)


def test_without_plates_particles_stand_side_by_side() -> None:
    program, arguments = program_and_data(WITHOUT)
    one, many = loss(program, arguments, False), loss(program, arguments, True)
    assert many == pytest.approx(one, rel=1e-12)
