"""Data larger than memory: a table bound block by block, label sets closed by a first pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pgmlang.binding.bind import bind
from pgmlang.binding.close import close_model, open_sets
from pgmlang.binding.record import Binding
from pgmlang.data import Frame, sort_labels
from pgmlang.model import Model


def bind_batches(
    model: Model,
    batches: Callable[[], Iterator[Frame]],
    *,
    mapping: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[Binding]:
    """Bindings of successive blocks of rows, all with the same closed Model.

    ``batches``: opens the table from its start; it is read twice when the model has open label sets. ``options``: as
    for :func:`bind`. Memory is that of one block and the labels.
    """
    wanted = open_sets(model)
    if wanted:
        seen: dict[str, set[str]] = {name: set() for name in wanted}
        for frame in batches():
            for name in wanted:
                column = frame.columns.get((mapping or {}).get(name, name))
                if column is not None:
                    seen[name].update(column.labels_and_codes()[0])
        model = close_model(model, {n: tuple(sort_labels(s)) for n, s in seen.items() if s}, {})
    for frame in batches():
        yield bind(model, frame, mapping=mapping, **options)
