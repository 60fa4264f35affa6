"""Densities and their gradients, leapfrog, adaptation, and runs that are split."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pgmlang.diagnostics import PgmError
from pgmlang.kernels import adaptation as ad
from pgmlang.kernels import hmc, langevin, random_walk, run, sample, start
from pgmlang.kernels.kernel import Kernel, acceptance_of, default_tuning, metropolis, pooled_acceptance
from pgmlang.kernels.log_density import value, value_and_grad
from pgmlang.kernels.metric import diagonal, of_factor
from pgmlang.kernels.warmup import WarmupPlan
from tests.kernels.targets import banana, covariance, funnel, gaussian, seeded

ALL = [hmc.kernel(), langevin.mala(), langevin.ula(), random_walk.kernel()]


def same(a: Any, b: Any) -> bool:
    """Equal bit for bit, through nested tuples."""
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def test_gradients_of_chains_are_their_own() -> None:
    x = torch.randn(4, 3, 10, generator=seeded(0), dtype=torch.float64)
    values, gradient = value_and_grad(funnel, x)
    for i in range(4):
        alone = x[i, 1].clone().requires_grad_(True)
        (expected,) = torch.autograd.grad(funnel(alone), alone)
        torch.testing.assert_close(gradient[i, 1], expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(values, value(funnel, x))


def test_what_is_not_finite_is_minus_infinity_without_gradient() -> None:
    x = torch.tensor([[-1.0], [0.0], [2.0]], dtype=torch.float64)
    values, gradient = value_and_grad(lambda p: p[..., 0].log(), x)  # NaN, -inf, log 2
    assert values.tolist() == [-math.inf, -math.inf, math.log(2.0)]
    assert gradient[:, 0].tolist() == [0.0, 0.0, 0.5]
    values, gradient = value_and_grad(lambda p: -p[..., 0].log(), x)  # NaN, +inf, -log 2
    assert values.tolist() == [-math.inf, -math.inf, -math.log(2.0)]
    # finite with a gradient that is not: the value stays
    values, gradient = value_and_grad(lambda p: -p[..., 0].clamp(min=0).sqrt(), x)
    assert values.tolist() == [0.0, 0.0, -math.sqrt(2.0)]
    assert torch.isfinite(gradient).all()


def test_constant_densities_and_wrong_shapes() -> None:
    x = torch.ones(2, 3)
    assert value_and_grad(lambda p: p.new_zeros(2), x)[1].tolist() == [[0.0] * 3] * 2
    for wrong in (lambda p: p, lambda p: p.sum()):
        with pytest.raises(ValueError, match="must give"):
            value_and_grad(wrong, x)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.floats(0.01, 0.15), st.integers(0, 10_000))
def test_leapfrog_is_its_own_inverse(steps: int, size: float, seed: int) -> None:
    x = torch.randn(8, 2, generator=seeded(seed), dtype=torch.float64)
    p = torch.randn(8, 2, generator=seeded(seed + 1), dtype=torch.float64)
    metric, step = (
        of_factor(torch.tensor([[0.5, 0.2], [1.0, 2.0]], dtype=torch.float64)),
        torch.tensor([size], dtype=torch.float64),
    )
    first = hmc.init(banana, x)
    end, momentum = hmc.leapfrog(banana, first, p, step, metric, steps)
    back, returned = hmc.leapfrog(banana, end, -momentum, step, metric, steps)
    assert float((back.position - x).abs().max()) < 1e-10
    assert float((returned + p).abs().max()) < 1e-10


def test_leapfrog_keeps_volume_and_is_of_second_order() -> None:
    unit = diagonal(torch.ones(1, 2, dtype=torch.float64))

    def flow(z: Tensor, size: float, steps: int) -> Tensor:
        state, p = hmc.leapfrog(
            banana,
            hmc.init(banana, z[..., :2]),
            z[..., 2:],
            torch.tensor([size], dtype=torch.float64),
            unit,
            steps,
        )
        return torch.cat([state.position, p], -1)

    z = torch.tensor([[0.3, -0.5, 0.7, 0.2]], dtype=torch.float64)
    nudge = 1e-5 * torch.eye(4, dtype=torch.float64)
    jacobian = (flow(z + nudge, 0.1, 7) - flow(z - nudge, 0.1, 7)) / 2e-5
    assert float(torch.linalg.det(jacobian)) == pytest.approx(1.0, abs=1e-7)
    exact = flow(z, 0.0005, 2000)
    coarse = [(flow(z, 1.0 / n, n) - exact).abs().max() for n in (40, 80)]
    assert float(coarse[0] / coarse[1]) == pytest.approx(4.0, rel=0.1)


def test_metropolis_takes_nan_for_a_refusal() -> None:
    ratio = torch.tensor([math.nan, -math.inf, math.inf, 0.0, math.log(0.5)], dtype=torch.float64)
    assert acceptance_of(ratio).tolist() == pytest.approx([0.0, 0.0, 1.0, 1.0, 0.5])
    _, accepted = metropolis(seeded(0), ratio.expand(1000, 5))
    assert accepted.double().mean(0).tolist() == pytest.approx([0.0, 0.0, 1.0, 1.0, 0.5], abs=0.06)


def test_one_lost_chain_does_not_collapse_the_pooled_acceptance() -> None:
    rates = torch.full((100,), 0.8, dtype=torch.float64)
    rates[0] = 0.0
    assert 0.6 < float(pooled_acceptance(rates, True)) < float(pooled_acceptance(rates, False)) < 0.8


def test_a_step_that_came_to_nothing_is_a_number() -> None:
    """The average of its logarithms too, so that paths have a length; while steps are taken it grows again."""
    state = ad.dual_averaging(torch.zeros(1, dtype=torch.float64))
    begun = float(state.log_step)
    for _ in range(100):
        state = ad.average_step(state, torch.ones(1, dtype=torch.float64), 0.8)
        assert torch.isfinite(state.log_average).all()
    assert float(state.log_step) > begun + 30.0


def test_dual_averaging_finds_the_step_of_a_known_curve() -> None:
    """The average's error falls like t^-0.75 of the steps' own, which is 6 % here after 400 steps."""
    state = ad.dual_averaging(torch.tensor([[1e-3], [50.0]], dtype=torch.float64))
    for _ in range(400):
        state = ad.average_step(state, (-state.log_step.exp()).exp(), 0.8)
    expected = -math.log(0.8)
    assert state.log_average.exp().flatten().tolist() == pytest.approx([expected] * 2, rel=0.08)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("d", [1, 4])
def test_pooled_moments_are_those_of_all_points(dense: bool, d: int) -> None:
    x = torch.randn(3, 7, 5, d, generator=seeded(1), dtype=torch.float64) * 3 + 100.0
    state = ad.moments(x[:, 0], dense)
    for i in range(7):
        state = ad.add_points(state, x[:, i])
    flat = x.reshape(3, 35, d)
    torch.testing.assert_close(state.mean, flat.mean(1, keepdim=True))
    shrink = 35 / 40
    if dense:
        cov = torch.stack([f.T.cov().reshape(d, d) for f in flat])
        metric = ad.metric_of(state, True)
        whole = metric.velocity(torch.eye(d, dtype=torch.float64).expand(3, d, d))
        wanted = shrink * cov + 1e-3 * (1 - shrink) * torch.eye(d, dtype=torch.float64)
        torch.testing.assert_close(whole, wanted)
    else:
        wanted = shrink * flat.var(1, keepdim=True) + 1e-3 * (1 - shrink)
        torch.testing.assert_close(ad.metric_of(state, False).variance, wanted)


@pytest.mark.parametrize("chains", [1, 2, 16])
def test_the_widest_direction_is_found(chains: int) -> None:
    """Of 12 dimensions whose scales are the metric's, and one direction across all of them that is wider."""
    generator = seeded(3)
    scale = torch.logspace(-2, 2, 12, dtype=torch.float64)
    for ratio in (1.0, 9.0):
        points = torch.randn(4000 // chains, chains, 12, generator=generator, dtype=torch.float64)
        along = torch.ones(12, dtype=torch.float64) / 12**0.5
        points = points + (ratio**0.5 - 1) * (points @ along).unsqueeze(-1) * along
        widest = float(ad.widest_variance(points * scale + 7.0, diagonal(scale.square().unsqueeze(0))))
        assert abs(widest / ratio - 1) < 0.1


def test_few_points_of_many_dimensions_have_no_wide_direction() -> None:
    """Where the largest eigenvalue of their own covariance is (1 + (1000 / 80)**0.5)**2 = 20."""
    points = torch.randn(10, 8, 1000, generator=seeded(4), dtype=torch.float64)
    assert float(ad.widest_variance(points, diagonal(torch.ones(1, 1000, dtype=torch.float64)))) < 1.5
    same = torch.ones(5, 4, 3, dtype=torch.float64)
    assert float(ad.widest_variance(same, diagonal(torch.ones(1, 3, dtype=torch.float64)))) == 1.0


@given(st.integers(0, 5000), st.sampled_from([(10, ad.SNAPSHOTS), (3_000, 13), (10**5, 4)]))
def test_windows_remember_few_points_and_the_last(warmup: int, size: tuple[int, int]) -> None:
    windows, (dimension, most) = ad.windows(warmup), size
    taken = [i for i in range(warmup) if windows.takes_points(i, 100, dimension)]
    for begin, end in pairwise((windows.start, *windows.ends)):
        inside = [i for i in taken if begin <= i < end]
        assert inside[-1] == end - 1
        assert min(end - begin, most // 2) <= len(inside) <= most
    assert not windows.ends or all(windows.start <= i < windows.ends[-1] for i in taken)


@given(st.integers(0, 5000))
def test_windows_cover_the_warm_up_in_order(warmup: int) -> None:
    start_at, ends = ad.windows(warmup)
    edges = [start_at, *ends]
    assert edges == sorted(set(edges))
    assert edges[-1] <= warmup
    if warmup >= 150:
        assert ends[-1] == warmup - 50


def test_windows_are_those_of_stan() -> None:
    assert ad.windows(1000) == (75, (100, 150, 250, 450, 950))


@pytest.mark.parametrize("kernel", ALL, ids=lambda k: k.name)
@pytest.mark.parametrize("cut", [1, 37, 60, 75])
def test_a_split_run_is_the_unbroken_one_bit_for_bit(kernel: Kernel, cut: int) -> None:
    target = gaussian(torch.ones(3, dtype=torch.float64), covariance(3)).logdensity
    x0 = torch.randn(6, 3, generator=seeded(5), dtype=torch.float64)
    plan = WarmupPlan(kernel, warmup=60)
    whole = run(target, plan, start(target, x0, plan, seeded(9)), 90)
    first = run(target, plan, start(target, x0, plan, seeded(9)), cut)
    file = io.BytesIO()
    torch.save(tuple(first.state.chains), file)
    file.seek(0)
    stored = first.state._replace(chains=type(first.state.chains)(*torch.load(file)))
    second = run(target, plan, stored, 90 - cut)
    assert same(whole.state, second.state)
    assert same(whole.draws, torch.cat([first.draws, second.draws], 1))
    assert same(whole.stats["energy"], torch.cat([first.stats["energy"], second.stats["energy"]], 1))


def test_the_driver_takes_all_randomness_from_its_generator_and_moves_it_on() -> None:
    x0 = torch.zeros(4, 2, dtype=torch.float64)
    generator = seeded(2)
    outer = torch.get_rng_state()
    a = sample(banana, x0, generator=generator, warmup=30, draws=10, thin=2)
    assert torch.equal(outer, torch.get_rng_state())
    assert torch.equal(generator.get_state(), a.state.random)
    b = sample(banana, x0, generator=seeded(2), warmup=30, draws=10, thin=2)
    c = sample(banana, x0, generator=generator, warmup=30, draws=10, thin=2)
    assert torch.equal(a.draws, b.draws)
    assert not torch.equal(a.draws, c.draws)
    assert a.draws.shape == (4, 10, 2)
    assert a.stats["energy"].shape == (4, 10)


@pytest.mark.parametrize("kernel", ALL, ids=lambda k: k.name)
def test_dtype_follows_the_start(kernel: Kernel) -> None:
    result = sample(banana, torch.zeros(4, 2), generator=seeded(2), kernel=kernel, warmup=25, draws=3)
    assert result.draws.dtype == torch.float32
    assert result.stats["acceptance"].dtype == torch.float32
    assert result.state.tuning.metric.variance.dtype == torch.float32


def test_starts_outside_the_support_are_refused() -> None:
    with pytest.raises(PgmError, match="1 of 2 chains") as refused:
        sample(lambda p: p[..., 0].log(), torch.tensor([[1.0], [-1.0]]), generator=seeded(0))
    assert (refused.value.diagnostics[0].code, refused.value.diagnostics[0].help is None) == ("PGM0803", False)
    with pytest.raises(ValueError, match="shape"):
        sample(lambda p: p[..., 0], torch.zeros(2), generator=seeded(0))


def test_divergences_are_seen() -> None:
    x = torch.full((50, 2), 3.0, dtype=torch.float64)
    state = hmc.init(banana, x)
    tuning = default_tuning(x, 5.0, 8.0)
    after, info = hmc.step(seeded(1), state, banana, tuning)
    assert bool(info.divergent.all())
    assert torch.equal(after.position, x)
