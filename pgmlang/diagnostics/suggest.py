"""Did-you-mean: names close to what was written."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MANY = 500
"""Most candidates that are compared letter by letter."""
READ = 1 << 16
"""Most candidates that are looked at."""


def near_names(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """Up to ``limit`` candidates near ``name``, nearest first; equal up to case and punctuation counts as near."""
    folded = _fold(name)
    pool = sorted(set(islice(candidates, READ)) - {name})
    if len(pool) > MANY:
        # of very many only those that begin or end alike are looked at
        ends = (name[:2].casefold(), name[-2:].casefold())
        alike = (
            c
            for c in pool
            if abs(len(c) - len(name)) < 3 and (c.casefold().startswith(ends[0]) or c.casefold().endswith(ends[1]))
        )
        pool = list(islice(alike, MANY))
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
