"""Log-likelihood of rows by importance sampling, the written guide as the proposal."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.infer.joint import Joint, Values
from pgmlang.infer.training import unit_plate

CHUNK = 64
"""Draws of the guide at a time."""


def log_weights(joint: Joint, params: Values, nets: Any, num: int, generator: Generator, plate: str | None = None,
                given: Values | None = None) -> Tensor:  # fmt: skip
    """``log p(x, z) - log q(z | x)`` at draws of the guide for each element of a row plate (by default the outermost),
    ``[num, elements]``. ``given``: values of what is neither observed nor in the guide."""
    unit = plate or unit_plate(joint.model)
    assert unit is not None
    axes = joint.program.GUIDE_FACTORS
    found = []
    with torch.no_grad():
        for start in range(0, num, CHUNK):
            shape = (min(CHUNK, num - start),)
            values, log_q = joint.propose(generator, params, nets, shape)
            weight = joint.each(joint.factors({**(given or {}), **values}, params, nets), unit)
            for name, term in log_q.items():
                # what lies outside of the rows is averaged over the guide's draws, not weighed
                if joint.tells(tuple(axes[name]), unit):
                    weight = weight - joint.along(term, tuple(axes[name]), (unit,))
            found.append(weight)
    return torch.cat(found)


def importance_log_likelihood(joint: Joint, params: Values, nets: Any, num: int, generator: Generator) -> Tensor:
    """Log-likelihood of each row, ``[rows]``: the log-mean of the weights, below the exact one in expectation and
    consistent (Burda, Grosse and Salakhutdinov 2016, equation 8)."""
    return torch.logsumexp(log_weights(joint, params, nets, num, generator), 0) - math.log(num)
