"""Pointwise log-likelihoods: of each independent element of the data at each draw of the posterior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.display import read_only
from pgmlang.results.arrays import map_arrays, write_arrays

POINTWISE = "log_likelihood.safetensors"


@dataclass(frozen=True, eq=False)
class Pointwise:
    """``values``: ln p(element | draw), shape (chain, draw, elements of ``plate``), in the order of the bound rows.
    ``given``: latents of rows and groups that are held at their draws (the likelihood is conditional on them); all other
    latents are summed out. ``weights``: how many elements each stands for, shape (elements,); None: one."""

    values: np.ndarray
    plate: str
    given: tuple[str, ...] = ()
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", read_only(self.values))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # pickled arrays come back writable

    def says(self) -> str:
        """What the likelihood is of, in words."""
        names = ", ".join(f"`{n}`" for n in self.given)
        return f"of each {self.plate}" + (f", given the draws of its {names}" if names else "")


def write_pointwise(folder: Path, pointwise: Pointwise) -> None:
    """Writes the file of a fit's folder. Raises OSError."""
    arrays = {"log_likelihood": pointwise.values}
    if pointwise.weights is not None:
        arrays["weights"] = np.asarray(pointwise.weights, dtype=float)
    write_arrays(folder / POINTWISE, arrays)


def pointwise_words(pointwise: Pointwise) -> dict[str, Any]:
    """What `fit.json` says of it."""
    return {"pointwise": {"plate": pointwise.plate, "given": list(pointwise.given)}}


def read_pointwise(folder: Path, about: Mapping[str, Any], draws: tuple[int, int]) -> Pointwise | None:
    """That of a saved fit, as a view of its file; None where it was not kept. Raises ValueError where the file is not what
    `fit.json` says, or has another number of chains and ``draws``."""
    told = about.get("pointwise")
    if told is None:
        return None
    path = folder / POINTWISE
    if path.is_symlink() or not path.is_file():
        raise ValueError(f"there is no `{POINTWISE}`")
    arrays = map_arrays(path)
    values, weights = arrays.get("log_likelihood"), arrays.get("weights")
    if values is None or values.ndim != 3 or values.shape[:2] != draws or values.dtype.kind != "f":
        raise ValueError(f"`{POINTWISE}` does not hold a number for each draw")
    if weights is not None and (weights.shape != values.shape[2:] or not (weights >= 0).all()):
        raise ValueError(f"`{POINTWISE}` does not hold a weight for each element")
    return Pointwise(values, str(told["plate"]), tuple(map(str, told["given"])), weights)
