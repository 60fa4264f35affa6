"""What an emitted program asks its layout: the calls as syntax, and records of them, so that ``example`` can answer."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from pgmlang.lower import pyast as py


@dataclass(frozen=True)
class Parent:
    """The outer element of each inner one."""

    outer: str
    inner: str

    @property
    def text(self) -> str:
        return f'layout.parent("{self.outer}", "{self.inner}")'

    @property
    def meaning(self) -> str:
        return f"the {self.outer} of each {self.inner}"


@dataclass(frozen=True)
class Position:
    """Where each row stands: in its sequence, or among the elements of a plate that is no chain."""

    plate: str

    @property
    def text(self) -> str:
        return f'layout.position("{self.plate}")'

    @property
    def meaning(self) -> str:
        return f"0, 1, ...: the place of each row of {self.plate} (in a chain that in its sequence)"


@dataclass(frozen=True)
class Previous:
    """The row ``lag`` back."""

    chain: str
    lag: int

    @property
    def text(self) -> str:
        return f'layout.previous("{self.chain}", {self.lag})'

    @property
    def meaning(self) -> str:
        return f"the row {self.lag} back in the sequence of each row of {self.chain} (any row at its start)"


@dataclass(frozen=True)
class NamedElement:
    """The number of an element whose label only the data know."""

    axis: str
    label: str | int

    @property
    def text(self) -> str:
        return f'layout.element("{self.axis}", {self.label!r})'

    @property
    def meaning(self) -> str:
        return f"the number of the element {self.label} of {self.axis}"


Question = Parent | Position | Previous | NamedElement


@dataclass
class LayoutCalls:
    """Calls of ``layout`` as syntax. ``asked``: what has been asked so far."""

    asked: dict[Question, None] = field(default_factory=dict)

    def size(self, axis: str) -> ast.expr:
        """``layout.size(axis)``, of an axis that only data size."""
        return self._call("size", axis)

    def parent(self, outer: str, inner: str) -> ast.expr:
        """``layout.parent(outer, inner)``."""
        self.asked.setdefault(Parent(outer, inner))
        return self._call("parent", outer, inner)

    def position(self, plate: str) -> ast.expr:
        """``layout.position(plate)``."""
        self.asked.setdefault(Position(plate))
        return self._call("position", plate)

    def previous(self, chain: str, lag: int) -> ast.expr:
        """``layout.previous(chain, lag)``."""
        self.asked.setdefault(Previous(chain, lag))
        return self._call("previous", chain, lag)

    def element(self, axis: str, label: str | int) -> ast.expr:
        """``layout.element(axis, label)``."""
        self.asked.setdefault(NamedElement(axis, label))
        return self._call("element", axis, label)

    def is_seen(self, name: str) -> ast.expr:
        """``layout.is_seen(name)``: True at the cells of a variable that the data have."""
        return self._call("is_seen", name)

    @staticmethod
    def _call(method: str, *arguments: str | int) -> ast.expr:
        return py.method(py.name("layout"), method, *map(py.constant, arguments))
