"""Packed files that unpack to far more than any table does: refused before they fill the machine."""

from __future__ import annotations

LEAST = 1 << 26
"""Bytes that any file may unpack to."""
RATIO = 200
"""Beyond ``LEAST``, most times its size that a file may unpack to; columns of few distinct cells reach some 100."""


def is_bomb(unpacked: int, packed: int) -> bool:
    """Whether so many bytes out of so many packed ones are too many."""
    return unpacked > LEAST and unpacked > RATIO * max(packed, 1)
