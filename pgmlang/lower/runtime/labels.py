"""Distributions of labels, by their probabilities or along an ordered scale, where torch's own are not accurate everywhere."""

from __future__ import annotations

import math

import torch
import torch.distributions as dist

from pgmlang.lower.runtime.special import log1mexp, log_of, softplus
from pgmlang.lower.runtime.support import real


def picked(x, code):
    """The elements of the last axis of x at codes, which broadcast with the axes before it."""
    code = torch.broadcast_tensors(code.long().unsqueeze(-1), x[..., :1])[0]
    return x.expand(*code.shape[:-1], x.shape[-1]).gather(-1, code).squeeze(-1)


class Categorical(dist.Categorical):
    """A code by its probability, as it is: zero is minus infinity, and nothing is normalised in passing."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, p):
        self.chances = real(p)
        super().__init__(probs=self.chances, validate_args=False)

    def expand(self, shape, _instance=None):
        return type(self)(self.chances.expand(*shape, self.chances.shape[-1]))

    def log_prob(self, value):
        return log_of(picked(self.chances, value))


class OrderedLogistic(dist.Categorical):
    """Codes with P(y > k) = sigmoid(predictor - cutpoint k)."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, predictor, cutpoints):
        gap = real(predictor)[..., None] - real(cutpoints)
        above, below = -softplus(-gap), -softplus(gap)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))
        step = gap[..., :-1] - gap[..., 1:]
        is_good = step > 0
        between = above[..., :-1] + below[..., 1:] + log1mexp(torch.where(is_good, step, 1.0))
        between = torch.where(is_good, between, -math.inf)
        self.log_chances = torch.cat([below[..., :1], between, above[..., -1:]], -1)
        super().__init__(logits=self.log_chances, validate_args=False)

    def expand(self, shape, _instance=None):
        return dist.Categorical(logits=self.log_chances.expand(*shape, self.log_chances.shape[-1]))

    def log_prob(self, value):
        return picked(self.log_chances, value)


class OrderedProbit(dist.Categorical):
    """Codes with P(y > k) = Phi(predictor - cutpoint k)."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, predictor, cutpoints):
        gap = real(predictor)[..., None] - real(cutpoints)
        above, below = torch.special.log_ndtr(gap), torch.special.log_ndtr(-gap)
        left, right = gap[..., :-1], gap[..., 1:]
        # by the tail that is the smaller
        is_low = left + right <= 0
        large = torch.where(is_low, above[..., :-1], below[..., 1:])
        small = torch.where(is_low, above[..., 1:], below[..., :-1])
        is_good = left > right
        between = large + log1mexp(torch.where(is_good, large - small, 1.0))
        between = torch.where(is_good, between, -math.inf)
        self.log_chances = torch.cat([below[..., :1], between, above[..., -1:]], -1)
        super().__init__(logits=self.log_chances, validate_args=False)

    def expand(self, shape, _instance=None):
        return dist.Categorical(logits=self.log_chances.expand(*shape, self.log_chances.shape[-1]))

    def log_prob(self, value):
        return picked(self.log_chances, value)
