"""Kernels that move continuous variables, one row each: what methods, compositions, tempering and checks know of them.

The kernels themselves are in ``kernels``, which needs torch; here they are dotted names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pgmlang import plugins


class Moves(StrEnum):
    """How a method proposes its draws: by what an acceptance rate is judged."""

    GRADIENT = "gradient"
    RANDOM_WALK = "random walk"


@dataclass(frozen=True)
class SamplerKernel:
    """``says``: the line of a list of methods; ``why``: the reason of a plan; ``make``: ``module:function`` that gives
    the ``kernels.Kernel``. ``moves``: how it proposes, where its acceptance rate is judged; ``has_length``: whether it takes
    several steps at a time; ``gradients``: evaluations of the gradient that an iteration is taken for, when a backend is chosen; ``when``: of a model without data, the case in which it fits, in words."""

    name: str
    says: str
    why: str
    make: str
    moves: Moves | None = None
    has_length: bool = False
    gradients: int = 1
    when: str | None = None


KERNELS: dict[str, SamplerKernel] = {
    k.name: k
    for k in (
        SamplerKernel(
            "hmc",
            "Hamiltonian Monte Carlo: posterior draws of continuous variables",
            "it follows the gradient of the log-density; step size, metric and path length adapt in the warm-up",
            "pgmlang.kernels.hmc:kernel",
            Moves.GRADIENT,
            has_length=True,
            gradients=10,
            when="with what the data leaves latent all continuous",
        ),
        SamplerKernel(
            "nuts",
            "the no-U-turn sampler: posterior draws of continuous variables",
            "it follows the gradient of the log-density until its path turns back; step size and metric adapt in the warm-up",
            "pgmlang.kernels.nuts:kernel",
            Moves.GRADIENT,
            gradients=15,
        ),
        SamplerKernel(
            "langevin",
            "Metropolis-adjusted Langevin: one gradient a draw",
            "it follows the gradient of the log-density one step at a time; step size and metric adapt in the warm-up",
            "pgmlang.kernels.langevin:mala",
        ),
        SamplerKernel(
            "mh",
            "adaptive random-walk Metropolis: needs no gradient",
            "it proposes from a random walk whose scale and covariance adapt in the warm-up",
            "pgmlang.kernels.random_walk:kernel",
            Moves.RANDOM_WALK,
        ),
    )
}


def kernel_named(name: str) -> SamplerKernel | None:
    """The row of a kernel, of pgmlang or of a package beside it; None where there is none."""
    return KERNELS.get(name) or plugins.plugin(plugins.KERNELS, name, SamplerKernel)


def kernel_names() -> tuple[str, ...]:
    """Names of all kernels, pgmlang's first."""
    return (*KERNELS, *(e.name for e in plugins.entries(plugins.KERNELS)))
