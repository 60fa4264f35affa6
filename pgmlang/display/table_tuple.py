"""A tuple of records that prints as a table."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

from pgmlang.display.table import DisplayTable

R_co = TypeVar("R_co", covariant=True)


class TableTuple(tuple[R_co, ...]):
    """A plain tuple in every other way; ``display`` is what is printed of it."""

    __slots__ = ()

    @property
    @abstractmethod
    def display(self) -> DisplayTable:
        """The records under each other."""

    @property
    def frame(self) -> Any:
        """The figures of the records as a frame: pandas where it is installed, else Arrow."""
        return self.display.frame

    def __str__(self) -> str:
        return self.display.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.display._repr_html_()
