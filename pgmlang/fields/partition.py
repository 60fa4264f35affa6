"""How log Z of a model's fields is had: summed out, listed, by elimination, or not, so that draws stand for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import drawing_reasons, field_names, hidden_fields, inputs_in_fields
from pgmlang.graph.components import field_components, partition_reasons, summing_steps
from pgmlang.graph.summable import elimination_steps
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.plan.latents import latent_variables, size_of, summed_names
from pgmlang.plan.method import Facts, once_per_problem
from pgmlang.tables.learned import learned_tables

if TYPE_CHECKING:
    from pgmlang.fields.scopes import FieldScopes

LISTED = 16
"""Most binary elements of a row whose configurations are listed."""


@once_per_problem
def way_of(model: Model, facts: Facts) -> str | None:
    """How log Z and its gradient are had: ``summed``, ``listed``, ``eliminated``, ``gibbs``, ``langevin``; None: not at
    all."""
    if model.conditionals:
        against = (*partition_and_sums(model, facts), *directed_numbers(model, facts))
        return None if against else "summed"
    if not elimination_steps(model, field_names(model))[1]:
        return "summed"
    if tuple(inputs_in_fields(model)):
        return None if tuple(partition_and_sums(model, facts)) else "summed"
    if not tuple(drawing_reasons(model)) and _bits_a_row(model, facts) <= LISTED:
        return "listed"
    if _scopes(model, facts) is not None:
        return "eliminated"
    if not tuple(drawing_reasons(model)):
        return "gibbs"
    if is_real(model) and not (facts.binding is not None and hidden_fields(model, facts)):
        return "langevin"
    return None


def partition_and_sums(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """Why the likelihood is not had exactly: log Z of each component of fields, and the sum over what is hidden."""
    for component in field_components(model):
        yield from partition_reasons(model, component, size_of(facts))
    yield from summing_steps(model, summed_variables(model, facts))[1]


def directed_numbers(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """What maximum likelihood by gradients leaves to other methods of models with directed variables: latent numbers,
    and priors of tables."""
    for variable in latent_variables(model, facts):
        if variable.role == "random":
            yield Diagnostic("PGM0602", f"`{variable.name}` is a latent number", variable.span,
                             help="`--method map` or `hmc` infer it")  # fmt: skip
    for table in learned_tables(model):
        if table.distribution.prior is not None:
            yield Diagnostic("PGM0602", f"the table of `{table.target}` has a prior", table.distribution.span,
                             help="`--method map` takes it")  # fmt: skip


@once_per_problem
def summed_variables(model: Model, facts: Facts) -> tuple[str, ...]:
    """Discrete variables and fields that are hidden, or not seen in every cell."""
    hidden = hidden_fields(model, facts) if facts.binding is not None else ()
    return (*hidden, *(n for n in summed_names(model, facts) if n not in hidden))


def _scopes(model: Model, facts: Facts) -> FieldScopes | None:
    """The graph of a row's elements where elimination is narrow enough."""
    from pgmlang.fields.scopes import field_scopes

    return None if facts.binding is None else field_scopes(facts.binding, unit_plate(model))


def is_real(model: Model) -> bool:
    """Whether all fields are real numbers."""
    return all(v.type.kind == "real" for v in model.of_role("field"))


def _bits_a_row(model: Model, facts: Facts) -> float:
    """log2 of the configurations of one row (of all, without rows); infinite while sizes are not known."""
    if facts.binding is None:
        return float("inf")
    layout = facts.binding.layout
    rows = {p.name for p in model.plates if p.is_rows}
    total = 0.0
    for variable in model.of_role("field"):
        states = len(model.labels_of(variable.type) or (0, 1))
        axes = [a for a in model.array_axes(variable) if a not in rows]
        if not all(map(layout.has_size, axes)):
            return float("inf")
        total += math.prod(layout.shape(axes)) * math.log2(states)
    return total


def describe(model: Model, facts: Facts) -> str:
    """How log Z is had, in words."""
    way = way_of(model, facts) or "gibbs"
    scopes = _scopes(model, facts) if way == "eliminated" else None
    if scopes is not None:
        largest = scopes.width.treewidth + 1
        return f"log Z is exact, by variable elimination: cliques of at most {largest} elements"
    ways = {
        "summed": "log Z is summed out exactly, and so is its gradient",
        "listed": f"log Z is exact: few enough configurations to list (at most 2^{LISTED})",
        "gibbs": "log Z is out of reach: its gradient from persistent Gibbs chains",
        "langevin": "log Z is out of reach: its gradient from persistent Langevin chains",
    }
    return ways[way]
