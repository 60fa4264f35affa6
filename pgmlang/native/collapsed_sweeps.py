"""Compiled sweeps over the arrays of a collapsed sampler, for many chains, in threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from pgmlang.native.collapsed_arrays import Arrays, DrawArrays, IntegratedTable, LabelArrays, token_draws
from pgmlang.native.lane_forms import LANES
from pgmlang.native.program_files import load_program
from pgmlang.native.runtime_text import runtime_text

CACHE_LINE = 64
"""Bytes."""
LONGEST_CALL = 0.1
"""Seconds of one call of compiled code, between which an interrupt is heard."""
WEIGHT, RATIO = 1e-9, 40e-9
"""Seconds that a label's weight takes in `sweep_tokens`, and a draw's ratio in `sweep_any`, at most: how long a call may be."""


class Remembered(NamedTuple):
    """What is remembered of the draws of all chains: ``counts [C, cells]``, ``totals [C, rows]``, ``precisions`` and ``moments [C, rows]``."""

    counts: np.ndarray
    totals: np.ndarray
    precisions: np.ndarray
    moments: np.ndarray

    def of(self, part: slice) -> Remembered:
        return Remembered(*(array[part] for array in self))


class TokenPair(NamedTuple):
    """A label that is drawn among the counts of its owner and gives one draw: what `sweep_tokens` reads. ``group [n]``: which run of rows has
    the totals of its values."""

    label: LabelArrays
    owner: DrawArrays
    value: DrawArrays
    group: np.ndarray

    @property
    def groups(self) -> int:
        return self.value.table.rows // self.label.size


class LabelDraws(NamedTuple):
    """A label of any other draws: ``listed`` from ``starts`` on are those of each of its elements."""

    label: LabelArrays
    elements: np.ndarray
    starts: np.ndarray
    listed: np.ndarray
    has_repeats: bool


@dataclass(eq=False)
class CollapsedSweeps:
    """``threads`` share out the chains. Each chain goes through the labels in order with random numbers of its own stream, so that the same
    seed gives the same labels for any number of threads."""

    arrays: Arrays
    threads: int = 1

    @cached_property
    def module(self) -> ModuleType:
        """The compiled program: one for all models."""
        return load_program(program_text())

    @cached_property
    def token_module(self) -> ModuleType:
        """That of labels in pairs of draws."""
        return load_program(runtime_text("token_sweeps"))

    def over(self, arrays: Arrays) -> CollapsedSweeps:
        """The same with other priors, known factors and standard deviations, for one chain; what is where stays."""
        out = CollapsedSweeps(arrays)
        names = {v.name: v for v in arrays.labels}
        out.__dict__["pairs"] = tuple(p._replace(label=names[p.label.name]) for p in self.pairs)
        out.__dict__["several"] = tuple(s._replace(label=names[s.label.name]) for s in self.several)
        return out

    @cached_property
    def size(self) -> int:
        """The elements of all labels."""
        return sum(len(v.codes) for v in self.arrays.labels)

    @cached_property
    def pairs(self) -> tuple[TokenPair, ...]:
        labels = {v.name: v for v in self.arrays.labels}
        draws = {id(d.draw): d for d in self.arrays.draws}
        found = (
            self._pair(labels[name], draws[id(owner)], draws[id(value)])
            for name, owner, value in token_draws(self.arrays.form)
        )
        return tuple(p for p in found if p is not None)

    @cached_property
    def rest(self) -> tuple[DrawArrays, ...]:
        """The draws that no pair has."""
        taken = {id(d.draw) for p in self.pairs for d in (p.owner, p.value)}
        return tuple(d for d in self.arrays.draws if id(d.draw) not in taken)

    def _pair(self, label: LabelArrays, owner: DrawArrays, value: DrawArrays) -> TokenPair | None:
        if label.known.shape[0] or len(label.elements) < len(label.codes):
            return None
        for draw in (owner, value):
            if not draw.table.is_count or draw.table.axes[-1] != draw.parts[0].axis or draw.table.width % LANES:
                return None
            if not np.array_equal(np.sort(draw.parts[0].element), label.start + np.arange(len(label.codes))):
                return None
        if owner.parts[0].axis != owner.table.event or value.parts[0].axis == value.table.event:
            return None
        along = {d: self.arrays.alike[d.table.variable.name] for d in (owner, value)}
        if along[owner] - {owner.table.event} or value.parts[0].axis in along[value]:
            return None
        owner, value = _in_order(owner), _in_order(value)
        group = (value.row - value.table.first_row) // label.size
        return TokenPair(label, owner, value, group.astype(np.int32))

    @cached_property
    def flat(self) -> tuple[np.ndarray, ...]:
        """The draws of `rest` end to end, as the compiled functions read them."""
        number = sum(len(d.cell) for d in self.rest)
        width = max([1, *(len(d.parts) for d in self.rest)])
        parts = np.full((number, width), -1, dtype=np.int32)
        stride, row_stride = np.zeros((number, width), dtype=np.int64), np.zeros((number, width), dtype=np.int64)
        sd_stride, is_count = np.zeros(number, dtype=np.int64), np.zeros(number, dtype=np.bool_)
        tallest = max([1, *(len(d.sd) for d in self.rest)])
        sd = np.zeros((tallest, number))
        at = 0
        for d in self.rest:
            here = slice(at, at + len(d.cell))
            for j, part in enumerate(d.parts):
                parts[here, j] = part.element
                stride[here, j] = d.table.stride(part.axis) if d.table.is_count else 0
                row_stride[here, j] = d.table.row_stride(part.axis)
            sd[: len(d.sd), here] = d.sd
            sd_stride[here] = number if len(d.sd) > 1 else 0
            is_count[here] = d.table.is_count
            at = here.stop
        joined = [np.concatenate([np.zeros(0, a.dtype), *some]) for some, a in (
            ([d.cell for d in self.rest], np.zeros(0, np.int32)), ([d.row for d in self.rest], np.zeros(0, np.int32)),
            ([d.observed for d in self.rest], np.zeros(0)),
        )]  # fmt: skip
        return (*joined[:2], parts, stride, row_stride, joined[2], is_count, sd.reshape(-1), sd_stride)

    @cached_property
    def several(self) -> tuple[LabelDraws, ...]:
        parts = self.flat[2]
        paired = {p.label.name for p in self.pairs}
        rows = np.concatenate([np.zeros(0, np.int64), *map(self._row_keys, self.rest)])
        out = []
        for label in self.arrays.labels:
            if label.name in paired:
                continue
            draw, part = np.nonzero((parts >= label.start) & (parts < label.start + len(label.codes)))
            # a draw that names a label twice is listed once
            both = np.unique(np.stack([parts[draw, part] - label.start, draw]), axis=1)
            starts = np.searchsorted(both[0], np.arange(len(label.codes) + 1))
            repeats = np.stack([both[0], rows[both[1]]])
            has_repeats = np.unique(repeats, axis=1).shape[1] < repeats.shape[1]
            out.append(LabelDraws(label, label.elements, starts, np.ascontiguousarray(both[1]), bool(has_repeats)))
        return tuple(out)

    def _row_keys(self, draws: DrawArrays) -> np.ndarray:
        """Numbers ``[n]`` of which those of two draws of one label differ where they cannot be of one element of an integrated variable: the
        rows themselves, where one label moves all draws of that variable in one way, else the variable's first row."""
        table = draws.table
        moved = [p for d in self.rest if d.table is table for p in d.parts]
        is_simple = len(moved) == sum(d.table is table for d in self.rest) and len({p.axis for p in moved}) == 1
        return (
            draws.row.astype(np.int64) if is_simple else np.full(len(draws.row), table.first_row, dtype=np.int64)
        )

    # ---- chains

    def first_labels(self, chains: int) -> np.ndarray:
        """Labels ``[C, elements]`` with those that the data tell."""
        known = np.concatenate([v.codes for v in self.arrays.labels])
        return np.repeat(known[None], chains, 0)

    def start(self, rng: np.random.Generator, chains: int) -> tuple[np.ndarray, np.ndarray]:
        """Labels and streams of chains that begin: each label is drawn given those before it, which saves tens of sweeps beside labels
        that are drawn evenly."""
        streams = rng.integers(2**63, size=chains).astype(np.uint64)
        labels = self.first_labels(chains)
        self.sweep(labels, self.remembered(labels), streams)
        return labels, streams

    def remembered(self, labels: np.ndarray) -> Remembered:
        """What all draws come to under these labels."""
        prior = self.arrays.concentrations
        chains = len(labels)
        out = Remembered(
            in_cache_lines((chains, len(prior.cells)), np.int32), np.zeros((chains, len(prior.rows)), np.int32),
            np.repeat(prior.precisions[None], chains, 0), np.repeat(prior.moments[None], chains, 0),
        )  # fmt: skip
        for pair in self.pairs:
            for d in (pair.owner, pair.value):
                part = d.parts[0]
                for label, counts, totals in zip(labels[:, part.element], out.counts, out.totals, strict=True):
                    drawn = label >= 0
                    cells = (d.cell + d.table.stride(part.axis) * label)[drawn]
                    rows = (d.row + d.table.row_stride(part.axis) * label)[drawn]
                    counts += np.bincount(cells, minlength=len(counts)).astype(np.int32)
                    totals += np.bincount(rows, minlength=len(totals)).astype(np.int32)
        if self.rest:
            self.module.tally(labels, *out, *self.flat)
        return out

    def sweep(self, labels: np.ndarray, remembered: Remembered, streams: np.ndarray) -> None:
        """Draws every label once, in place."""
        self._each(len(labels), lambda part: self._sweep(labels[part], remembered.of(part), streams[part]))

    def _sweep(self, labels: np.ndarray, remembered: Remembered, streams: np.ndarray) -> None:
        prior = self.arrays.concentrations
        for pair in self.pairs:
            label = pair.label
            owner_prior, value_prior = self._priors_of(pair)
            width = pair.owner.table.width
            work = in_cache_lines((3 * width * pair.groups + 2 * width + LANES,), float)
            most = max(1, int(LONGEST_CALL / (len(labels) * WEIGHT * (40 + label.size))))
            for first in range(0, len(label.codes), most):
                last = min(first + most, len(label.codes))
                self.token_module.sweep_tokens(
                    labels, remembered.counts, remembered.totals, streams, work, first, last, label.start, label.size, pair.owner.cell,
                    pair.owner.row, pair.value.cell, pair.group, pair.value.table.first_row, pair.groups, owner_prior, value_prior, prior.rows,
                )  # fmt: skip
        for some in self.several:
            label = some.label
            draws = len(some.listed) / max(1, len(label.codes)) + 1
            most = max(1, int(LONGEST_CALL / (len(labels) * RATIO * label.size * draws)))
            for first in range(0, len(some.elements), most):
                self.module.sweep_any(
                    labels, *remembered, streams, some.elements[first : first + most], label.start, label.size, label.known, some.starts,
                    some.listed, some.has_repeats, prior.cells, prior.rows, *self.flat,
                )  # fmt: skip

    def _priors_of(self, pair: TokenPair) -> tuple[np.ndarray, np.ndarray]:
        """The prior of an owner's values, and of each label's draw."""
        cells = self.arrays.concentrations.cells
        first = pair.owner.table.start
        return cells[first : first + pair.owner.table.width], cells[pair.value.cell]

    def log_joint(self, labels: np.ndarray, remembered: Remembered) -> np.ndarray:
        """The log-density ``[C]`` of labels and data, variables integrated out."""
        prior = self.arrays.concentrations
        out = np.zeros(len(labels))
        self.module.log_of_counts(remembered.counts, remembered.totals, prior.cells, prior.rows, out)
        if len(prior.precisions):
            _, _, parts, _, row_stride, observed, is_count, sd, sd_stride = self.flat
            self.module.log_of_normals(
                labels, remembered.precisions, remembered.moments, prior.precisions, prior.moments, parts, row_stride, observed,
                is_count, sd, sd_stride, out,
            )  # fmt: skip
        for label in self.arrays.labels:
            if len(label.known):
                own = labels[:, label.start : label.start + len(label.codes)]
                out += np.take_along_axis(label.known[None], own[..., None].astype(np.int64), 2)[..., 0].sum(1)
        return out

    @property
    def is_rounded(self) -> bool:
        """Whether what is remembered is rounded, which whole numbers are not."""
        return len(self.arrays.concentrations.precisions) > 0

    def values(
        self, labels: np.ndarray, remembered: Remembered, streams: np.ndarray, names: Collection[str]
    ) -> dict[str, np.ndarray]:
        """Values ``[C, *shape]`` of variables: labels as they are, integrated ones drawn given them."""
        out = {}
        for label in self.arrays.labels:
            if label.name in names:
                own = labels[:, label.start : label.start + len(label.codes)]
                out[label.name] = own.reshape(len(labels), *label.shape).copy()
        return out | {
            t.variable.name: self._drawn(t, remembered, streams)
            for t in self.arrays.tables
            if t.variable.name in names
        }

    def _drawn(self, table: IntegratedTable, remembered: Remembered, streams: np.ndarray) -> np.ndarray:
        return (self._shares if table.is_count else self._means)(table, remembered, streams)

    def _means(self, table: IntegratedTable, remembered: Remembered, streams: np.ndarray) -> np.ndarray:
        chains, rows = len(streams), slice(table.first_row, table.first_row + table.rows)
        out = np.empty((chains, table.rows))
        a, m = (np.ascontiguousarray(x[:, rows]) for x in (remembered.precisions, remembered.moments))
        self._each(chains, lambda part: self.module.draw_means(a[part], m[part], streams[part], out[part]))
        return _of_axes(out.reshape(chains, *table.sizes), table.axes, table.variable.rows)

    def _shares(self, table: IntegratedTable, remembered: Remembered, streams: np.ndarray) -> np.ndarray:
        prior, chains = self.arrays.concentrations, len(streams)
        both = table.of_cells(remembered.counts) + table.of_cells(prior.cells)
        logical = (*table.variable.rows, table.event or "")
        concentration = np.ascontiguousarray(_of_axes(both, table.axes, logical))
        shape = concentration.shape
        concentration = concentration.reshape(chains, -1, shape[-1])
        out = np.empty_like(concentration)
        self._each(chains, lambda part: self.module.draw_shares(concentration[part], streams[part], out[part]))
        out = out.reshape(shape)
        return np.ascontiguousarray(out[..., 1]) if table.variable.remembered == "zero and one" else out

    def _each(self, chains: int, run: Callable[[slice], Any]) -> None:
        shares = min(self.threads, chains)
        if shares < 2:
            run(slice(0, chains))
            return
        parts = [slice(a, b) for a, b in pairwise(np.linspace(0, chains, shares + 1).astype(int))]
        for done in [self._pool.submit(run, part) for part in parts]:
            done.result()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="collapsed")


def program_text() -> str:
    """The text of the compiled functions."""
    return runtime_text("collapsed")


def can_compile() -> bool:
    return find_spec("numba") is not None


def in_cache_lines(shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """Zeros that begin where a line of the processor's cache does: no block of theirs lies in two."""
    size = math.prod(shape) * np.dtype(kind).itemsize
    room = np.zeros(size + CACHE_LINE, np.uint8)
    begin = -room.ctypes.data % CACHE_LINE
    return room[begin : begin + size].view(kind).reshape(shape)


def _in_order(draws: DrawArrays) -> DrawArrays:
    """The draws in the order of the labels that they are of."""
    (part,) = draws.parts
    order = np.argsort(part.element, kind="stable")
    if np.array_equal(order, np.arange(len(order))):
        return draws
    part = replace(part, element=np.ascontiguousarray(part.element[order]))
    return replace(
        draws, cell=draws.cell[order], row=draws.row[order], observed=draws.observed[order], parts=(part,)
    )


def _of_axes(array: np.ndarray, axes: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray:
    """An array ``[C, *axes]`` with its axes in another order."""
    return array.transpose(0, *(1 + axes.index(a) for a in wanted))
