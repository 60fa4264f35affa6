"""The log-values of factors by element of a plate at many draws, by compiled loops where these pay: in one pass over draws and rows,
with nothing in memory beside the result."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.native import arrays_of, marks_of, refuse_other_machines
from pgmlang.density.reductions import determines
from pgmlang.native.formulas import NotScalar
from pgmlang.native.program import NativeProgram, unit_program
from pgmlang.native.supports import AnySupport, LabelCodes, Support
from pgmlang.native.unit_values import NativeUnitValues

ENOUGH_TERMS = 20_000_000
"""Log-values of elements of factors that compiling loops is worth: torch takes a second, and as many numbers of memory several times."""


def unit_values(
    joint: BoundDensity, given: Values, params: Values, wanted: Collection[str], plate: str | None, draws: int,
    enough: int = ENOUGH_TERMS,
) -> Tensor | None:  # fmt: skip
    """Sums ``[draws, units]`` of the factors ``wanted`` for each element of a plate (None: one of all), as `sum_per_unit`, at values
    ``[draws, *shape]`` of variables. None where loops cannot say them, or these would not pay."""
    elements = sum(math.prod(joint.layout.size(a) for a in joint.factor_axes[n]) for n in wanted)
    if draws * elements < enough:
        return None
    try:
        loaded = loaded_unit_values(joint, given, params, wanted, plate)
    except NotScalar:
        return None
    values = [np.asarray(given[n], dtype=float).reshape(len(given[n]), -1) for n in loaded.program.free]
    x = np.concatenate([np.zeros((draws, 0)), *(np.broadcast_to(v, (draws, v.shape[1])) for v in values)], 1)
    out = np.zeros((draws, joint.layout.size(plate) if plate is not None else 1))
    loaded.add_to(out, x)
    return torch.from_numpy(out)


def loaded_unit_values(
    joint: BoundDensity, given: Values, params: Values, wanted: Collection[str], plate: str | None
) -> NativeUnitValues:
    """The loops over the rows. Raises NotScalar for what has none."""
    refuse_other_machines(joint)
    if joint.missing.keys() - given.keys():
        raise NotScalar("missing cells without a value")
    if joint.partition is not None:
        raise NotScalar("the normalising constant of fields")
    held = replace(joint, fixed={**joint.fixed, **params})
    supports = {n: _as_it_is(joint, n) for n in given if n in joint.model.by_name}
    program = _program(joint, supports, frozenset(n for n in wanted if _belongs(joint, n, plate)), plate)
    return NativeUnitValues(program, *arrays_of(held, program), torch.get_num_threads())


def _program(
    joint: BoundDensity, supports: Mapping[str, AnySupport], wanted: frozenset[str], plate: str | None
) -> NativeProgram:
    marks = marks_of(joint, tuple(supports))
    # an element's own weight is how often it counts, no part of what it says
    marks = replace(
        marks, weighted=marks.weighted - {plate}, scaled=marks.scaled if plate is None else frozenset()
    )
    key = ("units", tuple(supports.items()), marks, wanted, plate)
    if key not in joint.programs.of_loops:
        joint.programs.of_loops[key] = unit_program(joint.model, supports, wanted, plate, marks)
    return joint.programs.of_loops[key]


def _belongs(joint: BoundDensity, name: str, plate: str | None) -> bool:
    return plate is None or determines(joint, joint.factor_axes[name], plate)


def _as_it_is(joint: BoundDensity, name: str) -> Support:
    """A variable's values in the vector that the program reads, as they are."""
    return LabelCodes() if joint.model.by_name[name].type.is_discrete else Support()
