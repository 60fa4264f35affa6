"""Log-likelihoods from the log-weights of particles."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pgmlang.query.score import Score, deviations_of

BLOCK = 1 << 20
"""Numbers of a part that is exponentiated at once."""


def score_of_weights(weights: Tensor, plate: str, words: str, are_particles: bool = True) -> Score:
    """The log-mean of weights ``[particle, element]``, or ``[particle, draw, element]`` given draws of the globals, the
    smallest effective number of particles, and how far each draw is from the mean. ``are_particles``: whether draws are
    independent, as those of the globals by a chain are not."""
    flat = weights.flatten(0, -2)
    share = torch.softmax(flat, 0)
    ess = float((1 / share.square().sum(0)).min())
    # particles given one draw of the globals hang together by it
    by_draw = log_mean(weights) if weights.dim() == 3 and weights.shape[1] > 1 else flat.cpu().numpy()
    values = log_mean(flat)
    return Score(values, plate, words, ess, deviations=deviations_of(by_draw, values), are_particles=are_particles)


def score_of_draws(values: Tensor, plate: str, words: str) -> Score:
    """The log-mean of exact log-likelihoods ``[draw, element]`` given draws of the globals (``[element]``: of none)."""
    mean = log_mean(values)
    has_draws = values.dim() > 1 and len(values) > 1
    return Score(mean, plate, words, deviations=deviations_of(values.cpu().numpy(), mean) if has_draws else None)


def log_mean(values: Tensor) -> np.ndarray:
    """The log of the mean of exponentials along the first axis, some elements at a time: what is in memory beside them is bounded."""
    if values.dim() == 1:
        return values.cpu().numpy()
    width = max(1, BLOCK // max(1, len(values)))
    parts = (
        [torch.logsumexp(some, 0) for some in values.split(width, 1)]
        if values.dim() == 2
        else [torch.logsumexp(values, 0)]
    )
    return (torch.cat(parts) - math.log(len(values))).cpu().numpy()
