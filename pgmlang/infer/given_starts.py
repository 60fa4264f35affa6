"""Where the user has a run begin (``--start``): at values of another fit, of a file, or given in Python."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.binding.fixed import fixed_values
from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.results.fit import Fit
from pgmlang.results.load import load_fit

Point = Mapping[str, Any]
"""Values by name."""
Start = Fit | Point | Sequence[Point]
"""A fit, one point, or several, one after the other for the chains."""
MOST_BYTES = 1 << 28
"""Of a JSON file of points."""
CURE = 'give a fit (`--start a.fit`) or JSON: `{"mu": 1.5, "effect": [0, 0, 1]}`, or a list of such points'


def read_start(path: Path) -> Start:
    """The start that a path is of: a fit's folder, or a JSON file. Raises PgmError PGM0701, PGM0702, PGM0612 and what `load_fit` raises."""
    if path.is_dir():
        return load_fit(path)
    if not path.is_file():
        raise PgmError(Diagnostic("PGM0701", f"there is no `{path}`", help=CURE))
    if path.stat().st_size > MOST_BYTES:
        raise PgmError(Diagnostic("PGM0612", f"`{path}` is no start of chains", help=CURE))
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise PgmError(Diagnostic("PGM0702", f"`{path}` is not JSON", notes=(str(error),), help=CURE)) from None
    if not isinstance(said, dict) and not (
        isinstance(said, list) and said and all(isinstance(p, dict) for p in said)
    ):
        raise PgmError(Diagnostic("PGM0612", f"`{path}` holds no values by name", help=CURE))
    return said  # type: ignore[no-any-return]


def starting_values(start: Start, binding: Binding) -> dict[str, np.ndarray]:
    """Values ``[point, *shape]`` of params and latent numbers to begin at. Of a fit: where its chains ended (or its estimates), of what
    has the same elements. Raises PgmError PGM0612 for names that are not sought here, other shapes and values outside of the support."""
    points: Sequence[Point]
    if isinstance(start, Fit):
        points = [_known_here(p, start, binding) for p in _points_of_fit(start)]
    elif isinstance(start, Mapping):
        points = [start]
    else:
        points = start
    evaluator = bound_evaluator(binding)
    checked = [fixed_values(evaluator, point, "begins") for point in points]
    names = [n for n in (checked[0] if checked else {}) if all(n in p for p in checked)]
    if not names or any(len(p) != len(names) for p in checked):
        message = "the points of a start are of the same names, one at the least"
        raise PgmError(Diagnostic("PGM0612", message, help=CURE))
    return {n: np.stack([p[n] for p in checked]) for n in names}


def record_of_start(start: Start, values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What a fit keeps of where it was told to begin: the names, how many points, and a SHA-256 of their values as `starting_values` has them;
    of another fit its method and seed."""
    digest = hashlib.sha256()
    for name, points in sorted(values.items()):
        digest.update(f"{name} {points.shape}".encode() + np.ascontiguousarray(points, dtype="<f8").tobytes())
    source = {"method": start.method, "seed": start.provenance.get("seed")} if isinstance(start, Fit) else None
    count = max((len(v) for v in values.values()), default=0)
    return {"names": sorted(values), "points": count, "sha256": digest.hexdigest(), "fit": source}


def _points_of_fit(fit: Fit) -> list[dict[str, np.ndarray]]:
    chains = max((len(v) for v in fit.draws.values()), default=1)
    ends = [{n: np.asarray(v[i, -1]) for n, v in fit.draws.items()} for i in range(chains)]
    return [{**fit.parameters, **end} for end in ends]


def _known_here(point: Mapping[str, np.ndarray], fit: Fit, binding: Binding) -> dict[str, np.ndarray]:
    """What of a fit's point has a value here: numbers that are sought, over the same elements."""
    model = binding.model
    out = {}
    for name, value in point.items():
        variable = model.by_name.get(name)
        if (
            variable is None
            or name in binding.values
            or variable.type.is_discrete
            or variable.role not in ("param", "random")
        ):
            continue
        axes = model.array_axes(variable)
        is_same = all(fit.labels.get(a) == binding.labels.get(a) for a in axes)
        if is_same and np.shape(value) == binding.layout.shape(axes):
            out[name] = np.asarray(value, dtype=float)
    return out
