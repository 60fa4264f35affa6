"""A forgotten ``--counts`` or ``--weights``: a column that no variable takes and that seems to say how many rows each row is."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pgmlang.binding.columns import Matches
from pgmlang.binding.problems import BindingProblems
from pgmlang.data import Frame
from pgmlang.profile.counting_columns import counting_column


def suspect_counts(
    matches: Matches, frames: Mapping[str, Frame], plate: str, hide: Collection[str], problems: BindingProblems
) -> None:
    """Warns (PGM0724) of a column of the innermost table that nobody takes and that seems to count or weigh its rows."""
    frame = frames.get(plate)
    if frame is None:
        return
    unused = [c for c in frame.columns if (plate, c) not in matches.claimed and c not in hide]
    suspect = counting_column(frame, unused) if unused else None
    if suspect is not None:
        seems = "seems to" if suspect.is_sure else "may"
        problems.warn(
            "PGM0724", f"`{suspect.name}` is not used, and {seems} be {suspect.why}",
            frame.place.column(suspect.name), f"each row is taken once; if it counts, give `--{suspect.option} {suspect.name}` (in Python `{suspect.option}='{suspect.name}'`)",
        )  # fmt: skip
