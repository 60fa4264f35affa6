"""What is handed out to be read and not written: mappings of arrays, records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pgmlang.display.text import count_of

if TYPE_CHECKING:
    import numpy as np

C = TypeVar("C", bound=type)


def read_only(array: np.ndarray) -> np.ndarray:
    """The array as a view whose elements cannot be assigned to."""
    import numpy as np

    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


class FrozenArrays(Mapping[str, "np.ndarray"]):
    """Arrays by name that cannot be assigned to, nor their elements (numpy refuses those). ``path``: how it is had
    (``fit.draws``); ``axes``: names of the last axes of each."""

    def __init__(
        self, arrays: Mapping[str, np.ndarray], path: str, axes: Mapping[str, tuple[str, ...]] | None = None
    ):
        self._arrays = arrays
        self._path = path
        self._axes = axes or {}

    def __getitem__(self, name: str) -> np.ndarray:
        return read_only(self._arrays[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __setitem__(self, name: str, value: object) -> NoReturn:
        raise TypeError(
            f"`{self._path}` holds what a fit came to, and does not change: work on a copy, "
            f"`{{**{self._path}, {name!r}: ...}}`"
        )

    def __delitem__(self, name: str) -> NoReturn:
        self[name] = None

    def __repr__(self) -> str:
        lines = [
            f"  {name}: {array.dtype} {self._shape(name, array.shape)}" for name, array in self._arrays.items()
        ]
        shown = lines if len(lines) <= 40 else [*lines[:40], f"  ... and {len(lines) - 40:,} more"]
        return "\n".join([f"{self._path}: {count_of(len(lines), 'array')}", *shown])

    def _shape(self, name: str, shape: tuple[int, ...]) -> str:
        axes = ("",) * (len(shape) - len(self._axes.get(name, ()))) + tuple(self._axes.get(name, ()))
        return "(" + ", ".join(f"{axis} {n}".strip() for axis, n in zip(axes, shape, strict=True)) + ")"


def does_not_change(what: str, cure: str) -> Any:
    """A class decorator: assigning to an attribute or an item is an error that says so, with a cure."""

    def frozen(cls: C) -> C:
        def refuse_attribute(self: object, name: str, *_: object) -> NoReturn:
            raise AttributeError(f"`{name}` cannot be set: {what} does not change; {cure}")

        def refuse_item(self: object, name: object, *_: object) -> NoReturn:
            raise TypeError(f"`[{name!r}]` cannot be set: {what} does not change; {cure}")

        for method in ("__setattr__", "__delattr__"):
            setattr(cls, method, refuse_attribute)
        for method in ("__setitem__", "__delitem__"):
            setattr(cls, method, refuse_item)
        return cls

    return frozen
