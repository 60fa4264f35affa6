"""The figures behind the checks of `trust`: each gives (figure, where it is), None where it does not apply."""

from __future__ import annotations

import math

import numpy as np

from pgmlang.results.effective_draws import enough
from pgmlang.results.fit import Moves
from pgmlang.results.fit_figures import FitFigures
from pgmlang.results.scalars import is_independent, scalar_names
from pgmlang.results.tails import has_tails, tail_shapes

Figure = tuple[float, str] | None

FEWEST_STEPS = 100
ERRORS = 3.0
"""Standard errors that a rise by chance stays within."""


def finished(of: FitFigures) -> Figure:
    status = of.fit.status
    return {"converged": 1.0, "stopped": 0.5}.get(status, 0.0), status


def cure_of_status(of: FitFigures) -> str:
    """What the fit's own warnings say against what kept it from its end; more time where they say nothing."""
    causes = [w for w in of.fit.warnings if w.code in ("PGM0801", "PGM0804") and w.help]
    clauses = [clause for w in causes for clause in w.help.split("; ")]
    return "; ".join(dict.fromkeys(clauses)) or "let it run on: more iterations or time"


def not_finite(of: FitFigures) -> Figure:
    if not of.fit.draws:
        return None
    return of.worst(lambda f: np.isnan(f.mean).astype(float), True)


def r_hat(of: FitFigures) -> Figure:
    return of.worst(lambda f: f.r_hat, True)


def ess_bulk(of: FitFigures) -> Figure:
    return None if is_independent(of.fit) else of.worst(lambda f: f.ess_bulk / enough(of.chains), False)


def ess_tail(of: FitFigures) -> Figure:
    return None if is_independent(of.fit) else of.worst(lambda f: f.ess_tail / enough(of.chains), False)


def mcse(of: FitFigures) -> Figure:
    return of.worst(lambda f: np.divide(f.mcse, f.sd, out=np.full(len(f), np.nan), where=f.sd > 0), True)


def heavy_tail(of: FitFigures) -> Figure:
    """The heaviest tail of a number's draws (`tail_shapes`). Of variables of many numbers nothing is asked."""
    worst: Figure = None
    for name, draws in {**of.fit.draws, **of.fit.deterministic}.items():
        if not has_tails(draws):
            continue
        shapes = tail_shapes(draws)
        element = int(shapes.argmax())
        if np.isfinite(shapes[element]) and (worst is None or shapes[element] > worst[0]):
            names = scalar_names(of.fit, name)
            worst = float(shapes[element]), next(n for i, n in enumerate(names) if i == element)
    return worst


def divergences(of: FitFigures) -> Figure:
    """The share of draws whose trajectory diverged."""
    stat = of.fit.sample_stats.get("diverging")
    return None if stat is None else (float(np.mean(stat != 0)), f"{int(np.sum(stat != 0))} draws")


def acceptance(of: FitFigures) -> Figure:
    return _by_chain(of, "acceptance_rate", False)


def gradient_acceptance(of: FitFigures) -> Figure:
    return _by_chain(of, "acceptance_rate", False) if of.fit.moves is Moves.GRADIENT else None


def walk_acceptance(of: FitFigures) -> Figure:
    return _by_chain(of, "acceptance_rate", True) if of.fit.moves is Moves.RANDOM_WALK else None


def _by_chain(of: FitFigures, stat: str, highest: bool) -> Figure:
    """The highest or lowest mean of a statistic among the chains; what is not finite counts as 0."""
    array = of.fit.sample_stats.get(stat)
    if array is None:
        return None
    means = np.where(np.isfinite(array), array, 0.0).mean(axis=1)
    chain = int(means.argmax() if highest else means.argmin())
    return float(means[chain]), f"chain {chain}"


def bfmi(of: FitFigures) -> Figure:
    """The lowest Bayesian fraction of missing information among the chains."""
    energy = of.fit.sample_stats.get("energy")
    if energy is None or energy.shape[1] < 4 or not np.isfinite(energy).all():
        return None
    spread = np.var(energy, axis=1, ddof=1)
    if not (spread > 0).all():
        return None
    fractions = (np.diff(energy, axis=1) ** 2).mean(axis=1) / spread
    return float(fractions.min()), f"chain {int(fractions.argmin())}"


