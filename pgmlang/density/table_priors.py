"""The Dirichlet priors of learned tables as a log-density: what EM's added counts are, for every method that climbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pgmlang.tables.learned import learned_tables, prior_counts

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.density.bound import BoundDensity


def log_table_priors(joint: BoundDensity, values: Mapping[str, Tensor]) -> Tensor | float:
    """The sum over learned tables of prior counts times log probabilities, ``[...]`` over the leading axes of the
    tables' values; 0 without priors. The mode is that of counting with the prior's counts added, as EM does."""
    total: Tensor | float = 0.0
    for table in learned_tables(joint.model):
        shape = joint.shapes[table.name]
        counts = prior_counts(table, shape)
        if counts and table.name in values:
            total = total + counts * values[table.name].log().flatten(-len(shape)).sum(-1)
    return total
