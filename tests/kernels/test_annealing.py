"""Parallel tempering and annealed importance sampling."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from torch import Tensor

from pgmlang.kernels import hmc, langevin, random_walk, sample
from pgmlang.kernels import tempering as pt
from pgmlang.kernels.ais import AisState, ais, systematic
from pgmlang.kernels.kernel import Kernel
from pgmlang.kernels.log_density import LogDensity
from pgmlang.kernels.warmup import WarmupPlan
from tests.kernels.targets import (
    LOG_2PI,
    banana,
    centres,
    covariance,
    eight,
    error_in_sd,
    gaussian,
    mode_masses,
    normal_density,
    normal_sampler,
    ring,
    seeded,
    worst_departure,
)

ais_module = sys.modules[ais.__module__]
KERNELS = [hmc.kernel(), langevin.mala(), random_walk.kernel()]
# log normalisers of the reference file's README; the test below reads the file where there is one
LOG_Z = {"banana": 1.8378770397, "ring": 1.8405248677}


def in_one_mode(*shape: int) -> Tensor:
    return centres()[0] + 0.3 * torch.randn(*shape, 2, generator=seeded(1), dtype=torch.float64)


def test_plain_hmc_from_one_mode_misses_the_others() -> None:
    """With steps and paths that fit one mode; the warm-up's own long paths do cross these valleys in two dimensions."""
    x = sample(
        eight, in_one_mode(64), generator=seeded(2), warmup=300, draws=300, learns_length=False, length=3.0
    ).draws
    assert float((mode_masses(x) - 0.125).abs().max()) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_tempering_from_one_mode_weighs_them_all(kernel: Kernel) -> None:
    betas = pt.ladder(6, 0.0, torch.zeros(0, dtype=torch.float64))
    result = pt.temper(
        eight,
        in_one_mode(6, 128),
        base=normal_density(4.0, 2),
        betas=betas,
        kernel=kernel,
        generator=seeded(3),
        warmup=300,
        draws=1000,
        length=6.0,
    )
    assert float((mode_masses(result.draws) - 0.125).abs().max()) < 0.02
    assert float(error_in_sd(result.draws.square(), torch.full((2,), 8.25, dtype=torch.float64)).max()) < 4.0
    # equal rates, and both normalised: the ratio is one
    rates = result.stats["swap_rate"]
    assert float(rates.max() - rates.min()) < 0.12
    assert abs(float(result.stats["log_z_ratio"])) < 0.05
    assert len(result.stats["replica"].unique()) == 6


def test_tempering_without_a_base() -> None:
    betas = pt.ladder(6, 0.02, torch.zeros(0, dtype=torch.float64))
    result = pt.temper(
        eight, in_one_mode(6, 128), betas=betas, generator=seeded(4), warmup=300, draws=800, length=6.0
    )
    assert float((mode_masses(result.draws) - 0.125).abs().max()) < 0.02


@pytest.mark.parametrize("sign", [1.0, 0.0, -1.0], ids=["right", "no ratio", "wrong sign"])
def test_swaps_keep_every_temperature_as_it_is(sign: float) -> None:
    """Exact draws at three temperatures, one round of swaps of each parity, exact laws still; a planted fault in the
    swap's ratio is seen."""
    target = gaussian(torch.tensor([1.0], dtype=torch.float64), torch.tensor([[0.25]], dtype=torch.float64))
    path = pt.Path(target.logdensity, normal_density(1.5, 1))
    betas = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    precision = betas / 0.25 + (1 - betas) / 2.25
    mean, sd = (betas / 0.25) / precision, precision.rsqrt()
    noise = torch.randn(2, 3, 20_000, generator=seeded(5), dtype=torch.float64)
    before, fresh = mean[:, None] + sd[:, None] * noise
    x = before.unsqueeze(-1)
    for parity in (0, 1):
        order, probability, swapped = pt.swap(seeded(6 + parity), betas, sign * path.difference(x), parity)
        assert torch.equal(order.sort(0).values, torch.arange(3).unsqueeze(-1).expand_as(order))
        assert not bool(swapped[1 - parity].any())
        assert float(swapped[parity].double().mean()) == pytest.approx(float(probability[parity].mean()), abs=0.02)
        x = x.gather(0, order.unsqueeze(-1))
    worst = max(
        worst_departure(before[i].unsqueeze(-1), x[i], fresh[i].unsqueeze(-1), path.at(betas[i])) for i in range(3)
    )
    assert (worst < 4.7) == (sign == 1.0)


def test_equal_rates_moves_rungs_to_where_the_barrier_is() -> None:
    betas = torch.linspace(0, 1, 5, dtype=torch.float64)
    assert torch.allclose(pt.equal_rates(betas, torch.full((4,), 0.3, dtype=torch.float64)), betas)
    moved = pt.equal_rates(betas, torch.tensor([0.9, 0.1, 0.1, 0.1], dtype=torch.float64))
    assert bool((moved[1:] > moved[:-1]).all())
    assert float(moved[2]) < 0.25
    assert moved[[0, -1]].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("cut", [5, 20, 31])
