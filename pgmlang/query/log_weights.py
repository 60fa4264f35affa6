"""Log-likelihoods from the log-weights of particles."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pgmlang.query.score import Score


def score_of_weights(weights: Tensor, plate: str, words: str) -> Score:
    """The log-mean of weights ``[particle, element]`` and the smallest effective number of particles."""
    share = torch.softmax(weights, 0)
    ess = float((1 / share.square().sum(0)).min())
    return Score(log_mean(weights), plate, words, ess)


def log_mean(values: Tensor) -> np.ndarray:
    if values.dim() == 1:
        return values.cpu().numpy()
    return (torch.logsumexp(values, 0) - math.log(len(values))).cpu().numpy()
