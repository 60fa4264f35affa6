"""Sites of grids by their coordinates: ``s[2, 0]`` is the element of that number, row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.query.parse import QueryVariable


def by_site_number(model: Model, variable: QueryVariable) -> QueryVariable:
    """A variable's element with a number for each grid among its axes where coordinates were written; others as they
    are. Raises PgmError PGM0607 for coordinates outside of the grid."""
    name, bracket, inner = variable.name.partition("[")
    known = model.by_name.get(name)
    if not bracket or known is None:
        return variable
    words = inner.removesuffix("]").split(", ")
    rows = {p.name for p in model.plates if p.is_rows}
    axes = model.array_axes(known)
    shapes = [_shape(model, axis) for axis in axes]
    if len(words) < sum(map(len, shapes)):
        # the row of a question about one is not named
        shapes = [_shape(model, axis) for axis in axes if axis not in rows]
    if max(map(len, shapes), default=0) < 2 or len(words) != sum(map(len, shapes)):
        return variable
    parts: list[str] = []
    for shape in shapes:
        here, words = words[: len(shape)], words[len(shape) :]
        parts.append(here[0] if len(shape) < 2 else str(_number(shape, here, variable)))
    return replace(variable, name=f"{name}[{', '.join(parts)}]")


def _shape(model: Model, axis: str) -> tuple[int, ...]:
    """The shape of an axis: that of a grid, or one of unknown length."""
    plate = model.plate_by_name.get(model.root_axis(axis))
    structure = plate.structure if plate is not None else None
    return structure.shape if structure is not None and structure.kind == "grid" else (0,)


def _number(shape: tuple[int, ...], words: list[str], variable: QueryVariable) -> int:
    if not all(w.isdecimal() and int(w) < size for w, size in zip(words, shape, strict=True)):
        last = ", ".join(str(size - 1) for size in shape)
        message = f"`{variable.name}`: the grid has no such site"
        cure = f"its sites are from `{', '.join('0' for _ in shape)}` to `{last}`"
        raise PgmError(Diagnostic("PGM0607", message, variable.span, help=cure))
    return int(np.ravel_multi_index([int(w) for w in words], shape))
