"""Arrays that a program fills before others read them."""

from __future__ import annotations

from dataclasses import dataclass

from pgmlang.diagnostics import Span
from pgmlang.native.scalars import Array, Loop, Scalar
from pgmlang.native.supports import VectorSupport


@dataclass(frozen=True)
class Stage:
    """``value`` at each element along ``loops``. With ``gathers``, a key of `REDUCTIONS`, several values come to one element, that which ``places``
    says: the sum of the rows of each group, say."""

    array: Array
    loops: tuple[Loop, ...]
    value: Scalar
    span: Span | None
    gathers: str | None = None
    places: tuple[Scalar, ...] = ()

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        """All that it is made of."""
        return (self.value, *self.places)


@dataclass(frozen=True)
class VectorStage:
    """A variable whose vectors are made of stretches of the free vector by functions of ``runtime/vectors.py``, along the ``loops`` of its
    plates; ``has_jacobian``: the log determinants are added to the density."""

    array: Array
    loops: tuple[Loop, ...]
    support: VectorSupport
    span: Span | None
    has_jacobian: bool = True

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        """None: it is made by calls."""
        return ()


AnyStage = Stage | VectorStage
