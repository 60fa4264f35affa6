"""What the curvature where a climb ended speaks against."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.kernels.curvature import Curvature
from pgmlang.model import Model

SHOWN = 6
"""Names told in a warning."""


CURVATURE_UNKNOWN = Diagnostic(
    "PGM0801", "the time limit came before the curvature was known: other values may do as well as these",
    help="a longer `--max-time`",
)  # fmt: skip
"""What a fit says that had no time to look at its end."""


def no_standard_errors(reason: str, end: Curvature | None) -> dict[str, str]:
    """The note of a fit that says why its estimates have no standard errors; empty where they have."""
    if not reason and end is None:
        reason = "the derivatives at the estimates are not finite, or the time limit came first"
    if not reason and end is not None and not end.is_minimum:
        reason = "the estimates are no proper maximum"
        if end.is_on_edge.any() and end.is_minimum_off_edges:
            reason = "estimates on a bound that the data set have none"
    return {"no_standard_errors": reason} if reason else {}


def running_doubt(names: Sequence[str], label: str) -> Diagnostic:
    """What is said of estimates that have no end."""
    message = f"{_listed(names)}: no finite estimate, or one on a bound: the {label} still rises as it goes on"
    cure = "separable classes, a spread that falls to zero, a share of nothing: give it a prior"
    return Diagnostic("PGM0801", message, help=cure)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{n}`" for n in names[:SHOWN])


def doubts_of(
    end: Curvature, names: Sequence[str], label: str, without_data: Collection[str] = ()
) -> Iterator[Diagnostic]:
    """Estimates on a bound, those that have no end, a saddle, and estimates known in combination alone. ``names``: of each number;
    ``label``: of what was climbed; ``without_data``: names that nothing observed hangs on, which every method's fit
    tells."""
    on_edge = list(dict.fromkeys(names[i] for i in np.flatnonzero(end.is_on_edge).tolist()))
    if on_edge:
        message = f"{_listed(on_edge)}: on a bound that the data set: a hair further the {label} is minus infinity"
        cure = "its estimate is biased and has no standard error: give it a prior and draw, `--method hmc`"
        yield Diagnostic("PGM0801", message, help=cure)
    running = list(dict.fromkeys(n for n, r in zip(names, end.is_running.tolist(), strict=True) if r))
    if running:
        yield running_doubt(running, label)
    if end.is_saddle and not running:
        message = f"the {label} still rises on both sides of these estimates: they are a saddle of it"
        yield Diagnostic("PGM0801", message, help="start elsewhere: `--restarts 8`, or another `--seed`")
    if end.flat.shape[1]:
        share = np.where(end.is_running, 0.0, end.flat_shares)
        loose = list(dict.fromkeys(n for n, s in zip(names, share.tolist(), strict=True) if s > 0.1))
        if set(loose) <= set(without_data):
            return  # or none: what runs away has been told
        message = f"{_listed(loose)}: the data do not tell them apart: the {label} is flat along a combination"
        yield Diagnostic("PGM0801", message, help="fix one of them (`--fix`), or give them priors")


def reason_against_directions(model: Model, names: Collection[str]) -> str:
    """Why the curvature by free numbers says nothing where directions are among them; empty where none is."""
    if any(n in model.by_name and model.by_name[n].type.kind == "unitvector" for n in names):
        return "the length of the free numbers behind a direction has no say, so that the log-density is flat along it"
    return ""
