"""Draws beyond those of which R-hat and effective draws are good, where tails are heavy.

Both are told by ranks, which know nothing of how far out a draw lies. Where the fourth moment is infinite, as of the sd of five measurements,
an sd of some thousand draws is most often far too small and now and then far too large: the more draws the better, while they cost little.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.numerics import numerics
from pgmlang.density.simulation import deterministic_values
from pgmlang.density.target import Target
from pgmlang.infer.base import Problem
from pgmlang.infer.native_choice import gradient_seconds
from pgmlang.results.tails import WIDEST, has_tails, tail_shapes

MAY_BE_HEAVY, HOPELESS = 0.2, 0.5
"""A shape of which some thousand draws do not tell whether it is over 1/4, and one beyond which there is no sd to be told."""
SECONDS = 3.0
"""Estimated, so that the same run is as long everywhere, that draws may take in all for the sake of tails."""
ITERATION = 0.7e-3
"""Seconds of an iteration of all chains beside its gradients."""
WORTHWHILE = 1.5
"""Times as many draws as there are; fewer more change little."""


def draws_for_tails(problem: Problem, target: Target, x: Tensor, steps: float, goal: int, most: int) -> int:
    """How many draws each chain is to take, of which ``goal`` are there, ``x [chain, draw, d]``, and good, up to ``most``. ``steps``:
    evaluations of the gradient that a draw took."""
    gradient = gradient_seconds(problem.model, problem.facts, len(x), target.backend)
    if gradient is None:
        return goal
    affordable = min(most, int(SECONDS / (ITERATION + steps * len(x) * gradient)))
    return affordable if affordable >= WORTHWHILE * goal and _has_heavy_tail(target, x) else goal


def _has_heavy_tail(target: Target, x: Tensor) -> bool:
    """Whether some number that the model names has one, by draws of free values."""
    joint, model = target.joint, target.joint.model
    with torch.no_grad(), numerics(target.dtype, joint.device):
        values, _ = target.values(x)
        known = {**target.given, **values}
        names = [
            name
            for name, definition in model.definition_of.items()
            if math.prod(joint.shape_of(name)) <= WIDEST
            and known.keys() | joint.observed.keys() >= set(model.random_parents(definition))
        ]
        values = {**values, **deterministic_values(joint, known, names=names)}
    numbers = (v.detach().cpu().numpy() for v in values.values())
    # of many alike, whose shapes are known to about 0.08 each, some are always high
    shapes = [tail_shapes(v) for v in numbers if has_tails(v)]
    return any(
        MAY_BE_HEAVY < float(shape[np.isfinite(shape)].mean()) < HOPELESS
        for shape in shapes
        if np.isfinite(shape).any()
    )
