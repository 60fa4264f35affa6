"""Where the density is not zero: impossible elements counted, and points sought that have none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.plan.deadline import NEVER, Deadline

SEEKERS = 8
"""Points that look for one start."""
TOLD = 4
"""Variables that are told to be impossible."""
ROUNDS, TRIES, STEPS, FARTHEST = 300, 8, (0.3, 1.0, 3.0, 10.0), 60.0
"""Rounds of the search for possible points, moves that each point tries in one, the sizes of steps in turn, and how far
from zero it goes: exp(60) is 1e26."""


def impossible_elements(
    joint: BoundDensity, values: Values, params: Values | None = None, nets: Any = None
) -> Tensor:
    """How many elements of the factors have no finite log-value, ``[...]`` as the values lead."""
    num_impossible = torch.zeros((), dtype=joint.dtype, device=joint.device)
    with torch.no_grad():
        for name, term in joint.factors(values, params, nets).items():
            axes = joint.factor_axes[name]
            bad = (~torch.isfinite(term)).to(joint.dtype)
            num_impossible = num_impossible + (bad.sum(tuple(range(-len(axes), 0))) if axes else bad)
    return num_impossible


def always_impossible(
    joint: BoundDensity, values: Values, params: Values | None = None, nets: Any = None
) -> tuple[str, ...]:
    """Which elements of which variables have no finite log-value at any of some points, in words: the data's fault, or the model's."""
    with torch.no_grad():
        terms = joint.factors(values, params, nets)
    return tuple(f"{words} wherever that was tried" for words in impossible_words(joint, terms))


def impossible_words(joint: BoundDensity, terms: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Which elements of factors have no finite log-value in any case: ``terms`` ``[*axes]``, or ``[cases, *axes]``, by name."""
    told = []
    for name, term in terms.items():
        axes = joint.factor_axes[name]
        bad = ~torch.isfinite(term)
        never = bad.all(0) if bad.ndim > len(axes) else bad
        if isinstance(name, str) and bool(never.any()):
            told.append(f"`{name}`{_elements_text(joint, axes, never)} is impossible")
    return tuple(told[:TOLD]) or _impossible_rows(joint, terms)


