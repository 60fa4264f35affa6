"""log Z of finite fields in an emitted Pyro model, summed exactly: over all joint states of a row, or along a chain by
the forward algorithm (Rabiner 1989, section III; for conditional random fields Lafferty, McCallum and Pereira 2001)."""

from __future__ import annotations

import ast

from pgmlang.lower import pyast as py
from pgmlang.lower.emitted import Axes
from pgmlang.lower.order import ancestral_order
from pgmlang.lower.pyro_chains import Chain, axes_of, variables_in
from pgmlang.lower.pyro_sites import Sites
from pgmlang.lower.pyro_steps import before, each_step
from pgmlang.model import Definition, Model, Potential
from pgmlang.model.dependence import definitions_behind, names_behind
from pgmlang.model.expr import Expr, Reduce, Ref, walk
from pgmlang.model.model import Variable

MAX_STATES = 4096
"""Joint states of the fields of one row that are laid out."""


def groups_of(model: Model, fields: list[Variable]) -> list[list[Variable]]:
    """Fields that share a log Z: joined by factors."""
    group = {v.name: {v.name} for v in fields}
    for potential in model.potentials:
        joined = [n for n in names_behind(model, potential) if n in group]
        merged = set().union(*(group[n] for n in joined)) if joined else set()
        for name in merged:
            group[name] = merged
    seen: list[set[str]] = []
    for names in group.values():
        if names not in seen:
            seen.append(names)
    return [[v for v in fields if v.name in names] for names in seen]


def _count(sites: Sites, variable: Variable) -> ast.expr:
    return py.constant(2) if variable.type.kind in ("bit", "spin") else sites.count_of(variable)


def _potentials(model: Model, fields: list[Variable]) -> list[Potential]:
    names = {v.name for v in fields}
    return [p for p in model.potentials if names & names_behind(model, p)]


def reason_against_sum(model: Model, fields: list[Variable], chain: Chain | None) -> str | None:
    """Why log Z of these fields is not summed, None where it is."""
    batch = model.batch_axes(fields[0].plates)
    states = 1
    for variable in fields:
        if variable.type.kind not in ("bit", "spin", "labels"):
            return f"`{variable.name}` has no finite set of values"
        if variable.axes:
            return f"`{variable.name}` has too many joint states along `{variable.axes[0]}`"
        if model.batch_axes(variable.plates) != batch:
            return f"`{variable.name}` lies in other plates than `{fields[0].name}`"
        states *= 2 if variable.type.kind in ("bit", "spin") else len(model.labels_of(variable.type) or ()) or 2
    if states > MAX_STATES:
        return f"{states} joint states of a row"
    names = {v.name for v in fields}
    late = _hanging_on(model, names)
    drawn = set(variables_in(model, chain.plate)) - names if chain is not None else set()
    for potential in _potentials(model, fields):
        if axes_of(model, potential) != batch:
            return "a factor joins fields of several rows"
        mentioned = names_behind(model, potential)
        if other := sorted(mentioned & (late | drawn)):
            return f"a factor mentions `{other[0]}`, which is drawn given it"
        if any(_joins_rows(e, names, batch) for e in _expressions(model, potential)):
            return "a factor joins fields of several rows"
    if chain is not None and any(lag > 1 for name, lag in chain.lags.items() if name in names):
        return "its factors look back more than one row"
    return None


def _hanging_on(model: Model, names: set[str]) -> set[str]:
    """Random variables that hang on these fields."""
    out = set(names)
    for item in ancestral_order(model, [*model.conditionals, *model.definitions]):
        if any(r.name in out for r in model.mentions(item)):
            out.add(item.target)
    return {n for n in out - names if n in model.conditional_of}


def _expressions(model: Model, potential: Potential) -> list[Expr]:
    items: tuple[Potential | Definition, ...] = (potential, *definitions_behind(model, potential))
    return [e for item in items for e in model.expressions(item)]


def _joins_rows(expression: Expr, names: set[str], batch: Axes) -> bool:
    """Whether an expression looks at fields of several rows other than by ``prev``."""
    for node in walk(expression):
        if isinstance(node, Ref) and node.name in names and any(axis in batch for axis, _ in node.index):
            return True
        if isinstance(node, Reduce) and node.axis in batch:
            return True
    return False


