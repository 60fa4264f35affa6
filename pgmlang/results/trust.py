"""Whether a fit can be trusted: one table of checks, and two fits side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pgmlang import plugins
from pgmlang.display import DisplayColumn, DisplayTable, TableTuple, as_frame, column
from pgmlang.results import trust_figures as figures
from pgmlang.results.compare import Difference, compare
from pgmlang.results.effective_draws import FAR_TOO_FEW, WEIGHED
from pgmlang.results.fit import Fit
from pgmlang.results.fit_figures import FitFigures
from pgmlang.results.guide_quality import POOR_ROWS
from pgmlang.results.precision import fixed
from pgmlang.results.tails import HEAVY

__all__ = ["CHECKS", "Check", "Difference", "Finding", "Findings", "compare", "diagnose"]


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


class Findings(TableTuple[Finding]):
    """The checks of a fit, the worst first; prints those that did not pass, with their cures."""

    __slots__ = ()

    @property
    def bad(self) -> Findings:
        """Those that did not pass."""
        return Findings(f for f in self if f.severity != "ok")

    @property
    def every(self) -> DisplayTable:
        """All of them, the passed ones too."""
        cures = [f"{f.check}: {f.cure}" for f in self if f.cure]
        figures = [fixed(f.figure, None) for f in self]
        return DisplayTable((
            column("severity", [f.severity for f in self], is_head=True),
            column("check", [f.check for f in self], is_head=True),
            DisplayColumn("figure", tuple(figures), tuple(f.figure for f in self), is_number=True),
            column("limit", [f.threshold for f in self], lambda v: f"{v:g}"),
            column("where", [f.where for f in self]),
        ), notes=(*cures, self._outcome))  # fmt: skip

    @property
    def display(self) -> DisplayTable:
        if not self.bad:
            return DisplayTable((), self._outcome)
        table = self.bad.every
        return replace(table, notes=(*table.notes[:-1], self._outcome))

    @property
    def _outcome(self) -> str:
        """``10 checks, all passed``."""
        return f"{counted(self)}, {f'{len(self.bad):,} not passed' if self.bad else 'all passed'}"

    @property
    def frame(self) -> Any:
        return as_frame({name: [getattr(f, name) for f in self] for name in Finding.__dataclass_fields__})


def counted(findings: Findings) -> str:
    return f"{len(findings)} check{'' if len(findings) == 1 else 's'}"


class Check(NamedTuple):
    """One row: ``measure`` gives the figure and where it is, None where the check does not apply. A figure past
    ``warning`` (above it where ``is_high_bad``, else below) is a warning, past ``problem`` a problem. ``cure``: in words, or
    what gives them by the cause. ``decides``: whether a fit with this problem is not called converged; what does not has been
    looked at by the method itself."""

    name: str
    measure: Callable[[FitFigures], tuple[float, str] | None]
    is_high_bad: bool
    warning: float
    problem: float
    cure: str | Callable[[FitFigures], str]
    decides: bool = False


_LONGER = "draw longer chains, or write the model so that its latents hang together less (a non-centred form)"

CHECKS: tuple[Check, ...] = (
    Check("status (share finished)", figures.finished, False, 0.9, 0.1, figures.cure_of_status),
    Check("draws that are not finite", figures.not_finite, True, 0, 0, "bound the parameters, or tighten priors"),
    Check("R-hat", figures.r_hat, True, 1.01, 1.05, "the chains disagree: " + _LONGER),
    Check("bulk ESS (share of 100 a chain, at most 400)", figures.ess_bulk, False, 1, FAR_TOO_FEW, _LONGER),
    Check("tail ESS (share of 100 a chain, at most 400)", figures.ess_tail, False, 1, FAR_TOO_FEW, _LONGER),
    Check("MCSE / sd", figures.mcse, True, 0.1, 0.3, _LONGER),
    Check(
        "tails of draws (Pareto shape)",
        figures.heavy_tail,
        True,
        HEAVY,
        1,
        "its sd may hang on few draws far out: go by the quantiles, draw more, or use a prior of lighter tails",
    ),
    Check(
        "divergences", figures.divergences, True, 0, 0.01, "raise the target acceptance, or use a non-centred form"
    ),
    Check(
        "acceptance, lowest chain", figures.acceptance, False, 0.1, 0.02, "smaller steps: a longer warmup", True
    ),
    Check(
        "acceptance of gradient steps",
        figures.gradient_acceptance,
        False,
        0.6,
        0.3,
        "smaller steps, longer warmup",
        True,
    ),
    Check(
        "acceptance of random walk",
        figures.walk_acceptance,
        True,
        0.7,
        0.95,
        "steps are too small: widen them",
        True,
    ),
    Check(
        "energy BFMI",
        figures.bfmi,
        False,
        0.3,
        0.1,
        "heavy tails: use a non-centred form, or tighten priors",
        True,
    ),
    Check("swap rate", figures.swap_rate, False, 0.1, 0.01, "more temperatures, closer to each other", True),
    Check(
        "AIS effective sample size",
        figures.ais_ess,
        False,
        WEIGHED,
        10,
        "more temperatures, or more particles",
        True,
    ),
    Check("error of log Z", figures.log_z_error, True, 0.5, 2, "more temperatures, or more particles", True),
    Check("Pareto k-hat of the guide", figures.pareto_k, True, 0.7, 1, "a full-rank guide, or hmc", True),
    Check(
        "rows whose guide is poor (share with k-hat over 0.7)",
        figures.poor_rows,
        True,
        0.1,
        POOR_ROWS,
        "a wider network in the guide, or more epochs; the row's own posterior is `predict`'s by importance",
        True,
    ),
    Check(
        "decrease of log-likelihood",
        figures.decrease,
        True,
        1e-6,
        1e-3,
        "a spread that falls to zero on equal points has no maximum: give it a prior",
        True,
    ),
    Check("rise in the last tenth", figures.still_rising, True, 0.01, 0.05, "not settled: more iterations", True),
    Check("label switching", figures.switching, True, 0.9, 2, "order the components: an `ordered` location"),
)
"""Every check of a fit; a new one is a row and its measure."""


def added_checks() -> tuple[Check, ...]:
    """Checks of packages beside pgmlang. Raises TypeError for what is none."""
    entries = plugins.entries(plugins.CHECKS)
    checks = [plugins.plugin(plugins.CHECKS, e.name, Check) for e in entries]
    return tuple(check for check in checks if check is not None)


def diagnose(fit: Fit) -> Findings:
    """Runs every check that applies to the fit; the worst first."""
    return Findings(_findings(fit, (*CHECKS, *added_checks())))


def problems_of_status(fit: Fit) -> tuple[Finding, ...]:
    """The problems that keep a fit from being called converged: those of checks that decide."""
    findings = _findings(fit, [check for check in (*CHECKS, *added_checks()) if check.decides])
    return tuple(f for f in findings if f.severity == "problem")


def _findings(fit: Fit, checks: Iterable[Check]) -> tuple[Finding, ...]:
    measured_fit = FitFigures(fit)
    findings = []
    for check in checks:
        measured = check.measure(measured_fit)
        if measured is None:
            continue
        figure, where = measured
        sign = 1 if check.is_high_bad else -1
        past = [sign * figure > sign * limit for limit in (check.warning, check.problem)]
        severity = "problem" if past[1] else "warning" if past[0] else "ok"
        cure = check.cure if isinstance(check.cure, str) else check.cure(measured_fit)
        cure = cure if past[0] else ""
        findings.append(Finding(severity, check.name, figure, check.warning, where, cure))
    return tuple(sorted(findings, key=lambda f: ("problem", "warning", "ok").index(f.severity)))
