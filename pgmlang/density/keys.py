"""Keys of what an algorithm has beside the variables and factors of a model: records, which no name equals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True)
class PresenceTable:
    """The log-table that says which values of a summed-out variable its cells allow."""

    variable: str


@dataclass(frozen=True)
class FreeTable:
    """The log-table of zeros of a summed-out variable that no factor mentions."""

    variable: str


@dataclass(frozen=True)
class AddedTable:
    """A log-table over the values of a summed-out variable that is put beside its factors: zeros for its marginals,
    or values that a start favours."""

    variable: str


@dataclass(frozen=True)
class CountedTable:
    """The joined log-table of factors with sufficient statistics, of the rows of a plate over these places of value axes
    (see `sufficient`)."""

    plate: str
    scope: frozenset[int]


@dataclass(frozen=True)
class PartitionTable:
    """Minus log Z of the component that these fields make."""

    fields: tuple[str, ...]


@dataclass(frozen=True)
class NetworkWeight:
    """A tensor of the state of all networks, by its name there."""

    name: str


@dataclass(frozen=True)
class GuideParam:
    """A param of the written guide."""

    name: str


@dataclass(frozen=True)
class GuideMoment:
    """What an automatic guide learns of all its variables together."""

    name: Literal["loc", "scale"]


TableKey: TypeAlias = Any
"""The name of a factor, `PresenceTable`, `FreeTable`, `AddedTable`, `CountedTable` or `PartitionTable`. (Mappings are invariant in their
keys: a union here would have every mapping by names alone cast.)"""
FreeKey: TypeAlias = Any
"""The name of a variable, or of what a climb moves beside them: `NetworkWeight`, `GuideParam`, `GuideMoment`."""
