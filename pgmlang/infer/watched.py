"""Figures of a sampler under way, for those who watch it: worked out when asked for, of the numbers that look worst."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.results.convergence import plain_r_hat, ranked_r_hat

if TYPE_CHECKING:
    from torch import Tensor

MOST = 200
"""Numbers a draw that R-hat is taken of: those whose R-hat without ranks is largest."""
SCREENED = 2**22
"""Values that this is told by: of more, every second, third ... draw."""

Figures = Callable[[], Mapping[str, float]]


def figures_of_draws(draws: Sequence[Tensor], stats: Sequence[Mapping[str, Any]] = ()) -> Figures:
    """The largest R-hat of draws ``[chain, draw, *axes]`` in blocks, and how many of them diverged, where the sampler says
    so (``divergent``)."""

    def figures() -> dict[str, float]:
        counts = [int(block["divergent"].sum()) for block in stats if "divergent" in block]
        return worst_r_hat([_flat(block) for block in draws]) | ({"divergences": sum(counts)} if counts else {})

    return figures


def figures_of_named_draws(draws: Sequence[Mapping[str, Tensor]]) -> Figures:
    """As `figures_of_draws`, of real variables by name; labels have no R-hat of their own here."""
    names = [n for n, block in (draws[0].items() if draws else ()) if block.is_floating_point()]

    def figures() -> dict[str, float]:
        return (
            worst_r_hat([np.concatenate([_flat(block[n]) for n in names], 2) for block in draws]) if names else {}
        )

    return figures


def worst_r_hat(blocks: Sequence[np.ndarray]) -> dict[str, float]:
    """The largest R-hat of the numbers of draws ``[chain, draw, number]`` in blocks, under its name; nothing while there are
    too few."""
    if not blocks:
        return {}
    size = blocks[0].shape[2]
    if size > MOST:
        every = 1 + sum(block.size for block in blocks) // SCREENED
        doubt = np.nan_to_num(plain_r_hat(np.concatenate([block[:, ::every] for block in blocks], 1)), nan=0.0)
        doubtful = np.argpartition(doubt, size - MOST)[size - MOST :]
        blocks = [block[:, :, doubtful] for block in blocks]
    r_hat = ranked_r_hat(np.concatenate(blocks, 1))
    return {"R-hat": float(np.nanmax(r_hat))} if np.isfinite(r_hat).any() else {}


def _flat(block: Tensor) -> np.ndarray:
    """``[chain, draw, number]``."""
    chains, count, *axes = block.shape
    return block.reshape(chains, count, math.prod(axes)).detach().cpu().numpy()
