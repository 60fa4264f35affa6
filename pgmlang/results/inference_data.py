"""A fit with draws as an xarray DataTree of ArviZ's groups, for its plots and statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.results.fit import Fit
from pgmlang.results.scalars import axis_labels, is_discrete, value_labels


def inference_data(fit: Fit) -> Any:
    """The DataTree with the groups ``posterior`` and ``sample_stats``; elements' labels are coordinates.

    Draws of discrete variables stay codes; the attribute ``labels`` of the variable says what they stand for. An axis
    whose name is taken (by a variable, ``chain``, ``draw``, or itself as in a covariance) gets ``_dim`` appended.
    Raises PgmError PGM0909 where arviz-base is not installed, PGM0610 for a fit without draws.
    """
    if not fit.draws:
        message = f"a fit by `{fit.method}` holds no draws"
        raise PgmError(Diagnostic("PGM0610", message, help="fit with a method that draws from the posterior"))
    try:
        from arviz_base import from_dict
    except ImportError as error:
        message = "draws as ArviZ's data need arviz-base, which is not installed"
        raise PgmError(Diagnostic("PGM0909", message, help='pip install "pgmlang[arviz]"')) from error
    dims: dict[str, list[str]] = {}
    coords: dict[str, np.ndarray] = {}
    for name, array in fit.draws.items():
        dims[name] = []
        for axis, size in zip(fit.draw_axes.get(name, ()), array.shape[2:], strict=True):
            dim = _free_name(axis, {*fit.draws, "chain", "draw", *dims[name]})
            dims[name].append(dim)
            # objects: NumPy's own strings lose NULs at the end of a label
            coords[dim] = np.array(axis_labels(fit, axis, size), dtype=object)
    groups: dict[str, Any] = {"posterior": dict(fit.draws)}
    if fit.sample_stats:
        groups["sample_stats"] = dict(fit.sample_stats)
    tree = from_dict(
        groups, dims=dims, coords=coords, attrs={"/": {"model": fit.model.name, "method": fit.method}}
    )
    for name in fit.draws:
        if is_discrete(fit, name):
            tree["posterior"][name].attrs["labels"] = list(value_labels(fit, name))
    return tree


def _free_name(axis: str, taken: set[str]) -> str:
    while axis in taken:
        axis += "_dim"
    return axis
