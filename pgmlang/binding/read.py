"""Data of any kind, read and joined to a Model."""

from __future__ import annotations

from typing import Any

from pgmlang.binding.bind import bind
from pgmlang.binding.record import Binding
from pgmlang.data import READING, Frame, Reading, read_frame
from pgmlang.model import Model


def bind_data(
    model: Model, data: Any, *, sep: str | None = None, kept: Reading | None = None, **options: Any
) -> Binding:
    """Reads data and joins it to a model. ``options``: those of `Reading` (how cells are read) and of `bind`; ``kept``: how a
    fit read its data, which holds for what is not said. Raises PgmError (07xx)."""
    reading_options = {name: options.pop(name) for name in READING if name in options}
    named = Reading.of(**reading_options)
    reading = Reading.of(kept, **reading_options)

    def read(one: Any, expected: Reading) -> Frame:
        return one if isinstance(one, Frame) else read_frame(one, sep=sep, reading=reading, expected=expected)

    names = {"", *model.table_names[0], *model.table_names[1]}
    is_tables = isinstance(data, dict) and data and set(data) <= names
    if is_tables and not any(isinstance(one, list | tuple) or hasattr(one, "dtype") for one in data.values()):
        # a text that is named may be of any of them
        tables = {plate: read(one, Reading()) for plate, one in data.items()}
        named.check_columns(
            {c for f in tables.values() for c in (*f.columns, *f.arrays)},
            ", ".join(f.name for f in tables.values()),
        )
        return bind(model, tables, **options)
    frame = read(data, named)
    named.check_columns([*frame.columns, *frame.arrays], frame.name)
    return bind(model, frame, **options)