def test_a_split_tempered_run_is_the_unbroken_one(cut: int) -> None:
    path, plan = (
        pt.Path(eight, normal_density(4.0, 2)),
        WarmupPlan(hmc.kernel(), 30, length=4.0, learns_length=False),
    )
    betas = pt.ladder(4, 0.0, torch.zeros(0, dtype=torch.float64))
    first = pt.start(path, in_one_mode(4, 3), betas, plan, seeded(7))
    whole = pt.run(path, plan, first, 45)
    half = pt.run(path, plan, first, cut)
    rest = pt.run(path, plan, half.state, 45 - cut)
    assert torch.equal(whole.draws, torch.cat([half.draws, rest.draws], 1))
    assert torch.equal(whole.state.random, rest.state.random)
    assert torch.equal(whole.state.betas, rest.state.betas)


def test_ladders_that_do_not_ascend_to_one_are_refused() -> None:
    plan, x = WarmupPlan(hmc.kernel(), 10, learns_length=False), in_one_mode(3, 2)
    for betas, base in (([0.0, 0.5, 1.0], None), ([0.5, 0.2, 1.0], eight), ([0.0, 0.5, 0.9], eight)):
        with pytest.raises(ValueError, match="ascend"):
            pt.start(pt.Path(eight, base), x, torch.tensor(betas, dtype=torch.float64), plan, seeded(0))
    with pytest.raises(ValueError, match="two temperatures"):
        pt.ladder(1, 0.0, x)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
@pytest.mark.parametrize("d", [1, 5])
def test_ais_of_gaussians(kernel: Kernel, d: int) -> None:
    cov, mean = covariance(d), torch.linspace(0.5, 1, d, dtype=torch.float64)
    normalised = gaussian(mean, cov).logdensity
    result = ais(
        lambda x: normalised(x) + 3.25,
        normal_density(2.0, d),
        normal_sampler(2.0, d),
        generator=seeded(8),
        kernel=kernel,
        temperatures=60,
    )
    assert float(result.error) < 0.1
    assert abs(float(result.log_z) - 3.25) < 4 * float(result.error)
    assert 100 < float(result.ess) <= 1000
    # the weighted particles are draws of the target
    x = result.position[systematic(seeded(9), result.log_weight, 1000)]
    assert torch.allclose(x.mean(0), mean, atol=6.0 * math.sqrt(float(cov.diagonal().max() / result.ess)))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
@pytest.mark.parametrize(("name", "density"), [("banana", banana), ("ring", ring), ("eight", eight)])
def test_ais_of_toys(name: str, density: LogDensity, kernel: Kernel) -> None:
    result = ais(density, normal_density(3.0, 2), normal_sampler(3.0, 2), generator=seeded(10), kernel=kernel)
    assert float(result.error) < 0.1
    assert abs(float(result.log_z) - LOG_Z.get(name, 0.0)) < 4 * float(result.error)


def test_ais_sees_a_normaliser_that_is_off() -> None:
    result = ais(banana, normal_density(3.0, 2), normal_sampler(3.0, 2), generator=seeded(11))
    assert abs(float(result.log_z) - LOG_Z["banana"] - 0.5) > 4 * float(result.error)


def test_ais_with_a_stale_weight_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: particles weighed by where they stood a temperature before."""
    right = ais_module.weigh
    last: list[Tensor] = []

    def late(path: pt.Path, state: AisState, betas: Tensor) -> AisState:
        last.append(state.position)
        seen = last[-2] if len(last) > 1 and last[-2].shape == state.position.shape else state.position
        return right(path, state._replace(position=seen), betas)._replace(position=state.position)

    monkeypatch.setattr(ais_module, "weigh", late)
    result = ais(banana, normal_density(3.0, 2), normal_sampler(3.0, 2), generator=seeded(11), temperatures=30)
    assert abs(float(result.log_z) - LOG_Z["banana"]) > 4 * float(result.error)


def test_ais_standard_error_covers() -> None:
    """Scores of repeated estimates spread as the error says."""
    scores = []
    for seed in range(25):
        result = ais(
            lambda x: -0.5 * x.square().sum(-1),
            normal_density(2.0, 2),
            normal_sampler(2.0, 2),
            generator=seeded(100 + seed),
            kernel=langevin.mala(),
            particles=400,
            temperatures=20,
        )
        scores.append((float(result.log_z) - LOG_2PI) / float(result.error))
    assert 0.6 < math.sqrt(sum(z * z for z in scores) / len(scores)) < 1.5


def test_systematic_resampling_gives_each_its_share() -> None:
    weight = torch.tensor([0.1, 0.0, 0.25, 0.65], dtype=torch.float64)
    counts = torch.bincount(systematic(seeded(0), weight.log(), 1000), minlength=4)
    assert (counts - 1000 * weight).abs().max() <= 1
    assert counts[1] == 0


def test_target_zero_on_half_the_line() -> None:
    """A target with less support than its base: half normal over a normal, Z = 1/2."""

    def half(x: Tensor) -> Tensor:
        inside = -0.5 * x[..., 0].square() - 0.5 * LOG_2PI
        return torch.where(x[..., 0] > 0, inside, inside - torch.inf)

    result = ais(
        half, normal_density(1.0, 1), normal_sampler(1.0, 1), generator=seeded(12), kernel=random_walk.kernel(),
        temperatures=10,
    )  # fmt: skip
    assert abs(float(result.log_z) + math.log(2.0)) < 4 * float(result.error)
