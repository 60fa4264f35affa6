"""Full conditionals by compiled loops are those of torch's density, element by element, and sweeps by them leave the exact distribution as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pgmlang.density.bind import bound_density
from pgmlang.density.bound import BoundDensity
from pgmlang.density.element_sweeps import element_sweeps
from pgmlang.density.reductions import log_joint
from pgmlang.density.tabulated_labels import tabulated_labels
from pgmlang.fields.fields import fields_of
from pgmlang.infer.cycle import first_values
from pgmlang.native.formulas import NotScalar
from tests.infer.by_hand import problem_of

RNG = np.random.default_rng(0)
N = 9
Y = RNG.normal(size=N)
GROUPS = [f"g{i % 3}" for i in range(N)]
PARTLY = ["a", None, "b", None, "c", None, "a", None, None]
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "a mixture": (
        "dim k = {a, b, c}\nw[k] ~ Dirichlet(1)\nmu[k] ~ Normal(0, 3)\nsd[k] ~ HalfNormal(1)\nplate r {\n  z : k ~ Categorical(w)\n"
        "  y ~ Normal(mu[z], sd[z])\n}",
        {"y": Y},
    ),
    "labels of groups": (
        "dim k = {a, b}\nw[k] ~ Dirichlet(1)\nmu[k] ~ Normal(0, 3)\nplate g {\n  z : k ~ Categorical(w)\n  plate r { y ~ Normal(mu[z], 1) }\n}",
        {"y": Y, "g": GROUPS},
    ),
    "a chain": (
        "dim to like k\nw[k] ~ Dirichlet(1)\nplate k[3] { m[to] ~ Dirichlet(1) ; mu ~ Normal(0, 3) }\nplate g {\n"
        "  plate t = chain {\n    z : k ~ Categorical(if first then w else m[prev(z)])\n    y ~ Normal(mu[z], 1)\n  }\n}",
        {"y": Y, "g": GROUPS},
    ),
    "a regression on bits": (
        "b0 ~ Normal(0, 1)\nc ~ Normal(0, 1)\nplate r {\n  input x : real\n  h ~ Bernoulli(logit = c * x)\n"
        "  y ~ Normal(b0 + c * h * x, exp(0.3 * h + 0.1 * c))\n}",
        {"y": Y, "x": RNG.normal(size=N)},
    ),
    "labels partly seen": (
        "dim k = {a, b, c}\nw[k] ~ Dirichlet(1)\nmu[k] ~ Normal(0, 3)\nplate r {\n  z : k ~ Categorical(w)\n  y ~ Normal(mu[z], 1)\n}",
        {"y": Y, "z": PARTLY},
    ),
    "a sum over bits": (
        "dim f = {one, two, three}\nc ~ Normal(0, 1)\nplate r {\n  h[f] ~ Bernoulli(0.4)\n  y ~ Normal(c * sum(h), 1)\n}",
        {"y": Y},
    ),
    "a definition of labels": (
        "dim k = {a, b}\nmu[k] ~ Normal(0, 2)\nplate g {\n  z : k ~ Categorical(logit = 0.3 * mu)\n  e = exp(mu[z] / 4) + (if z == a then mu[b] else 0)\n"
        "  plate r { y ~ Normal(e, 1) }\n}",
        {"y": Y, "g": GROUPS},
    ),
    "a field with latent means": (
        "dim k = {a, b, c}\nmu[k] ~ Normal(0, 3)\nplate p {\nplate site = grid(3, 3) { field z : k ; y ~ Normal(mu[z], 1) }\n"
        "plate bond(i, j) = edges(site) { factor if z[i] == z[j] then 0.7 else 0 }\n}",
        {"y": Y[None]},
    ),
    "one label for all": (
        "dim k = {a, b}\nmu[k] ~ Normal(0, 1)\nz : k ~ Categorical(0.5)\nplate r { y ~ Normal(mu[z], 1) }".replace(
            "Categorical(0.5)", "Categorical(logit = mu)"
        ),
        {"y": Y},
    ),
}  # fmt: skip
GRID = (
    "plate p {{\nplate site = grid(3, 3) {{ field s : {0} ; {1} }}\nplate bond(i, j) = edges(site) {{ {2} }}\n}}"
)
ONES, LABELS = {"s": np.ones((1, N), np.int64)}, {"s": np.array([list("abcabcabc")])}
STATIC: dict[str, tuple[str, dict[str, Any]]] = {
    "spins": (GRID.format("spin", "factor 0.2 * s", "factor 0.4 * s[i] * s[j]"), ONES),
    "spins with fields of sites and couplings of bonds": (
        GRID.format("spin", "input h : real ; factor h * s", "input c : real ; factor c * s[i] * s[j]"),
        {"h": RNG.normal(size=(1, N)), "c": RNG.normal(size=(1, 12)), **ONES},
    ),
    "a Potts model": ("dim k = {a, b, c}\n" + GRID.format("k", "factor if s == b then 0.3 else 0", "factor if s[i] == s[j] then 0.9 else 0"), LABELS),
    "bits along a chain": (
        "plate t = chain {\n  input x : real\n  field s : bit\n  factor x * s\n  factor if first then 0 else 0.8 * s * prev(s)\n}",
        {"x": RNG.normal(size=6), "s": [1, 0, 1, 1, 0, 0]},
    ),
}  # fmt: skip


def joint_of(text: str, data: dict[str, Any]) -> BoundDensity:
    return bound_density(problem_of(text, data), torch.float64)


def open_fields(text: str, data: dict[str, Any]) -> BoundDensity:
    """Fields of a model, none of them observed."""
    joint = joint_of(text, data)
    return fields_of(joint, tuple(v.name for v in joint.model.of_role("field"))).joint


def discrete(joint: BoundDensity) -> tuple[str, ...]:
    return tuple(n for n in joint.latent if joint.model.by_name[n].type.is_discrete)


def expected_weights(
    joint: BoundDensity, values: dict[str, torch.Tensor], name: str, place: tuple[int, ...]
) -> np.ndarray:
    """The density at each state of an element, less the largest: ``[chain, K]``."""
    out = []
    for k in range(joint.num_states(name)):
        tried = {**values, name: values[name].clone()}
        tried[name][(slice(None), *place)] = k
        out.append(log_joint(joint.unnormalised, tried))
    logs = torch.stack(out, -1).numpy()
    return logs - logs.max(-1, keepdims=True)


def assert_conditionals(joint: BoundDensity, scale: float = 1e-12) -> None:
    generator = torch.Generator().manual_seed(0)
    values = first_values(joint, joint.latent, generator, 3)
    sweeps = element_sweeps(joint, discrete(joint))
    for name in sweeps.names:
        weights = sweeps.log_weights(name, values)
        for i, place in enumerate(sweeps.chains.orders[sweeps.names.index(name)]):
            here = weights[:, i] - weights[:, i].max(-1, keepdims=True)
            wanted = expected_weights(joint, values, name, tuple(place))
            np.testing.assert_allclose(
                here, wanted, rtol=1e-12, atol=scale * max(1.0, np.abs(weights[:, i]).max())
            )


@pytest.mark.parametrize(("text", "data"), MODELS.values(), ids=MODELS)
def test_conditionals(text: str, data: dict[str, Any]) -> None:
    assert_conditionals(joint_of(text, data))


@pytest.mark.parametrize(("text", "data"), STATIC.values(), ids=STATIC)
def test_conditionals_of_tables(text: str, data: dict[str, Any]) -> None:
    joint = open_fields(text, data)
    names = discrete(joint)
    values = first_values(joint, names, torch.Generator().manual_seed(0), 3)
    labels = tabulated_labels(joint, names)
    states, _ = labels.states(values)
    for name, block in labels.blocks.items():
        for i, place in enumerate(np.ndindex(block.shape)):
            weights = labels.chains.log_weights(states, block.first + i)
            here = weights - weights.max(-1, keepdims=True)
            np.testing.assert_allclose(here, expected_weights(joint, values, name, place), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("text", "data"), STATIC.values(), ids=STATIC)
def test_energies_of_tables(text: str, data: dict[str, Any]) -> None:
    joint = open_fields(text, data)
    values = first_values(joint, discrete(joint), torch.Generator().manual_seed(0), 3)
    energies = tabulated_labels(joint, discrete(joint), with_rest=True).energy(values)
    torch.testing.assert_close(energies, log_joint(joint, values), rtol=1e-12, atol=1e-12)


def test_printed_and_tabulated_are_one_density() -> None:
    joint = open_fields(*STATIC["a Potts model"])
    values = first_values(joint, ("s",), torch.Generator().manual_seed(0), 3)
    labels, sweeps = tabulated_labels(joint, ("s",)), element_sweeps(joint, ("s",))
    states, _ = labels.states(values)
    each = np.stack([labels.chains.log_weights(states, v) for v in range(N)], 1)
    np.testing.assert_allclose(sweeps.log_weights("s", values), each, rtol=1e-12, atol=1e-12)


def test_a_planted_fault_is_seen() -> None:
    """The comparison would tell of a table that is off by a little, and of a wrong list of children."""
    joint = joint_of(*MODELS["labels of groups"])
    values = first_values(joint, joint.latent, torch.Generator().manual_seed(0), 3)
    sweeps = element_sweeps(joint, ("z",))
    wanted = np.stack([expected_weights(joint, values, "z", (g,)) for g in range(3)], 1)

    def off() -> float:
        weights = sweeps.log_weights("z", values)
        return float(np.abs(weights - weights.max(-1, keepdims=True) - wanted).max())

    assert off() < 1e-11
    sweeps.chains.lists[1][:] = np.roll(sweeps.chains.lists[1], 1)
    del sweeps.chains.__dict__["_still"]
    assert off() > 1e-3


def test_elements_that_others_pick_stay_with_torch() -> None:
    text = "plate k[2] { u ~ Bernoulli(0.3) }\nw[k] ~ Dirichlet(1)\nplate r {\n  z : k ~ Categorical(w)\n  y ~ Normal(u[z], 1)\n}"
    with pytest.raises(NotScalar, match="pick"):
        element_sweeps(joint_of(text, {"y": Y}), ("u", "z"))
