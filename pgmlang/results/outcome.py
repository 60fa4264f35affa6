"""What a method leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.results.normal_posterior import NormalPosterior


class Outcome(NamedTuple):
    """What a method leaves behind. ``trace``: its objective over the iterations; ``log_likelihood``: ln p(data) in total
    at the ``parameters``, where it is known. ``draws``, ``draw_axes`` and ``sample_stats`` as in ``results.fit.Fit``;
    ``sizes`` of plates that the method wrote out (rows that stand for several). ``deterministic``: values of names that
    hang on no draw, at the estimates (see ``infer.deterministic``). ``standard_errors``: of some of the ``parameters``, of
    their shapes; NaN where one is not known. ``normal``: the posterior that draws are of, where it is a normal distribution."""

    parameters: dict[str, np.ndarray]
    trace: tuple[float, ...]
    is_converged: bool
    warnings: tuple[Diagnostic, ...] = ()
    notes: Mapping[str, Any] = {}
    draws: Mapping[str, np.ndarray] = {}
    draw_axes: Mapping[str, tuple[str, ...]] = {}
    sample_stats: Mapping[str, np.ndarray] = {}
    sizes: Mapping[str, int] = {}
    log_likelihood: float | None = None
    deterministic: Mapping[str, np.ndarray] = {}
    standard_errors: Mapping[str, np.ndarray] = {}
    normal: NormalPosterior | None = None
