"""Where a column of numbers is cut into bins: equal shares, equal widths, given points, or by a target.

``age=5``: five bins of equal shares of the rows; ``age=width:10``: bins of width ten, at multiples of it; ``age=[18,30,65]``: cut
there; ``age=supervised:survived``: by the minimum description length of Fayyad and Irani (1993), "Multi-interval discretization of
continuous-valued attributes for classification learning", IJCAI 13.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pgmlang.data.problems import problem

MAX_BINS = 1000


def settled_cuts(name: str, how: Any) -> tuple[float, ...] | None:
    """Cut points that are given as such; None where they hang on the data. Raises PgmError PGM0612."""
    if isinstance(how, tuple | list):
        given = tuple(how)
    elif isinstance(how, str) and how.strip().startswith("["):
        given = tuple(t for t in how.strip().strip("[]").replace(";", ",").split(",") if t.strip())
    else:
        return None
    try:
        points = tuple(float(c) for c in given)
    except (TypeError, ValueError):
        points = ()
    if not points or any(not math.isfinite(c) for c in points) or any(np.diff(points) <= 0):
        raise problem("PGM0612", f"the cut points of `{name}` are not ascending numbers",
                      cure=f"write `--bins {name}=[18,30,65]`")  # fmt: skip
    return points


def quantile_cuts(values: np.ndarray, bins: int) -> tuple[float, ...]:
    """Cuts that part sorted ``values`` into ``bins`` of shares as equal as ties allow, each the roundest number between its
    neighbours."""
    starts = np.flatnonzero(np.diff(values) > 0) + 1
    cuts: list[float] = []
    for i in range(1, bins):
        if not len(starts):
            break
        near = int(starts[np.argmin(np.abs(starts - len(values) * i / bins))])
        cut = roundest(float(values[near - 1]), float(values[near]))
        if cut not in cuts:
            cuts.append(cut)
    return tuple(sorted(cuts))


def width_cuts(values: np.ndarray, width: float) -> tuple[float, ...]:
    """Multiples of ``width`` that part sorted ``values``: above the lowest and not above the highest, since a cut belongs to the
    bin above it. None of more than ``MAX_BINS`` of them."""
    low, high = float(values[0]), float(values[-1])
    if low == high or is_too_fine(values, width):
        return ()
    # a quotient may be off by its last digit (0.3 / 0.1 is below 3): the multiples themselves are compared
    steps = range(math.floor(low / width), math.ceil(high / width) + 1)
    return tuple(dict.fromkeys(c for k in steps if low < (c := float(f"{k * width:.12g}")) <= high))


def is_too_fine(values: np.ndarray, width: float) -> bool:
    """Whether sorted ``values`` come to more than ``MAX_BINS`` bins of this width."""
    low, high = float(values[0]), float(values[-1])
    # both quotients may overflow
    return low < high and not high / width - low / width < MAX_BINS


def supervised_cuts(values: np.ndarray, classes: np.ndarray) -> tuple[float, ...]:
    """Cuts of sorted ``values`` by the entropy of ``classes`` (codes beside them), where the gain is worth its description
    (Fayyad and Irani 1993, section 3)."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values) > 0) + 1])
    counts = np.zeros((len(starts), int(classes.max()) + 1))
    np.add.at(counts, (np.searchsorted(starts, np.arange(len(values)), side="right") - 1, classes), 1.0)
    distinct = values[starts]
    below = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
    cuts: list[float] = []
    waiting = [(0, len(distinct))]
    while waiting and len(cuts) < MAX_BINS:
        first, last = waiting.pop()
        cut = _worthwhile(below, first, last)
        if cut is not None:
            cuts.append(roundest(float(distinct[cut - 1]), float(distinct[cut])))
            waiting += [(first, cut), (cut, last)]
    return tuple(sorted(cuts))


def _worthwhile(below: np.ndarray, first: int, last: int) -> int | None:
    """The cut of distinct values ``first`` to ``last`` with the largest gain, where it passes the criterion."""
    if last - first < 2:
        return None
    whole = below[last] - below[first]
    left = below[first + 1 : last] - below[first]
    right = whole - left
    total = whole.sum()
    after = (left.sum(axis=1) * _entropy(left) + right.sum(axis=1) * _entropy(right)) / total
    best = int(np.argmin(after))
    entropy = float(_entropy(whole[None])[0])
    gain = entropy - float(after[best])
    sides = [whole[None], left[best : best + 1], right[best : best + 1]]
    kinds = [int((s > 0).sum()) for s in sides]
    entropies = [float(_entropy(s)[0]) for s in sides]
    delta = math.log2(3.0 ** kinds[0] - 2) - (
        kinds[0] * entropies[0] - kinds[1] * entropies[1] - kinds[2] * entropies[2]
    )
    return first + 1 + best if gain > (math.log2(total - 1) + delta) / total else None


def _entropy(counts: np.ndarray) -> np.ndarray:
    """In bits, of each row of counts."""
    p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.asarray(-np.where(p > 0, p * np.log2(np.where(p > 0, p, 1.0)), 0.0).sum(axis=1))


def roundest(low: float, high: float) -> float:
    """The number with the fewest digits that lies above ``low`` and not above ``high``."""
    top = math.floor(math.log10(max(abs(low), abs(high), 1e-300))) + 1
    for exponent in range(top, top - 17, -1):
        unit = 10.0**exponent
        candidate = float(f"{math.floor(high / unit) * unit:.12g}")
        if low < candidate <= high:
            return candidate
    return high
