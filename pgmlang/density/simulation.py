"""Draws by the emitted program: ancestral ones, those of the written guide; and deterministic values."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values, completed, filled
from pgmlang.density.empty_limits import refuse_empty_draws
from pgmlang.density.numerics import numerics, seeded
from pgmlang.lower.order import ancestral_order, looped_items


def simulate(joint: BoundDensity, generator: Generator, given: Values | None = None, params: Values | None = None,
             nets: Any = None, shape: tuple[int, ...] = (), missing: Values | None = None) -> dict[str, Tensor]:  # fmt: skip
    """Ancestral draws of all random variables; ``given`` ones are kept, of those in ``missing``, which belong to chains that
    look back, the cells where it is not True. See the program's ``simulate``. Raises PgmError PGM0410 where a variable has
    nothing between its limits to draw."""
    cells = {"missing": missing} if missing else {}
    with seeded(generator), numerics(joint.dtype, joint.device), torch.no_grad():
        drawn: dict[str, Tensor] = joint.program.simulate(
            joint.data, joint.layout, {**joint.fixed, **(params or {})}, nets, given, shape, **cells
        )
    refuse_empty_draws(joint.model, drawn, given or {})
    return drawn


def simulate_given_seen(joint: BoundDensity, generator: Generator, given: Values, params: Values | None = None,
                        nets: Any = None, shape: tuple[int, ...] = ()) -> dict[str, Tensor]:  # fmt: skip
    """Ancestral draws given all that the joint observes, of variables that are seen in some cells too: what hangs on these
    sees the values of those cells. ``given``: draws ``[*shape, ...]`` of others, and of cells that are missing."""
    model, masks = joint.model, {**joint.missing, **joint.unseen}
    known = {k: v.expand((*shape, *v.shape)) for k, v in joint.observed.items() if k not in masks} | dict(given)
    parents = {n for c in model.conditionals for n in model.random_parents(c)}
    order = ancestral_order(model, [*model.conditionals, *model.definitions], is_by_row=True)
    targets = [item.target for item in order if item.target in model.conditional_of]
    looped = {item.target for item in looped_items(model, order)}
    for position, name in enumerate(targets):
        if name not in masks or (name not in parents and name not in looped):
            continue
        if name not in known:
            # cells of a chain are drawn in one pass with whatever hangs on them
            together = (
                [n for n in targets if n in looped and n in masks and n not in known] if name in looped else []
            )
            seen = {n: filled(joint.observed[n], masks[n]).expand((*shape, *joint.shapes[n])) for n in together}
            drawn = simulate(joint, generator, known | seen, params, nets, shape, {n: masks[n] for n in together})
            # what lies above was drawn for these cells
            above = (n for n in targets if n in looped) if together else ()
            known |= {n: drawn[n] for n in (*targets[:position], *above, name) if n not in known}
        known[name] = torch.where(masks[name], known[name], joint.observed[name])
    out = {**simulate(joint, generator, known, params, nets, shape), **known}
    for name in (n for n in masks if n in out):
        out[name] = torch.where(masks[name], out[name], joint.observed[name])
    return out


def propose(joint: BoundDensity, generator: Generator, params: Values | None = None, nets: Any = None,
            shape: tuple[int, ...] = ()) -> tuple[dict[str, Tensor], dict[str, Tensor]]:  # fmt: skip
    """Draws of the written guide with their log-densities element by element; gradients flow."""
    with seeded(generator), numerics(joint.dtype, joint.device):
        proposal: tuple[dict[str, Tensor], dict[str, Tensor]] = joint.program.propose(
            joint.observed, joint.data, joint.layout, {**joint.fixed, **(params or {})}, nets, shape
        )
    return proposal


def deterministic_values(
    joint: BoundDensity,
    values: Values,
    params: Values | None = None,
    nets: Any = None,
    names: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """Values ``[..., *shape]`` of the deterministic ``names`` (all when None); what they do not hang on may be left out of
    ``values`` and ``params``."""
    wanted = joint.model.definition_of if names is None else names
    if not wanted:
        return {}
    program = joint.programs.of_definitions(wanted)
    with numerics(joint.dtype, joint.device), torch.no_grad():
        computed = program.deterministic(
            completed(joint.observed, joint.missing, values),
            joint.data,
            joint.layout,
            {**joint.fixed, **(params or {})},
            nets,
        )
    ranked = [(v, len(joint.shapes[k])) for k, v in values.items() if k in joint.shapes]
    sizes = np.broadcast_shapes(*(v.shape[: v.dim() - rank] for v, rank in ranked))
    return {n: torch.as_tensor(computed[n]).expand((*sizes, *joint.shape_of(n))) for n in wanted}
