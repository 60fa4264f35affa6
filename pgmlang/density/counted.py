"""Factors whose rows differ by an observed label alone, as products with what each row shows.

Of ``x[item] ~ Bernoulli(p[z])`` every row has the same table over z, item and the value of x; the rows' log-values are that
table times the rows' indicators, one matrix product for all items and all such factors, and so are its gradients the
expected counts. (What a row shows is counted; nothing is worked out a row at a time.)
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
from pgmlang.density.row_subset import restricted_to_rows, with_latent_cells
from pgmlang.model import Conditional, Model, TableDist
from pgmlang.model.dependence import nodes_behind
from pgmlang.model.expr import Apply, Choose, Const, Contract, Expr, Reduce, Ref, Rename

MOST_LABELS = 64
"""Labels of an observed variable beyond which its factor is left as it is."""
MOST_CELLS = 50_000_000
"""Cells of all rows' indicators, at most."""
FEWEST_ROWS = 64
"""Rows below which a factor is left as it is."""
IMPOSSIBLE = -1e30
"""Stands for minus infinity in the product."""


@dataclass(frozen=True, eq=False)
class CountedFactors:
    """``members``: names of factors with the same ``scope``, each with its number of labels; ``indicators``: which labels
    each row shows, ``[cells, rows]``, in the order of members, their elements, labels; ``single``: one row, whose values
    of the targets are set."""

    plate: str
    scope: frozenset[int]
    members: tuple[tuple[str, int], ...]
    indicators: Tensor
    single: BoundDensity

    @property
    def key(self) -> TableKey:
        return CountedTable(self.scope)

    @property
    def labels(self) -> range:
        """The labels at which the single row is looked at."""
        return range(max(labels for _, labels in self.members))

    def restricted_to(self, names: Collection[str]) -> CountedFactors | None:
        """Those of the members that have one of these names; None where none has."""
        kept, pieces, start = [], [], 0
        for name, labels in self.members:
            cells = labels * math.prod(self.single.shapes[name])
            if name in names:
                kept.append((name, labels))
                pieces.append(self.indicators[start : start + cells])
            start += cells
        if not kept:
            return None
        return (
            self
            if len(kept) == len(self.members)
            else replace(self, members=tuple(kept), indicators=torch.cat(pieces))
        )

    def at_label(self, label: int) -> BoundDensity:
        """The single row whose targets have a label, the last one where they have fewer."""
        shown = {
            name: torch.full_like(self.single.observed[name], min(label, labels - 1))
            for name, labels in self.members
        }
        return replace(self.single, observed={**self.single.observed, **shown})

    def log_values(self, terms: list[dict[str, Tensor]]) -> Tensor:
        """The rows' log-values ``[..., rows]`` from those of a single row at each label, ``[..., *axes]`` by name."""
        flat = []
        for name, labels in self.members:
            axes = self.single.axes(name)
            by_label = torch.stack([terms[k][name] for k in range(labels)], -1)
            # a factor that does not vary along an axis says the same of each of its elements
            lead = by_label.shape[: by_label.dim() - len(axes) - 1]
            by_label = by_label.expand(*lead, *self.single.shapes[name], labels)
            flat.append(by_label.squeeze(-len(axes) - 1 + axes.index(self.plate)).flatten(len(lead)))
        lead = torch.broadcast_shapes(*(f.shape[:-1] for f in flat))
        table = torch.cat([f.expand(*lead, -1) for f in flat], -1)
        product = table.clamp(min=IMPOSSIBLE) @ self.indicators
        return torch.where(product > 0.5 * IMPOSSIBLE, product, -math.inf)


def counted_factors(
    joint: BoundDensity, summed: tuple[str, ...], scopes: dict[TableKey, frozenset[int]]
) -> tuple[CountedFactors, ...]:
    """The factors of a density that are such, by scope. ``summed``: variables summed out, of which ``scopes`` tells the
    places by factor."""
    by_kind: dict[tuple[str, frozenset[int]], list[tuple[str, int]]] = {}
    for conditional in joint.model.conditionals:
        plate = _plate_of(joint, conditional, summed)
        name = conditional.target
        if plate is not None and name in scopes:
            by_kind.setdefault((plate, scopes[name]), []).append((name, joint.num_states(name)))
    out = []
    for (plate, scope), members in by_kind.items():
        rows = joint.layout.size(plate)
        cells = sum(labels * math.prod(joint.shapes[name]) for name, labels in members)
        if rows >= FEWEST_ROWS and cells <= MOST_CELLS:
            single = restricted_to_rows(joint, plate, np.zeros(1, dtype=np.int64))
            single = replace(with_latent_cells(single), missing={})
            indicators = torch.cat([_indicators(joint, plate, name, labels) for name, labels in members])
            out.append(CountedFactors(plate, scope, tuple(members), indicators, single))
    return tuple(out)


def _plate_of(joint: BoundDensity, conditional: Conditional, summed: tuple[str, ...]) -> str | None:
    """The plate of rows along which nothing but the target differs, None where something does."""
    model, name = joint.model, conditional.target
    variable = model.by_name[name]
    rows = [p for p in variable.plates if model.plate_by_name[p].is_rows]
    if len(rows) != 1 or not variable.type.is_discrete or name in summed or name not in joint.observed:
        return None
    (plate,) = rows
    if (
        name in joint.missing
        or model.plate_by_name[plate].structure is not None
        or len(model.enclosing(plate)) > 1
    ):
        return None
    if variable.type.kind == "count" or joint.num_states(name) > MOST_LABELS:
        return None
    distribution = conditional.distribution
    if isinstance(distribution, TableDist) and plate in distribution.by:
        return None
    if not all(_is_same_in_rows(model, node, plate, summed) for node in nodes_behind(model, conditional)):
        return None
    mentioned = {n.name for n in nodes_behind(model, conditional) if isinstance(n, Ref)} & set(summed)
    return plate if all(joint.axes(n) == (plate,) for n in mentioned) else None


def _is_same_in_rows(model: Model, node: Expr, plate: str, summed: tuple[str, ...]) -> bool:
    """Whether an expression's node has one value for all rows, given what is summed out."""
    if isinstance(node, Ref):
        if node.name in summed:
            return not node.lag
        return not node.lag and plate not in model.array_axes(model.by_name[node.name])
    if isinstance(node, Reduce):
        return not node.is_plate
    return isinstance(node, Const | Apply | Choose | Contract | Rename)


def _indicators(joint: BoundDensity, plate: str, name: str, labels: int) -> Tensor:
    """``[elements * labels, rows]``: one where a row shows a label, nothing where its cell is missing."""
    axes = joint.axes(name)
    codes = joint.observed[name].long().movedim(axes.index(plate), -1)
    hot = torch.nn.functional.one_hot(codes, labels).to(joint.dtype)
    if name in joint.unseen:
        hot = hot.masked_fill(joint.unseen[name].movedim(axes.index(plate), -1)[..., None], 0.0)
    return hot.movedim(-1, -2).reshape(-1, joint.layout.size(plate))
