"""Where an expression is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pgmlang.model.named import Axes, NamedArray


@dataclass(frozen=True, eq=False)
class ElementContext:
    """Where an expression is evaluated. ``coordinates``: the index along each plate or axis that is not simply
    itself: an outer plate's element for each inner row, or the elements being unrolled."""

    plates: Axes = ()
    coordinates: Mapping[str, NamedArray] = field(default_factory=dict)

    def without(self, axis: str) -> ElementContext:
        if axis not in self.coordinates:
            return self
        return replace(self, coordinates={a: c for a, c in self.coordinates.items() if a != axis})

    def at(self, more: Mapping[str, NamedArray]) -> ElementContext:
        return replace(self, coordinates={**self.coordinates, **more})
