"""Solutions of systems of differential equations at given times."""

from __future__ import annotations

import torch


def solutions(rates, starts, own, times, start_time, members, drivers, *, nets=None, **bounds):
    """Values at ``times`` of what changes by ``rates`` from ``starts`` at ``start_time`` on (or back), all
    chains and systems at once, by steps of Dormand and Prince (1980), or those of the function ``along``,
    with errors below ``atol + rtol * size`` (``bounds``: these, and ``max_steps``). Where there is no
    solution (it grows beyond all bounds, or takes more than ``max_steps`` steps from one time to the next)
    the values are no numbers.

    ``rates(t, *states, *drivers)`` gives the rate of each state. ``starts``: a tensor
    [..., *systems, *own axes] each, ``own``: how many axes of its own each has; ``start_time``
    [*systems]; ``times`` [rows] with ``members``, for each axis of the systems the element that a row
    belongs to, or [*systems, rows] without; ``drivers``: pairs (tensor, how many of its axes are no
    chains'). Gives for each state [..., rows, *own axes], without ``members``
    [..., *systems, rows, *own axes]."""
    systems = start_time.shape
    shapes = [s.shape[s.dim() - k - len(systems) :] for s, k in zip(starts, own, strict=True)]
    before = [s.shape[: s.dim() - len(shape)] for s, shape in zip(starts, shapes, strict=True)]
    before += [d.shape[: d.dim() - k] for d, k in drivers]
    lead = torch.broadcast_tensors(*[torch.empty(()).expand(shape) for shape in before])[0].shape
    flat = [s.expand((*lead, *shape)).reshape(-1, *shape) for s, shape in zip(starts, shapes, strict=True)]
    beside = []
    for driver, k in drivers:
        shape = driver.shape[driver.dim() - k :]
        is_one = driver.dim() == k  # for all chains
        beside.append(driver[None] if is_one else driver.expand(*lead, *shape).reshape(-1, *shape))
    of_row = torch.arange(systems.numel(), device=times.device)
    if members is None:
        of_row = of_row.repeat_interleave(times.shape[-1])
    else:
        of_row = of_row.reshape(systems)[members or ...].expand(times.shape[0])
    since = times.reshape(-1) - start_time.reshape(-1)[of_row]
    more = {} if nets is None else {"nets": nets}

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
        total, numbers = 0.0, 0
        for error, k in zip(errors, own, strict=True):
            square = error * error
            total = total + (square.flatten(square.dim() - k).sum(-1) if k else square)
            numbers += error.shape[error.dim() - k :].numel()
        return (total / numbers).sqrt().amax()

    def slope(at, states):
        return tuple(v.expand_as(s) for v, s in zip(slopes(at, states, drivers), states, strict=True))

    options = {"norm": largest, "max_num_steps": bounds["max_steps"]}
    limits = {"rtol": bounds["rtol"], "atol": bounds["atol"]}
    try:
        if bounds.get("along") is not None:
            return bounds["along"](slope, starts, grid, own, **limits, **options)
        return list(odeint(slope, tuple(starts), grid, **limits, method="dopri5", options=options))
    except AssertionError:  # steps that become too small or too many, which torchdiffeq says so
        chains = starts[0].shape[0]
        if chains == 1:
            return [(s * torch.nan).expand(len(grid), *s.shape) for s in starts]
        halves = []
        for part in (slice(chains // 2), slice(chains // 2, None)):
            some = [d if d.shape[0] == 1 else d[part] for d in drivers]
            halves.append(solved_together(slopes, [s[part] for s in starts], grid, own, some, bounds))
        return [torch.cat(both, 1) for both in zip(*halves, strict=True)]


SDIRK_WEIGHTS = (
    (1 / 4,),
    (1 / 2, 1 / 4),
    (17 / 50, -1 / 25, 1 / 4),
    (371 / 1360, -137 / 2720, 15 / 544, 1 / 4),
    (25 / 24, -49 / 48, 125 / 16, -85 / 12, 1 / 4),
)
SDIRK_TIMES = (1 / 4, 3 / 4, 11 / 20, 1 / 2, 1.0)
SDIRK_ERRORS = (-3 / 16, -27 / 32, 25 / 32, 0.0, 1 / 4)


def implicit_steps(slope, starts, grid, own, *, rtol, atol, norm, max_num_steps):
    """States [times, ...] at the times of ``grid`` by implicit steps of order 4, whose length the fastest rate
    does not bound (SDIRK4: Hairer and Wanner 1996, IV.6). Slopes go through the equations that the stages
    solve. Raises AssertionError for steps that become too small or too many."""
    shapes = [s.shape for s in starts]
    lead = shapes[0][: len(shapes[0]) - own[0]]

    def packed(states):
        return torch.cat([s.reshape(*lead, -1) for s in states], -1)

    def parted(z):
        sizes = [shape[len(lead) :].numel() for shape in shapes]
        return tuple(p.reshape(s) for p, s in zip(z.split(sizes, -1), shapes, strict=True))

    def rate(t, z):
        return packed(slope(t, parted(z)))

    def size_of(change, z):
        change, z = change.detach(), z.detach()
        return float(norm(parted(change / (atol + rtol * z.abs())))) if change.numel() else 0.0

    z, h = packed(starts), None
    out = [z]
    for begin, end in zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True):
        t, tried = begin, 0
        while t < end:
            h = h if h is not None else 0.01 * (end - begin)
            length = end - t if h >= end - t else min(h, 0.5 * (end - t))
            after, error = implicit_step(rate, t, length, z, size_of)
            tried += 1
            wanted = 0.9 * error**-0.25 if 0 < error < torch.inf else (5.0 if error == 0 else 0.1)
            if error <= 1:
                z, t = after, end if length == end - t else t + length
                longer = length * min(max(wanted, 0.2), 5.0)
                h = longer if length == h else max(h, longer)
            else:
                h = length * min(max(wanted, 0.1), 1.0)
            assert t >= end or (tried < max_num_steps and t + h > t), "too many steps, or too short ones"
        out.append(z)
    return [torch.stack(states) for states in zip(*map(parted, out), strict=True)]


def implicit_step(rate, t, h, z, size_of):
    """The state after a step from ``z`` at ``t``, and how many times its error is the tolerated one; infinite
    where the stages' equations have no solution that is reached."""

    def matrix(t, z):
        """I - h / 4 times the slopes of the rates by the state."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            rates = rate(t, z)
            rows = [
                torch.autograd.grad(rates[..., i].sum(), z, retain_graph=True, allow_unused=True)[0]
                if rates.requires_grad
                else None
                for i in range(z.shape[-1])
            ]
        slopes = torch.stack([torch.zeros_like(z) if row is None else row for row in rows], -2).detach()
        return torch.eye(z.shape[-1], dtype=z.dtype, device=z.device) - 0.25 * h * slopes

    def solve(m, v):
        return torch.linalg.solve_ex(m, v[..., None])[0][..., 0]

    first = matrix(t, z)
    slopes = []
    for weights, at in zip(SDIRK_WEIGHTS, SDIRK_TIMES, strict=True):
        base = z + h * sum(w * k for w, k in zip(weights, slopes, strict=False))
        with torch.no_grad():
            k, is_solved = slopes[-1] if slopes else rate(t, z), False
            for _ in range(10):
                change = solve(first, rate(t + at * h, base + 0.25 * h * k) - k)
                k = k + change
                if (size := size_of(h * change, z)) < 1e-3 or not size < torch.inf:
                    is_solved = size < 1e-3
                    break
        if not is_solved:
            return z, torch.inf
        if torch.is_grad_enabled():
            k = k.detach()
            off = rate(t + at * h, base + 0.25 * h * k) - k
            k = k + solve(matrix(t + at * h, base + 0.25 * h * k), off)
        slopes.append(k)
    with torch.no_grad():
        error = solve(first, h * sum(e * k for e, k in zip(SDIRK_ERRORS, slopes, strict=True)))
    after = z + h * sum(w * k for w, k in zip(SDIRK_WEIGHTS[-1], slopes, strict=True))
    return after, size_of(error, torch.maximum(z.abs(), after.abs()))
