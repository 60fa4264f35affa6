"""Rows that hang together: a variable outside of a plate with its rows as an axis (a process over them) is one draw for all of them."""

from __future__ import annotations

from pgmlang.binding.bound_fingerprint import bound_fingerprint
from pgmlang.binding.process_rows import names_of_process
from pgmlang.binding.record import Binding, is_missing
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model.processes import NoProcess, Process, RootProduct, joint_variables, names_at_rows, processes
from pgmlang.query.process_model import plates_of
from pgmlang.query.process_rows import is_labelled
from pgmlang.results.fit import Fit

Processes = tuple[Process | RootProduct, ...]


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


def are_other_rows(fit: Fit, rows: Binding) -> bool:
    """Whether something was fitted, to other rows than these."""
    if fit.is_given:
        return False
    # some rows of a table have its fingerprint
    is_table = not rows.layout.taken and rows.fingerprint and rows.fingerprint == fit.provenance.get("fingerprint")
    return not (is_table or bound_fingerprint(rows) == fit.provenance.get("bound_fingerprint"))


def processes_beyond(fit: Fit, rows: Binding) -> Processes:
    """The processes that go on from the fit's rows to these; none where the rows are the fit's, or nothing was fitted. Raises PgmError
    PGM0602 where they do not go on, and for values that the fit or the rows lack."""
    if not are_other_rows(fit, rows):
        return ()
    model, out = rows.model, []
    for process in processes(model):
        is_drawn = process.name in fit.draws or process.name in fit.parameters
        if (
            is_drawn
            and is_labelled(fit, rows, process.plate)
            and rows.sizes[process.plate] == fit.sizes[process.plate]
        ):
            # elements that have names, and the fit has values of all
            continue
        if isinstance(process, NoProcess):
            span = model.by_name[process.name].span if process.name in model.by_name else None
            raise PgmError(Diagnostic("PGM0602", process.reason, span, help=process.cure))
        _need_values(fit, rows, process)
        out.append(process)
    return tuple(out)


def _need_values(fit: Fit, rows: Binding, process: Process | RootProduct) -> None:
    """Raises PgmError PGM0602 for a process that cannot be told, with what is missing."""
    model, plate = rows.model, process.plate
    variable = model.by_name.get(process.name)
    span = variable.span if variable is not None else None
    held = {*fit.process_rows, *fit.draws, *fit.parameters}
    wanted = names_of_process(model, process) - ({process.name} if isinstance(process, RootProduct) else set())
    absent = sorted(wanted - held)
    if absent:
        message = (
            f"the fit has no values of `{absent[0]}` at its rows, from which `{process.name}` would go on to these"
        )
        raise PgmError(Diagnostic("PGM0602", message, span, help="fit by `--method hmc`, with this version"))
    matrix = process.root if isinstance(process, RootProduct) else process.matrix
    for name in sorted(names_at_rows(model, plate, matrix)):
        first = fit.sizes[plate] if is_labelled(fit, rows, plate) else 0
        if name not in rows.values or is_missing(rows.values[name][first:]).any() or name not in fit.process_rows:
            message = (
                f"how the rows of `{plate}` hang together is told by `{name}`, which is not known in all of them"
            )
            cure = (
                f"give `{name}` in every row"
                if name in fit.process_rows
                else "let the kernel hang on what is given"
            )
            raise PgmError(Diagnostic("PGM0602", message, span, help=cure))
    if not is_labelled(fit, rows, plate):
        return
    if plates_of(model, process):
        message = f"`{process.name}` is a process for each element of another plate, and elements of `{plate}` have names"
        raise PgmError(Diagnostic("PGM0602", message, span, help="write one process each: `f1[...]`, `f2[...]`"))
    if process.name in rows.values and isinstance(process, Process):
        message = f"`{process.name}` is known at elements of `{plate}` that would be seen again"
        raise PgmError(Diagnostic("PGM0602", message, span, help="ask about elements that the fit has not seen"))


def of_fit_alone(fit: Fit, rows: Binding) -> set[str]:
    """What is drawn along the rows of plates whose elements have no names, where the rows are others: its values at the fit's rows
    are none of these."""
    if not are_other_rows(fit, rows):
        return set()
    return {v.name for v, plate in joint_variables(rows.model) if not is_labelled(fit, rows, plate)}


def is_tied(rows: Binding, hidden: tuple[str, ...]) -> bool:
    """Whether rows hang together by what is drawn over them: a draw that is seen, or hidden beside a process."""
    model = rows.model
    drawn = {v.name for v, _ in joint_variables(model)}
    whole = {n for n in drawn if getattr(model.conditional_of[n].distribution, "event", ("",))}
    return bool(whole & set(rows.values)) or bool(processes(model) and drawn & set(hidden))
