"""A posterior that is a normal distribution, kept beside its draws: what is linear in it is told by closed forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from pgmlang.display import read_only
from pgmlang.results.arrays import map_arrays, write_arrays

NORMAL = "posterior.safetensors"


@dataclass(frozen=True, eq=False)
class NormalPosterior:
    """All elements of some variables laid end to end (``shapes`` by name, in their order): ``mean [n]``, and ``root [n, m]`` whose product with its own
    transpose is the covariance; zero at what is seen."""

    shapes: Mapping[str, tuple[int, ...]]
    mean: np.ndarray
    root: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", read_only(self.mean))
        object.__setattr__(self, "root", read_only(self.root))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # pickled arrays come back writable

    @cached_property
    def first(self) -> dict[str, int]:
        """Where each variable begins."""
        out, place = {}, 0
        for name, shape in self.shapes.items():
            out[name] = place
            place += int(np.prod(shape, dtype=np.int64))
        return out

    def places(self, name: str) -> np.ndarray:
        """Where the elements of a variable are, of its shape."""
        shape = self.shapes[name]
        return self.first[name] + np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)

    @cached_property
    def sds(self) -> np.ndarray:
        """``[n]``."""
        return np.asarray(np.sqrt(np.square(self.root).sum(1)))

    def quantile(self, chance: float, name: str) -> np.ndarray:
        """Of each element of a variable, of its shape."""
        places = self.places(name)
        return np.asarray(self.mean[places] + NormalDist().inv_cdf(chance) * self.sds[places])

    def taken(self, chosen: Mapping[str, np.ndarray]) -> NormalPosterior:
        """Some of the elements of the variables that are ``chosen`` from: places within each, of its new shape."""
        places = [chosen.get(n, np.arange(self.places(n).size).reshape(s)) for n, s in self.shapes.items()]
        where = np.concatenate([self.first[n] + p.reshape(-1) for n, p in zip(self.shapes, places, strict=True)])
        shapes = {n: p.shape for n, p in zip(self.shapes, places, strict=True)}
        return NormalPosterior(shapes, self.mean[where], self.root[where])


def write_normal(folder: Path, normal: NormalPosterior) -> None:
    """Writes the file of a fit's folder. Raises OSError."""
    write_arrays(folder / NORMAL, {"mean": np.asarray(normal.mean), "root": np.asarray(normal.root)})


def normal_words(normal: NormalPosterior) -> dict[str, Any]:
    """What `fit.json` says of it."""
    return {"normal": {n: list(s) for n, s in normal.shapes.items()}}


def read_normal(folder: Path, about: Mapping[str, Any], draws: Mapping[str, np.ndarray]) -> NormalPosterior | None:
    """That of a saved fit; None where there is none. Raises ValueError where the file is not what `fit.json` says, or has other shapes than the draws."""
    told = about.get("normal")
    if told is None:
        return None
    path = folder / NORMAL
    if path.is_symlink() or not path.is_file():
        raise ValueError(f"there is no `{NORMAL}`")
    shapes = {str(n): tuple(int(k) for k in s) for n, s in dict(told).items()}
    if any(n not in draws or draws[n].shape[2:] != s for n, s in shapes.items()):
        raise ValueError(f"`{NORMAL}` is of other variables than the draws")
    arrays = map_arrays(path)
    mean, root = arrays.get("mean"), arrays.get("root")
    size = sum(int(np.prod(s, dtype=np.int64)) for s in shapes.values())
    if mean is None or root is None or mean.shape != (size,) or root.ndim != 2 or len(root) != size:
        raise ValueError(f"`{NORMAL}` does not hold a normal distribution of {size} numbers")
    if (
        mean.dtype.kind != "f"
        or root.dtype.kind != "f"
        or not (np.isfinite(mean).all() and np.isfinite(root).all())
    ):
        raise ValueError(f"`{NORMAL}` does not hold finite numbers")
    return NormalPosterior(shapes, mean, root)
