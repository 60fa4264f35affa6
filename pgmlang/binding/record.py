"""What joining a Model to data gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pgmlang.binding.weight_column import WeightColumn
from pgmlang.data import Reading, SourceKind
from pgmlang.diagnostics import Diagnostic
from pgmlang.display import printable, text_as_html
from pgmlang.layout import Layout
from pgmlang.model import Model


@dataclass(frozen=True, eq=False, repr=False)
class Binding:
    """A Model joined to data.

    ``model``: the Model with its open label sets and unsized dims filled in from the data (``Type.labels``,
    ``Dim.labels``), row plates still unsized. ``layout``: sizes, labels, the outer element of each row, sequences,
    edges. ``labels``: those of plates and dims that the data give: what a fit keeps. ``row_names``: what the rows themselves
    are called, by plate, where a column tells (``name_columns`` says which); new rows are none of them, whatever they are
    called. ``values``: every observed or input variable's array, of
    shape ``model.batch_axes(plates) + axes``: int64 codes into ``model.labels_of(type)`` for discrete types (bit 0/1,
    spin 0 for -1 and 1 for +1), -1 for a missing cell; float64 otherwise, NaN for missing. ``weights``: a row's weight in the
    log-likelihood (``--counts`` or ``--weights``), and ``weighed_by`` the column that says it. ``plate``: the row plate of the (innermost) table. ``rows``: the position in that table of each
    row bound, where some were dropped or a chain was put in order; None where row i is row i; ``table_rows``: how many it has,
    those dropped too. ``reading``: how cells were read;
    ``notes``: what that did, in words. ``kinds``: what the columns of labels, and those that name a plate's elements, are in their
    source; ``mapping``: columns by variable and plate, where these were said.
    """

    model: Model
    layout: Layout
    labels: dict[str, tuple[str, ...]]
    values: dict[str, np.ndarray]
    weights: np.ndarray | None = None
    weighed_by: WeightColumn | None = None
    observed: tuple[str, ...] = ()
    latent: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    dropped_rows: int = 0
    renamed: tuple[tuple[str, str], ...] = ()
    source: str = ""
    fingerprint: str = ""
    warnings: tuple[Diagnostic, ...] = ()
    plate: str = ""
    rows: np.ndarray | None = None
    table_rows: int = 0
    row_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    name_columns: dict[str, str] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    notes: tuple[str, ...] = ()
    kinds: dict[str, SourceKind] = field(default_factory=dict)
    mapping: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{size:,} {axis}" for axis, size in list(self.sizes.items())[:12])
        lines = [f"{self.model.name} bound to {self.source or 'data'}: {sizes}"]
        for what, names in (
            ("observed", self.observed),
            ("latent", self.latent),
            ("missing", tuple(self.missing)),
        ):
            if names:
                more = f" and {len(names) - 12:,} more" if len(names) > 12 else ""
                lines.append(f"  {what}: {', '.join(names[:12])}{more}")
        return "\n".join(map(printable, lines))

    def _repr_html_(self) -> str:
        return text_as_html(repr(self))

    @property
    def is_counts(self) -> bool:
        """Whether weights are whole numbers of equal rows."""
        return self.weights is not None and self.weighed_by is not None and self.weighed_by.option == "counts"

    @property
    def sizes(self) -> Mapping[str, int]:
        """Elements of every plate and dim."""
        return self.layout.sizes

    @property
    def missing(self) -> dict[str, int]:
        """Variables with missing cells, and how many."""
        return {name: cells.number for name, cells in self.layout.missing.items()}

    def rows_of(self, plate: str, chosen: np.ndarray) -> Binding:
        """Some elements of a row plate and the rows inside of them, in the order chosen. ``chosen``: indices."""
        layout, rows_left = self.layout.take(plate, chosen)
        # a plate under a second name has as many elements
        named = {a: root for a in layout.sizes if (root := self.model.root_axis(a)) != a and root in rows_left}
        layout = replace(layout, sizes={**layout.sizes, **{a: layout.sizes[root] for a, root in named.items()}})
        values = {}
        for name, array in self.values.items():
            for position, axis in enumerate(self.model.array_axes(self.model.by_name[name])):
                if (root := named.get(axis, axis)) in rows_left:
                    array = np.take(array, rows_left[root], position)
            values[name] = array
        weights = self.weights
        if weights is not None and self.plate in rows_left:
            weights = weights[rows_left[self.plate]]
        labels = {k: layout.labels[k] for k in self.labels}
        # a row that is taken twice is two elements, which one name would not tell apart
        names = {
            p: tuple(told[i] for i in rows_left[p]) if p in rows_left else told
            for p, told in self.row_names.items()
            if p not in rows_left or len(np.unique(rows_left[p])) == len(rows_left[p])
        }
        return replace(
            self, layout=layout, labels=labels, values=values, weights=weights, rows=None, row_names=names
        )

    def with_values(self, values: dict[str, np.ndarray]) -> Binding:
        """The same with other values; cells are missing of those variables alone that have values still."""
        missing = {n: cells for n, cells in self.layout.missing.items() if n in values}
        return replace(self, values=values, layout=replace(self.layout, missing=missing))


def is_missing(values: np.ndarray) -> np.ndarray:
    """Which cells of a bound array are missing: codes below zero, numbers that are none."""
    return np.asarray(np.isnan(values) if values.dtype.kind == "f" else values < 0)
