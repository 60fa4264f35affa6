"""Functions at the top of a program that are called with values of a model: what of their bodies hangs on no argument of their
own is emitted where they are called, and handed over."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pgmlang.lower import pyast as py
from pgmlang.lower.emitted import Axes, Emitted, is_number
from pgmlang.lower.expressions import ExpressionEmitter
from pgmlang.lower.local_names import describe
from pgmlang.model.expr import Expr


@dataclass
class BodyEmitter(ExpressionEmitter):
    """Emits the body of such a function. ``outside``: emits its drivers, what is handed over; ``drivers``: by their local name
    inside, what they are outside."""

    outside: ExpressionEmitter = field(kw_only=True)
    drivers: dict[str, Emitted] = field(default_factory=dict)

    @property
    @abstractmethod
    def locals(self) -> tuple[str, ...]:
        """The model's names that are locals of the function."""

    @abstractmethod
    def is_inside(self, expr: Expr) -> bool:
        """Whether an expression hangs on the function's own arguments."""

    def emit(self, expr: Expr, frame: Axes) -> Emitted:
        return super().emit(expr, frame) if self.is_inside(expr) else self._driver(self.outside.emit(expr, frame))

    def number(self, expr: Expr, frame: Axes) -> Emitted:
        if self.is_inside(expr):
            return super().number(expr, frame)
        return self._driver(self.outside.number(expr, frame))

    def truth(self, expr: Expr, frame: Axes) -> Emitted:
        return (
            super().truth(expr, frame) if self.is_inside(expr) else self._driver(self.outside.truth(expr, frame))
        )

    @contextmanager
    def branch(self, test: Emitted, is_then: bool = True) -> Iterator[None]:
        with super().branch(test, is_then):
            driver = self.drivers.get(test.node.id) if isinstance(test.node, ast.Name) else None
            if driver is None:
                yield
                return
            # drivers in the branch are looked at where it is taken, and no other rows of them
            with self.outside.branch(driver, is_then):
                yield

    def _driver(self, value: Emitted) -> Emitted:
        if is_number(value.node):
            return value
        text = py.text(value.node)
        for name, known in self.drivers.items():
            if known.axes == value.axes and py.text(known.node) == text:
                return Emitted(py.name(name), value.axes)
        name = self._fresh(describe(value.node, self.locals[0]))
        self.drivers[name] = value
        return Emitted(py.name(name), value.axes)

    def _fresh(self, wanted: str) -> str:
        taken = self.names.reserved() - {self.names[v.name] for v in self.model.variables}
        taken |= self.drivers.keys() | {self.names[n] for n in self.locals}
        # what begins with a number is no name
        begun = wanted if wanted.isidentifier() else f"driver_{wanted}"
        name, number = begun, 1
        while name in taken:
            number += 1
            name = f"{begun}_{number}"
        return name
