"""A fit as an xarray DataTree of ArviZ's groups, for its plots and statistics; and that as a NetCDF file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.results.estimates_group import estimates, labels_of_codes, objective_stats
from pgmlang.results.fit import Fit
from pgmlang.results.pointwise import Pointwise
from pgmlang.results.scalars import axis_labels, filled, is_discrete, value_labels


@dataclass(frozen=True, eq=False)
class Group:
    """Arrays of one group of ArviZ's schema with the names of their ``axes``; behind (chain, draw) unless ``is_data``.
    ``draws``: which draws they are of, where they are some of the fit's; ``labels``: behind the codes of discrete ones;
    ``elements``: labels of axes that are none of the model's."""

    values: Mapping[str, np.ndarray]
    axes: Mapping[str, tuple[str, ...]]
    is_data: bool = False
    draws: np.ndarray | None = None
    labels: Mapping[str, tuple[str, ...]] | None = None
    elements: Mapping[str, tuple[str, ...]] | None = None


ENGINES = {"h5netcdf": ("h5netcdf", "h5py"), "netcdf4": ("netCDF4",)}
"""What writes NetCDF files with groups, and the modules that each needs."""
LabelsOf = Callable[[str, int], tuple[str, ...]]
"""The labels of an axis of a size."""


def need_values(fit: Fit) -> None:
    """Raises PgmError PGM0610 for a fit without draws and estimates."""
    if not fit.draws and not fit.parameters:
        message = f"a fit by `{fit.method}` holds neither draws nor estimates"
        raise PgmError(Diagnostic("PGM0610", message, help="fit with a method that draws from the posterior"))


def inference_data(fit: Fit, added: Mapping[str, Group] | None = None, labels_of: LabelsOf | None = None) -> Any:
    """The DataTree with the groups ``posterior``, ``sample_stats`` and ``log_likelihood`` that the fit holds, and those
    ``added`` (by data: see ``criticism.inference_groups``); elements' labels are coordinates.

    Discrete values stay codes; the attribute ``labels`` of the variable says what they stand for. An axis whose name is taken
    (by a variable, ``chain``, ``draw``, or itself as in a covariance) gets ``_dim`` appended. ``labels_of``: of axes that
    the fit alone does not know. Estimates are one draw of one chain, and ``sample_stats`` what their method climbed. Raises
    PgmError PGM0909 where arviz-base is not installed, PGM0610 for a fit without draws and estimates.
    """
    need_values(fit)
    try:
        import xarray
        from arviz_base import dict_to_dataset
    except ImportError as error:
        message = "draws as ArviZ's data need arviz-base, which is not installed"
        raise PgmError(Diagnostic("PGM0909", message, help='pip install "pgmlang[arviz]"')) from error
    groups = {**_groups_of_fit(fit), **(added or {})}
    known = labels_of or (lambda axis, size: axis_labels(fit, axis, size))
    names = {n for group in groups.values() for n in group.values}
    tree = xarray.DataTree()
    for title, group in groups.items():
        dims: dict[Any, Any] = {}
        coords: dict[str, Any] = {}
        for name, array in group.values.items():
            dims[name] = []
            for axis, size in zip(
                group.axes[name], array.shape[array.ndim - len(group.axes[name]) :], strict=True
            ):
                dim = _free_name(axis, {*names, "chain", "draw", *dims[name]})
                dims[name].append(dim)
                labels = (group.elements or {}).get(axis) or known(axis, size)
                # objects: NumPy's own strings lose NULs at the end of a label
                coords[dim] = np.array(filled(labels, size), dtype=object)
        if group.draws is not None:
            coords["draw"] = group.draws
        leading = [] if group.is_data else ["chain", "draw"]
        dataset = dict_to_dataset(dict(group.values), dims=dims, coords=coords, sample_dims=leading)
        for name, texts in (group.labels or {}).items():
            dataset[name].attrs["labels"] = list(texts)
        tree[title] = xarray.DataTree(dataset)
    tree.attrs.update({"model": fit.model.name, "method": fit.method})
    return tree


def _groups_of_fit(fit: Fit) -> dict[str, Group]:
    if not fit.draws:
        values, axes, elements = estimates(fit)
        posterior = Group(values, axes, labels=labels_of_codes(fit, values), elements=elements)
    else:
        discrete = {n: tuple(value_labels(fit, n)) for n in fit.draws if is_discrete(fit, n)}
        posterior = Group(fit.draws, {n: fit.draw_axes.get(n, ()) for n in fit.draws}, labels=discrete)
    groups = {"posterior": posterior}
    stats = fit.sample_stats or ({} if fit.draws else objective_stats(fit))
    if stats:
        groups["sample_stats"] = Group(stats, dict.fromkeys(stats, ()))
    if fit.pointwise is not None:
        groups["log_likelihood"] = log_likelihood_group(fit, _of_each_row(fit.pointwise), fit.pointwise.plate)
    return groups


def _of_each_row(pointwise: Pointwise) -> np.ndarray:
    """Log-likelihoods ``[chain, draw, element]``, an element that counts as several as often: ArviZ knows no weights. Raises
    PgmError PGM0602 for weights that are no whole numbers."""
    if pointwise.weights is None:
        return np.asarray(pointwise.values)
    counts = np.asarray(pointwise.weights).astype(int)
    if (counts != pointwise.weights).any():
        message = (
            "pointwise log-likelihoods of rows with weights that are no whole numbers: ArviZ knows no weights"
        )
        cure = "keep those of rows that count once: `fit.with_pointwise(data, weights=None)`; `fit.loo()` takes weights"
        raise PgmError(Diagnostic("PGM0602", message, help=cure))
    return np.repeat(np.asarray(pointwise.values), counts, axis=2)


def log_likelihood_group(fit: Fit, values: np.ndarray, plate: str) -> Group:
    """Pointwise log-likelihoods under the name of what is observed, where it is one variable."""
    observed = [str(n) for n in fit.provenance.get("observed", ())]
    name = observed[0] if len(observed) == 1 else "log_likelihood"
    return Group({name: values}, {name: (plate,)})


def _free_name(axis: str, taken: set[str]) -> str:
    while axis in taken:
        axis += "_dim"
    return axis


def write_netcdf(tree: Any, path: Path) -> None:
    """Writes a DataTree with its groups as one NetCDF file. Raises PgmError PGM0909 where no package that does is installed,
    PGM0901 where the file cannot be written."""
    engine = next((e for e, modules in ENGINES.items() if all(map(find_spec, modules))), None)
    if engine is None:
        message = "NetCDF files need h5netcdf with h5py, or netCDF4, and neither is installed"
        raise PgmError(Diagnostic("PGM0909", message, help='pip install "pgmlang[netcdf]"'))
    try:
        tree.to_netcdf(path, engine=engine)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PgmError(
            Diagnostic("PGM0901", f"cannot write `{path}`: {reason}", help="choose another place")
        ) from None
