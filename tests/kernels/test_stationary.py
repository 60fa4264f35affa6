"""Each kernel leaves its target as it is; planted faults do not, and the same test says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from pgmlang.kernels import hmc, langevin, nuts, random_walk
from pgmlang.kernels.kernel import ChainState, Kernel, Tuning, choose, default_tuning, metropolis, normal
from pgmlang.kernels.log_density import LogDensity
from pgmlang.kernels.metric import dense, diagonal
from tests.kernels.targets import Exact, covariance, gaussian, log_gamma, seeded, worst_departure

CHAINS, STEPS = 20_000, 3
Step = Callable[[Generator, ChainState, LogDensity, Tuning], ChainState]
# beyond chance: some 20 normal scores for each test
LIMIT = 4.7


def gauss() -> Exact:
    return gaussian(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), covariance(3))


def departure(
    target: Exact, kernel: Kernel, step: Step, step_size: float, logdensity: LogDensity | None = None
) -> float:
    """Exact draws, three steps, and how far the result is from exact draws; `logdensity` is what the kernel sees."""
    seen = target.logdensity if logdensity is None else logdensity
    generator = seeded(11)
    before, fresh = target.draw(generator, CHAINS), target.draw(generator, CHAINS)
    state = kernel.init(seen, before)
    tuning = default_tuning(before, step_size, length=4.0)
    if kernel.dense:
        tuning = tuning._replace(metric=dense(before.T.cov()))
    else:
        tuning = tuning._replace(metric=diagonal(before.var(0, keepdim=True)))
    for _ in range(STEPS):
        state = step(generator, state, seen, tuning)
    return worst_departure(before, state.position, fresh, target.logdensity)


def plain(kernel: Kernel) -> Step:
    return lambda *args: kernel.step(*args)[0]


TESTED = [(hmc.kernel(), 0.9), (langevin.mala(), 1.0), (random_walk.kernel(), 1.0)]
"""Kernels with a Metropolis test, and their steps."""
KERNELS = [*TESTED, (nuts.kernel(), 0.9)]


@pytest.mark.parametrize("target", [gauss(), log_gamma()], ids=["gaussian", "log gamma"])
@pytest.mark.parametrize(("kernel", "size"), KERNELS, ids=lambda v: getattr(v, "name", None))
def test_kernels_keep_the_target(kernel: Kernel, size: float, target: Exact) -> None:
    assert departure(target, kernel, plain(kernel), size) < LIMIT


def test_the_test_is_blind_to_nothing_moved_but_kernels_do_move() -> None:
    target, generator = gauss(), seeded(3)
    x = target.draw(generator, 1000)
    for kernel, size in KERNELS:
        state = kernel.init(target.logdensity, x)
        moved, info = kernel.step(generator, state, target.logdensity, default_tuning(x, 0.1 * size))
        if (kernel, size) in TESTED:
            assert torch.equal((moved.position != x).any(-1), info.accepted)
        assert float(info.acceptance.mean()) > 0.3


def _mala_fault(sign: float) -> Step:
    def step(generator: Generator, state: ChainState, f: LogDensity, tuning: Tuning) -> ChainState:
        noise = normal(generator, state.position)
        proposed = hmc.init(f, langevin.propose(state, noise, tuning.step_size, tuning.metric.variance))
        back = langevin.reverse_noise(proposed, state.position, tuning.step_size, tuning.metric.variance)
        hastings = sign * 0.5 * (noise.square() - back.square()).sum(-1)
        _, accepted = metropolis(generator, proposed.logdensity - state.logdensity + hastings)
        return choose(accepted, proposed, state)

    return step


@pytest.mark.parametrize(("sign", "caught"), [(1.0, False), (0.0, True), (-1.0, True)])
@pytest.mark.parametrize("target", [gauss(), log_gamma()], ids=["gaussian", "log gamma"])
def test_a_wrong_hastings_term_is_caught(target: Exact, sign: float, caught: bool) -> None:
    assert (departure(target, langevin.mala(), _mala_fault(sign), 1.0) > LIMIT) == caught


@pytest.mark.parametrize(("kernel", "size"), KERNELS, ids=lambda v: getattr(v, "name", None))
def test_a_missing_jacobian_is_caught(kernel: Kernel, size: float) -> None:
    def without(u: Tensor) -> Tensor:
        return (2.0 * u - u.exp()).sum(-1)  # Gamma(3, 1) at exp(u), the factor exp(u) left out

    assert departure(log_gamma(), kernel, plain(kernel), size, without) > LIMIT


@pytest.mark.parametrize(("kernel", "size"), TESTED[:2], ids=lambda v: getattr(v, "name", None))
def test_a_stale_gradient_is_caught(kernel: Kernel, size: float) -> None:
    def stale(generator: Generator, state: ChainState, f: LogDensity, tuning: Tuning) -> ChainState:
        after, _ = kernel.step(generator, state, f, tuning)
        return after._replace(gradient=state.gradient)

    assert departure(gauss(), kernel, stale, size) > LIMIT


@pytest.mark.parametrize(("kernel", "size"), TESTED[1:2], ids=lambda v: getattr(v, "name", None))
def test_a_stale_density_is_caught(kernel: Kernel, size: float) -> None:
    def stale(generator: Generator, state: ChainState, f: LogDensity, tuning: Tuning) -> ChainState:
        after, _ = kernel.step(generator, state, f, tuning)
        return after._replace(logdensity=state.logdensity)

    assert departure(gauss(), kernel, stale, size) > LIMIT


@pytest.mark.parametrize(("kernel", "size"), TESTED, ids=lambda v: getattr(v, "name", None))
def test_a_missing_accept_step_is_caught(kernel: Kernel, size: float) -> None:
    def always(generator: Generator, state: ChainState, f: LogDensity, tuning: Tuning) -> ChainState:
        _, info = kernel.step(generator, state, f, tuning)
        return kernel.init(f, info.proposal)

    assert departure(gauss(), kernel, always, size) > LIMIT


def test_ula_is_biased_as_its_docstring_says() -> None:
    assert departure(gauss(), langevin.ula(), plain(langevin.ula()), 1.0) > LIMIT
    assert departure(gauss(), langevin.ula(), plain(langevin.ula()), 0.05) < LIMIT
