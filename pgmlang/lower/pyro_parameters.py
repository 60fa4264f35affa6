"""Parameters, learned tables and networks in Pyro's store."""

from __future__ import annotations

import ast
from collections.abc import Collection

from pgmlang.lower import pyast as py
from pgmlang.lower.emitted import to_come
from pgmlang.lower.supports import pyro_constraint
from pgmlang.lower.unpack import Emitter
from pgmlang.lower.writer import Writer
from pgmlang.model import Definition, Factor
from pgmlang.tables.learned import Table, tables_of


def parameters(emitter: Emitter, items: Collection[Factor | Definition], out: Writer) -> None:
    """``w = pyro.param(...)`` of each param and learned table that the items mention, with its constraint."""
    model, expressions = emitter.model, emitter.expressions
    wanted = emitter.mentioned(items)
    targets = {getattr(item, "target", "") for item in items}
    for variable in model.of_role("param"):
        if variable.name not in wanted:
            continue
        support = pyro_constraint(variable.type.kind)
        if support is None:
            raise to_come(f"a param of {variable.type} in Pyro's store", variable.span)
        shape = emitter.shape_of(expressions.array_axes(variable.name))
        out.statement(
            _registered(emitter, variable.name, shape, support),
            variable.span,
            note=emitter.shape_note(variable.name),
        )
    for table in tables_of(model):
        if table.is_learned and table.target in targets:
            simplex = py.name("constraints.simplex")
            shape = table_shape(emitter, table)
            out.statement(_registered(emitter, table.name, shape, simplex), table.distribution.span)


def table_priors(emitter: Emitter, out: Writer) -> None:
    """``pyro.factor("prior of x", ...)`` of each learned table with a Dirichlet prior: its counts times the logarithms, so
    that the mode is that of counting with them added (as ``density.table_priors``)."""
    for table in tables_of(emitter.model):
        prior = table.distribution.prior
        if not table.is_learned or prior is None:
            continue
        kind, size = prior
        value: ast.expr = py.method(py.name(emitter.names[table.name]), "log")
        if kind == "bdeu":  # its size over the cells of a table is the mean of them times it
            value = py.method(value, "flatten", py.constant(len(table.distribution.by)))
            value = py.method(value, "mean", py.constant(-1))
        value = py.binary("mul", py.constant(size), py.method(value, "sum"))
        site = py.constant(f"prior of {table.target}")
        out.statement(ast.Expr(py.call("pyro.factor", site, value)), table.distribution.span)


def _registered(emitter: Emitter, name: str, shape: ast.expr, support: ast.expr) -> ast.stmt:
    emitter.expressions.uses.add("parameter_start")
    arguments = [py.name("params"), py.constant(name), shape]
    if not (isinstance(support, ast.Attribute) and support.attr == "real"):
        arguments.append(support)
    no_arguments = ast.arguments([], [], None, [], [], None, [])
    begin = ast.Lambda(no_arguments, py.call("parameter_start", *arguments))
    value = py.call("pyro.param", py.constant(name), begin, constraint=support)
    return py.assign(emitter.names[name], value)


def table_shape(emitter: Emitter, table: Table) -> ast.expr:
    """Axes of a learned table: the plates it is learned by, its parents' labels, its own."""
    model, expressions = emitter.model, emitter.expressions
    sizes = [expressions.size(by) for by in table.distribution.by]
    for type_ in (
        *(model.by_name[p.name].type for p in table.distribution.parents),
        model.by_name[table.target].type,
    ):
        labels = model.labels_of(type_)
        if labels is None and not type_.axis:
            raise to_come(f"a table of `{table.target}`, whose labels only data say, in Pyro's store", None)
        sizes.append(py.constant(len(labels)) if labels is not None else expressions.size(type_.axis or ""))
    return py.tuple_of(*sizes)


def register_nets(emitter: Emitter, out: Writer) -> None:
    """``nets``, registered as one module, whose weights are those of the store."""
    if not emitter.model.nets:
        return
    fresh = ast.IfExp(
        ast.Compare(py.name("nets"), [ast.Is()], [py.constant(None)]),
        py.call("build_nets", py.name("layout")),
        py.name("nets"),
    )
    out.assign("nets", fresh)
    registered = py.call(
        "pyro.module", py.constant("nets"), py.name("nets"), update_module_params=py.constant(True)
    )
    out.assign("nets", registered)
