"""The layout of a bound model: how long its axes are, what their elements are called, how the elements hang together.

One immutable record, closed at the binding and handed on. Plates, dims and pairs of plates are keys of maps of their
own; nothing is a string built from names.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model.labels import Labels, Positions


class SequencePositions(NamedTuple):
    """The sequences of a chain plate, each array ``[rows]``. ``position``: 0, 1, ... along each row's sequence;
    ``order``: the rows, sequence after sequence; ``rank``: each row's index in ``order``."""

    position: np.ndarray
    order: np.ndarray
    rank: np.ndarray

    def previous(self, lag: int) -> np.ndarray:
        """The row ``lag`` back in each row's sequence, row 0 where the sequence has not so many."""
        before = self.order[np.maximum(self.rank - lag, 0)]
        return np.where(self.position >= lag, before, 0)


class MissingMask(NamedTuple):
    """Where a variable has no value although it has a column. ``mask``: ``[*axes]``, True at what is missing."""

    axes: tuple[str, ...]
    mask: np.ndarray

    @property
    def number(self) -> int:
        """How many cells are missing."""
        return int(self.mask.sum())


@dataclass(frozen=True, eq=False, repr=False)
class Layout:
    """``sizes``: elements of every plate and dim that anybody knows the size of, a dim ``like`` another included.
    ``labels``: names of the elements where there are any. ``parents``: by (inner plate, outer plate) the outer element
    of each inner one, ``[inner]`` int64, for every plate around. ``chains``: chain plates, each with the plates around
    it whose elements hold a sequence each. ``edges``: by plate of edges the elements that each brings together,
    ``[edges, 2]`` int64. ``missing``: the cells without a value of variables that have any such. ``intervened``: the cells
    that an intervention sets, ``[*axes]`` by variable, whose value has no density. ``taken``: which elements those of a plate
    were, where this is the layout of some of them.
    """

    sizes: Mapping[str, int]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parents: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    edges: Mapping[str, np.ndarray] = field(default_factory=dict)
    missing: Mapping[str, MissingMask] = field(default_factory=dict)
    intervened: Mapping[str, np.ndarray] = field(default_factory=dict)
    taken: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{axis}: {size:,}" for axis, size in list(self.sizes.items())[:12])
        return f"Layout({sizes}{', ...' if len(self.sizes) > 12 else ''})"

    # ---- axes

    def size(self, axis: str) -> int:
        """Number of elements of a plate or dim. Raises PgmError PGM0705 while nobody knows."""
        if axis not in self.sizes:
            message = f"the size of `{axis}` is not known"
            raise PgmError(Diagnostic("PGM0705", message, help="bind data to the model"))
        return self.sizes[axis]

    def has_size(self, axis: str) -> bool:
        """Whether anybody knows how many elements an axis has."""
        return axis in self.sizes

    def shape(self, axes: Sequence[str]) -> tuple[int, ...]:
        """Sizes of some axes."""
        return tuple(self.size(a) for a in axes)

    def element_labels(self, axis: str) -> Labels:
        """Names of an axis' elements, ``0, 1, ...`` where they have none."""
        return self.labels.get(axis) or Positions(self.size(axis))

    def element_names(self, axes: Sequence[str], separator: str = ", ") -> list[str]:
        """Names of the elements along several axes, the last running fastest; one empty name along none."""
        return [separator.join(names) for names in itertools.product(*map(self.element_labels, axes))]

    # ---- rows and their outer elements

    def parent(self, outer: str, inner: str) -> np.ndarray:
        """The element of ``outer`` that each element of ``inner`` belongs to."""
        return self.parents[inner, outer]

    def is_inside(self, inner: str, outer: str) -> bool:
        """Whether elements of one plate are known to belong to those of the other."""
        return (inner, outer) in self.parents

    def sequences(self, chain: str) -> SequencePositions:
        """The sequences of a chain plate: one for each combination of the outer elements, rows in their order."""
        count = self.size(chain)
        key = np.zeros(count, dtype=np.int64)
        for outer in self.chains[chain]:
            if self.is_inside(chain, outer):
                key = key * (self.size(outer) + 1) + self.parent(outer, chain)
        order = np.argsort(key, kind="stable")
        rank = np.empty(count, dtype=np.int64)
        rank[order] = np.arange(count)
        is_first = np.r_[True, key[order][1:] != key[order][:-1]] if count else np.zeros(0, dtype=bool)
        starts = np.flatnonzero(is_first)
        position = np.empty(count, dtype=np.int64)
        position[order] = np.arange(count) - np.repeat(starts, np.diff(np.r_[starts, count]))
        return SequencePositions(position, order, rank)

    def positions(self, axis: str) -> np.ndarray:
        """The position of each element of an axis, ``[elements]``: of a chain that in its sequence, else among all elements."""
        if axis in self.chains:
            return self.sequences(axis).position
        return self.taken.get(axis, np.arange(self.size(axis)))

    # ---- parts

    def take(self, plate: str, chosen: np.ndarray) -> tuple[Layout, dict[str, np.ndarray]]:
        """The layout of some elements of a row plate, in the order chosen, with the rows inside of them; and by plate
        which elements were taken."""
        elements = {plate: np.asarray(chosen, dtype=np.int64)}
        new = np.full(self.size(plate), -1, dtype=np.int64)
        new[elements[plate]] = np.arange(len(elements[plate]))
        for (inner, outer), codes in self.parents.items():
            if outer == plate:
                moved = new[codes]
                order = np.argsort(moved, kind="stable")
                elements[inner] = order[moved[order] >= 0]
        parents = {}
        for (inner, outer), codes in self.parents.items():
            picked = codes[elements[inner]] if inner in elements else codes
            parents[inner, outer] = new[picked] if outer == plate else picked
        sizes = {**self.sizes, **{p: len(k) for p, k in elements.items()}}
        labels = {
            k: tuple(v[i] for i in elements[k]) if k in elements and len(v) == self.sizes.get(k) else v
            for k, v in self.labels.items()
        }
        missing = {}
        for name, cells in self.missing.items():
            mask = cells.mask
            for position, axis in enumerate(cells.axes):
                if axis in elements:
                    mask = np.take(mask, elements[axis], position)
            if mask.any():
                missing[name] = MissingMask(cells.axes, mask)
        intervened = {}
        for name, mask in self.intervened.items():
            for position, axis in enumerate(self.missing[name].axes if name in self.missing else ()):
                mask = np.take(mask, elements[axis], position) if axis in elements else mask
            intervened[name] = mask
        taken = {**self.taken, **{p: self.positions(p)[k] for p, k in elements.items() if p not in self.chains}}
        return Layout(sizes, labels, parents, self.chains, self.edges, missing, intervened, taken), elements
