"""What a fit's own rows came to, such as the mean that inputs are centred by: of other rows it is what it was."""

from __future__ import annotations

from collections.abc import Collection

from pgmlang.results.fit import Fit
from pgmlang.tables.row_reductions import row_reductions


def fitted_reductions(fit: Fit, known: Collection[str] = ()) -> frozenset[str]:
    """The deterministic names that reduce over rows and have a value in the fit: those outside of plates, and those of outer
    elements of plates that are all ``known`` to the fit. Those that hang on something random, or belong to new elements, are
    worked out of the rows that are asked about."""
    model = fit.model
    return frozenset(
        n
        for n in row_reductions(model).of_inputs
        if n in fit.deterministic and set(model.by_name[n].plates) <= set(known)
    )
