"""Did-you-mean: names close to what was written."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def near_names(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """Up to ``limit`` candidates near ``name``, nearest first; equal up to case and punctuation counts as near."""
    pool = sorted(set(candidates) - {name})
    folded = _fold(name)
    exact = [c for c in pool if folded and _fold(c) == folded]
    close = get_close_matches(name, pool, n=limit, cutoff=0.6)
    return list(dict.fromkeys([*exact, *close]))[:limit]


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """A sentence for a diagnostic's help, or the empty string when nothing is near."""
    near = near_names(name, candidates)
    if not near:
        return ""
    quoted = [f"`{n}`" for n in near]
    listed = quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
    return f"did you mean {listed}?"


def _fold(name: str) -> str:
    return "".join(ch for ch in name.casefold() if ch.isalnum())
