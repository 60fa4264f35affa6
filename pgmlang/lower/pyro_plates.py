"""Plates of an emitted Pyro model: one dim each, nested ones further left, and the axes of sites along those dims.

Pyro counts dims of a batch from the right, and enumerates values at dims left of every plate
(``max_plate_nesting``). A site that lies in fewer plates than there are dims has axes of size one there, *pads*.
"""

from __future__ import annotations

from collections.abc import Iterable

from pgmlang.lower.emitted import Axes
from pgmlang.model import Model


class Plates:
    """The dims of the plates of some lists of batch axes."""

    def __init__(self, batches: Iterable[Axes]) -> None:
        batches = list(batches)
        self.dims = {axis: -1 for axes in batches for axis in axes}
        is_changed = True
        while is_changed:
            is_changed = False
            for axes in batches:
                for outer, inner in zip(reversed(axes[:-1]), reversed(axes[1:]), strict=True):
                    if self.dims[outer] >= self.dims[inner]:
                        self.dims[outer] = self.dims[inner] - 1
                        is_changed = True
        self.depth = -min(self.dims.values(), default=0)

    def frame(self, axes: Axes, is_wide: bool) -> Axes:
        """Batch axes of a site with pads; ``is_wide``: on the left too, for what hangs on enumerated values."""
        if not axes and not is_wide:
            return ()
        axis_at = {self.dims[axis]: axis for axis in axes}
        left = -self.depth if is_wide else min(axis_at)
        return tuple(axis_at.get(dim, pad(dim)) for dim in range(left, 0))


def pad(dim: int) -> str:
    """The axis of size one at a dim; no name of a model has a space."""
    return f"pad {dim}"


def is_pad(axis: str) -> bool:
    return axis.startswith("pad -")


def batches_of(model: Model) -> list[Axes]:
    """Batch axes of every site of a model and of its guide."""
    variables = [v.plates for v in model.of_role("random", "field")]
    plates = [*variables, *(p.plates for p in model.potentials)]
    plates += [c.plates for c in model.guide.conditionals] if model.guide else []
    return [model.batch_axes(p) for p in plates]
