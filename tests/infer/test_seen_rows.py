"""Rows that show every summed variable are not laid out over its values, and the log-density is the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density import seen_rows
from pgmlang.density.bind import density_of_binding
from pgmlang.density.summing import Marginaliser, marginaliser_of

LABELS = "dim kind = {x, y, z}\nmu[kind] ~ Normal(0, 1)\nshare[kind] ~ Dirichlet(1)\n"
MODELS = {
    "one label": LABELS + "plate row {\n  a : kind ~ Categorical(share)\n  y ~ Normal(mu[a], 1)\n}",
    "two labels and an input": LABELS
    + "w ~ Normal(0, 1)\nplate row {\n  input t : real\n  a : kind ~ Categorical(share)\n"
    "  b ~ Bernoulli(logit = w * t)\n  y ~ Normal(mu[a] + w * b, 1)\n}",
    "a gap beside": LABELS
    + "plate row {\n  a : kind ~ Categorical(share)\n  y ~ Normal(mu[a], 1)\n  u ~ Normal(mu[a], 2)\n}",
}
TIED = LABELS + (
    "plate row {\n  input t : real\n  a : kind ~ Categorical(share)\n  y ~ Normal(mu[a] + m, 1)\n}\n"
    "m = mean(t, over = row)\n"
)


def columns(rows: int, share: float, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    is_gap = rng.random((3, rows)) < share
    is_gap[:, 0] = True
    return {
        "a": ["" if gap else str(v) for gap, v in zip(is_gap[0], rng.choice(["x", "y", "z"], rows), strict=True)],
        "b": np.where(is_gap[1], np.nan, rng.integers(0, 2, rows)),
        "u": np.where(is_gap[2], np.nan, rng.normal(size=rows)),
        "y": rng.normal(size=rows),
        "t": rng.normal(size=rows),
        "w8": rng.random(rows) + 0.5,
    }


def sums_of(
    text: str, rows: int = 40, share: float = 0.2, **options: object
) -> tuple[Marginaliser, dict[str, torch.Tensor]]:
    model = pgmlang.compile(text)
    binding = model.bind(columns(rows, share, rows), **options)
    joint = density_of_binding(binding.model, binding, {}, torch.float64, torch.device("cpu"))
    names = tuple(n for n in joint.latent if joint.model.by_name[n].type.is_discrete)
    generator = torch.Generator().manual_seed(1)
    values = {}
    for name in joint.latent:
        if name not in names and not joint.model.by_name[name].plates:
            drawn = torch.randn((2, *joint.shape_of(name)), generator=generator, dtype=torch.float64)
            values[name] = (torch.softmax(drawn, -1) if name == "share" else drawn).requires_grad_()
    return marginaliser_of(joint, names), values


@pytest.mark.parametrize("weights", [None, "w8"])
@pytest.mark.parametrize("name", MODELS)
def test_the_same_log_density_and_gradient(
    name: str, weights: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_rows, "FEWEST_SAVED", 1)
    sums, values = sums_of(MODELS[name], weights=weights)
    parts = seen_rows.prepared(sums)
    assert parts is not None
    rows = parts.open_rows.joint.layout.size("row")
    assert 1 <= rows < 40
    assert parts.seen.layout.size("row") == 40 - rows
    apart, whole = seen_rows.log_marginal_of(sums, values), sums.log_marginal(values)
    assert apart.shape == whole.shape == (2,)
    torch.testing.assert_close(apart, whole, rtol=1e-12, atol=0)
    slopes = [torch.autograd.grad(total.sum(), [*values.values()]) for total in (apart, whole)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_what_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen_rows.prepared(sums_of(MODELS["one label"])[0]) is None, "too little is saved"
    monkeypatch.setattr(seen_rows, "FEWEST_SAVED", 1)
    assert seen_rows.prepared(sums_of(TIED)[0]) is None, "rows meet in a mean"
    assert seen_rows.prepared(sums_of(MODELS["one label"], share=1.0, hide=["a"])[0]) is None, "nothing is seen"


def test_a_fit_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = pgmlang.compile(MODELS["two labels and an input"]), columns(60, 0.2, 3)
    whole = model.fit(data, method="map", seed=1)
    monkeypatch.setattr(seen_rows, "FEWEST_SAVED", 1)
    apart = model.fit(data, method="map", seed=1)
    density = whole.record.provenance["log_density"]
    assert apart.record.provenance["log_density"] == pytest.approx(density, rel=1e-9)
    for name, value in whole.params.items():
        np.testing.assert_allclose(apart.params[name], value, rtol=1e-4, atol=1e-5)
