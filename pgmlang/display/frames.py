"""Columns as the frame a person expects: the kind they gave, else pandas where it is installed, else Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

Kind = Literal["pandas", "polars", "arrow"]


def frame_kind(data: Any) -> Kind | None:
    """The kind of a frame, of the first of several tables by plate; None for a path and for plain columns."""
    if isinstance(data, Mapping) and data:
        data = next(iter(data.values()))
    roots: dict[str, Kind] = {"pandas": "pandas", "polars": "polars", "pyarrow": "arrow"}
    return roots.get(type(data).__module__.partition(".")[0])


def frame_index(data: Any, plate: str) -> Any:
    """The index of a pandas frame, of several tables that of the plate's: what a result about its rows has too. None of
    anything else."""
    frame: Any = data.get(plate) if isinstance(data, Mapping) else data
    return frame.index if frame_kind(frame) == "pandas" and hasattr(frame, "columns") else None


class CategoryCells(NamedTuple):
    """Cells of a column of categories, None for missing; ``categories``: all of them in their order."""

    values: Sequence[Any]
    categories: Sequence[Any]
    is_ordered: bool


def as_frame(columns: Mapping[str, Any], kind: Kind | None = None, index: Any = None) -> Any:
    """Columns of one length as a frame of a kind; left open, a pandas DataFrame where pandas is installed, else a
    pyarrow Table. ``index``: of a DataFrame. `CategoryCells` are a categorical column."""
    if kind is None:
        kind = "pandas" if find_spec("pandas") is not None else "arrow"
    if kind == "pandas":
        import pandas

        def of_pandas(cells: Any) -> Any:
            is_coded = isinstance(cells, CategoryCells)
            return pandas.Categorical(cells.values, cells.categories, cells.is_ordered) if is_coded else cells

        return pandas.DataFrame({name: of_pandas(cells) for name, cells in columns.items()}, index=index)
    if kind == "polars":
        import polars

        def of_polars(cells: Any) -> Any:
            if not isinstance(cells, CategoryCells):
                return cells
            if not all(isinstance(c, str) for c in cells.categories):
                return cells.values
            kind = polars.Enum(cells.categories) if cells.is_ordered else polars.Categorical
            return polars.Series(values=cells.values, dtype=kind)

        return polars.DataFrame({name: of_polars(cells) for name, cells in columns.items()}, strict=False)
    import pyarrow

    def of_arrow(cells: Any) -> Any:
        if not isinstance(cells, CategoryCells):
            return pyarrow.array(cells)
        position = {category: i for i, category in enumerate(cells.categories)}
        codes = pyarrow.array([None if v is None else position[v] for v in cells.values], pyarrow.int32())
        return pyarrow.DictionaryArray.from_arrays(
            codes, pyarrow.array(cells.categories), ordered=cells.is_ordered
        )

    return pyarrow.table({name: of_arrow(cells) for name, cells in columns.items()})
