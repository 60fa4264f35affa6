"""What draws of free values leave behind: draws of the model's names, and what speaks against them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Outcome
from pgmlang.infer.noncentring import standard_name
from pgmlang.infer.run_length import (
    HOPELESS,
    R_HAT,
    R_HAT_OF_LABELS,
    comes_from_elsewhere,
    judged,
)
from pgmlang.results.effective_draws import few_in_chains

if TYPE_CHECKING:
    import torch

    from pgmlang.density.target import Target
    from pgmlang.infer.drawn_back import DrawnBack

MAX_BACK = 50_000_000
"""Most codes of summed-out variables that are given back."""
CHUNK = 2_000_000
"""Numbers in memory while they are."""
CACHED = 2**17
"""Numbers of a variable that is worked out anew from draws, in memory at a time."""
STAT_NAMES = {"acceptance": "acceptance_rate", "divergent": "diverging", "logdensity": "lp", "steps": "n_steps"}
"""Statistics of kernels that ArviZ knows by another name; every other keeps its own."""
MOST_DIVERGENT = 0.01
SLOW_CURE = "more `--draws` and `--warmup`; see `pgmc summary`"
APART_CURE = (
    "they are in different places, and more draws would tell the same: where values may be exchanged or change signs (clusters, factors), "
    "order them or fix one (`mean[cluster] : ordered`); else `--method tempering` walks between few such places, and `--start` says where to begin"
)
FEWEST, FEWEST_A_CHAIN = 100, 10
"""Draws below which nothing is said to have converged."""


def free_draws(blocks: tuple[torch.Tensor, ...]) -> dict[str, np.ndarray]:
    """The draws ``[chain, draw, d]`` in blocks under one name: R-hat is the same for free values and what they are mapped to."""
    import torch

    return {"x": torch.cat(blocks, 1).cpu().numpy()}


def outcome_of(
    x: torch.Tensor, stats: dict[str, np.ndarray], target: Target, random: torch.Tensor, is_finished: bool,
    moved: tuple[str, ...], notes: dict[str, Any], back: DrawnBack | None = None,
) -> Outcome:  # fmt: skip
    """What draws of free values ``x [chain, draw, dimension]`` leave behind: draws of the model's names, discrete ones given back and those that
    ``back`` draws, which were integrated out (``random``: state of the generator behind them), and what speaks against them.

    Raises PgmError PGM0804 without any draw.
    """
    import torch

    from pgmlang.density.numerics import numerics

    if not x.shape[1]:
        message = "stopped within the warm-up: there are no draws yet"
        raise PgmError(Diagnostic("PGM0804", message, help="give it more time, or a shorter `--warmup`"))
    with torch.no_grad(), numerics(target.dtype, target.joint.device):
        values, _ = target.values(x)
        if target.sums is not None:
            generator = torch.Generator(x.device).manual_seed(int(random.to(torch.int64).sum()))
            values.update(_given_back(target, generator, values))
        if moved:
            values = {**values, **_moved_back(target, values, moved)}
        if back is not None:
            generator = torch.Generator(x.device).manual_seed(1 + int(random.to(torch.int64).sum()))
            is_summed = target.sums is not None and not set(target.sums.names) <= values.keys()
            labels = target.sums.draw if target.sums is not None and is_summed else None
            values = {**values, **back.draws(generator, values, labels)}
    hidden = {standard_name(n) for n in moved}
    draws = {name: value.cpu().numpy() for name, value in values.items() if name not in hidden}
    warnings = draw_warnings(draws, stats, _walked(target, x, moved)) if is_finished else ()
    axes = {n: (target.joint if back is None else back.joint).axes(n) for n in draws}
    converged = not any(w.code == "PGM0801" for w in warnings)
    return Outcome({}, (), converged, warnings, notes, draws, axes, stats)


def _walked(target: Target, x: torch.Tensor, moved: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Free values ``[chain, draw, ...]`` by the names of the model's variables."""
    standard = {standard_name(n): n for n in moved}
    free = target.numbers.by_name(x)
    return {
        standard.get(name, name): value.cpu().numpy()
        for key, value in free.items()
        for name in [key if isinstance(key, str) else key[0]]
    }