def sum_fields(sites: Sites, fields: list[Variable]) -> None:
    """``pyro.factor("log Z", -log_z)`` of fields that no chain joins, each row on its own."""
    batch = sites.model.batch_axes(fields[0].plates)
    frame = sites.plates.frame(batch, True) or batch
    sites.leave()
    _codes(sites, fields, len(batch))  # pads come with the frame of the term
    _definitions(sites, fields)
    term = _term(sites, fields, frame)
    log_z = py.method(term, "logsumexp", _dims(len(fields), len(frame)))
    _factor(sites, fields, batch, log_z)


def sum_fields_of_chain(sites: Sites, fields: list[Variable], chain: Chain, sequences: str) -> None:
    """As ``sum_fields``, along every sequence of a chain."""
    model, out, names = sites.model, sites.out, sites.emitter.names
    batch = model.batch_axes(fields[0].plates)
    count = len(fields)
    local = names["log Z"]
    sites.leave()
    _codes(sites, fields, len(batch))
    for index, variable in enumerate(fields):
        if variable.name in chain.lags:
            dim = py.constant(-len(batch) - 2 * count + index)
            out.assign(before(sites, variable.name, 1), py.call("codes_along", _count(sites, variable), dim))
    counts = py.tuple_of(*(_count(sites, v) for v in fields))
    shape = py.tuple_of(
        *(py.name(f"{sequences}.count") if a == chain.plate else sites.expressions.size(a) for a in batch)
    )
    sites.expressions.uses |= {"before_a_chain", "forward_step", "codes_along"}
    out.assign(local, py.call("before_a_chain", counts, shape))
    potentials = _potentials(model, fields)
    with each_step(sites, chain, sequences, py.name(sequences), [*potentials]):
        _definitions(sites, fields)
        term = _term(sites, fields, batch)
        moved = py.call("forward_step", py.name(local), term, sites.here(), py.constant(count))
        out.assign(local, moved)
    summed = py.method(py.name(local), "logsumexp", _dims(count, len(batch)))
    outer = chain.outer or f"{chain.plate} sequences"
    _factor(sites, fields, tuple(outer if a == chain.plate else a for a in batch), summed)


def _codes(sites: Sites, fields: list[Variable], depth: int) -> None:
    """Every field as the codes of all its values, each field along a dim of its own."""
    sites.expressions.uses.add("codes_along")
    for index, variable in enumerate(fields):
        dim = py.constant(-depth - len(fields) + index)
        codes = py.call("codes_along", _count(sites, variable), dim)
        sites.out.assign(sites.emitter.names[variable.name], codes)


def _definitions(sites: Sites, fields: list[Variable]) -> None:
    """Deterministic names between fields and their factors, at those codes."""
    model = sites.model
    wanted = set().union(*(names_behind(model, p) for p in _potentials(model, fields)))
    names = {v.name for v in fields}
    items = [
        d for d in model.definitions if d.target in wanted and (names_behind(model, d) & names or sites.chain)
    ]
    for item in ancestral_order(model, items):
        assert isinstance(item, Definition)
        sites.emitter.definition(item, sites.out)


def _term(sites: Sites, fields: list[Variable], frame: Axes) -> ast.expr:
    """The sum of the factors of the fields."""
    values = [sites.potential_value(p, frame) for p in _potentials(sites.model, fields)]
    term = values[0] if values else py.call("torch.zeros", py.tuple_of())
    for value in values[1:]:
        term = py.binary("add", term, value)
    return term


def _dims(count: int, depth: int) -> ast.expr:
    return py.tuple_of(*(py.constant(-depth - count + i) for i in range(count)))


def _factor(sites: Sites, fields: list[Variable], axes: Axes, log_z: ast.expr) -> None:
    site = py.constant(f"log Z of {', '.join(v.name for v in fields)}")
    sites.enter(axes)
    call = py.call("pyro.factor", site, ast.UnaryOp(ast.USub(), log_z))
    sites.out.statement(ast.Expr(call), fields[0].span)
    sites.leave()
