"""What draws of named variables leave behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Outcome
from pgmlang.infer.draws_outcome import draw_warnings
from pgmlang.infer.run_length import last_half

KEPT = 20_000_000
"""Most numbers of a variable's draws that are kept; of larger ones the fit says so."""


def joined_draws(blocks: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Draws ``[chain, draw, *axes]`` by name, of blocks."""
    return {name: np.concatenate([b[name] for b in blocks], 1) for name in (blocks[0] if blocks else ())}


def outcome_of_draws(
    blocks: Sequence[Mapping[str, np.ndarray]], stats: Sequence[Mapping[str, np.ndarray]], names: Sequence[str], binding: Binding, *,
    is_finished: bool, goes_on: bool, notes: Mapping[str, Any],
) -> Outcome:  # fmt: skip
    """The outcome of draws ``[chain, draw, *axes]`` of some of the ``names``, in blocks, with their statistics ``[chain, draw]``;
    ``goes_on``: of a run that took more than it was asked for at first.

    Raises PgmError PGM0804 without any draw.
    """
    if not blocks:
        message = "stopped within the warm-up: there are no draws yet"
        raise PgmError(Diagnostic("PGM0804", message, help="give it more time, or a shorter `--warmup`"))
    draws = {
        name: values.astype(np.int64) if binding.model.by_name[name].type.is_discrete else values
        for name, values in joined_draws(blocks).items()
    }
    first = last_half(draws) if is_finished and goes_on else 0
    draws = {name: values[:, first:] for name, values in draws.items()}
    joined = {k: np.concatenate([s[k] for s in stats], 1)[:, first:] for k in stats[0]}
    warnings = draw_warnings(draws, joined) if is_finished else ()
    said = dict(notes)
    if len(draws) < len(names):
        said["not_kept"] = [n for n in names if n not in draws]
    converged = not any(w.code == "PGM0801" for w in warnings)
    axes = {n: binding.model.array_axes(binding.model.by_name[n]) for n in draws}
    plates = {a for some in axes.values() for a in some}
    sizes = {p: n for p, n in binding.sizes.items() if p in plates}
    return Outcome({}, (), converged, warnings, said, draws, axes, joined, sizes)
