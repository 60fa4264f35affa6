"""The draws of a fit: what must hold of them, and their place in the folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.results.arrays import map_arrays
from pgmlang.results.fit import Fit

DRAWS = "draws.safetensors"
SAMPLE_STATS = "sample_stats.safetensors"


def num_chains_and_draws(fit: Fit) -> tuple[int, int]:
    """(chains, draws of each); (0, 0) for a fit without draws and statistics."""
    for array in (*fit.draws.values(), *fit.sample_stats.values()):
        return int(array.shape[0]), int(array.shape[1])
    return 0, 0


def stored(array: np.ndarray) -> np.ndarray:
    """The array as one of the types that a fit's files hold; no copy where it is one."""
    array = np.asarray(array)
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and array.dtype.itemsize in (4, 8)):
        return array
    return array.astype(np.int64 if array.dtype.kind in "iu" else np.float64, copy=False)


def check_draws(fit: Fit) -> None:
    """Raises ValueError where draws or statistics do not have the shapes that `Fit` promises.

    The sizes of axes that the model knows are the model's; other axes agree among the draws. Values are not read.
    """
    chains, draws = num_chains_and_draws(fit)
    if (fit.draws or fit.sample_stats) and chains * draws < 1:
        raise ValueError("there are draws of no chain")
    sizes: dict[str, int] = {}
    for name, array in fit.draws.items():
        axes = fit.draw_axes.get(name, ())
        if array.dtype.kind not in "fi":
            raise ValueError(f"the draws of `{name}` hold {array.dtype}, not numbers")
        if array.shape[:2] != (chains, draws):
            raise ValueError(f"the draws of `{name}` have shape {array.shape}, others ({chains}, {draws}, ...)")
        if len(axes) != array.ndim - 2:
            raise ValueError(f"the draws of `{name}` have {array.ndim - 2} axes, and {len(axes)} names for them")
        for axis, size in zip(axes, array.shape[2:], strict=True):
            wanted = sizes.setdefault(axis, _known_size(fit, axis, size))
            if size != wanted:
                raise ValueError(f"the draws of `{name}` have {size} elements of `{axis}`, there are {wanted}")
        variable = fit.model.by_name.get(name)
        if variable is not None and variable.type.is_discrete and array.dtype.kind != "i":
            raise ValueError(f"the draws of `{name}` are not codes of labels")
        if variable is not None and variable.type.is_discrete and array.size:
            known = fit.model.labels_of(variable.type)
            top = len(known) if known is not None else _known_size(fit, variable.type.axis or "", 1 << 62)
            if int(array.min()) < 0 or int(array.max()) >= top:
                raise ValueError(f"a draw of `{name}` is no code of its labels")
    if set(fit.draw_axes) - set(fit.draws):
        raise ValueError("axes are named of draws that are not there")
    for name, array in fit.sample_stats.items():
        if array.shape != (chains, draws) or array.dtype.kind not in "fib":
            raise ValueError(f"the statistic `{name}` has shape {array.shape}, not ({chains}, {draws})")


def _known_size(fit: Fit, axis: str, otherwise: int) -> int:
    """Number of elements of an axis of the model, ``otherwise`` for an axis of the sampler's own."""
    if axis not in fit.model.plate_by_name and axis not in fit.model.dim_by_name:
        return otherwise
    return fit.layout.sizes.get(axis, otherwise)


def described(fit: Fit) -> dict[str, Any]:
    """What `fit.json` says of the draws; nothing for a fit without any."""
    if not fit.draws and not fit.sample_stats:
        return {}
    return {
        "draws": {
            k: {"shape": list(v.shape), "axes": list(fit.draw_axes.get(k, ()))} for k, v in fit.draws.items()
        },
        "sample_stats": sorted(fit.sample_stats),
    }


def read_draws(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """``draws``, ``draw_axes`` and ``sample_stats`` of a saved fit, as views of its files.

    Raises ValueError where the files are not what `fit.json` says of them.
    """
    told = dict(about.get("draws", {}))
    draws = _read(folder / DRAWS, list(told))
    for name, array in draws.items():
        if list(told[name]["shape"]) != list(array.shape):
            raise ValueError(f"the draws of `{name}` have shape {array.shape}, not {told[name]['shape']}")
    return {
        "draws": draws,
        "draw_axes": {k: tuple(map(str, told[k]["axes"])) for k in draws},
        "sample_stats": _read(folder / SAMPLE_STATS, list(about.get("sample_stats", ()))),
    }


def _read(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """The arrays of a file in the order of ``names``, which are all of them."""
    if not names:
        return {}
    if path.is_symlink():
        raise ValueError(f"`{path.name}` is a link, and a fit reads nothing outside of its folder")
    if not path.is_file():
        raise ValueError(f"there is no `{path.name}`")
    arrays = map_arrays(path)
    if set(arrays) != set(names):
        raise ValueError(f"`{path.name}` does not hold what `fit.json` says")
    return {name: arrays[name] for name in names}
