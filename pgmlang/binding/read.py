"""Data of any kind, read and joined to a Model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pgmlang.binding.bind import bind
from pgmlang.binding.record import Binding
from pgmlang.data import Frame, read_frame
from pgmlang.model import Model


def bind_data(
    model: Model,
    data: Any,
    *,
    sep: str | None = None,
    decimal: str = ".",
    na: Sequence[str] = (),
    **options: Any,
) -> Binding:
    """Reads data and joins it to a model; ``options`` of `bind`."""

    def read(one: Any) -> Any:
        return one if isinstance(one, Frame) else read_frame(one, sep=sep, decimal=decimal, na=tuple(na))

    is_tables = isinstance(data, dict) and data and set(data) <= set(model.plate_by_name)
    if is_tables and not any(isinstance(one, list | tuple) or hasattr(one, "dtype") for one in data.values()):
        return bind(model, {plate: read(one) for plate, one in data.items()}, **options)
    return bind(model, read(data), **options)
