"""The one way in: a posterior given rows of data, evidence in words, or interventions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model.dependence import definitions_behind, names_behind
from pgmlang.posterior.fitted_reductions import fitted_reductions
from pgmlang.posterior.known_elements import fit_of_elements
from pgmlang.posterior.new_elements import check_element
from pgmlang.posterior.record import Posterior
from pgmlang.query.asked_names import check_name
from pgmlang.query.binned_values import in_bins
from pgmlang.query.parse import Evidence
from pgmlang.query.row_names import base
from pgmlang.query.sites import by_site_number
from pgmlang.tables.row_reductions import as_params


@dataclass(frozen=True, eq=False)
class Conditioned:
    """A posterior and what is given beside it: ``rows`` bound to its model, or ``evidence`` and interventions ``do`` about a
    fresh row. ``seed``: of whatever is drawn. ``seen``: by plate the elements that the fit has seen, those too that these rows are
    not of."""

    posterior: Posterior
    rows: Binding | None = None
    evidence: tuple[Evidence, ...] = ()
    do: tuple[Evidence, ...] = ()
    seed: int = 0
    seen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def bound(self) -> Binding:
        """The rows, where they are what was given."""
        assert self.rows is not None, "this posterior is conditioned on evidence in words"
        return self.rows

    def at_points(self) -> tuple[Conditioned, ...]:
        """The same given to each of the posterior's points (see `Posterior.points`), each with a seed of its own: what is
        drawn at one is independent of what is drawn at another."""
        return tuple(
            replace(
                self, posterior=p, seed=self.seed + i,
                rows=None if self.rows is None else replace(self.rows, model=p.fit.model),
            )
            for i, p in enumerate(self.posterior.points_by(self.seed))
        )  # fmt: skip


def condition(
    posterior: Posterior,
    rows: Binding | None = None,
    *,
    evidence: Iterable[Evidence] = (),
    do: Iterable[Evidence] = (),
    seed: int = 0,
) -> Conditioned:
    """A posterior given rows, or given evidence and interventions. Raises PgmError PGM0606 for what is given twice, for a
    soft intervention and for computed names, PGM0607 for one value of several elements, for sites outside of a grid and for elements that are spelt nearly as known
    ones."""
    model = posterior.fit.model
    given, done = (
        tuple(
            in_bins(model, posterior.fit.labels, replace(item, variable=by_site_number(model, item.variable)))
            for item in items
        )
        for items in (evidence, do)
    )
    told: set[str] = set()
    for item in (*given, *done):
        if item.variable.name in told:
            raise PgmError(Diagnostic("PGM0606", f"`{item.variable.name}` is given twice", item.variable.span,
                                      help="give it one value"))  # fmt: skip
        told.add(item.variable.name)
        if posterior.network is None:
            _check_told(posterior, item)
            check_element(posterior.fit, item)
    for item in done:
        if item.value is None:
            raise PgmError(Diagnostic("PGM0606", "`do` sets a variable to one label", item.variable.span,
                                      help=f"write `do({item.variable.name} = label)`"))  # fmt: skip
    seen = posterior.fit.labels
    if rows is not None and posterior.network is None:
        fit = fit_of_elements(posterior.fit, rows)
        posterior = posterior if fit is posterior.fit else replace(posterior, fit=fit, one_row=[])
    known = _known_plates(posterior, rows, (*given, *done))
    if rows is not None:
        _check_unmixed(posterior, rows, known)
    of_rows = posterior.of_other_rows(known)
    if rows is not None and of_rows is not posterior:
        rows = replace(rows, model=as_params(rows.model, fitted_reductions(posterior.fit, known)))
    return Conditioned(of_rows, rows, given, done, seed, seen)


def _check_unmixed(posterior: Posterior, rows: Binding, known: Collection[str]) -> None:
    """Raises PgmError PGM0606 for rows of known and of new elements together, where these are told by what their rows come to:
    of known ones that is what the fit's rows came to."""
    fit = posterior.fit
    for name in fitted_reductions(fit, fit.labels) - fitted_reductions(fit, known):
        for plate in set(fit.model.by_name[name].plates) - set(known):
            parents = [p for (_, outer), p in rows.layout.parents.items() if outer == plate]
            count = len(fit.labels[plate])
            if any((np.asarray(p) < count).any() for p in parents):
                new = rows.labels[plate][count]
                message = (
                    f"`{name}` is what the rows of the fit came to for its elements of `{plate}`, and for `{new}`, which "
                    "is new, what these rows come to"
                )
                cure = f"ask about the rows of new elements of `{plate}` apart, in a file of their own"
                raise PgmError(Diagnostic("PGM0606", message, help=cure))


def _known_plates(posterior: Posterior, rows: Binding | None, told: tuple[Evidence, ...]) -> frozenset[str]:
    """The outer plates of which only elements of the fit occur: in rows, or in what is told of a fresh one."""
    labels = posterior.fit.labels
    if rows is not None:
        return frozenset(p for p, names in labels.items() if p != rows.plate and rows.labels.get(p) == names)
    return frozenset(e.variable.name for e in told if e.value in labels.get(e.variable.name, ()))


def _check_told(posterior: Posterior, item: Evidence) -> None:
    """Raises PgmError PGM0606 for a computed name, PGM0607 for a name that is no variable and for one value of a variable
    with several elements."""
    model, name = posterior.fit.model, item.variable.name
    check_name(posterior.fit, item.variable)
    variable = model.by_name.get(base(name))
    if variable is None or variable.role == "input":
        return
    if variable.role == "derived":
        behind = names_behind(
            model,
            *definitions_behind(model, model.definition_of[variable.name]),
            model.definition_of[variable.name],
        )
        sources = ", ".join(f"`{n}`" for n in sorted(behind) if model.by_name[n].role in ("random", "field"))
        message = f"`{name}` is computed: it is asked for, and not given"
        raise PgmError(
            Diagnostic("PGM0606", message, item.variable.span, help=f"give what it is computed from: {sources}")
        )
    rows = {p.name for p in model.plates if p.is_rows}
    axes = [a for a in model.array_axes(variable) if a not in rows]
    if axes and "[" not in name and item.value is not None:
        elements = posterior.fit.layout.element_names(axes)
        message = f"`{name}` has {len(elements):,} elements, and one value is given"
        cure = f"say which: `{name}[{elements[0]}] = {item.value}`"
        raise PgmError(Diagnostic("PGM0607", message, item.variable.span, help=cure))
