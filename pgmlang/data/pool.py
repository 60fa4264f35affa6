"""Streams of batches: cut to size, and with labels whose codes never change as more are met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np


class LabelPool:
    """The labels of one column seen so far, in order of first appearance."""

    def __init__(self) -> None:
        self._code_of: dict[str, int] = {}
        self._labels: tuple[str, ...] = ()

    def encode(self, labels: Iterable[str], codes: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """A batch's codes into its own ``labels`` as codes into the pool, and the pool's labels."""
        known = self._code_of
        translation = np.array([known.setdefault(label, len(known)) for label in labels] + [-1], np.int32)
        if len(known) != len(self._labels):
            self._labels = tuple(known)
        return self._labels, translation[codes]


def regrouped(batches: Iterable[Any], rows: int) -> Iterator[Any]:
    """Arrow record batches as tables of ``rows`` rows each; the last may be shorter."""
    import pyarrow as pa

    waiting: list[Any] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += batch.num_rows
        if held < rows:
            continue
        table = pa.Table.from_batches(waiting)
        start = 0
        while held - start >= rows:
            yield table.slice(start, rows)
            start += rows
        held -= start
        waiting = table.slice(start).to_batches() if held else []
    if held:
        yield pa.Table.from_batches(waiting)
