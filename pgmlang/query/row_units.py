"""The real latents of new rows, unit by unit: as annealing and quadrature take them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.reductions import sum_per_unit
from pgmlang.density.summing import Marginaliser
from pgmlang.query.annealed import Units
from pgmlang.query.new_rows import NewRows


def units_of_rows(
    rows: NewRows, inner: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str | None
) -> Units:
    """``inner`` and ``sums`` as of `NewRows.inference`; ``plate``: whose elements are the units."""
    known = {n: rows.given[n][:, : rows.num_known[n]] for n in names if n in rows.num_known}
    given = {k: v for k, v in rows.given.items() if k not in names}
    inner, sums = around_latents(inner, sums, names)
    return Units(inner, sums, names, plate, given, known, rows.params, rows.nets, rows.num_draws)


def around_latents(
    joint: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...]
) -> tuple[BoundDensity, Marginaliser | None]:
    """The joint and the sum of the factors that hang on these latents or on what is summed out."""
    restricted = replace(
        joint, program=joint.programs.of_blanket({*names, *(sums.names if sums is not None else ())})
    )
    return restricted, None if sums is None else replace(sums, joint=restricted)


def log_density_apart(
    rows: NewRows, joint: BoundDensity, sums: Marginaliser | None, names: tuple[str, ...], plate: str | None
) -> Tensor:
    """What is seen and hangs on none of these latents nor on what is summed out: its log-density, ``[S, units]``."""
    around = joint.programs.names_around({*names, *(sums.names if sums is not None else ())})
    apart = frozenset(n for n in joint.program.FACTORS if n not in around and not rows.is_known(n))
    if not apart:
        return torch.zeros(1, 1, dtype=joint.dtype)
    with torch.no_grad():
        terms = joint.factors(rows.given, rows.params, rows.nets, only=apart)
    total = sum_per_unit(joint, terms, plate)
    return total if total.dim() > 1 else total.reshape(1, -1)
