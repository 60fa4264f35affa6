"""What a posterior says of each node of its graph, for the drawing: plain figures, and a note where there are none."""

from __future__ import annotations

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.drawing.scene import NodeFigures
from pgmlang.posterior.condition import condition
from pgmlang.posterior.record import Posterior
from pgmlang.query.discrete_part import discrete_part
from pgmlang.query.network_figures import network_figures
from pgmlang.query.parse import Evidence
from pgmlang.results.node_figures import fit_figures

Items = tuple[Evidence, ...]


def node_figures(
    posterior: Posterior, evidence: Items = (), done: Items = ()
) -> tuple[dict[str, NodeFigures], tuple[str, ...]]:
    """Figures by node, and notes on what could not be had: exact marginals of a fresh row's labels given evidence and
    interventions, means and intervals of what the fit learned.

    Raises PgmError PGM0602 for evidence where no network of labels answers, PGM0606 to PGM0609 as a query does.
    """
    given = condition(posterior, evidence=evidence, do=done)
    fit = given.posterior.fit
    figures = {} if posterior.network is not None else fit_figures(fit)
    reasons = given.posterior.reasons_against_tables
    answers, rest = (None, given.evidence) if reasons else given.posterior.tables_given(given.evidence)
    answers = answers or discrete_part(fit)
    if answers is None:
        if evidence or done:
            message = "evidence is drawn in a network of labels, and " + (reasons[0] if reasons else "there is none")
            told = (*evidence, *done)[0]
            asked = next((v.name for v in fit.model.of_role("random") if v.name != told.variable.name), "x")
            cure = f"ask for one variable after the other: `pgmc query FIT \"P({asked} | {told.variable.name} = ...)\"`"
            raise PgmError(Diagnostic("PGM0602", message, told.variable.span, help=cure))
        return figures, ()
    try:
        node_of = str if posterior.network is not None else _node_of
        figures |= network_figures(answers, rest, given.do, node_of)
    except PgmError as error:
        if {d.code for d in error.diagnostics} != {"PGM0603"}:
            raise
        return figures, tuple(f"drawn without probabilities: {d.message}" for d in error.diagnostics)
    return figures, ()


def _node_of(name: str) -> str:
    """The variable of an unrolled element."""
    return name.partition("[")[0]
