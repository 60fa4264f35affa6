"""What the cells of a column are in its source: truth values, whole numbers, numbers, texts, categories in their order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

Holds = Literal["bool", "int", "float", "float32", "text", "written"]
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)")
_DECIMAL = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_TRUTH = {"0": False, "false": False, "1": True, "true": True}


@dataclass(frozen=True)
class SourceKind:
    """``holds``: what a cell is; ``written`` are the texts of a source without types (CSV), read as numbers and truth values
    where all of them are. ``categories``: the texts of a column of categories, unused ones too, in their order, which
    ``is_ordered`` or not. ``spelling``: how the source writes a value of the model otherwise (``yes`` of bit 1)."""

    holds: Holds = "text"
    categories: tuple[str, ...] | None = None
    is_ordered: bool = False
    spelling: tuple[tuple[str, str], ...] = ()

    def values_of(self, labels: Sequence[str]) -> list[Any]:
        """Labels as the source has them: as texts where one of them is no such value (merged, cut into bins)."""
        spelt = dict(self.spelling)
        texts = [spelt.get(label, label) for label in labels]
        if self.holds == "written":
            return next((v for h in ("int", "float", "bool") if (v := _parsed(h, texts)) is not None), texts)
        return _parsed(self.holds, texts) or texts

    def spelt(self, spelling: Mapping[str, str]) -> SourceKind:
        """The kind with the words of its source for values of the model."""
        return replace(self, spelling=tuple(sorted((v, t) for v, t in spelling.items() if v != t)))

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {"holds": self.holds}
        if self.categories is not None:
            out |= {"categories": list(self.categories), "is_ordered": self.is_ordered}
        return out | ({"spelling": dict(self.spelling)} if self.spelling else {})

    @classmethod
    def of_json(cls, about: Mapping[str, Any]) -> SourceKind:
        """Of `to_json`. Raises ValueError for what it cannot have written."""
        holds, categories = about["holds"], about.get("categories")
        if holds not in get_args(Holds):
            raise ValueError(f"a column holds {holds!r}")
        return cls(
            holds, None if categories is None else tuple(map(str, categories)), bool(about.get("is_ordered", False)),
            tuple((str(v), str(t)) for v, t in dict(about.get("spelling", {})).items()),
        )  # fmt: skip


TEXT, WRITTEN = SourceKind("text"), SourceKind("written")


def _parsed(holds: str, texts: Sequence[str]) -> list[Any] | None:
    """Texts as values; None where one is none."""
    if holds == "bool":
        is_truth = all(t.lower() in _TRUTH for t in texts)
        return [_TRUTH[t.lower()] for t in texts] if is_truth else None
    if holds == "int":
        return [int(t) for t in texts] if all(map(_WHOLE.fullmatch, texts)) else None
    if holds in ("float", "float32"):
        return [float(t) for t in texts] if all(map(_DECIMAL.fullmatch, texts)) else None
    return None
