"""Columns as the frame a person expects: the kind they gave, else pandas where it is installed, else Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Literal

Kind = Literal["pandas", "polars", "arrow"]


def frame_kind(data: Any) -> Kind | None:
    """The kind of a frame, of the first of several tables by plate; None for a path and for plain columns."""
    if isinstance(data, Mapping) and data:
        data = next(iter(data.values()))
    roots: dict[str, Kind] = {"pandas": "pandas", "polars": "polars", "pyarrow": "arrow"}
    return roots.get(type(data).__module__.partition(".")[0])


def frame_index(data: Any, rows: int) -> Any:
    """The index of a pandas frame of as many rows, which a result about them has too; None of anything else."""
    if frame_kind(data) != "pandas":
        return None
    frame = next(iter(data.values())) if isinstance(data, Mapping) and len(data) == 1 else data
    index = getattr(frame, "index", None)
    return index if index is not None and len(index) == rows else None


def as_frame(columns: Mapping[str, Any], kind: Kind | None = None, index: Any = None) -> Any:
    """Columns of one length as a frame of a kind; left open, a pandas DataFrame where pandas is installed, else a
    pyarrow Table. ``index``: of a DataFrame."""
    if kind is None:
        kind = "pandas" if find_spec("pandas") is not None else "arrow"
    if kind == "pandas":
        import pandas

        return pandas.DataFrame(dict(columns), index=index)
    if kind == "polars":
        import polars

        return polars.DataFrame(dict(columns), strict=False)
    import pyarrow

    return pyarrow.table({name: pyarrow.array(values) for name, values in columns.items()})
