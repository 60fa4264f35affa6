"""Rows that hang together: a variable outside of a plate with its rows as an axis (a process over them) is one draw for all of them."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.binding.bound_fingerprint import bound_fingerprint
from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model, Variable
from pgmlang.results.fit import Fit


def joint_variables(model: Model) -> Iterator[tuple[Variable, str]]:
    """Random variables that are one draw over the rows of a plate, each with the plate."""
    for variable in model.of_role("random"):
        for axis in variable.axes:
            plate = model.plate_by_name.get(model.root_axis(axis))
            if plate is not None and plate.is_rows:
                yield variable, plate.name


def refuse_joint_likelihoods(binding: Binding) -> None:
    """Raises PgmError PGM0602 where what is observed has no likelihood a row."""
    for variable, plate in joint_variables(binding.model):
        if variable.name in binding.values:
            message = f"`{variable.name}` is one draw over all rows of `{plate}`: no row of it has a probability of its own"
            cure = (
                f"write what is the rows' own inside of the plate, as in `f[{plate}] ~ ...` outside of it and "
                f"`plate {plate} {{ {variable.name} ~ Normal(f, sd) }}`"
            )
            raise PgmError(Diagnostic("PGM0602", message, variable.span, help=cure))


def refuse_other_rows(fit: Fit, binding: Binding) -> None:
    """Raises PgmError PGM0602 for rows other than the fit's, where what is drawn over those is known there alone."""
    kept = {fit.provenance.get("fingerprint"), fit.provenance.get("bound_fingerprint")} - {None, ""}
    if fit.is_given or binding.fingerprint in kept or bound_fingerprint(binding) in kept:
        return
    for variable, plate in joint_variables(binding.model):
        message = f"`{variable.name}` is known at the fit's rows of `{plate}`, and these are others"
        cure = f"fit a table that has these rows too, empty where they are to be told: `pgmc summary FIT {variable.name}` has them"
        raise PgmError(Diagnostic("PGM0602", message, variable.span, help=cure))
