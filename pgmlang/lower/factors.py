"""``factors`` and ``log_joint``: every factor's log-value element by element, and their sum."""

from __future__ import annotations

import ast
from collections.abc import Collection

from pgmlang.lower import pyast as py
from pgmlang.lower.emitted import Axes, Emitted, is_number
from pgmlang.lower.expressions import ExpressionEmitter, to_come
from pgmlang.lower.order import ancestral_order
from pgmlang.lower.unpack import Emitter
from pgmlang.lower.writer import Writer
from pgmlang.model import Choice, Conditional, Definition, Dist, Distribution, Factor, Model, Potential
from pgmlang.model.dependence import names_behind


def factor_names(model: Model) -> dict[str, Factor]:
    """Every factor by the name it has in programs: a conditional's target, a potential's name or ``factor 1``."""
    out: dict[str, Factor] = {c.target: c for c in model.conditionals}
    for i, potential in enumerate(model.potentials):
        out[potential.name if potential.name and potential.name not in out else f"factor {i + 1}"] = potential
    return out


def factors_around(model: Model, names: Collection[str]) -> tuple[str, ...]:
    """Names of the factors that mention any of these variables, directly or through deterministic names."""
    return tuple(key for key, mentioned in model.once(_mentioned).items() if not mentioned.isdisjoint(names))


def _mentioned(model: Model) -> dict[str, frozenset[str]]:
    """What each factor mentions, its target included."""
    return {
        key: frozenset({*model.random_parents(factor), *_params_of(model, factor), getattr(factor, "target", "")})
        for key, factor in factor_names(model).items()
    }


def _params_of(model: Model, factor: Factor) -> set[str]:
    """Params that a factor mentions, through deterministic names too."""
    return {v.name for v in model.of_role("param")} & names_behind(model, factor)


def factors_function(emitter: Emitter, out: Writer, chosen: Collection[str] | None = None) -> dict[str, Axes]:
    """Emits ``factors`` and ``log_joint`` of the chosen factors (all when None); gives each factor's axes."""
    model = emitter.model
    named = {k: f for k, f in factor_names(model).items() if chosen is None or k in chosen}
    items: list[Factor] = list(named.values())
    definitions = emitter.definitions_for(items)
    out.blank(2)
    out.line("def factors(values, data=None, layout=None, params=None, nets=None):")
    out.indent += 1
    out.doc("Log-probability or log-potential of every element of every factor: axes as in FACTORS, chains first.")
    emitter.unpack([*items, *definitions], out)
    emitter.previous([*items, *definitions], out)
    out.line("out = {}")
    axes: dict[str, Axes] = {}
    stated: list[Conditional | Definition] = [*(f for f in items if isinstance(f, Conditional)), *definitions]
    for item in ancestral_order(model, stated):
        if isinstance(item, Definition):
            emitter.definition(item, out)
            continue
        term, axes[item.target] = emitter.distributions.log_prob(item)
        given = [r for r in model.random_parents(item) if r != item.target]
        note = f"p({item.target}{' | ' + ', '.join(given) if given else ''})"
        _store(out, item.target, term, item, note)
    for key, factor in named.items():
        if isinstance(factor, Potential):
            node, axes[key] = potential_value(model, emitter.expressions, factor)
            _store(out, key, node, factor, "log-potential")
    out.line("return out")
    out.indent -= 1
    _log_joint(emitter, axes, out)
    return {key: axes[key] for key in named}


def deterministic_function(emitter: Emitter, out: Writer, chosen: Collection[str] | None = None) -> None:
    """Emits ``deterministic``: the values of the chosen deterministic names (all when None)."""
    model = emitter.model
    targets = [d for d in model.definitions if chosen is None or d.target in chosen]
    if not targets:
        return
    out.blank(2)
    out.line("def deterministic(values, data=None, layout=None, params=None, nets=None):")
    out.indent += 1
    out.doc("Values of the deterministic names, laid out along all their axes (of size one where nothing varies).")
    wanted = emitter.mentioned(targets)
    items = [d for d in model.definitions if d.target in wanted]
    emitter.unpack(items, out)
    emitter.previous(items, out)
    for item in ancestral_order(model, items):
        assert isinstance(item, Definition)
        emitter.definition(item, out)
    pairs = [(d.target, py.name(emitter.names[d.target])) for d in targets]
    out.statement(py.returns(py.dict_of(pairs)))
    out.indent -= 1


def distributions_function(emitter: Emitter, out: Writer, chosen: Collection[str]) -> None:
    """Emits ``distributions``: what the chosen variables are distributed as, given what they hang on; of a choice a triple of
    its condition and the two distributions. Raises PgmError PGM0601 for tables and learned densities."""
    model = emitter.model
    items = [c for c in model.conditionals if c.target in chosen]
    definitions = emitter.definitions_for(items)
    out.blank(2)
    out.line("def distributions(values, data=None, layout=None, params=None, nets=None):")
    out.indent += 1
    out.doc("Distributions of the targets given what they hang on; of a choice its condition and both.")
    above = emitter.mentioned(definitions).union(*(emitter.names_above(c) for c in items))
    emitter.unpack([*items, *definitions], out, only=above | {v.name for v in model.of_role("input", "param")})
    emitter.previous([*items, *definitions], out)
    out.line("out = {}")
    stated: list[Conditional | Definition] = [*items, *definitions]
    for item in ancestral_order(model, stated):
        if isinstance(item, Definition):
            emitter.definition(item, out)
            continue
        emitter.distributions.table_number = 0
        node = _described(emitter, item.distribution, emitter.distributions.frame_of(item))
        _store(out, item.target, node, item, "")
    out.line("return out")
    out.indent -= 1


def _described(emitter: Emitter, distribution: Distribution, frame: Axes) -> ast.expr:
    match distribution:
        case Choice(condition=condition, then=then, otherwise=otherwise):
            test = emitter.expressions.align(emitter.expressions.truth(condition, frame), frame)
            return py.tuple_of(test, *(_described(emitter, d, frame) for d in (then, otherwise)))
        case Dist():
            return emitter.distributions.base(distribution, frame)
        case _:
            raise to_come("the distribution of labels by a table, or of a learned density,", None)


def _store(out: Writer, key: str, value: ast.expr, factor: Factor, note: str) -> None:
    target = ast.Subscript(ast.Name("out", ast.Load()), ast.Constant(key), ast.Store())
    out.statement(ast.Assign([target], value), factor.span, note)


def _log_joint(emitter: Emitter, axes: dict[str, Axes], out: Writer) -> None:
    emitter.expressions.uses.add("total")
    out.blank(2)
    out.line("def log_joint(values, data=None, layout=None, params=None, nets=None):")
    out.indent += 1
    out.doc("Sum of log-probabilities and log-potentials; shape: the leading chain axes of the values.")
    out.line("terms = factors(values, data, layout, params, nets)")
    out.line("return sum(total(term, len(FACTORS[name])) for name, term in terms.items())")
    out.indent -= 1
    out.blank(2)
    pairs = [(key, py.tuple_of(*map(py.constant, factor_axes))) for key, factor_axes in axes.items()]
    out.assign("FACTORS", py.dict_of(pairs))


def potential_value(model: Model, expressions: ExpressionEmitter, potential: Potential) -> tuple[ast.expr, Axes]:
    """A potential along its plates' axes."""
    frame = model.batch_axes(potential.plates)
    value = expressions.number(potential.value, frame)
    if frame and is_number(value.node):
        value = Emitted(expressions.tensor(value.node), ())
    return expressions.spread(value, frame).node, frame
