"""The free real numbers behind continuous variables, end to end in one vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeKey
from pgmlang.density.transforms import free_shape


@dataclass(frozen=True, eq=False)
class FreeNumbers:
    """``shapes`` of the free values (a simplex of K has K - 1), laid end to end in a vector of ``width`` numbers. ``places``: those of its
    numbers that are free, of variables some of whose cells are data; all where it is None. They are ``dimension`` numbers; the others are
    zero."""

    shapes: Mapping[FreeKey, tuple[int, ...]]
    places: Tensor | None = None

    @property
    def width(self) -> int:
        """Numbers of the vector of all variables, given cells among them."""
        return sum(math.prod(s) for s in self.shapes.values())

    @property
    def dimension(self) -> int:
        """Numbers that are free."""
        return self.width if self.places is None else len(self.places)

    @property
    def sizes(self) -> dict[FreeKey, int]:
        """How many of the free numbers each name has."""
        sizes = {n: math.prod(s) for n, s in self.shapes.items()}
        if self.places is None:
            return sizes
        is_free = torch.zeros(self.width, dtype=torch.bool).index_fill(0, self.places.cpu(), True)
        return {n: int(part.sum()) for n, part in zip(sizes, is_free.split(list(sizes.values())), strict=True)}

    def laid_out(self, x: Tensor) -> Tensor:
        """Free numbers ``[..., dimension]`` at their places in the vector ``[..., width]``, zeros elsewhere."""
        if self.places is None:
            return x
        return x.new_zeros(*x.shape[:-1], self.width).index_copy(-1, self.places, x)

    def taken(self, x: Tensor) -> Tensor:
        """The free numbers of a whole vector."""
        return x if self.places is None else x[..., self.places]

    def by_name(self, x: Tensor) -> dict[FreeKey, Tensor]:
        """Free values ``[..., *shape]`` by name, of free numbers ``[..., dimension]``."""
        pieces = self.laid_out(x).split([math.prod(s) for s in self.shapes.values()], -1)
        return {
            n: piece.reshape((*x.shape[:-1], *s))
            for (n, s), piece in zip(self.shapes.items(), pieces, strict=True)
        }

    def vector(self, free: Mapping[FreeKey, Tensor]) -> Tensor:
        """Free numbers ``[..., dimension]`` of free values by name."""
        parts = [free[n].reshape((*free[n].shape[: free[n].dim() - len(s)], -1)) for n, s in self.shapes.items()]
        return self.taken(torch.cat(parts, -1))


def free_numbers(joint: BoundDensity, names: Sequence[str]) -> FreeNumbers:
    """The free numbers of continuous variables, params or tables."""
    return with_places(joint, {n: free_shape(joint, n) for n in names})


def with_places(joint: BoundDensity, shapes: Mapping[FreeKey, tuple[int, ...]]) -> FreeNumbers:
    """The free numbers behind free values of these shapes, cells that are data left out."""
    cells = {n: joint.missing[n] for n in joint.missing if n in shapes and n in joint.observed}
    if not cells:
        return FreeNumbers(shapes)
    parts = [
        cells[n].expand(joint.shapes[n]).reshape(-1) if n in cells
        else torch.ones(math.prod(s), dtype=torch.bool, device=joint.device)
        for n, s in shapes.items()
    ]  # fmt: skip
    return FreeNumbers(shapes, torch.cat(parts).nonzero().flatten())
