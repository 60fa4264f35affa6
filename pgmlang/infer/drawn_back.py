"""Draws of latents that were integrated out of the density that chains move in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.simulation import simulate_given_seen
from pgmlang.infer.arc_reversal import integrated, reversals, reversed_arcs
from pgmlang.infer.base import Problem

CHUNK = 2_000_000
"""Numbers of a variable in memory at a time."""


@dataclass(frozen=True)
class DrawnBack:
    """``names``, each of which has its distribution given all others in ``joint``."""

    names: tuple[str, ...]
    joint: BoundDensity

    def draws(
        self, generator: Generator, values: Values, labels: Callable[[Generator, Values], Values] | None = None
    ) -> dict[str, Tensor]:
        """Draws ``[chain, draw, *shape]`` given those of all other latents. ``labels``: what draws, of a block of draws, discrete variables that
        were summed out, where there are too many to be among these."""
        chains, draws = next(iter(values.values())).shape[:2]
        widest = max(math.prod(self.joint.shapes[n]) for n in self.joint.shapes)
        step = max(1, CHUNK // max(1, chains * widest))
        parts = []
        for first in range(0, draws, step):
            block = {n: v[:, first : first + step] for n, v in values.items()}
            if labels is not None:
                block |= labels(generator, block)
            known = {n: v for n, v in block.items() if n in self.joint.shapes}
            drawn = simulate_given_seen(self.joint, generator, known, shape=(chains, min(step, draws - first)))
            parts.append({n: drawn[n] for n in self.names})
        return {n: torch.cat([p[n] for p in parts], 1) for n in self.names}


def integrated_problem(problem: Problem, dtype: torch.dtype) -> tuple[Problem, DrawnBack | None]:
    """The problem without the latents that are integrated out, and what draws them; None without any."""
    arcs = reversals(problem.model, problem.facts)
    if not arcs:
        return problem, None
    names = tuple(arc.name for arc in arcs)
    turned = reversed_arcs(problem.model, arcs)
    device = torch.device(problem.device)
    joint = density_of_binding(turned, replace(problem.binding, model=turned), problem.fixed, dtype, device)
    model, facts = integrated(problem.model, problem.facts)
    start = {n: v for n, v in problem.start.items() if n not in names}
    binding = replace(problem.binding, model=model)
    return replace(problem, model=model, binding=binding, facts=facts, start=start), DrawnBack(names, joint)
