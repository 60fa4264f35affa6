"""Leave-one-out, WAIC and folds of fits, and several fits of the same data ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.criticism.data_of_fit import refuse_other_data
from pgmlang.criticism.element_order import table_order
from pgmlang.criticism.folds import k_fold
from pgmlang.criticism.pointwise import pointwise_log_likelihood
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.results.elpd import Elpd, Ranks, psis_loo, ranked, waic
from pgmlang.results.fit import Fit
from pgmlang.results.fit_figures import FitFigures
from pgmlang.results.pointwise import Pointwise
from pgmlang.results.scalars import is_independent

NUMBERS = 50_000_000
"""Most pointwise log-likelihoods that are worked out for one answer and not kept."""
SCALARS = 2_000
"""Scalars of one variable, the first, by which the effective share of the draws is judged."""


def pointwise_of(fit: Fit, binding: Binding | None) -> Pointwise:
    """That which the fit kept, or of its data. Raises PgmError PGM0610 where there is neither."""
    if fit.pointwise is not None and binding is None:
        return fit.pointwise
    if binding is None:
        message = "the fit kept no pointwise log-likelihoods, and no data are given"
        raise PgmError(Diagnostic("PGM0610", message, help="give its data, or fit with `--pointwise`"))
    refuse_other_data(fit, binding)
    return pointwise_log_likelihood(fit, binding, NUMBERS)


def relative_ess(fit: Fit) -> float:
    """Effective draws over draws, the mean over the scalars of the fit, at most 1 (the r_eff of PSIS)."""
    figures = FitFigures(fit)
    if is_independent(fit) or not figures.chains * figures.draws:
        return 1.0
    shares = [f.ess_bulk[:SCALARS] / (figures.chains * figures.draws) for f in figures.by_name.values()]
    known = np.concatenate(shares) if shares else np.zeros(0)
    known = known[np.isfinite(known)]
    return float(min(1.0, known.mean())) if known.size else 1.0


def leave_one_out(fit: Fit, binding: Binding | None = None) -> Elpd:
    """PSIS-LOO of a fit with draws. Raises PgmError as `pointwise_log_likelihood` does."""
    return psis_loo(pointwise_of(fit, binding), relative_ess(fit))


def widely_applicable(fit: Fit, binding: Binding | None = None) -> Elpd:
    """WAIC of a fit with draws. Raises PgmError as `pointwise_log_likelihood` does."""
    return waic(pointwise_of(fit, binding))


def rank(fits: Mapping[str, Fit], bindings: Mapping[str, Binding], folds: int = 0) -> Ranks:
    """Fits of the same data by their elpd, the best first: by PSIS-LOO, or by refits to ``folds`` of it.

    ``bindings``: of the data to each fit's model; empty where the fits kept their pointwise log-likelihoods. Raises
    PgmError PGM0904 where the fits are not of the same data.
    """
    if not bindings:
        without = [name for name, f in fits.items() if f.pointwise is None]
        if without:
            models = ", ".join(sorted({f"`{f.model.name}`" for f in fits.values()}))
            message = f"fits of different models ({models}) are compared by what they predict, which `{without[0]}` did not keep"
            cure = "give the data: `--data FILE`; or fit with `--pointwise`"
            raise PgmError(Diagnostic("PGM0904", message, help=cure))
        prints = {str(f.provenance.get("fingerprint", "")) for f in fits.values()}
        if len(prints) > 1 or "" in prints:
            message = "these fits are of different data, whose densities cannot be compared"
            raise PgmError(Diagnostic("PGM0904", message, help="give the rows to compare them by: `--data FILE`"))
    for name, binding in bindings.items():
        refuse_other_data(fits[name], binding, name)
    observed = {name: frozenset(map(str, f.provenance.get("observed", ()))) for name, f in fits.items()}
    if bindings:
        observed = {name: frozenset(b.observed) for name, b in bindings.items()}
    if len(set(observed.values())) > 1:
        told = "; ".join(
            f"{name} observes " + ", ".join(f"`{v}`" for v in sorted(o)) for name, o in observed.items()
        )
        message = f"these fits are densities of different variables: {told}"
        raise PgmError(
            Diagnostic("PGM0904", message, help="name what is observed alike, and hide the rest: `--hide`")
        )
    if folds:
        elpds = {name: k_fold(fit, bindings[name], folds) for name, fit in fits.items()}
    else:
        elpds = {name: leave_one_out(fit, bindings.get(name)) for name, fit in fits.items()}
    try:
        return ranked({name: _in_table_order(elpd, bindings.get(name)) for name, elpd in elpds.items()})
    except ValueError as error:
        cure = "`--folds` over the same plate, or models whose rows are of one table"
        raise PgmError(Diagnostic("PGM0904", str(error), help=cure)) from None


def _in_table_order(elpd: Elpd, binding: Binding | None) -> Elpd:
    """With the elements in an order that all models of the table share, so that differences are of the same ones."""
    if binding is None or binding.sizes.get(elpd.plate) != len(elpd.pointwise):
        return elpd
    order = table_order(binding, elpd.plate)
    shapes = None if elpd.pareto_k is None else elpd.pareto_k[order]
    return replace(elpd, pointwise=elpd.pointwise[order], weights=elpd.weights[order], pareto_k=shapes)
