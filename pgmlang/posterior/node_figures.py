"""What a posterior says of each node of its graph, for the drawing: plain figures, and a note where there are none."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pgmlang.binding.data_figures import data_figures
from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.drawing.drawing import Drawing
from pgmlang.drawing.model_scene import model_scene, network_scene
from pgmlang.drawing.scene import MOST_CARDS, NodeFigures, with_figures
from pgmlang.model import Model
from pgmlang.posterior.condition import Conditioned, condition
from pgmlang.posterior.record import Posterior
from pgmlang.query.discrete_part import discrete_part
from pgmlang.query.network import NetworkAnswers
from pgmlang.query.network_figures import network_figures
from pgmlang.query.parse import Evidence, parse_conditions
from pgmlang.query.row_names import base
from pgmlang.query.sequences import chain_of_rows, length_of, position_of
from pgmlang.results.fit import Fit
from pgmlang.results.node_figures import drawn_sizes, fit_figures

Items = tuple[Evidence, ...]


def drawing_of(
    posterior: Posterior,
    evidence: str = "",
    binding: Binding | None = None,
    observed: tuple[str, ...] | None = None,
    *,
    probabilities: bool | None = None,
    distributions: bool = False,
) -> Drawing:
    """The graph of what is asked, with figures in its nodes; arguments as of `api.Asked.graph`."""
    fit = posterior.fit
    shaded = tuple(fit.provenance.get("observed", ())) if observed is None else observed
    if posterior.network is not None:
        scene, count = network_scene(posterior.network, shaded), len(fit.model.variables)
    else:
        scene = model_scene(fit.model, shaded, sizes=drawn_sizes(fit), distributions=distributions)
        count = len(list(fit.model.of_role("random", "field")))
    notes: tuple[str, ...] = ()
    if probabilities or evidence.strip() or (probabilities is None and count <= MOST_CARDS):
        seen, done = parse_conditions(evidence)
        figures, notes = node_figures(posterior, seen, done)
        columns = {} if binding is None else data_figures(binding)
        names = [item.variable.name for item in (*seen, *done)]
        legend = ((f"given {evidence.strip()}",) if evidence.strip() else ()) + _first_row(fit, figures, names)
        node_of = str if posterior.network is not None else base
        # One element that is set leaves the arrows into the others.
        cut = {name for name in (node_of(item.variable.name) for item in done) if name in set(names)}
        scene = with_figures(scene, columns | figures, legend, cut)
    elif probabilities is None:
        notes = (f"{count} variables are drawn without their probabilities: `probabilities=True` adds them",)
    return Drawing(scene, notes)


def _first_row(fit: Fit, figures: Mapping[str, NodeFigures], told: Collection[str]) -> tuple[str, ...]:
    """What labels of a chain are drawn of, where nothing that was told says a row."""
    if chain_of_rows(fit.model) is None or fit.draws or any(position_of(fit.model, n) is not None for n in told):
        return ()
    is_drawn = any(v.plates and v.name in figures and figures[v.name].marks for v in fit.model.of_role("random"))
    return ("labels: the first row of a fresh sequence",) if is_drawn else ()


def _instead(model: Model, told: Evidence) -> str:
    """What can be had of evidence that no network takes: a question about the row that it is of; what the rows share is told
    to the fit."""
    name = told.variable.name
    variable = model.by_name[name]
    inputs = [v.name for v in model.of_role("input")]
    others = [v for v in model.of_role("random") if v.name != name and v.plates == variable.plates and not v.axes]
    if variable.plates and not others:
        return f"leave the evidence out: nothing else of a {variable.plates[-1]} hangs on `{name}`"
    if not variable.plates:
        return f"tell it to the fit: `pgmc fit MODEL DATA --observe {name}={told.value}`, then `pgmc graph FIT`"
    word = "P" if others[0].type.is_discrete else "E"
    given = ", ".join([f"{name} = {told.value}", *(f"{n} = ..." for n in inputs if n != name)])
    return f'ask for one variable after the other: `pgmc query FIT "{word}({others[0].name} | {given})"`'


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
    answers, rest = (None, given.evidence) if reasons else _tables(given)
    answers = answers or discrete_part(fit)
    if answers is None:
        if evidence or done:
            message = "evidence is drawn in a network of labels, and " + (
                reasons[0] if reasons else "there is none"
            )
            told = (*evidence, *done)[0]
            raise PgmError(Diagnostic("PGM0602", message, told.variable.span, help=_instead(fit.model, told)))
        return figures, ()
    try:
        node_of = str if posterior.network is not None else base
        figures |= network_figures(answers, rest, given.do, node_of)
    except PgmError as error:
        if {d.code for d in error.diagnostics} != {"PGM0603"}:
            raise
        return figures, tuple(f"drawn without probabilities: {d.message}" for d in error.diagnostics)
    return figures, ()


def _tables(given: Conditioned) -> tuple[NetworkAnswers, Items]:
    """Exact answers about a fresh row, or about a sequence as long as the evidence speaks of; and what is left of the evidence."""
    names = [item.variable.name for item in (*given.evidence, *given.do)]
    if any(position_of(given.posterior.fit.model, name) is not None for name in names):
        return given.posterior.tables_of_sequence(length_of(given.posterior.fit.model, names)), given.evidence
    return given.posterior.tables_given(given.evidence)
