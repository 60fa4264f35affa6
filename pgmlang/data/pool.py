"""Labels of a stream: they grow batch by batch, and a label's code never changes."""

from __future__ import annotations

from typing import Any

import numpy as np


class LabelPool:
    """The labels of one column seen so far, in order of first appearance."""

    def __init__(self) -> None:
        self._code_of: dict[str, int] = {}
        self._labels: tuple[str, ...] = ()

    def encode(self, dictionary: Any, codes: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """A batch's codes into its own ``dictionary`` as codes into the pool, and the pool's labels."""
        known = self._code_of
        batch_labels = dictionary.to_pylist()
        translation = np.array([known.setdefault(label, len(known)) for label in batch_labels] + [-1], np.int32)
        if len(known) != len(self._labels):
            self._labels = tuple(known)
        return self._labels, translation[codes]
