"""Draws by simulating what a distribution is the outcome of: generations of a branching process, a walk between two boundaries."""

from __future__ import annotations

import math

import torch

SPLIT = 0.64
"""Where the proposal for an exit time goes from the inverse square of a normal number over to an exponential one."""


def generalized_poisson_draws(rate, dispersion):
    """Everybody in a population whose founders are Poisson(rate) and each of whom has Poisson(dispersion) children (Consul and Shoukri 1988)."""
    rate, dispersion = torch.broadcast_tensors(rate, dispersion)
    generation = torch.poisson(rate)
    total = generation.clone()
    while bool((generation > 0).any()):
        generation = torch.poisson(dispersion * generation)
        total = total + generation
    return total


def exit_times(like):
    """Times at which Brownian motion from 0 first leaves the interval from -1 to 1: proposals and their acceptance by the alternating series of
    Devroye (2009), summed up."""
    split = torch.as_tensor(SPLIT, dtype=like.dtype, device=like.device)
    tail = torch.special.ndtr(-1 / split.sqrt())
    late, early = 4 / math.pi * torch.exp(-(math.pi**2) * split / 8), 4 * tail
    times, is_open = torch.ones_like(like), torch.ones_like(like, dtype=torch.bool)
    while bool(is_open.any()):
        u, v, side = torch.rand_like(like), torch.rand_like(like), torch.rand_like(like)
        is_late = side * (late + early) < late
        before = torch.special.ndtri(tail * (1 - u)).square().reciprocal()
        after = split - 8 / math.pi**2 * torch.log1p(-u)
        proposed = torch.where(is_late, after, before)
        # terms over the first of them, (2n + 1)
        odd = torch.arange(1, 12, dtype=like.dtype, device=like.device) * 2 + 1
        squares = odd.square() - 1
        here = proposed[..., None]
        decay = torch.where(is_late[..., None], -(math.pi**2) / 8 * squares * here, -squares / (2 * here))
        signs = 1 - 2 * (torch.arange(1, 12, device=like.device) % 2)
        chance = 1 + (signs * odd * torch.exp(decay)).sum(-1)
        times = torch.where(is_open & (v < chance), proposed, times)
        is_open = is_open & ~(v < chance)
    return times


def wiener_draws(boundary, delay, bias, drift):
    """Times at which Brownian motion with a drift, from bias * boundary on, first reaches the boundary or, with a minus sign, zero, after a delay. From
    the middle of an interval side and time of the exit are independent; the drift makes times of no drift less probable by exp(-drift^2 t / 2)."""
    boundary, delay, bias, drift = torch.broadcast_tensors(boundary, delay, bias, drift)
    place, time = bias * boundary, torch.zeros_like(boundary)
    is_inside = (place > 0) & (place < boundary)
    while bool(is_inside.any()):
        nearest = torch.minimum(place, boundary - place)
        size = torch.minimum(nearest, 1 / drift.abs().clamp(min=1e-300))
        step, is_open = torch.zeros_like(time), is_inside.clone()
        while bool(is_open.any()):
            proposed = size.square() * exit_times(size)
            is_good = is_open & (torch.rand_like(size) < torch.exp(-0.5 * drift.square() * proposed))
            step, is_open = torch.where(is_good, proposed, step), is_open & ~is_good
        is_up = torch.rand_like(size) < torch.sigmoid(2 * drift * size)
        is_at_edge = size == nearest
        reached = torch.where(is_up, place + size, place - size)
        # a boundary is reached exactly, whatever rounding says
        edge = torch.where(
            2 * place > boundary,
            torch.where(is_up, boundary, reached),
            torch.where(is_up, reached, torch.zeros_like(place)),
        )
        middle = is_at_edge & (2 * place == boundary)
        edge = torch.where(middle, torch.where(is_up, boundary, torch.zeros_like(place)), edge)
        place = torch.where(is_inside, torch.where(is_at_edge, edge, reached), place)
        time = torch.where(is_inside, time + step, time)
        is_inside = (place > 0) & (place < boundary)
    return torch.where(place >= boundary, 1.0, -1.0) * (delay + time)
