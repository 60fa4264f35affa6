"""Names in questions that a model does not have, or that only rows give."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pgmlang.diagnostics import Diagnostic, PgmError, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.query.parse import QueryVariable
from pgmlang.query.row_names import base
from pgmlang.results.fit import Fit

LISTED = 12


def no_variable(
    name: str, known: Collection[str], span: Span | None = None, columns: Collection[str] = ()
) -> Diagnostic:
    """PGM0607 for a name that is no variable. ``columns``: those of the fit's data that no variable has."""
    listed = ", ".join(f"`{n}`" for n in [*known][:LISTED]) + (", ..." if len(known) > LISTED else "")
    message = f"there is no variable `{name}`"
    if name in columns:
        message = f"`{name}` is a column of the data, and no variable of the model"
    near = "" if name in columns else did_you_mean(name, known)
    return Diagnostic("PGM0607", message, span, help=near or f"its variables: {listed}")


def one_of_a_vector(elements: Iterable[str], span: Span | None) -> Diagnostic:
    """PGM0606 for an intervention on one of ``elements`` that are drawn together."""
    names = [*elements]
    message = f"`do` sets one element of `{base(names[0])}`, whose elements have one distribution together"
    return Diagnostic("PGM0606", message, span, help="set each of " + ", ".join(f"`{n}`" for n in names))


def check_name(fit: Fit, variable: QueryVariable) -> None:
    """Raises PgmError PGM0607 for what is neither a variable nor a plate of the model."""
    model, name = fit.model, base(variable.name)
    if name not in model.by_name and name not in model.plate_by_name:
        columns = fit.provenance.get("unused", ())
        raise PgmError(no_variable(name, model.by_name, variable.span, columns))


def check_asked(fit: Fit, variable: QueryVariable) -> None:
    """Raises PgmError PGM0607 for a name that is no variable, and for a plate; PGM0606 for an input."""
    check_name(fit, variable)
    model, name = fit.model, base(variable.name)
    if name not in model.by_name:
        message = f"`{name}` is a plate, whose elements are given and not asked for"
        raise PgmError(Diagnostic("PGM0607", message, variable.span, help=f"give one: `P(... | {name} = ...)`"))
    if model.by_name[name].role == "input":
        message = f"`{name}` is an input: it is given, and has no distribution of its own"
        raise PgmError(Diagnostic("PGM0606", message, variable.span, help=f"give it: `P(... | {name} = 1)`"))
