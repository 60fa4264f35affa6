"""How a public method is called: its arguments checked, errors of an emitted program led back to the model's lines."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeGuard, TypeVar

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.signatures.arguments import checked_arguments

if TYPE_CHECKING:
    from pgmlang.binding.record import Binding

P = ParamSpec("P")
R = TypeVar("R")


def of_the_model(function: Callable[P, R]) -> Callable[P, R]:
    """The function with its arguments checked (PGM0612), and errors out of lines of an emitted program led back to the
    model's (PGM0809)."""
    checked = checked_arguments(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        from pgmlang.lower.failures import led_to_model

        with led_to_model():
            return checked(*args, **kwargs)

    return call


def refuse_to_make(kind: str, given: Any, of: type, cure: str) -> None:
    """Raises PgmError PGM0612 for an object that is made of something else than it holds."""
    if not isinstance(given, of):
        raise PgmError(Diagnostic("PGM0612", f"a {kind} is not made of a {type(given).__name__}", help=cure))


def is_binding(data: Any) -> TypeGuard[Binding]:
    """Whether data have been bound already: then they are taken as they are."""
    from pgmlang.binding.record import Binding

    return isinstance(data, Binding)
