"""Whether compiled code sums labels out, by what can be said in loops and by cost, and what hangs together in it."""

from __future__ import annotations

import math
from collections.abc import Collection
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.joint_states import JointStates
from pgmlang.density.native_sums import LabelComponent, NativeReduction
from pgmlang.density.shown_rows import shown_rows
from pgmlang.density.sufficient import SufficientFactors
from pgmlang.density.summing import Marginaliser
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.summable import Step
from pgmlang.native.expectations import Threads
from pgmlang.native.formulas import NotScalar

MOST_STATES, MOST_CHAIN_STATES = 512, 64
"""Joint labels of a row, and of a step of a chain: more are matrix products."""
MOST_KINDS = 256
"""Kinds of steps of chains, as far as their rows have a table in common."""
ENOUGH_WORK = 4.0
"""Seconds of torch's time that compiling is worth."""
CALL, NUMBER, STATE, STEP = 2e-3, 7e-10, 3e-9, 4e-8
"""Seconds of torch for a pass over any rows; for a statistic of a row and a state, a state of a row, and two states of a step of a chain.
(They stand for every machine, so that the choice is the same on all.)"""


def native_reduction(sums: Marginaliser, groups: tuple[SufficientFactors, ...], threads: int) -> NativeReduction:
    """The compiled sum over what ``sums`` and ``groups`` have together. Raises NotScalar where there is none."""
    joint = sums.joint
    if joint.partition is not None:
        raise NotScalar("the normalising constant of fields")
    if joint.scale or joint.intervened:
        raise NotScalar("minibatches and interventions")
    if joint.dtype != torch.float64 or joint.device.type != "cpu":
        raise NotScalar("numbers other than float64 on the CPU")
    if find_spec("numba") is None:
        raise NotScalar("anything without the package numba")
    scopes = [s for s in (*sums.scopes.values(), *(g.scope for g in groups)) if s]
    pool = Threads(threads)
    components = tuple(_component(sums, groups, names, pool) for names in _hanging_together(sums, scopes))
    alone = {g.key: _summed(joint, g) for g in groups if not g.scope}
    return NativeReduction(sums, components, alone)


def _summed(joint: BoundDensity, group: SufficientFactors) -> Tensor:
    statistics = group.of_rows(slice(None))
    weights = joint.weights.get(group.plate)
    return statistics.sum(1) if weights is None else statistics @ weights.to(statistics)


def _hanging_together(sums: Marginaliser, scopes: Collection[frozenset[int]]) -> list[tuple[str, ...]]:
    """The variables in sets that no factor ties to others."""
    lagged = {len(sums.names) + i: sums.names.index(n) for i, n in enumerate(sums.lagged_names)}
    together = [{lagged.get(p, p) for p in scope} for scope in scopes]
    together += [{sums.names.index(n) for n in step.names} for step in sums.steps]
    out: list[set[int]] = []
    for some in together:
        meeting = [s for s in out if s & some]
        out = [s for s in out if not s & some] + [some.union(*meeting)]
    return [tuple(sums.names[p] for p in sorted(s)) for s in out]


def _component(
    sums: Marginaliser, groups: tuple[SufficientFactors, ...], names: tuple[str, ...], threads: Threads
) -> LabelComponent:
    joint, spelled = sums.joint, ", ".join(f"`{n}`" for n in names)
    steps: list[Step] = [s for s in sums.steps if set(s.names) & set(names)]
    chain = next((s.chain for s in steps if s.chain), None)
    axes = joint.axes(names[0])
    if any(joint.axes(n) != axes for n in names) or not axes:
        raise NotScalar(f"{spelled}, which have not the same rows")
    if chain is not None and (len(steps) > 1 or steps[0].names != names):
        raise NotScalar(f"{spelled}, labels of steps beside a chain")
    places = tuple(sums.names.index(n) for n in names)
    sizes = [joint.num_states(n) for n in names]
    states = math.prod(sizes)
    if states > (MOST_STATES if chain is None else MOST_CHAIN_STATES):
        raise NotScalar(f"{states:,} joint values of {spelled}")
    now = JointStates(places, np.indices(sizes).reshape(len(sizes), -1))
    both = None
    if chain is not None:
        back = tuple(len(sums.names) + sums.lagged_names.index(n) for n in names)
        both = JointStates((*back, *places), np.indices([*sizes, *sizes]).reshape(2 * len(sizes), -1))
    mine = [g for g in groups if g.scope & set(places if both is None else both.places)]
    pairs = {g.key for g in mine if not g.scope <= set(places)}
    looks_at_rows = any(
        s & set(places if both is None else both.places) and not s <= set(places) for s in sums.scopes.values()
    )
    shown = shown_rows(joint, axes, mine, pairs, MOST_KINDS, by_row=looks_at_rows)
    return LabelComponent(sums, names, axes, chain, now, both, shown, threads)


def reduction_of(
    sums: Marginaliser, groups: tuple[SufficientFactors, ...], backend: str, passes: int
) -> NativeReduction | None:
    """The compiled sum where it is asked for, or pays for so many ``passes`` over the rows. Raises PgmError PGM0602 where it is asked for
    and there is none."""
    if backend == "torch":
        return None
    try:
        if backend == "auto" and passes * _seconds(sums, groups) < ENOUGH_WORK:
            return None
        return native_reduction(sums, groups, torch.get_num_threads())
    except NotScalar as reason:
        if backend == "auto":
            return None
        message = f"`--backend native`: there are no loops for {reason}"
        raise PgmError(Diagnostic("PGM0602", message, help="leave it out: torch works it out")) from None


def _seconds(sums: Marginaliser, groups: tuple[SufficientFactors, ...]) -> float:
    """What a pass over the rows takes torch."""
    joint, total = sums.joint, CALL
    every = (*sums.names, *sums.lagged_names)

    def states(scope: Collection[int]) -> int:
        return math.prod(joint.num_states(every[p]) for p in scope)

    for group in groups:
        total += NUMBER * group.width * states(group.scope) * joint.layout.size(group.plate)
    for key, scope in sums.scopes.items():
        total += (
            STATE * states(scope) * math.prod(joint.layout.size(a) for a in joint.factor_axes[key])
            if scope
            else 0.0
        )
    for step in sums.steps:
        rows = math.prod(joint.layout.size(a) for a in joint.axes(step.names[0]))
        one = math.prod(joint.num_states(n) for n in step.names)
        total += rows * (STATE * one if step.chain is None else STEP * one**2)
    return total
