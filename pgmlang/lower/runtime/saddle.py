"""The integral of a difference of two Poisson counts around its saddle point, which modified Bessel functions are made of."""

from __future__ import annotations

import math

import torch

NODES = 48
"""Nodes from the middle to one end."""
REACH = 14.0
"""Standard deviations that they reach to, or the half circle where that is less."""


def saddle_integral(width, x):
    """The mean of exp(width * (cos t - 1)) cos(x (sin t - t)) over the circle, for |x| <= width: with x = 0 the Bessel function I0 times exp(-width).
    By the trapezoidal rule, which is exact to rounding for periodic functions and for bells alike (Trefethen and Weideman 2014)."""
    width, x = (v[..., None] for v in torch.broadcast_tensors(width, x))
    with torch.no_grad():
        end = (REACH / width.clamp(min=1.0).sqrt()).clamp(max=math.pi)
        shares = torch.linspace(0.0, 1.0, NODES + 1, dtype=width.dtype, device=width.device)
        weights = torch.ones_like(shares)
        weights[0] = weights[-1] = 0.5
        angles = end * shares
    values = torch.exp(-2 * width * torch.sin(0.5 * angles) ** 2) * torch.cos(x * (torch.sin(angles) - angles))
    return (weights * values).sum(-1) * (end / (math.pi * NODES))[..., 0]
