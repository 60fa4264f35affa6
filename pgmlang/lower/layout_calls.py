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
    """Where each row stands in its sequence."""

    chain: str

    @property
    def text(self) -> str:
        return f'layout.position("{self.chain}")'

    @property
    def meaning(self) -> str:
        return f"0, 1, ... along each sequence of {self.chain}"


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


Question = Parent | Position | Previous


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

    def position(self, chain: str) -> ast.expr:
        """``layout.position(chain)``."""
        self.asked.setdefault(Position(chain))
        return self._call("position", chain)

    def previous(self, chain: str, lag: int) -> ast.expr:
        """``layout.previous(chain, lag)``."""
        self.asked.setdefault(Previous(chain, lag))
        return self._call("previous", chain, lag)

    def is_seen(self, name: str) -> ast.expr:
        """``layout.is_seen(name)``: True at the cells of a variable that the data have."""
        return self._call("is_seen", name)

    @staticmethod
    def _call(method: str, *arguments: str | int) -> ast.expr:
        return py.method(py.name("layout"), method, *map(py.constant, arguments))