def swap_rate(of: FitFigures) -> Figure:
    """The lowest rate: of a chain in the statistics, or of a pair of temperatures in the provenance."""
    if "swap_rate" in of.fit.sample_stats:
        return _by_chain(of, "swap_rate", False)
    return _provenance(of, "swap_rate")


def ais_ess(of: FitFigures) -> Figure:
    return _provenance(of, "ais_ess")


def pareto_k(of: FitFigures) -> Figure:
    return _provenance(of, "pareto_k")


def poor_rows(of: FitFigures) -> Figure:
    """The share of rows whose amortised guide has a k-hat that is not to be trusted."""
    return _provenance(of, "poor_rows")


def log_z_error(of: FitFigures) -> Figure:
    return _provenance(of, "log_z_error")


def _provenance(of: FitFigures, key: str) -> Figure:
    """The least of the numbers under a key of the provenance, which a stranger may have written."""
    try:
        values = np.asarray(of.fit.provenance[key], dtype=float).ravel()
    except (KeyError, TypeError, ValueError):
        return None
    return (
        (float(values.min()), f"pair {int(values.argmin())}" if values.size > 1 else "") if values.size else None
    )


def decrease(of: FitFigures) -> Figure:
    """The greatest fall of an EM trace from one iteration to the next, in shares of its size."""
    trace = np.array(of.fit.trace)
    if not of.fit.only_rises or len(trace) < 2:
        return None
    trace = np.where(np.isfinite(trace), trace, -math.inf)
    with np.errstate(invalid="ignore"):
        falls = np.nan_to_num(trace[:-1] - trace[1:], nan=0.0, posinf=math.inf, neginf=0.0)
    sizes = 1 + np.where(np.isfinite(trace[:-1]), np.abs(trace[:-1]), 0.0)
    iteration = int((falls / sizes).argmax())
    return max(0.0, float((falls / sizes)[iteration])), f"iteration {iteration + 1}"


def still_rising(of: FitFigures) -> Figure:
    """How much of the whole rise of an objective's trace its last tenth still makes, beyond its noise; of shorter traces than
    `FEWEST_STEPS` a tenth says nothing."""
    trace = np.array(of.fit.trace)
    if of.fit.only_rises or of.fit.sample_stats or len(trace) < FEWEST_STEPS:
        return None
    tail = trace[-(len(trace) // 10) :]
    span = float(trace.max() - trace.min())
    if not np.isfinite(trace).all() or span == 0:
        return None
    half = len(tail) // 2
    first, last = tail[:half], tail[-half:]
    # twice: the middles of the halves are half of the tail apart
    rise = 2 * (last.mean() - first.mean())
    noise = ERRORS * 2 * float(np.std(np.diff(tail))) / math.sqrt(half)
    return float(rise / span) if rise > noise else 0.0, "trace"


def switching(of: FitFigures) -> Figure:
    """How much of the chains' disagreement goes away when one's components are put in the order of another's.

    Variables with one short axis at least, whose R-hat says that the chains disagree; 1 is all of it.
    """
    worst: Figure = None
    for name, label_shares in of.by_name.items():
        array = of.fit.draws[name]
        if (
            of.chains < 2
            or array.ndim < 3
            or array.dtype.kind != "f"
            or not np.nanmax(label_shares.r_hat, initial=0) > 1.05
        ):
            continue
        means = array.mean(axis=1, dtype=float)
        for position, axis in enumerate(of.fit.draw_axes.get(name, ())):
            size = means.shape[position + 1]
            if 2 <= size <= 20 and np.isfinite(means).all():
                share = _aligned(np.moveaxis(means, position + 1, 1).reshape(of.chains, size, -1))
                if worst is None or share > worst[0]:
                    worst = share, f"{name} over {axis}"
    return worst


def _aligned(means: np.ndarray) -> float:
    """Share of the squared distance from the first chain that goes when components are matched; (chain, size, _)."""
    before = after = 0.0
    for other in means[1:]:
        distance = ((means[0][:, None] - other[None]) ** 2).sum(axis=2)
        before += float(np.trace(distance))
        left = distance.copy()
        for _ in range(len(distance)):
            i, j = np.unravel_index(int(left.argmin()), left.shape)
            after += float(distance[i, j])
            left[i, :] = left[:, j] = np.inf
    return max(0.0, 1 - after / before) if before > 0 else 0.0
