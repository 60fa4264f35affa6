"""Solutions of differential equations in numpy, for models whose parameters are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from pgmlang.layout import Layout
from pgmlang.model.expr import Expr, Solution
from pgmlang.model.model import Model
from pgmlang.model.named import Axes, NamedArray, named
from pgmlang.tables.context import ElementContext

EVALUATIONS = {"explicit": 7, "stiff": 40}
"""Of the rates in a step, whether it is taken or not; of an implicit one at most, for each number of the state."""
METHODS = {"explicit": "RK45", "stiff": "Radau"}
"""The names that scipy has for the solvers."""


class Evaluates(Protocol):
    """What evaluates expressions, and rates at a state and a time."""

    model: Model
    layout: Layout

    def context(self, plates: Axes) -> ElementContext: ...

    def evaluate(self, expr: Expr, plates: Axes | ElementContext = ()) -> NamedArray: ...

    def rate(
        self, expr: Expr, context: ElementContext, present: Mapping[str, NamedArray], time: float
    ) -> NamedArray: ...


class TooManySteps(Exception):
    """A solution that takes more steps than it may."""


def solved(evaluator: Evaluates, solution: Solution) -> dict[str, NamedArray]:
    """The names of a system at all rows, by name: along the rows' axes, then their own. A solution that has an end before the
    last time is no number from there on."""
    model, layout, plate = evaluator.model, evaluator.layout, solution.plate
    outer = model.enclosing(plate)[:-1]
    systems = model.batch_axes(outer)
    is_flat = model.plate_by_name[plate].is_rows
    rows: Axes = (plate,) if is_flat else (*systems, plate)
    times = evaluator.evaluate(solution.times, model.enclosing(plate))
    shape = tuple(layout.size(a) for a in rows)
    flat = np.broadcast_to(_along(times, rows), shape).reshape(-1)
    members = [
        layout.parent(a, plate) if is_flat else np.indices(shape)[rows.index(a)].reshape(-1) for a in systems
    ]
    shapes = {n: tuple(layout.size(a) for a in model.by_name[n].axes) for n in solution.names}
    out = {n: np.full((len(flat), *size), math.nan) for n, size in shapes.items()}
    for system in np.ndindex(*(layout.size(a) for a in systems)):
        of_system = np.ones(len(flat), bool)
        for member, element in zip(members, system, strict=True):
            of_system &= member == element
        here = evaluator.context(outer).at({a: named(i) for a, i in zip(systems, system, strict=True)})
        values = _one_system(evaluator, solution, shapes, here, flat[of_system])
        for name in solution.names:
            out[name][of_system] = values[name]
    return {n: NamedArray(v.reshape(*shape, *shapes[n]), (*rows, *model.by_name[n].axes)) for n, v in out.items()}


def _along(value: NamedArray, axes: Axes) -> np.ndarray:
    """The values laid out along these axes, of size one where they do not vary."""
    ordered = value.to(tuple(a for a in axes if a in value.axes))
    return ordered[tuple(slice(None) if a in value.axes else None for a in axes)]


def _one_system(
    evaluator: Evaluates,
    solution: Solution,
    shapes: Mapping[str, tuple[int, ...]],
    here: ElementContext,
    times: np.ndarray,
) -> dict[str, np.ndarray]:
    own = {n: evaluator.model.by_name[n].axes for n in solution.names}

    def laid_out(name: str, value: NamedArray) -> np.ndarray:
        return np.broadcast_to(_along(value, own[name]), shapes[name]).reshape(-1)

    def parted(state: np.ndarray) -> dict[str, np.ndarray]:
        parts, first = {}, 0
        for name, size in shapes.items():
            parts[name] = state[..., first : first + math.prod(size)].reshape((*state.shape[:-1], *size))
            first += math.prod(size)
        return parts

    def slopes(time: float, state: np.ndarray) -> np.ndarray:
        present = {n: NamedArray(v, own[n]) for n, v in parted(state).items()}
        return np.concatenate([
            laid_out(n, evaluator.rate(e, here, present, time))
            for n, e in zip(solution.names, solution.rates, strict=True)
        ])  # fmt: skip

    starts = zip(solution.names, solution.starts, strict=True)
    start = np.concatenate([laid_out(n, evaluator.evaluate(e, here)) for n, e in starts])
    start_time = float(evaluator.evaluate(solution.start_time, here).values)
    values = np.empty((len(times), len(start)))
    for way in (1.0, -1.0):
        chosen = times >= start_time if way > 0 else times < start_time
        values[chosen] = _along_times(solution, slopes, start, start_time, times[chosen], way)
    return parted(values)


def _along_times(
    solution: Solution,
    slopes: Callable[[float, np.ndarray], np.ndarray],
    start: np.ndarray,
    start_time: float,
    times: np.ndarray,
    way: float,
) -> np.ndarray:
    """States [times, numbers] on one side of the start, by scipy's solvers."""
    from scipy.integrate import solve_ivp

    grid, place = np.unique(way * np.append(times, start_time), return_inverse=True)
    out = np.full((len(grid), len(start)), math.nan)
    out[0] = start
    is_stiff = solution.solver == "stiff"
    left = (
        EVALUATIONS[solution.solver] * solution.max_steps * max(len(grid) - 1, 1) * (len(start) if is_stiff else 1)
    )

    def counted(time: float, state: np.ndarray) -> np.ndarray:
        nonlocal left
        left -= 1
        if left < 0:
            raise TooManySteps
        return slopes(time, state)

    if len(grid) > 1:
        try:
            with np.errstate(all="ignore"):
                reached = solve_ivp(counted, (start_time, way * grid[-1]), start, t_eval=way * grid, rtol=solution.rtol, atol=solution.atol, method=METHODS[solution.solver])  # fmt: skip
        except TooManySteps:
            return out[place[:-1]]
        out[: reached.y.shape[1]] = reached.y.T
    return out[place[:-1]]
