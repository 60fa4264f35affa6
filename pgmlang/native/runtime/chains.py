"""What every native program ends with, over the ``log_density`` and ``log_density_and_gradient`` above it: many chains at once, and the
trajectories of Hamiltonian Monte Carlo. The text of these functions is copied into programs."""

# ruff: noqa: F821

from __future__ import annotations

import math


def usable(value, gradient):
    """A value that is not finite becomes -inf with a zero gradient; a gradient that is not finite becomes zero alone."""
    is_finite = math.isfinite(value)
    for i in range(gradient.shape[0]):
        is_finite = is_finite and math.isfinite(gradient[i])
    if not is_finite:
        gradient[:] = 0.0
    return value if math.isfinite(value) else -math.inf


def log_densities(x, values, arguments):
    """Log-densities `values [C]` at free vectors `x [C, d]`."""
    for chain in range(x.shape[0]):
        value = log_density(x[chain], *arguments)
        values[chain] = value if math.isfinite(value) else -math.inf


def log_densities_and_gradients(x, values, gradients, arguments):
    """Log-densities `values [C]` and `gradients [C, d]` at free vectors `x [C, d]`."""
    for chain in range(x.shape[0]):
        gradients[chain] = 0.0
        value = log_density_and_gradient(x[chain], gradients[chain], *arguments)
        values[chain] = usable(value, gradients[chain])


def trajectories(position, momentum, values, gradients, step, variance, steps, is_first, is_last, arguments):
    """`steps` leapfrog steps of every chain in place: `position`, `momentum` and `gradients [C, d]`, `values [C]`; the first begins
    with half a kick, the last ends with one."""
    for chain in range(position.shape[0]):
        x, p, g = position[chain], momentum[chain], gradients[chain]
        if is_first:
            for i in range(x.shape[0]):
                p[i] += 0.5 * step * g[i]
        for k in range(steps):
            for i in range(x.shape[0]):
                x[i] += step * variance[i] * p[i]
                g[i] = 0.0
            value = log_density_and_gradient(x, g, *arguments)
            values[chain] = usable(value, g)
            kick = 0.5 * step if is_last and k + 1 == steps else step
            for i in range(x.shape[0]):
                p[i] += kick * g[i]


FUNCTIONS = (usable, log_densities, log_densities_and_gradients, trajectories)
