"""Recorded functions give what the functions give, at other points than those of the recording."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pgmlang.density.target import target_of
from pgmlang.density.traced import recorded, simplify, traced
from pgmlang.kernels.log_density import eager_value_and_grad
from tests.infer.by_hand import problem_of

MODELS = {
    "mixture": (
        "share[k] ~ Dirichlet(1)\ndim k[3]\nplate cluster[3] { }\nm[k] ~ Normal(0, 2)\ns[k] ~ HalfNormal(1)\n"
        "plate row { z : k ~ Categorical(share) ; x ~ Normal(m[z], s[z]) }\n",
        {"x": [0.1, 2.0, -1.0, 0.4]},
    ),
    "regression": (
        "dim f = {a, b}\nb[f] ~ Normal(0, 1)\ns ~ HalfNormal(1)\n"
        "plate row { input x[f] : real ; y ~ Normal(x @ b, s) }\n",
        {"a": [1.0, 2.0, 0.5], "b": [0.0, 1.0, -1.0], "y": [1.0, 3.0, 0.0]},
    ),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_gradients_of_models(name: str) -> None:
    text, rows = MODELS[name]
    target = target_of(problem_of(text, rows))
    torch.manual_seed(0)
    run = traced(lambda x: eager_value_and_grad(target, x), torch.randn(4, target.dimension, dtype=torch.float64))
    for _ in range(3):
        x = torch.randn(4, target.dimension, dtype=torch.float64)
        for one, other in zip(run(x), eager_value_and_grad(target, x), strict=True):
            assert torch.allclose(one, other, rtol=1e-12, atol=1e-12)


def in_place(x: Tensor) -> Tensor:
    made = torch.zeros_like(x)
    seen = made + x
    made.add_(x).mul_(2.0)
    made.scatter_(0, torch.tensor([1]), 7.0)
    return made * seen


def copied(x: Tensor) -> Tensor:
    return (x.reshape(2, -1).T.contiguous().view(-1) * 3).exp()


@pytest.mark.parametrize("function", [in_place, copied])
def test_what_is_made_and_changed_within(function: Callable[[Tensor], Tensor]) -> None:
    x, y = torch.arange(4.0), torch.tensor([0.3, -1.0, 2.0, 0.5])
    module = recorded(function, x)
    assert torch.equal(module(y), function(y))
    simplify(module, (x,))
    assert torch.equal(module(y), function(y))
    assert torch.equal(traced(function, x)(y), function(y))


def changes_an_input(x: Tensor) -> Tensor:
    x.add_(1)
    return x


def changes_what_a_view_sees(x: Tensor) -> Tensor:
    made = x * 2
    part = made[:2]
    part.add_(1)
    return made


def hangs_on_a_value(x: Tensor) -> Tensor:
    return x if float(x.sum()) > 0 else -x


def draws(x: Tensor) -> Tensor:
    return x + torch.rand(4)


@pytest.mark.parametrize("function", [changes_an_input, changes_what_a_view_sees, hangs_on_a_value, draws])
def test_what_cannot_be_repeated_is_refused(function: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(RuntimeError):
        recorded(function, torch.arange(4.0))


@pytest.mark.slow
def test_recordings_leave_no_memory_behind() -> None:
    """What is recorded goes with the function: a fit after the other in one process does not fill it."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("the size of this process cannot be read here")

    def long(x: torch.Tensor) -> torch.Tensor:
        for i in range(200):
            x = (x + i) * 0.5
        return x

    def resident() -> int:
        gc.collect()
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def record(times: int) -> None:
        for _ in range(times):
            run = traced(long, torch.ones(3))
            for _ in range(3):
                torch.testing.assert_close(run(torch.zeros(3)), long(torch.zeros(3)))

    record(5)
    before = resident()
    record(25)
    assert resident() - before < 20 * 2**20
