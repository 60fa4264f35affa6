"""Reasons that the methods for fields share; no torch here."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.multilinear import multilinear_reasons
from pgmlang.graph.pairs import pairing_reasons
from pgmlang.model import Model
from pgmlang.normal import canonical_factors
from pgmlang.plan.method import Facts
from pgmlang.plan.reasons import lowering_reasons, missing_inputs
from pgmlang.tables.learned import learned_tables


def field_names(model: Model) -> tuple[str, ...]:
    return tuple(v.name for v in model.of_role("field"))


def observed_fields(model: Model, facts: Facts) -> tuple[str, ...]:
    """Fields that the data has."""
    return tuple(n for n in field_names(model) if n in facts.observed)


def hidden_fields(model: Model, facts: Facts) -> tuple[str, ...]:
    """Fields that it has not."""
    return tuple(n for n in field_names(model) if n not in facts.observed)


def learned_params(model: Model, facts: Facts) -> tuple[str, ...]:
    """Params without a value, and networks."""
    params = tuple(v.name for v in model.of_role("param") if v.name not in facts.fixed)
    return (*params, *(n.name for n in model.nets))


def learning_reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """Why the params of fields cannot be learned by gradients: no fields, nothing to learn, missing cells."""
    if not field_names(model):
        yield Diagnostic("PGM0602", "the model has no fields")
        return
    yield from bounded_fields(model)
    if not learned_params(model, facts):
        yield Diagnostic("PGM0602", "every param has a value: there is nothing to learn")
    if facts.binding is not None and not observed_fields(model, facts):
        yield Diagnostic("PGM0602", "no field is observed")
    for name, number in facts.missing.items():
        if number:
            yield Diagnostic("PGM0602", f"`{name}` has {number:,} missing cells", model.by_name[name].span,
                             help="leave such rows out: `--missing drop`")  # fmt: skip
    yield from missing_inputs(model, facts)
    yield from lowering_reasons(model)


def directed_reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """Why methods without log Z do not take the directed variables: they are given to the fields, complete, and nothing
    of their own is learned."""
    learned = {v.name for v in model.of_role("param") if v.name not in facts.fixed} | {n.name for n in model.nets}
    tables = {t.target for t in learned_tables(model)}
    fields = set(field_names(model))
    for conditional in model.conditionals:
        name, span = conditional.target, conditional.span
        depends = {
            r.name for r in canonical_factors(model).mentions(canonical_factors(model).conditional_of[name])
        }
        if fields & set(model.random_parents(conditional)):
            message, cure = (
                f"`{name}` is a directed variable below the fields",
                "`--method layerwise` trains stacks of layers",
            )
        elif name in tables or learned & depends:
            message, cure = f"the distribution of `{name}` is learned too", "`--method ml` or `map` learn both"
        elif facts.binding is not None and (name not in facts.observed or facts.missing.get(name)):
            message, cure = f"`{name}` is directed, and hidden in some row", f"observe `{name}`, or `--method em`"
        else:
            continue
        yield Diagnostic("PGM0602", message, span, help=cure)


FREE_FORMS = {
    "positive": "give the data's logarithm, `field y : real`, write `exp(y)` for `{0}` in the factors, and add `factor y`",
    "unit": "give the data's logit, `field y : real`, write `sigmoid(y)` for `{0}` in the factors, and add "
            "`factor log(sigmoid(y)) + log(sigmoid(-y))`",
}  # fmt: skip
"""The change of variables that frees a field of its bounds, the logarithm of its derivative as a factor."""


def bounded_fields(model: Model) -> Iterator[Diagnostic]:
    """Fields of numbers on a part of the line: neither listed nor free, so no method learns what they hang on."""
    for variable in model.of_role("field"):
        kind = variable.type.kind
        if kind != "real" and not variable.type.is_discrete:
            message = (
                f"the field `{variable.name}` is {kind}: fields of numbers are learned on the whole real line"
            )
            cure = FREE_FORMS.get(kind, "make `{0}` a directed variable, with a distribution on its support")
            yield Diagnostic("PGM0602", message, variable.span, help=cure.format(variable.name))


def drawing_reasons(model: Model) -> Iterator[Diagnostic]:
    """Why the fields cannot be drawn block by block."""
    for name in field_names(model):
        yield from block_reasons(model, name)


def block_reasons(model: Model, name: str) -> tuple[Diagnostic, ...]:
    """Why a field's elements cannot be drawn colour by colour: neither linear in them, nor in pairs."""
    reasons = tuple(multilinear_reasons(model, name))
    others = tuple(pairing_reasons(model, name)) if reasons else ()
    return (reasons if model.by_name[name].type.kind in ("bit", "spin") else others) if others else ()


def inputs_in_fields(model: Model) -> Iterator[Diagnostic]:
    """Inputs of rows, or their directed variables, in potentials: every row has a log Z of its own then, and chains
    cannot be shared."""
    model = canonical_factors(model)
    for potential in model.potentials:
        for ref in model.mentions(potential):
            variable = model.by_name.get(ref.name)
            if variable is not None and variable.role in ("input", "random") and variable.plates:
                message = f"the fields of a row hang on `{ref.name}`, which rows give: they share no chains"
                yield Diagnostic(
                    "PGM0602", message, potential.span, help="`--method cd` starts chains at the rows"
                )
                return
