"""Values that are worked out once: by the function that makes them and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Memo:
    """One for each bound density, and never handed on: what is remembered of some rows is not said of others."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Any] = {}

    def once(self, make: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
        """``make`` of these arguments, which are hashable; made at the first call."""
        key = (make, arguments, tuple(sorted(keywords.items())))
        if key not in self._known:
            self._known[key] = make(*arguments, **keywords)
        value: T = self._known[key]
        return value
