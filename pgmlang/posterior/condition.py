"""The one way in: a posterior given rows of data, evidence in words, or interventions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.posterior.record import Posterior
from pgmlang.query.parse import Evidence
from pgmlang.query.sites import by_site_number


@dataclass(frozen=True, eq=False)
class Conditioned:
    """A posterior and what is given beside it: ``rows`` bound to its model, or ``evidence`` and interventions ``do`` about a
    fresh row. ``seed``: of whatever is drawn."""

    posterior: Posterior
    rows: Binding | None = None
    evidence: tuple[Evidence, ...] = ()
    do: tuple[Evidence, ...] = ()
    seed: int = 0

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
            for i, p in enumerate(self.posterior.points)
        )  # fmt: skip


def condition(
    posterior: Posterior,
    rows: Binding | None = None,
    *,
    evidence: Iterable[Evidence] = (),
    do: Iterable[Evidence] = (),
    seed: int = 0,
) -> Conditioned:
    """A posterior given rows, or given evidence and interventions. Raises PgmError PGM0606 for what is given twice and for a
    soft intervention, PGM0607 for sites outside of a grid."""
    model = posterior.fit.model
    given, done = (
        tuple(replace(item, variable=by_site_number(model, item.variable)) for item in items)
        for items in (evidence, do)
    )
    told: set[str] = set()
    for item in (*given, *done):
        if item.variable.name in told:
            raise PgmError(Diagnostic("PGM0606", f"`{item.variable.name}` is given twice", item.variable.span,
                                      help="give it one value"))  # fmt: skip
        told.add(item.variable.name)
    for item in done:
        if item.value is None:
            raise PgmError(Diagnostic("PGM0606", "`do` sets a variable to one label", item.variable.span,
                                      help=f"write `do({item.variable.name} = label)`"))  # fmt: skip
    return Conditioned(posterior, rows, given, done, seed)
