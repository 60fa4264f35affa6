"""What an emitted program asks its layout, as records: so that ``example`` can give answers."""

from __future__ import annotations

from dataclasses import dataclass


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