def _impossible_rows(joint: BoundDensity, terms: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The first row in which some element has no finite log-value in each of several cases, another one perhaps."""
    plate, bad = joint.binding.plate, torch.zeros((), dtype=torch.bool)
    for name, term in terms.items():
        axes = joint.factor_axes[name]
        if plate in axes:
            others = tuple(i - len(axes) for i, a in enumerate(axes) if a != plate)
            is_bad = ~torch.isfinite(term)
            bad = bad | (is_bad.any(others) if others else is_bad).cpu()
    if bad.ndim < 2 or not bool(bad.all(0).any()):
        return ()
    return (f"what is seen{_elements_text(joint, (plate,), bad.all(0))} is impossible together",)


def _elements_text(joint: BoundDensity, axes: tuple[str, ...], chosen: Tensor) -> str:
    """Where the first of some elements is, and how many they are: rows by their number in the table."""
    if not axes or joint.origin is not None or chosen.ndim != len(axes):
        return ""
    binding, count = joint.binding, int(chosen.sum())
    first = [
        f"row {1 + (int(i) if binding.rows is None else int(binding.rows[i]))}"
        if axis == binding.plate
        else f"{axis} {binding.layout.element_labels(axis)[int(i)]}"
        for axis, i in zip(axes, chosen.nonzero()[0].tolist(), strict=True)
        if chosen.shape[axes.index(axis)] > 1
    ]
    text = f" in {', '.join(first)}" if first else ""
    return text + (f" (and {count - 1:,} more of {chosen.numel():,})" if count > 1 else "")


def possible_points(
    impossible: Callable[[Tensor], Tensor],
    x: Tensor,
    generator: Generator,
    deadline: Deadline = NEVER,
    causes: Callable[[Tensor], tuple[str, ...]] = lambda x: (),
) -> Tensor:
    """Points ``[points, dimension]`` of positive density, sought from ``x``. ``impossible``: how much of the density is zero
    at points, 0 for nothing; ``causes``: why all of them are impossible. Some coordinates at a time move by steps of all sizes, and stay where no more becomes
    impossible than was; points that find nothing begin where another one did. Raises PgmError PGM0803 without any, PGM0804 where the time for it is over.
    """
    count = impossible(x)
    for i in range(ROUNDS):
        bad = (count > 0).nonzero().flatten()
        if not len(bad):
            return x
        deadline.check("the search for a start", "no values of positive density were seen yet")
        here = x[bad].repeat_interleave(TRIES, 0)
        share = torch.rand(len(here), 1, generator=generator, dtype=x.dtype, device=x.device) ** 3
        moves = torch.rand(here.shape, generator=generator, dtype=x.dtype, device=x.device) < share
        one = torch.randint(x.shape[1], (len(here), 1), generator=generator, device=x.device)
        noise = torch.randn(here.shape, generator=generator, dtype=x.dtype, device=x.device)
        there = torch.where(moves.scatter(1, one, True), here + STEPS[i % len(STEPS)] * noise, here)
        height = torch.where(there.abs().amax(-1) < FARTHEST, impossible(there), math.inf).reshape(-1, TRIES)
        least, which = height.min(1)
        better = least <= count[bad]
        rows = torch.arange(len(bad), device=x.device) * TRIES + which
        x = x.index_put((bad[better],), there[rows[better]])
        count = count.index_put((bad[better],), least[better])
    good = (count == 0).nonzero().flatten()
    if not len(good):
        raise PgmError(
            Diagnostic("PGM0803", "the density is zero, or no number, wherever a chain was started", notes=causes(x),
                       help="does the data lie within the distributions' supports, do probabilities sum to one,"
                       " and is every input finite?")
        )  # fmt: skip
    chosen = good[torch.randint(len(good), (len(x),), generator=generator, device=x.device)]
    return torch.where((count > 0).unsqueeze(-1), x[chosen], x)


def possible_free(
    free: Mapping[str, Tensor],
    impossible: Callable[[dict[str, Tensor]], Tensor],
    generator: Generator,
    deadline: Deadline = NEVER,
    causes: Callable[[dict[str, Tensor]], tuple[str, ...]] = lambda free: (),
) -> dict[str, Tensor]:
    """As `possible_points`, of free values by name, ``[points, *shape]`` each."""
    shapes = {n: tuple(v.shape[1:]) for n, v in free.items()}
    sizes = [math.prod(s) for s in shapes.values()]

    def named(x: Tensor) -> dict[str, Tensor]:
        parts = zip(shapes.items(), x.split(sizes, -1), strict=True)
        return {n: free_part.reshape(len(x), *shape) for (n, shape), free_part in parts}

    begin = torch.cat([v.reshape(len(v), -1) for v in free.values()], 1)
    return named(
        possible_points(lambda x: impossible(named(x)), begin, generator, deadline, lambda x: causes(named(x)))
    )


def nearest_possible(
    free: Mapping[str, Tensor],
    impossible: Callable[[dict[str, Tensor]], Tensor],
    generator: Generator,
    deadline: Deadline = NEVER,
    causes: Callable[[dict[str, Tensor]], tuple[str, ...]] = lambda free: (),
) -> dict[str, Tensor]:
    """Free values ``[*shape]`` by name where the density is not zero: these, or the nearest of some that were found."""
    copies = {n: v.expand(SEEKERS, *v.shape) for n, v in free.items()}
    if not free or not bool((impossible({n: v[:1] for n, v in copies.items()}) > 0).any()):
        return dict(free)
    possible = possible_free(copies, impossible, generator, deadline, causes)
    away = sum(((possible[n] - free[n]) ** 2).reshape(SEEKERS, -1).sum(1) for n in free)
    nearest = int(torch.as_tensor(away).argmin())
    return {n: v[nearest] for n, v in possible.items()}
