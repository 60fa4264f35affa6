"""What the curvature where a climb ended speaks against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.kernels.curvature import Curvature

SHOWN = 6
"""Names told in a warning."""


def doubts_of(end: Curvature, names: Sequence[str], label: str) -> Iterator[Diagnostic]:
    """Estimates that have no end, a saddle, and estimates known in combination alone. ``names``: of each number;
    ``label``: of what was climbed."""
    running = list(dict.fromkeys(n for n, r in zip(names, end.is_running.tolist(), strict=True) if r))
    if running:
        shown = ", ".join(f"`{n}`" for n in running[:SHOWN])
        message = f"{shown}: no finite estimate, or one on a bound: the {label} still rises as it goes on"
        cure = "separable classes, a spread that falls to zero, a share of nothing: give it a prior"
        yield Diagnostic("PGM0801", message, help=cure)
    if end.is_saddle and not running:
        message = f"the {label} still rises on both sides of these estimates: they are a saddle of it"
        yield Diagnostic("PGM0801", message, help="start elsewhere: `--restarts 8`, or another `--seed`")
    if end.flat.shape[1]:
        share = np.linalg.norm(end.flat, axis=1)
        loose = list(dict.fromkeys(n for n, s in zip(names, share.tolist(), strict=True) if s > 0.1))
        shown = ", ".join(f"`{n}`" for n in loose[:SHOWN])
        message = f"{shown}: the data do not tell them apart: the {label} is flat along a combination"
        yield Diagnostic("PGM0801", message, help="fix one of them (`--fix`), or give them priors")
