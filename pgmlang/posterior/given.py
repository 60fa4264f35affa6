"""Posteriors of what there is to ask: a fit, a model that gives everything itself, a network of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model, Plate, Variable
from pgmlang.model.types import REAL, Type
from pgmlang.posterior.record import Posterior
from pgmlang.results.fit import GIVEN, Fit
from pgmlang.tables import DiscreteNetwork

if TYPE_CHECKING:
    from pgmlang.gaussian import GaussianNetwork


def posterior_of_fit(fit: Fit) -> Posterior:
    """What a fit leaves."""
    return Posterior(fit)


def posterior_of_model(
    model: Model,
    fixed: Mapping[str, Any] | None = None,
    source: str = "",
    modules: Mapping[str, str] | None = None,
) -> Posterior:
    """A model in which everything is given, but for params held at ``fixed``. Raises PgmError PGM0610 for params, tables
    and networks without values, PGM0612 for what cannot be held at its value."""
    from pgmlang.binding.fixed import fixed_values
    from pgmlang.tables.evaluate import Evaluator
    from pgmlang.tables.learned import learned_tables

    known = fixed_values(Evaluator(model, {}), fixed or {})
    posterior = Posterior(Fit(model, source, GIVEN, known, modules=dict(modules or {})))
    if not posterior.reasons_against_tables:
        # exact inference says itself what it lacks, question by question
        return posterior
    lacking = [
        Diagnostic("PGM0610", f"the value of `{v.name}` is not known", v.span, help=f"hold it: `--fix {v.name}=VALUE`, or fit")
        for v in model.of_role("param") if v.name not in known
    ]  # fmt: skip
    lacking += [
        Diagnostic("PGM0610", f"the table of `{t.target}` is not known", t.distribution.span, help="write its rows, or fit the model")
        for t in learned_tables(model)
    ]  # fmt: skip
    lacking += [
        Diagnostic("PGM0610", f"the weights of the network `{n.name}` are not known", n.span, help="fit the model")
        for n in model.nets
    ]
    if lacking:
        raise PgmError(lacking)
    return posterior


def posterior_of_network(network: DiscreteNetwork | GaussianNetwork) -> Posterior:
    """A network of a file; its rows are tables with a column for each variable."""
    plate = Plate("row")
    labels, numbers = (
        (network.variables, ())
        if isinstance(network, DiscreteNetwork)
        else (network.discrete.variables, network.numbers)
    )
    variables = tuple(
        Variable(v.name, "random", Type("labels", labels=tuple(v.labels), owner=v.name), plates=(plate.name,))
        for v in labels
    )
    variables += tuple(Variable(n, "random", REAL, plates=(plate.name,)) for n in numbers)
    model = Model(network.name, (), (plate,), variables, ())
    return Posterior(Fit(model, "", GIVEN, {}), network)
