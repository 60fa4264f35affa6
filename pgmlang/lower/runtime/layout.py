"""The layout of bound data as tensors: what an emitted program asks beside the user's inputs."""

from __future__ import annotations

import torch


class TensorLayout:
    """How the arrays of a model hang together. ``sizes``: elements of plates and dims. ``parents``: by (outer plate,
    inner plate) the outer element of each inner one, ``[inner]``. ``positions``: 0, 1, ... along each sequence of a
    chain, and of the elements of other plates of rows. ``before``: by (chain, lag) the row so many back in the sequence, any row at its start.
    ``elements``: by (axis, label or position) the number of an element that the program names."""

    def __init__(
        self,
        sizes: dict[str, int] | None = None,
        parents: dict[tuple[str, str], torch.Tensor] | None = None,
        positions: dict[str, torch.Tensor] | None = None,
        before: dict[tuple[str, int], torch.Tensor] | None = None,
        elements: dict[tuple[str, str | int], int] | None = None,
    ) -> None:
        self.sizes = sizes or {}
        self.parents = parents or {}
        self.positions = positions or {}
        self.before = before or {}
        self.elements = elements or {}

    def size(self, axis: str) -> int:
        """The number of elements of a plate or dim."""
        return self.sizes[axis]

    def parent(self, outer: str, inner: str) -> torch.Tensor:
        """The outer element that each inner one belongs to."""
        return self.parents[outer, inner]

    def position(self, plate: str) -> torch.Tensor:
        """The position of each row of a chain in its sequence, of each row of another plate among its elements."""
        return self.positions[plate]

    def previous(self, chain: str, lag: int) -> torch.Tensor:
        """The row ``lag`` back in the sequence of each row."""
        return self.before[chain, lag]

    def element(self, axis: str, label: str | int) -> torch.Tensor:
        """The number of an element that the program names by its label or position."""
        return torch.as_tensor(self.elements[axis, label])
