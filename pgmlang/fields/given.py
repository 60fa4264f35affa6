"""Fields given the directed variables beside them: p(fields | directed) is a model of fields whose inputs these are.

Where every directed variable is observed, the likelihood is that of their own conditionals times this one (a chain graph
factorises: Frydenberg 1990), so what learns a conditional random field learns these fields too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import field_names
from pgmlang.model import Conditional, Model
from pgmlang.model.dependence import names_behind, networks_behind
from pgmlang.plan.method import Facts, facts_of, once_per_problem


def given_directed(model: Model) -> Model:
    """The fields' model: directed variables are inputs, and have no distribution."""
    return model.once(_given_directed)


def _given_directed(model: Model) -> Model:
    variables = tuple(replace(v, role="input") if v.role == "random" else v for v in model.variables)
    return replace(model, variables=variables, factors=model.potentials, guide=None)


def bound_given_directed(binding: Binding) -> Binding:
    """The same rows, bound to the fields' model."""
    return replace(binding, model=given_directed(binding.model))


@once_per_problem
def facts_given_directed(model: Model, facts: Facts) -> Facts:
    """What the data says of the fields' model."""
    binding = None if facts.binding is None else bound_given_directed(facts.binding)
    return facts_of(given_directed(model), binding, facts.fixed)


@once_per_problem
def entangled_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why the fields cannot be learned given the directed variables: one that is not observed in every row, that hangs on
    a hidden field, or whose distribution has params of its own."""
    return tuple(_entangled(model, facts))


def _entangled(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    hidden = set(field_names(model)) & facts.latent
    for conditional in model.conditionals:
        name = conditional.target
        if name in facts.fixed:
            continue
        if name in facts.latent or facts.missing.get(name):
            message = f"`{name}` is a directed variable beside the fields, and is not observed in every row"
            yield Diagnostic("PGM0602", message, conditional.span, help=f"give the whole column `{name}`; `--method layerwise` "
                             "trains stacks of layers, `em` and `exact` take factors whose params are known")  # fmt: skip
            continue
        below = sorted(hidden & set(model.random_parents(conditional)))
        if below:
            message = (
                f"`{name}` is a directed variable beside the fields, and hangs on `{below[0]}`, which is hidden"
            )
            yield Diagnostic(
                "PGM0602", message, conditional.span, help="`--method layerwise` trains stacks of layers"
            )
            continue
        to_learn = sorted(_params(model, conditional) - facts.fixed)
        if to_learn:
            message = f"`{name}` is a directed variable beside the fields, and `{to_learn[0]}` of its own is to be learned"
            cure = f"hold it, `--fix {to_learn[0]}=...`, or give `{name}` a `Table`"
            yield Diagnostic("PGM0602", message, conditional.span, help=cure)


def _params(model: Model, conditional: Conditional) -> frozenset[str]:
    """Params and networks that a conditional rests on, through deterministic names."""
    params = {v.name for v in model.of_role("param")} & names_behind(model, conditional)
    return frozenset(params | networks_behind(model, conditional))
