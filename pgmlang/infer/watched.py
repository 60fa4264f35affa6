"""Figures of a sampler under way, for those who watch it: worked out when asked for, of few numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.results.convergence import ranked_r_hat

if TYPE_CHECKING:
    from torch import Tensor

MOST = 200
"""Numbers a draw that R-hat is taken of: the first ones."""

Figures = Callable[[], Mapping[str, float]]


def figures_of_draws(draws: Sequence[Tensor], stats: Sequence[Mapping[str, Any]] = ()) -> Figures:
    """The largest R-hat of draws ``[chain, draw, *axes]`` in blocks, and how many of them diverged, where the sampler says
    so (``divergent``)."""

    def figures() -> dict[str, float]:
        out: dict[str, float] = {}
        if draws:
            r_hat = ranked_r_hat(np.concatenate([_flat(block) for block in draws], 1))
            if np.isfinite(r_hat).any():
                out["R-hat"] = float(np.nanmax(r_hat))
        counts = [int(block["divergent"].sum()) for block in stats if "divergent" in block]
        return out | ({"divergences": sum(counts)} if counts else {})

    return figures


def figures_of_named_draws(draws: Sequence[Mapping[str, Tensor]]) -> Figures:
    """As `figures_of_draws`, of real variables by name; labels have no R-hat of their own here."""
    names = [n for n, block in (draws[0].items() if draws else ()) if block.is_floating_point()]

    def figures() -> dict[str, float]:
        if not names:
            return {}
        blocks = [np.concatenate([_flat(block[n]) for n in names], 2)[:, :, :MOST] for block in draws]
        r_hat = ranked_r_hat(np.concatenate(blocks, 1))
        return {"R-hat": float(np.nanmax(r_hat))} if np.isfinite(r_hat).any() else {}

    return figures


def _flat(block: Tensor) -> np.ndarray:
    """``[chain, draw, number]``, of the first ``MOST`` numbers."""
    chains, count, *axes = block.shape
    return block.reshape(chains, count, math.prod(axes))[..., :MOST].detach().cpu().numpy()
