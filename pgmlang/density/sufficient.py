"""Factors whose rows differ by what they show alone, as products with the rows' sufficient statistics.

Of ``x[item] ~ Bernoulli(p[z])`` every row has the same table over z, item and the value of x; of ``x ~ Normal(m[z], s[z])``
the same quadratic function; of ``z ~ Categorical(share)`` the same shares. The rows' log-values are coefficients times
statistics (`statistics`), one matrix product for all such factors; the gradient by the coefficients is the expected
statistics of the E-step, and what an M-step raises has no rows any more (Dempster, Laird and Rubin 1977, section 2). The
coefficients come from the emitted program, evaluated at a few points.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import CountedTable, TableKey
from pgmlang.density.row_subset import rows_apart, with_latent_cells
from pgmlang.density.statistics import Indicators, RowStatistics, SampleMoments, moments_of
from pgmlang.families import FAMILIES
from pgmlang.lower.family_classes import statistics_function
from pgmlang.model import Conditional, Dist, Model, TableDist
from pgmlang.model.dependence import nodes_behind
from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Contract,
    Element,
    Expr,
    First,
    Reduce,
    Ref,
    Rename,
    Stack,
)

MOST_LABELS = 64
"""Values of an observed variable beyond which they are no labels."""
FEWEST_ROWS = 64
"""Rows below which a factor is left as it is."""
IMPOSSIBLE = -1e30
"""Stands for minus infinity in the product."""


@dataclass(frozen=True, eq=False)
class SufficientFactors:
    """``members``: names of factors with the same ``scope``, each with what the rows of a plate show of it; ``points``: the
    density of so many rows, which show the members' points."""

    plate: str
    scope: frozenset[int]
    members: tuple[tuple[str, RowStatistics], ...]
    points: BoundDensity

    @property
    def key(self) -> TableKey:
        return CountedTable(self.plate, self.scope)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.members)

    @property
    def width(self) -> int:
        """Statistics of a row."""
        return sum(statistics.width for _, statistics in self.members)

    def of_rows(self, rows: slice) -> Tensor:
        """The statistics ``[width, rows]``."""
        pieces = [statistics.of_rows(rows) for _, statistics in self.members]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def restricted_to(self, names: Collection[str]) -> tuple[SufficientFactors, Tensor] | None:
        """Those of the members that have one of these names, and the places of their statistics; None where none has."""
        chosen, places, start = [], [], 0
        for name, statistics in self.members:
            end = start + statistics.width
            if name in names:
                chosen.append((name, statistics))
                places.append(torch.arange(start, end, device=self.points.device))
            start = end
        return (replace(self, members=tuple(chosen)), torch.cat(places)) if chosen else None

    def coefficients(self, terms: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What the statistics are multiplied by, ``[..., width]``, from the members' terms ``[..., *axes]`` at the points;
        and a bound ``[...]`` of a row's error by rounding, in units of it."""
        flat, bounds = [], []
        for name, statistics in self.members:
            axes = self.points.factor_axes[name]
            lead = terms[name].shape[: terms[name].dim() - len(axes)]
            # a factor that does not vary along an axis says the same of each of its elements
            term = terms[name].expand(*lead, *(self.points.layout.size(a) for a in axes))
            moved = term.movedim(axes.index(self.plate) - len(axes), -1)
            by_element = moved.reshape(*lead, -1, moved.shape[-1])
            coefficients, bound = statistics.coefficients(by_element[..., : len(statistics.points)])
            flat.append(coefficients)
            bounds.append(bound)
        shape = np.broadcast_shapes(*(f.shape[:-1] for f in flat))
        bound = torch.stack([b.expand(shape) for b in bounds]).sum(0)
        return torch.cat([f.expand(*shape, -1) for f in flat], -1), bound


def sufficient_factors(
    joint: BoundDensity, summed: tuple[str, ...], scopes: dict[TableKey, frozenset[int]]
) -> tuple[SufficientFactors, ...]:
    """The factors of a density that are such, by plate and scope. ``summed``: variables summed out, of which ``scopes``
    tells the places by factor."""
    by_kind: dict[tuple[str, frozenset[int]], list[tuple[str, RowStatistics]]] = {}
    for conditional in joint.model.conditionals:
        name = conditional.target
        plate = _plate_of(joint, conditional, summed)
        statistics = _statistics(joint, conditional, plate, summed) if plate and name in scopes else None
        if plate is not None and statistics is not None:
            by_kind.setdefault((plate, scopes[name]), []).append((name, statistics))
    return tuple(
        SufficientFactors(plate, scope, tuple(members), _points(joint, plate, members))
        for (plate, scope), members in by_kind.items()
    )


def more_precise(group: SufficientFactors) -> SufficientFactors | None:
    """The same by statistics in which less cancels: where there are such, else without the members that have none."""
    finer = [(name, old, old.more_precise) for name, old in group.members]
    has_finer = any(new is not None and new is not old for _, old, new in finer)
    members = tuple((name, new or old) for name, old, new in finer if has_finer or new is not None)
    return replace(group, members=members) if members else None


def _points(joint: BoundDensity, plate: str, members: list[tuple[str, RowStatistics]]) -> BoundDensity:
    """The density of as many rows as the members have points, which show them; the last one again where others have
    more. Of a chain the rows are those at its positions: the first one, ..., and one that has all before it."""
    count = max(len(statistics.points) for _, statistics in members)
    rows = rows_apart(joint, plate, _rows_at_positions(joint, plate, count))
    rows = replace(with_latent_cells(rows), missing={})
    shown = dict(rows.observed)
    for name, statistics in members:
        if name not in rows.observed:
            continue
        place = joint.axes(name).index(plate)
        old = rows.observed[name].movedim(place, 0)
        points = torch.cat(
            [statistics.points, statistics.points[-1:].expand(count - len(statistics.points), -1, -1)]
        )
        shown[name] = points.reshape(old.shape).movedim(0, place).to(old)
    return replace(rows, observed=shown)


def _rows_at_positions(joint: BoundDensity, plate: str, count: int) -> np.ndarray:
    """A row of a chain at each of its first positions; the first row again of other plates."""
    if not joint.model.is_chain(plate):
        return np.zeros(count, dtype=np.int64)
    _, first = np.unique(joint.layout.position(plate).cpu().numpy(), return_index=True)
    return np.asarray(first[np.minimum(np.arange(count), len(first) - 1)])


def _plate_of(joint: BoundDensity, conditional: Conditional, summed: tuple[str, ...]) -> str | None:
    """The plate of rows along which nothing but the target differs, None where something does."""
    model, name = joint.model, conditional.target
    rows = [p for p in model.by_name[name].plates if model.plate_by_name[p].is_rows]
    inner = [p for p in rows if set(rows) <= set(model.enclosing(p))]
    if len(inner) != 1:
        return None
    (plate,) = inner
    around = model.enclosing(plate)
    is_plain = all(model.plate_by_name[p].structure is None or model.is_chain(p) for p in around)
    if not is_plain or joint.layout.size(plate) < FEWEST_ROWS or joint.axes(name)[:1] != (plate,):
        return None
    distribution = conditional.distribution
    if isinstance(distribution, TableDist) and set(around) & set(distribution.by):
        return None
    nodes = tuple(nodes_behind(model, conditional))
    if not all(_is_same_in_rows(model, node, around, summed, name) for node in nodes):
        return None
    mentioned = {n.name for n in nodes if isinstance(n, Ref)} & set(summed)
    return plate if all(joint.axes(n) in {(p,) for p in around} for n in mentioned) else None


def _is_same_in_rows(
    model: Model, node: Expr, around: tuple[str, ...], summed: tuple[str, ...], target: str
) -> bool:
    """Whether an expression's node has one value for all rows, given what is summed out; of a chain that is summed out for all
    rows at one position."""
    if isinstance(node, Ref):
        if node.name in summed:
            return not node.lag or target in summed
        return not node.lag and not set(around) & set(model.array_axes(model.by_name[node.name]))
    if isinstance(node, Reduce):
        return not node.is_plate
    if isinstance(node, First):
        return target in summed and node.plate == around[-1]
    if isinstance(node, Element):
        return bool(node.axes) or node.axis not in around
    return isinstance(node, Const | Apply | Choose | Contract | Rename | Stack)


def _statistics(
    joint: BoundDensity, conditional: Conditional, plate: str, summed: tuple[str, ...]
) -> RowStatistics | None:
    """What the rows show of a factor's target, None where few numbers do not tell it."""
    name = conditional.target
    if name in summed:
        return _of_summed(joint, name, plate)
    if name not in joint.observed or name in joint.missing:
        return None
    # [*elements, rows, *event]
    axes, factor_axes = joint.axes(name), joint.factor_axes[name]
    event = tuple(a for a in axes if a not in factor_axes)
    if axes[len(axes) - len(event) :] != event or plate in event:
        return None
    order = [axes.index(a) for a in (*(a for a in axes if a != plate and a not in event), *event, plate)]
    rows = joint.layout.size(plate)
    width = math.prod(joint.layout.size(a) for a in event)
    values = joint.observed[name].permute(order).reshape(-1, width, rows)
    unseen = joint.unseen.get(name)
    if unseen is not None and event:
        return None
    seen = None if unseen is None else ~unseen.permute(order).reshape(-1, rows)
    if joint.model.by_name[name].type.is_discrete:
        return _indicators(joint, values.squeeze(1), seen, joint.num_states(name)) if not event else None
    return _of_family(joint, conditional, values, seen) or (
        _of_values(joint, values.squeeze(1), seen) if not event else None
    )


def _of_summed(joint: BoundDensity, name: str, plate: str) -> Indicators | None:
    """Of a variable that is summed out every row shows the same, or every row at one position of its chain."""
    if joint.axes(name) != (plate,) or name in joint.unseen:
        return None
    codes = torch.zeros(1, joint.layout.size(plate), dtype=torch.int16, device=joint.device)
    if joint.model.is_chain(plate):
        nodes = nodes_behind(joint.model, joint.model.conditional_of[name])
        looked_at = [n.count if isinstance(n, First) else n.lag for n in nodes if isinstance(n, First | Ref)]
        position = joint.layout.position(plate)
        codes = position.clamp(max=max([0, *looked_at]))[None].to(torch.int16)
    points = torch.zeros(int(codes.max()) + 1, 1, 1, device=joint.device)
    return Indicators(codes, points, joint.dtype, False)


def _indicators(joint: BoundDensity, codes: Tensor, seen: Tensor | None, labels: int) -> Indicators | None:
    """Of labels ``[elements, rows]``."""
    if labels > MOST_LABELS:
        return None
    points = torch.arange(labels, device=joint.device)[:, None, None].expand(-1, len(codes), 1)
    codes = codes.to(torch.int16)
    return _of_codes(joint, codes, seen, points)


def _of_family(
    joint: BoundDensity, conditional: Conditional, values: Tensor, seen: Tensor | None
) -> SampleMoments | None:
    """Of ``values [elements, event, rows]`` of a family whose log-density is linear in a few functions of them."""
    distribution = conditional.distribution
    if not isinstance(distribution, Dist):
        return None
    family = FAMILIES[distribution.family]
    if not family.statistics or not joint.model.by_name[conditional.target].type.fits(family.support):
        return None
    return moments_of(values.to(joint.dtype), seen, statistics_function(family), family.with_products)


def _of_values(joint: BoundDensity, values: Tensor, seen: Tensor | None) -> Indicators | None:
    """Of ``values [elements, rows]`` of which there are few."""
    codes, points = [], []
    for element in values.cpu().numpy():
        if len(np.unique(element[: 8 * MOST_LABELS])) > MOST_LABELS:
            return None
        distinct, number = np.unique(element, return_inverse=True)
        if len(distinct) > min(MOST_LABELS, len(element) // 8):
            return None
        codes.append(torch.as_tensor(number.astype(np.int16)))
        points.append(np.pad(distinct, (0, MOST_LABELS - len(distinct)), mode="edge"))
    count = max(len(np.unique(p)) for p in points)
    all_codes = torch.stack(codes).to(joint.device)
    all_points = torch.as_tensor(np.stack(points)[:, :count].T[..., None].copy(), device=joint.device)
    return _of_codes(joint, all_codes, seen, all_points)


def _of_codes(joint: BoundDensity, codes: Tensor, seen: Tensor | None, points: Tensor) -> Indicators:
    if seen is None:
        return Indicators(codes, points, joint.dtype, is_full=False)
    return Indicators(codes.where(seen, -1), points, joint.dtype, is_full=True)
