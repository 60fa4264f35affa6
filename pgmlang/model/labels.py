"""Labels of axes: texts, or the positions of a sized axis, which are worked out when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import SupportsIndex, overload


class Positions(Sequence[str]):
    """``("0", "1", ..., str(size - 1))`` without the texts: a size costs a model nothing, however large.

    Equal to the tuple of the same texts.
    """

    __slots__ = ("_range",)

    def __init__(self, size: int) -> None:
        self._range = range(size)

    def __len__(self) -> int:
        return len(self._range)

    @overload
    def __getitem__(self, position: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[str, ...]: ...
    def __getitem__(self, position: SupportsIndex | slice) -> str | tuple[str, ...]:
        if isinstance(position, slice):
            return tuple(map(str, self._range[position]))
        return str(self._range[position])

    def __iter__(self) -> Iterator[str]:
        return map(str, self._range)

    def __contains__(self, label: object) -> bool:
        return self._position(label) is not None

    def index(self, label: str, start: int = 0, stop: int | None = None) -> int:
        """The position that a label names. Raises ValueError for one of no position."""
        position = self._position(label)
        if position is None or position not in range(*slice(start, stop).indices(len(self))):
            raise ValueError(f"{label!r} is no position")
        return position

    def _position(self, label: object) -> int | None:
        # int() reads more than str() writes: `+1`, `01`, digits of other scripts
        if not isinstance(label, str) or not label.isdecimal() or len(label) > len(str(len(self))):
            return None
        position = int(label)
        return position if position in self._range and str(position) == label else None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Positions):
            return self._range == other._range
        if isinstance(other, tuple):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Positions({len(self)})"


Labels = tuple[str, ...] | Positions
"""The labels of an axis or type, in the order of their codes."""


def is_numbered(labels: Labels) -> bool:
    """Whether all labels are numbers, so that a number in a text is a label and never a position."""
    return isinstance(labels, Positions) or all(map(_is_number, labels))


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
