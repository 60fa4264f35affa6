"""Fits held against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pgmlang.api.fitted import FittedModel
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.signatures.arguments import checked_arguments

if TYPE_CHECKING:
    from pgmlang.binding.record import Binding
    from pgmlang.results.compare import Differences
    from pgmlang.results.elpd import Ranks


@checked_arguments
def compare_fits(*fits: FittedModel, data: Any = None, folds: int = 0, **binding: Any) -> Differences | Ranks:
    """Two fits of one model: their scalars side by side, those furthest apart first. Fits of different models, more than
    two, or with ``data`` or ``folds``: as `rank_fits`, under the names ``fit 1``, ``fit 2`` and so on. Raises PgmError
    PGM0612 for fewer than two."""
    from pgmlang.results.compare import compare, is_of_one_model

    named = _named_fits(fits, 2)
    records = [fit.record for fit in fits]
    if len(records) == 2 and data is None and not folds and is_of_one_model(*records):
        return compare(records)
    return rank_fits(named, data, folds=folds, **binding)


@checked_arguments
def rank_fits(
    fits: Mapping[str, FittedModel] | Iterable[FittedModel], data: Any = None, *, folds: int = 0, **binding: Any
) -> Ranks:
    """Fits of any models of the same data by their expected log predictive density, the best first, with differences and
    their standard errors: by PSIS-LOO, or by refits without each of ``folds`` shares of the data.

    ``fits``: by name, or in a row. ``data``: as for `CompiledModel.bind`; not needed where the fits kept their pointwise log-likelihoods. Raises PgmError
    PGM0904 for fits of different data, PGM0610 without draws or data.
    """
    named = _named_fits(fits.values() if isinstance(fits, Mapping) else fits, 1)
    if isinstance(fits, Mapping):
        named = dict(zip(map(str, fits), named.values(), strict=True))
    return ranked_bound(
        named, {} if data is None else {name: fit.bind(data, **binding) for name, fit in named.items()}, folds
    )


def ranked_bound(fits: Mapping[str, FittedModel], bindings: Mapping[str, Binding], folds: int = 0) -> Ranks:
    """As `rank_fits`, by the data as they were bound to each fit; none where the fits kept their pointwise log-likelihoods."""
    from pgmlang.criticism.predictive import rank

    if folds and not bindings:
        raise PgmError(Diagnostic("PGM0612", "folds are refits, which need the data", help="give `--data FILE`"))
    return rank({name: fit.record for name, fit in fits.items()}, bindings, folds)


def _named_fits(fits: Any, fewest: int) -> dict[str, FittedModel]:
    """Fits, so many or more, as ``fit 1``, ``fit 2``. Raises PgmError PGM0612 for fewer, and for what is none."""
    given = list(fits) if isinstance(fits, Iterable) and not isinstance(fits, str) else [fits]
    for one in given:
        if not isinstance(one, FittedModel):
            message = f"fits are compared, not a {type(one).__name__}"
            raise PgmError(
                Diagnostic("PGM0612", message, help="`pgmlang.load(FOLDER)` and `model.fit(...)` give fits")
            )
    if len(given) < fewest:
        message = f"{'two fits' if fewest == 2 else 'one fit'} or more are compared, not {len(given)}"
        raise PgmError(
            Diagnostic("PGM0612", message, help="`compare_fits(one, other)`; `fit.loo(data)` is of one")
        )
    return {f"fit {i + 1}": fit for i, fit in enumerate(given)}
