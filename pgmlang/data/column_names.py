"""Names of columns that a header leaves out, and names that it has twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

INDEX = "index"
"""The name of a first column without one: pandas, polars and R write the names of rows so."""


def named(names: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """All names, those that are blank by their place, and what to say of each of these; names as they are where not at least
    half of them are there (a line of titles is no header)."""
    blank = [i for i, name in enumerate(names) if not name.strip()]
    if 2 * len(blank) > len(names):
        return tuple(names), {}
    taken = set(names)
    made, said = list(names), {}
    for i in blank:
        word = free(INDEX if i == 0 else f"column_{i + 1}", taken)
        taken.add(word)
        made[i] = word
        why = " (pandas and R write the names of rows so)" if i == 0 else ""
        said[word] = f"column {i + 1}, which has no name, as `{word}`{why}"
    return tuple(made), said


def told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """The names, those that were there before with a number behind them: `x`, `x_2`."""
    taken: set[str] = set()
    made = []
    for name in names:
        word = free(name, taken | (set(names) if name in taken else set()))
        taken.add(word)
        made.append(word)
    return tuple(made)


def free(name: str, taken: Iterable[str]) -> str:
    """The name, with the first number behind it under which nothing is taken."""
    used, word, number = set(taken), name, 2
    while word in used:
        word, number = f"{name}_{number}", number + 1
    return word
