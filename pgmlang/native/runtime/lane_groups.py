"""What every program over lanes ends with, over the ``log_density`` and ``log_density_and_gradient`` above it: chains in groups of eight, the
last group filled up with its last chain. As `chains`, the text of these functions is copied into programs."""

# ruff: noqa: F821

from __future__ import annotations

import math


def log_densities(x, values, arguments):
    """Log-densities `values [C]` at free vectors `x [C, d]`."""
    chains, width = x.shape
    point = empty((width, 8))
    for first in range(0, chains, 8):
        for lane in range(8):
            chain = first + lane if first + lane < chains else chains - 1
            for entry in range(width):
                point[entry, lane] = x[chain, entry]
        # a statement of its own is written out, also with more arguments than a call takes
        found = log_density(point, *arguments)
        value = eight_lanes(found)
        for lane in range(chains - first if chains - first < 8 else 8):
            one = number_in(value, lane)
            values[first + lane] = one if abs(one) < math.inf else -math.inf


def trajectories(
    position, momentum, values, gradients, step, variance, directions, gains, steps, is_first, is_last, arguments
):
    """`trajectories` of `chains`, in groups."""
    chains, width = position.shape
    point, kinetic, slope = empty((width, 8)), empty((width, 8)), empty((width, 8))
    for first in range(0, chains, 8):
        for lane in range(8):
            chain = first + lane if first + lane < chains else chains - 1
            for entry in range(width):
                point[entry, lane] = position[chain, entry]
                kinetic[entry, lane] = momentum[chain, entry]
                slope[entry, lane] = gradients[chain, entry]
        value = eight_lanes(0.0)
        if is_first and steps > 0:
            for entry in range(width):
                put_lanes(kinetic, entry, lanes_at(kinetic, entry) + 0.5 * step * lanes_at(slope, entry))
        for leap in range(steps if steps > 0 else 1):
            for entry in range(width):
                if steps > 0:
                    put_lanes(
                        point, entry, lanes_at(point, entry) + step * variance[entry] * lanes_at(kinetic, entry)
                    )
                put_lanes(slope, entry, eight_lanes(0.0))
            for direction in range(gains.shape[0] if steps > 0 else 0):
                along = eight_lanes(0.0)
                for entry in range(width):
                    along = along + directions[direction, entry] * lanes_at(kinetic, entry)
                along = step * gains[direction] * along
                for entry in range(width):
                    put_lanes(point, entry, lanes_at(point, entry) + directions[direction, entry] * along)
            found = log_density_and_gradient(point, slope, *arguments)
            value = eight_lanes(found)
            is_finite = size_lanes(value) < math.inf
            value = choose_lanes(is_finite, value, -math.inf)
            for entry in range(width):
                is_finite = is_finite & (size_lanes(lanes_at(slope, entry)) < math.inf)
            kick = 0.0
            if steps > 0:
                kick = 0.5 * step if is_last and leap + 1 == steps else step
            for entry in range(width):
                put_lanes(slope, entry, choose_lanes(is_finite, lanes_at(slope, entry), 0.0))
                put_lanes(kinetic, entry, lanes_at(kinetic, entry) + kick * lanes_at(slope, entry))
        for lane in range(chains - first if chains - first < 8 else 8):
            values[first + lane] = number_in(value, lane)
            for entry in range(width):
                position[first + lane, entry] = point[entry, lane]
                momentum[first + lane, entry] = kinetic[entry, lane]
                gradients[first + lane, entry] = slope[entry, lane]


FUNCTIONS = (log_densities, trajectories)
