"""Fresh rows of a fit of fields: chains of their own, and the directed variables drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.free_numbers import free_numbers
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.density.simulation import simulate
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.fields.fields import fields_of
from pgmlang.fields.reasons import block_reasons
from pgmlang.model.row_plates import unit_plate
from pgmlang.query.field_rows import SWEEPS, FieldRows, density_of_potentials
from pgmlang.query.rows import Columns, drawn_columns

BETWEEN, ROUNDS = 10, 20
"""Sweeps between draws of one chain, and draws of a chain where many are wanted."""


def sample_fields(rows: FieldRows, count: int, shared: Mapping[str, Tensor]) -> Columns:
    """Fresh rows: chains of their own, and the directed variables above drawn from them. ``shared``: values
    ``[count, *shape]`` of what is outside of the rows, from the fit."""
    _need_no_parents(rows)
    one = rows.single_row()
    columns: dict[str, list[str] | np.ndarray] = {}
    for name, value in drawn_of_fields(rows, count, shared=shared).items():
        if name in shared:
            continue
        columns.update(drawn_columns(one, name, value, [rows.plate] if rows.plate else ()))
    return Columns(columns)


def drawn_of_fields(
    rows: FieldRows, count: int, rounds: int = 1, shared: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Values of one fresh row, ``[count * rounds, *shape]``: of ``count`` chains, some sweeps between the rounds."""
    one = rows.single_row()
    return _drawn(rows, one, _fields_alone(one), count, rounds, shared)


def drawn_of_all_rows(
    rows: FieldRows, count: int, shared: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Values of all rows that are bound, ``[count, *shape]``, each of a chain of its own, whatever they say of fields; with
    their inputs and what they hang together by. Raises PgmError PGM0602 as `sample_fields`."""
    _need_no_parents(rows)
    return _drawn(rows, rows.joint, density_of_potentials(rows.joint), count, 1, shared)


def _drawn(
    rows: FieldRows,
    one: BoundDensity,
    bare: BoundDensity,
    count: int,
    rounds: int,
    shared: Mapping[str, Tensor] | None,
) -> dict[str, Tensor]:
    """``bare``: the potentials of ``one`` alone."""
    names = (*rows.observed, *rows.hidden)
    model = rows.joint.model
    if all(v.type.kind == "real" for v in model.of_role("field")):
        values = _chains_of_numbers(rows, bare, names, count)
    else:
        _need_blocks_of_all(rows, names)
        fields = fields_of(bare, names)
        values = fields.begin(rows.generator, (count,))
        total = SWEEPS + BETWEEN * (rounds - 1)
        settled = fields.with_frozen_params(rows.params, rows.nets, sweeps=count * total)
        sweeps = []
        for sweep in range(total):
            values = settled.sweep(rows.generator, values, rows.params, rows.nets)
            if sweep + 1 >= SWEEPS and (sweep + 1 - SWEEPS) % BETWEEN == 0:
                sweeps.append(values)
        values = {n: torch.cat([v[n] for v in sweeps]) for n in values}
    count = len(next(iter(values.values())))
    given = {n: v.to(torch.int64) if model.by_name[n].type.is_discrete else v for n, v in values.items()}
    given |= shared or {}
    return {**given, **simulate(one, rows.generator, given, rows.params, rows.nets, (count,))}


def _need_no_parents(rows: FieldRows) -> None:
    """Raises PgmError PGM0602 for a directed variable that potentials mention: fields are drawn before all others."""
    for potential in rows.joint.model.potentials:
        for name in rows.joint.model.random_parents(potential):
            if rows.joint.model.by_name[name].role == "random":
                message = f"the fields hang on `{name}`, which fresh rows have no value of"
                raise PgmError(Diagnostic("PGM0602", message, potential.span,
                                          help=f"`predict` on a table with the column `{name}`"))  # fmt: skip


def _need_blocks_of_all(rows: FieldRows, names: tuple[str, ...]) -> None:
    alone = _fields_alone(rows.joint).model
    reasons = [d for n in names for d in block_reasons(alone, n)]
    if reasons:
        raise PgmError(reasons)


def _chains_of_numbers(
    rows: FieldRows, alone: BoundDensity, names: tuple[str, ...], count: int
) -> dict[str, Tensor]:
    """Chains of Hamiltonian Monte Carlo over real fields."""
    from pgmlang.density.target import Target
    from pgmlang.kernels import sample

    bare = replace(alone, observed={}, scale={}, weights={})
    target = Target(bare, free_numbers(bare, names), params=rows.params, nets=rows.nets)
    x = torch.randn(count, target.dimension, dtype=bare.dtype, generator=rows.generator)
    done = sample(target, x, generator=rows.generator, warmup=300, draws=1)
    return target.values(done.draws[:, -1])[0]


def _fields_alone(joint: BoundDensity) -> BoundDensity:
    """The joint of the potentials alone: directed variables are drawn from the fields afterwards."""
    bare = density_of_potentials(joint)
    plate = unit_plate(joint.model)
    size = joint.layout.sizes.get(plate, 1) if plate else 1
    return bare if plate is None else restricted_to_rows(bare, plate, np.zeros(size, dtype=np.int64))
