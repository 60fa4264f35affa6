"""Whether a fit can be trusted: one table of checks, and two fits side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pgmlang.results import trust_figures as figures
from pgmlang.results.compare import Difference, compare
from pgmlang.results.convergence import Convergence
from pgmlang.results.draws import num_chains_and_draws
from pgmlang.results.fit import Fit
from pgmlang.results.scalars import figures_of, scalar_names

__all__ = ["CHECKS", "Check", "Difference", "Evidence", "Finding", "compare", "diagnose"]


@dataclass(frozen=True)
class Finding:
    """``severity``: ok, warning or problem. ``check``: what was checked; ``figure``: the worst found, ``where`` that
    is; ``threshold``: what it should not pass; ``cure``: what to do, empty where all is well."""

    severity: str
    check: str
    figure: float
    threshold: float
    where: str = ""
    cure: str = ""


class Evidence:
    """A fit and the figures of its draws, worked out once."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self.chains, self.draws = num_chains_and_draws(fit)

    @cached_property
    def by_name(self) -> dict[str, Convergence]:
        return {name: figures_of(self.fit, name) for name in self.fit.draws}

    def worst(self, values: Callable[[Convergence], np.ndarray], highest: bool) -> tuple[float, str] | None:
        """The highest (or lowest) of a figure among all scalars and the scalar's name; NaN left out."""
        best: tuple[float, str, int] | None = None
        for name, figure in self.by_name.items():
            found = values(figure)
            if np.isnan(found).all():
                continue
            at = int(np.nanargmax(found) if highest else np.nanargmin(found))
            if best is None or ((found[at] > best[0]) == highest and found[at] != best[0]):
                best = (float(found[at]), name, at)
        if best is None:
            return None
        names = scalar_names(self.fit, best[1])
        return best[0], next(n for i, n in enumerate(names) if i == best[2])


class Check(NamedTuple):
    """One row: ``measure`` gives the figure and where it is, None where the check does not apply. A figure past
    ``warning`` (above it where ``is_high_bad``, else below) is a warning, past ``problem`` a problem."""

    name: str
    measure: Callable[[Evidence], tuple[float, str] | None]
    is_high_bad: bool
    warning: float
    problem: float
    cure: str


_LONGER = "draw longer chains, or write the model so that its latents hang together less (a non-centred form)"

CHECKS: tuple[Check, ...] = (
    Check("status (share finished)", figures.finished, False, 0.9, 0.1, "let it run on: more iterations or time"),
    Check("draws that are not finite", figures.not_finite, True, 0, 0, "bound the parameters, or tighten priors"),
    Check("R-hat", figures.r_hat, True, 1.01, 1.05, "the chains disagree: " + _LONGER),
    Check("bulk ESS (share of 100 a chain, at most 400)", figures.ess_bulk, False, 1, 0.25, _LONGER),
    Check("tail ESS (share of 100 a chain, at most 400)", figures.ess_tail, False, 1, 0.25, _LONGER),
    Check("MCSE / sd", figures.mcse, True, 0.1, 0.3, _LONGER),
    Check(
        "divergences", figures.divergences, True, 0, 0.01, "raise the target acceptance, or use a non-centred form"
    ),
    Check("acceptance, lowest chain", figures.acceptance, False, 0.1, 0.02, "smaller steps: a longer warmup"),
    Check(
        "acceptance of gradient steps",
        figures.gradient_acceptance,
        False,
        0.6,
        0.3,
        "smaller steps, longer warmup",
    ),
    Check(
        "acceptance of random walk", figures.walk_acceptance, True, 0.7, 0.95, "steps are too small: widen them"
    ),
    Check("energy BFMI", figures.bfmi, False, 0.3, 0.1, "heavy tails: use a non-centred form, or tighten priors"),
    Check("swap rate", figures.swap_rate, False, 0.1, 0.01, "more temperatures, closer to each other"),
    Check("AIS effective sample size", figures.ais_ess, False, 100, 10, "more temperatures, or more particles"),
    Check("error of log Z", figures.log_z_error, True, 0.5, 2, "more temperatures, or more particles"),
    Check("Pareto k-hat of the guide", figures.pareto_k, True, 0.7, 1, "a full-rank guide, or hmc"),
    Check("decrease of log-likelihood", figures.decrease, True, 1e-6, 1e-3, "EM should never fall: report it"),
    Check("rise in the last tenth", figures.still_rising, True, 0.01, 0.05, "not settled: more iterations"),
    Check("label switching", figures.switching, True, 0.9, 2, "order the components: an `ordered` location"),
)
"""Every check of a fit; a new one is a row and its measure."""


def diagnose(fit: Fit) -> tuple[Finding, ...]:
    """Runs every check that applies to the fit; the worst first."""
    evidence = Evidence(fit)
    found = []
    for check in CHECKS:
        measured = check.measure(evidence)
        if measured is None:
            continue
        figure, where = measured
        sign = 1 if check.is_high_bad else -1
        past = [sign * figure > sign * limit for limit in (check.warning, check.problem)]
        severity = "problem" if past[1] else "warning" if past[0] else "ok"
        cure = check.cure if past[0] else ""
        found.append(Finding(severity, check.name, figure, check.warning, where, cure))
    return tuple(sorted(found, key=lambda f: ("problem", "warning", "ok").index(f.severity)))
