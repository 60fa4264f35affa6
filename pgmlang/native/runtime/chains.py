"""What every native program ends with, over the ``log_density`` and ``log_density_and_gradient`` above it: many chains at once, and the
trajectories of Hamiltonian Monte Carlo. The text of these functions is copied into programs, with their own ``arguments``. A number is finite
where its size is less than infinity: `math.isfinite` takes it from itself, which reordered sums make zero of."""

# ruff: noqa: F821

from __future__ import annotations

import math


def log_densities(x, values, arguments):
    """Log-densities `values [C]` at free vectors `x [C, d]`."""
    for chain in range(x.shape[0]):
        value = log_density(x[chain], *arguments)
        values[chain] = value if abs(value) < math.inf else -math.inf


def trajectories(
    position, momentum, values, gradients, step, variance, directions, gains, steps, is_first, is_last, arguments
):
    """`steps` leapfrog steps of every chain in place: `position`, `momentum` and `gradients [C, d]`, `values [C]`; the first begins
    with half a kick, the last ends with one. The inverse mass: `variance [d]` on its diagonal, `directions [r, d]` squared, `gains [r]` times. No steps: values and gradients where the chains are. A value that is not finite
    becomes -inf with a zero gradient; a gradient that is not finite becomes zero alone."""
    for chain in range(position.shape[0]):
        point, kinetic, slope = position[chain], momentum[chain], gradients[chain]
        if is_first and steps > 0:
            for entry in range(point.shape[0]):
                kinetic[entry] += 0.5 * step * slope[entry]
        for leap in range(steps if steps > 0 else 1):
            for entry in range(point.shape[0]):
                if steps > 0:
                    point[entry] += step * variance[entry] * kinetic[entry]
                slope[entry] = 0.0
            for direction in range(gains.shape[0] if steps > 0 else 0):
                along = 0.0
                for entry in range(point.shape[0]):
                    along += directions[direction, entry] * kinetic[entry]
                along *= step * gains[direction]
                for entry in range(point.shape[0]):
                    point[entry] += along * directions[direction, entry]
            value = log_density_and_gradient(point, slope, *arguments)
            is_finite = abs(value) < math.inf
            values[chain] = value if is_finite else -math.inf
            for entry in range(point.shape[0]):
                is_finite = is_finite and abs(slope[entry]) < math.inf
            if not is_finite:
                for entry in range(point.shape[0]):
                    slope[entry] = 0.0
            if steps > 0:
                kick = 0.5 * step if is_last and leap + 1 == steps else step
                for entry in range(point.shape[0]):
                    kinetic[entry] += kick * slope[entry]


def unit_values(x, values, arguments):
    """Adds the log-values of every draw `x [draw, d]` to `values [draw, unit]`."""
    for draw in range(x.shape[0]):
        add_unit_values(x[draw], values[draw], *arguments)


FUNCTIONS = (log_densities, trajectories)
OF_UNITS = (unit_values,)
