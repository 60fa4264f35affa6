"""Which columns a fit's variables had, where new rows do not say it otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pgmlang.data import Frame


def mapping_as_in_fit(
    said: Mapping[str, str], of_fit: Mapping[str, str], frames: Mapping[str, Frame], hide: Collection[str]
) -> dict[str, str]:
    """Variable or plate to column: what is ``said``, else what held in the fit, of columns that the tables have and that no other
    variable is said to take. What is hidden has no column."""
    columns = [c for frame in frames.values() for c in (*frame.columns, *frame.arrays)]
    taken = set(said.values())

    def is_there(column: str) -> bool:
        if column in columns:
            return True
        before, star, after = column.partition("*")
        return bool(star) and any(c.startswith(before) and c.endswith(after) for c in columns)

    kept = {
        name: column for name, column in of_fit.items()
        if name not in hide and column not in taken and is_there(column)
    }  # fmt: skip
    return {**kept, **said}
