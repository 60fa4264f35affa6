"""The layout of bound data as a person reads it: sizes, labels, outer elements, sequences, edges, which cells are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.display import printable
from pgmlang.layout import Layout

FIRST = 8
"""Elements of an array or labels of an axis that are shown."""
WIDEST = 24
"""Characters of a label that are shown."""


def layout_report(binding: Binding) -> list[str]:
    """Lines under a heading each; headings without lines are left out. Elements are counted from 0."""
    layout = binding.layout
    sections = {
        "sizes": _sizes(binding),
        "labels": _labels(layout),
        "outer elements": _parents(layout),
        "sequences": _sequences(layout),
        "edges": _edges(layout),
        "cells": _cells(binding),
    }
    lines: list[str] = []
    for heading, body in sections.items():
        listed = [f"  {line}" for line in body]
        lines += [heading, *listed] if listed else []
    return lines


def _sizes(binding: Binding) -> Iterator[str]:
    for plate in binding.model.plates:
        inside = f" in {', '.join(plate.parents)}" if plate.parents else ""
        if binding.layout.has_size(plate.name):
            yield f"plate {plate.name}{inside}: {binding.layout.size(plate.name):,}"
    for dim in binding.model.dims:
        if binding.layout.has_size(dim.name):
            like = f" like {dim.like}" if dim.like else ""
            yield f"dim {dim.name}{like}: {binding.layout.size(dim.name):,}"


def _labels(layout: Layout) -> Iterator[str]:
    for axis, labels in layout.labels.items():
        yield f"{axis}: {_first(map(_shown, labels[:FIRST]), len(labels))}"


def _parents(layout: Layout) -> Iterator[str]:
    for (inner, outer), elements in layout.parents.items():
        yield f"{outer} of each {inner}: {_numbers(elements)}"


def _sequences(layout: Layout) -> Iterator[str]:
    for chain in layout.chains:
        if not layout.has_size(chain):
            continue
        positions = layout.sequences(chain)
        count = int((positions.position == 0).sum())
        yield f"{chain}: {count:,} {'sequence' if count == 1 else 'sequences'} of {_lengths(positions.position)}"
        yield f"position of each {chain}: {_numbers(positions.position)}"
        before = [
            "-" if p == 0 else str(b)
            for p, b in zip(positions.position[:FIRST], positions.previous(1), strict=False)
        ]
        yield f"before each {chain}: {_first(before, len(positions.position))}"


def _lengths(position: np.ndarray) -> str:
    """How long sequences are, by how many rows stand at each position of one."""
    at_least = np.bincount(position) if len(position) else np.zeros(0, dtype=np.int64)
    ends = np.flatnonzero(at_least - np.r_[at_least[1:], 0] > 0) + 1
    if not len(ends):
        return "no rows"
    return f"{ends[0]:,} rows" if len(ends) == 1 else f"{ends[0]:,} to {ends[-1]:,} rows"


def _edges(layout: Layout) -> Iterator[str]:
    for plate, ends in layout.edges.items():
        yield f"{plate}: {_first((f'{i}-{j}' for i, j in ends[:FIRST].tolist()), len(ends))}"


def _cells(binding: Binding) -> Iterator[str]:
    for name, values in binding.values.items():
        axes = binding.model.array_axes(binding.model.by_name[name])
        cells_missing = binding.layout.missing.get(name)
        missing = np.argwhere(cells_missing.mask) if cells_missing is not None else np.zeros((0, len(axes)), int)
        where = f"{name}[{', '.join(axes)}]" if axes else name
        given = values.size - len(missing)
        line = f"{where}: {given:,} given"
        if len(missing):
            cells = (", ".join(map(str, cell)) for cell in missing[:FIRST].tolist())
            line += f", {len(missing):,} missing: {_first((f'[{c}]' for c in cells), len(missing))}"
        yield line
    for name in binding.latent:
        axes = binding.model.array_axes(binding.model.by_name[name])
        if name not in binding.values:
            yield f"{name}[{', '.join(axes)}]: latent" if axes else f"{name}: latent"


def _numbers(values: Sequence[int] | np.ndarray) -> str:
    return _first((str(int(v)) for v in values[:FIRST]), len(values))


def _first(shown: Iterable[str], total: int) -> str:
    more = f", … ({total:,} in all)" if total > FIRST else ""
    return ", ".join(shown) + more


def _shown(label: str) -> str:
    # a label is a stranger's text: it must not steer the terminal
    text = printable(label)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
