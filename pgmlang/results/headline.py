"""The first line of what is said of a fit: its method, how it ended, and the figure that matters."""

from __future__ import annotations

from pgmlang.results.fit import Fit


def objective_text(fit: Fit) -> str:
    """ln p(data) where the fit knows it, else what was climbed; nothing where neither is known."""
    if fit.log_likelihood is not None:
        return f"log-likelihood {fit.log_likelihood:.4f}"
    return f"{fit.objective} {fit.trace[-1]:.4f}" if fit.trace else ""


def headline(fit: Fit) -> str:
    """``hmc: converged, 4 chains of 500 draws``."""
    method, *others = how_it_ended(fit)
    return f"{method}: {', '.join(others)}"


def how_it_ended(fit: Fit) -> list[str]:
    """The method, the status, and what there is: draws, or where the climb ended."""
    parts = [fit.method, fit.status]
    if "log_z" in fit.provenance:
        parts.append(f"log Z {fit.provenance['log_z']:.4f} +- {fit.provenance['log_z_error']:.4f}")
    elif fit.draws:
        chains, draws = next(iter(fit.draws.values())).shape[:2]
        parts.append(f"{chains} chain{'' if chains == 1 else 's'} of {draws:,} draws")
    elif objective_text(fit):
        parts.append(objective_text(fit))
    return parts


def titled_headline(fit: Fit) -> str:
    """``schools: hmc, converged, 4 chains of 500 draws``."""
    return f"{fit.model.name}: {', '.join(how_it_ended(fit))}"
