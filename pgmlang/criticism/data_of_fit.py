"""Whether data are those that a fit was made with."""

from __future__ import annotations

from pgmlang.binding.bound_fingerprint import bound_fingerprint
from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.results.fit import Fit


def is_data_of(fit: Fit, binding: Binding) -> bool:
    """By the table's fingerprint, or by that of the values which the model took of it: the same rows in a frame and in a file
    are the same data. A fit that keeps neither cannot tell, and is believed."""
    kept = {fit.provenance.get("fingerprint"), fit.provenance.get("bound_fingerprint")} - {None, ""}
    return not kept or binding.fingerprint in kept or bound_fingerprint(binding) in kept


def refuse_other_data(fit: Fit, binding: Binding, name: str = "") -> None:
    """Raises PgmError PGM0904 for data that are not the fit's."""
    if is_data_of(fit, binding):
        return
    of = str(fit.provenance.get("data") or "")
    whose = f"`{name}`" if name else "the fit"
    message = f"these are not the data of {whose}{f', which are `{of}`' if of else ''}"
    cure = "give the data of the fit, read and weighed as there; other rows are scored by `pgmc score FIT FILE` (`fit.score`)"
    raise PgmError(Diagnostic("PGM0904", message, place=binding.source, help=cure))
