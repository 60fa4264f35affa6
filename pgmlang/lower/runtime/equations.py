"""Solutions of systems of differential equations at given times."""

from __future__ import annotations

import torch


def solutions(rates, starts, own, times, start_time, members, drivers, *, rtol, atol, max_steps, **more):
    """Values at ``times`` of what changes by ``rates`` from ``starts`` at ``start_time`` on (or back), all
    chains and systems at once, by steps of Dormand and Prince (1980) with errors below
    ``atol + rtol * size``. Where there is no solution (it grows beyond all bounds, or takes more than
    ``max_steps`` steps from one time to the next) the values are no numbers.

    ``rates(t, *states, *drivers)`` gives the rate of each state. ``starts``: a tensor
    [..., *systems, *own axes] each, ``own``: how many axes of its own each has; ``start_time``
    [*systems]; ``times`` [rows] with ``members``, for each axis of the systems the element that a row
    belongs to, or [*systems, rows] without; ``drivers``: pairs (tensor, how many of its axes are no
    chains'). Gives for each state [..., rows, *own axes], without ``members``
    [..., *systems, rows, *own axes]."""
    systems = start_time.shape
    shapes = [s.shape[s.dim() - k - len(systems) :] for s, k in zip(starts, own, strict=True)]
    before = [s.shape[: s.dim() - len(shape)] for s, shape in zip(starts, shapes, strict=True)]
    lead = torch.broadcast_shapes(*before, *(d.shape[: d.dim() - k] for d, k in drivers))
    flat = [s.expand((*lead, *shape)).reshape(-1, *shape) for s, shape in zip(starts, shapes, strict=True)]
    beside = [
        d.expand(*lead, *d.shape[d.dim() - k :]).reshape(-1, *d.shape[d.dim() - k :]) if d.dim() > k else d[None]
        for d, k in drivers
    ]
    of_row = torch.arange(systems.numel(), device=times.device)
    if members is None:
        of_row = of_row.repeat_interleave(times.shape[-1])
    else:
        of_row = of_row.reshape(systems)[members or ...].expand(times.shape[0])
    since = times.reshape(-1) - start_time.reshape(-1)[of_row]
    bounds = {"rtol": rtol, "atol": atol, "max_steps": max_steps}

    def solve(since, sign):
        def rate(t, states, drivers):
            return rates(t, *states, *drivers, **more)

        return solved_one_way(rate, flat, own, since, sign, start_time, of_row, beside, bounds)

    ahead = solve(since, 1.0)
    if bool((since < 0).any()):
        back = solve(-since, -1.0)
        places = [(since < 0).reshape(-1, *[1] * k) for k in own]
        ahead = [torch.where(*all_three) for all_three in zip(places, back, ahead, strict=True)]
    rows = times.shape if members is None else times.shape[:1]
    return tuple(v.reshape(*lead, *rows, *v.shape[2:]) for v in ahead)


def solved_one_way(rate, starts, own, since, sign, start_time, of_row, drivers, bounds):
    """Values [chains, rows, *own axes] so far from the start, forward (``sign`` 1) or back (-1): every
    system goes from 0 to 1 on a scale of its own. Rows that lie the other way have the start's values."""
    since = since.clamp(min=0.0)
    span = torch.zeros_like(start_time).reshape(-1).scatter_reduce(0, of_row, since, "amax")
    share = torch.where(since > 0, since / span[of_row], 0.0)
    grid, place = torch.cat([share.new_zeros(1), share]).unique(return_inverse=True)
    span = sign * span.reshape(start_time.shape)

    # a system without rows stays where it is, whatever is not known of it
    lengths = [span[(..., *[None] * k)] for k in own]
    moved = [torch.where(length != 0, s, 0.0) for s, length in zip(starts, lengths, strict=True)]

    def slopes(at, states, drivers):
        found = rate(start_time + at * span, states, drivers)
        return tuple(torch.where(n != 0, f * n, 0.0) for f, n in zip(found, lengths, strict=True))

    later = solved_together(slopes, moved, grid, own, drivers, bounds)
    values = [torch.cat([s[None], v[1:]]) for s, v in zip(starts, later, strict=True)]
    axes = start_time.dim()
    out = []
    for value in values:
        flat = value.reshape(*value.shape[:2], len(span.reshape(-1)), *value.shape[2 + axes :])
        out.append(flat[place[1:], :, of_row].movedim(0, 1))
    return out


def solved_together(slopes, starts, grid, own, drivers, bounds):
    """Values [times, chains, *systems, *own axes] at the times of ``grid``, which starts at 0. Chains that
    have no solution are parted from the others by halves."""
    from torchdiffeq import odeint

    if len(grid) == 1:
        return [s[None] for s in starts]

    def largest(errors):
        squares = [(e * e).flatten(e.dim() - k).sum(-1) if k else e * e for e, k in zip(errors, own, strict=True)]
        numbers = sum(e.shape[e.dim() - k :].numel() for e, k in zip(errors, own, strict=True))
        return (sum(squares) / numbers).sqrt().amax()

    def slope(at, states):
        return tuple(v.expand_as(s) for v, s in zip(slopes(at, states, drivers), states, strict=True))

    options = {"norm": largest, "max_num_steps": bounds["max_steps"]}
    limits = {"rtol": bounds["rtol"], "atol": bounds["atol"]}
    try:
        return list(odeint(slope, tuple(starts), grid, **limits, method="dopri5", options=options))
    except AssertionError:  # what torchdiffeq says of steps that become too small or too many
        chains = starts[0].shape[0]
        if chains == 1:
            return [(s * torch.nan).expand(len(grid), *s.shape) for s in starts]
        halves = []
        for part in (slice(chains // 2), slice(chains // 2, None)):
            some = [d if d.shape[0] == 1 else d[part] for d in drivers]
            halves.append(solved_together(slopes, [s[part] for s in starts], grid, own, some, bounds))
        return [torch.cat(both, 1) for both in zip(*halves, strict=True)]
