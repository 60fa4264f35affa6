"""``simulate``: ancestral draws of a directed model."""

from __future__ import annotations

import ast

from pgmlang.lower import pyast as py
from pgmlang.lower.distributions import Distributions
from pgmlang.lower.expressions import Axes, Expressions, to_come
from pgmlang.lower.names import Names
from pgmlang.lower.order import ancestral_order
from pgmlang.lower.writer import Writer
from pgmlang.model import Choice, Conditional, Definition, Density, Dist, Distribution, Model, TableDist


def shape_of(expressions: Expressions, axes: Axes) -> ast.expr:
    """The sizes of axes as a tuple."""
    return py.tuple_of(*(expressions.size(a) for a in axes))


def refuse_chains(model: Model, what: str) -> None:
    """Rows that look back cannot be drawn all at once."""
    for conditional in model.conditionals:
        if any(r.lag for r in model.mentions(conditional)):
            raise to_come(f"{what} of a chain, row after row,", conditional.span)


def simulate_function(
    model: Model, names: Names, expressions: Expressions, distributions: Distributions, out: Writer
) -> None:
    """Emits ``simulate``. Raises PGM0601 for fields, chains and distributions that torch cannot draw from."""
    from pgmlang.lower.program import definition, unpack

    if any(model.of_role("field")):
        raise to_come(
            "drawing fields, which needs a sampler,",
            next(iter(model.potentials)).span if model.potentials else None,
        )
    refuse_chains(model, "drawing the rows")
    out.blank(2)
    out.line("def simulate(data=None, params=None, nets=None):")
    out.indent += 1
    out.line('"""One ancestral draw of every random variable, by name."""')
    given = {v.name for v in model.of_role("input", "param")} | {f"{c.target}.table" for c in model.conditionals}
    given |= {f"{c.target}.table2" for c in model.conditionals}
    unpack(model, names, "values", out, given)
    stated: list[Conditional | Definition] = [*model.conditionals, *model.definitions]
    for item in ancestral_order(model, stated):
        if isinstance(item, Definition):
            definition(model, names, expressions, item, out)
            continue
        distributions.table_number = 0
        frame = distributions.frame_of(item)
        out.assign(names[item.target], draw(expressions, distributions, item.distribution, item, frame), item.span)
    pairs = [(c.target, py.name(names[c.target])) for c in model.conditionals]
    out.statement(py.returns(py.dict_of(pairs)))
    out.indent -= 1


def draw(
    expressions: Expressions,
    distributions: Distributions,
    distribution: Distribution,
    item: Conditional,
    frame: Axes,
) -> ast.expr:
    """A draw along the whole frame."""
    match distribution:
        case Choice(condition=condition, then=then, otherwise=otherwise):
            test = expressions.align(expressions.emit(condition, frame), frame)
            a = draw(expressions, distributions, then, item, frame)
            b = draw(expressions, distributions, otherwise, item, frame)
            return py.call("torch.where", test, a, b)
        case TableDist():
            table = distributions.table(distribution, item, frame)
            return py.method(py.method(table, "expand", shape_of(expressions, frame)), "sample")
        case Dist(family="Flat" | "Truncated" | "Censored" | "ZeroInflated" | "BetaBinomial"):
            raise to_come(f"drawing from `{distribution.family}`", distribution.span)
        case Dist():
            built = distributions.dist(distribution, frame)
            batch = frame[: len(frame) - len(distribution.event)]
            return py.method(py.method(built, "expand", shape_of(expressions, batch)), "sample")
        case Density():
            raise to_come(f"`{distribution.family}`", distribution.span)