def _moved_back(
    target: Target, values: dict[str, torch.Tensor], moved: tuple[str, ...]
) -> dict[str, torch.Tensor]:
    """Draws ``[chain, draw, ...]`` of the variables that were non-centred, as many draws at a time as a processor's cache takes: an
    associative scan along a chain goes over all of them again and again."""
    import torch

    from pgmlang.density.simulation import deterministic_values

    joint = target.joint
    chains, draws = next(iter(values.values())).shape[:2]
    step = max(1, CACHED // max(1, chains * max(math.prod(joint.shape_of(n)) for n in moved)))
    parts = [
        deterministic_values(joint, {k: v[:, start : start + step] for k, v in values.items()}, names=moved)
        for start in range(0, draws, step)
    ]
    return {name: torch.cat([p[name] for p in parts], 1) for name in moved}


def _given_back(
    target: Target, generator: torch.Generator, values: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Draws ``[chain, draw, ...]`` of the variables summed out, as many draws at a time as memory allows; none when
    they alone would be more than ``MAX_BACK`` numbers."""
    import torch

    assert target.sums is not None
    chains, draws = next(iter(values.values())).shape[:2]
    size = sum(math.prod(target.joint.shapes[n]) for n in target.sums.names)
    if chains * draws * size > MAX_BACK:
        return {}
    step = max(1, CHUNK // max(1, chains * target.sums.table_size))
    parts = [
        target.sums.draw(generator, {k: v[:, start : start + step] for k, v in values.items()})
        for start in range(0, draws, step)
    ]
    return {name: torch.cat([p[name] for p in parts], 1) for name in parts[0]}


def draw_warnings(
    draws: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray],
    walked: Mapping[str, np.ndarray] | None = None,
) -> tuple[Diagnostic, ...]:
    """What their number, R-hat, effective draws and the divergences say against the draws ``[chain, draw, ...]``. ``walked``: what chains move
    in, if not these: a long tail is none in the logarithm, and a beginning from elsewhere is."""
    from pgmlang.results.convergence import convergence, r_hat_of_codes

    warnings = []
    chains, num_draws = next((v.shape[:2] for v in draws.values()), (2, FEWEST))
    if chains * num_draws < FEWEST or num_draws < FEWEST_A_CHAIN:
        message = f"{chains * num_draws:,} draws in all, {num_draws:,} a chain, tell too little to be trusted"
        cure = f"at least {FEWEST} in all and {FEWEST_A_CHAIN} a chain: `--draws`, `--chains`"
        warnings.append(Diagnostic("PGM0801", message, help=cure))
    elif chains < 2:
        message = "one chain alone cannot tell whether others would come to the same"
        warnings.append(Diagnostic("PGM0801", message, help="at least two, better four: `--chains 4`"))
    worst, bulk, tail = ("", 0.0, R_HAT), ("", np.zeros(0)), ("", np.zeros(0))
    for name, values in draws.items():
        if values.dtype.kind in "iu":
            # of thousands of labels one is always a little off
            r_hat, most = r_hat_of_codes(values), R_HAT_OF_LABELS
        else:
            numbers = judged(values.reshape(*values.shape[:2], -1))
            figures = convergence(numbers)
            r_hat, most = figures.r_hat, R_HAT
            bulk = _fewer(bulk, name, figures.ess_bulk)
            tail = _fewer(tail, name, figures.ess_tail)
        highest = float(np.fmax.reduce(r_hat, initial=0.0))
        if highest > max(most, worst[1]):
            worst = (name, highest, most)
    if worst[0]:
        warnings.append(Diagnostic("PGM0801", f"the chains do not agree: R-hat of `{worst[0]}` is {worst[1]:.3f}, "
                                f"over {worst[2]}", help=APART_CURE if worst[1] > HOPELESS else SLOW_CURE))  # fmt: skip
    elif arriving := _arriving(draws if walked is None else walked):
        message = f"a chain was still on its way when its draws began: its first ones of `{arriving}` lie far from all others"
        warnings.append(Diagnostic("PGM0801", message, help="more `--warmup`, or a start by `--start`"))
    warnings.extend(few_in_chains(*bulk, chains) or few_in_chains(*tail, chains, "tails"))
    warnings.extend(_divergences(stats))
    return tuple(warnings)


def _arriving(walked: Mapping[str, np.ndarray]) -> str:
    """A variable of which a chain comes from elsewhere, "" without any."""
    for name, values in walked.items():
        if values.dtype.kind not in "iu" and comes_from_elsewhere(judged(values.reshape(*values.shape[:2], -1))):
            return name
    return ""


def _fewer(least: tuple[str, np.ndarray], name: str, ess: np.ndarray) -> tuple[str, np.ndarray]:
    """The variable with the fewest effective draws so far; NaN (of constants) are none."""
    known = ess[np.isfinite(ess)]
    return (name, known) if known.size and known.min() < least[1].min(initial=np.inf) else least


def _divergences(stats: Mapping[str, np.ndarray]) -> tuple[Diagnostic, ...]:
    """A warning of divergent transitions; where more than `MOST_DIVERGENT` of the draws are, they are no posterior's."""
    divergences = int(stats["diverging"].sum()) if "diverging" in stats else 0
    if not divergences:
        return ()
    share = divergences / stats["diverging"].size
    message = f"{divergences:,} divergent transitions ({share:.2%} of the draws)"
    cure = (
        "the posterior has a region of strong curvature: write `x ~ Normal(m, s)` of little data as `x = m + s * e` "
        "with `e ~ Normal(0, 1)`"
    )
    out = [Diagnostic("PGM0807", message, help=cure)]
    if share > MOST_DIVERGENT:
        message = "so many trajectories diverge that the draws leave out a part of the posterior"
        out.append(Diagnostic("PGM0801", message, help=cure))
    return tuple(out)
