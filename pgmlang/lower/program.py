"""Model to Program: the readable Python module that ``pgmc compile`` writes.

Statements are built as syntax trees and unparsed one by one, each with a comment that leads back to its line in the
model. The module stands alone: what it needs besides torch (and Pyro, for ``model`` and ``guide``) is copied into its
foot.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import Any

from pgmlang.diagnostics import PgmError, Span
from pgmlang.lower import pyast as py
from pgmlang.lower.distributions import Distributions
from pgmlang.lower.example import example_function
from pgmlang.lower.expressions import Expressions
from pgmlang.lower.names import Names, comment
from pgmlang.lower.order import ancestral_order
from pgmlang.lower.pyro_model import guide_function, model_function
from pgmlang.lower.simulate import simulate_function
from pgmlang.lower.writer import Writer
from pgmlang.model import Conditional, Definition, Model, Potential, TableDist
from pgmlang.tables.learned import tables_of


@dataclass(frozen=True)
class Program:
    """An emitted program. ``source_map``: line of the program to the model's span. ``left_out``: functions that this
    model's constructs do not allow, with the reason."""

    source: str
    name: str
    source_map: dict[int, Span] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def load(self) -> ModuleType:
        """The program as a module. Only syntax built by this compiler is run."""
        import linecache

        file = f"<pgmlang {self.name}>"
        module = ModuleType(f"pgmlang_program_{self.name}")
        linecache.cache[file] = (len(self.source), None, self.source.splitlines(True), file)
        exec(compile(ast.parse(self.source, file), file, "exec"), module.__dict__)
        return module


def lower(model: Model, *, file_name: str = "model.pgm") -> Program:
    """Lowers a Model. Raises PgmError PGM0601 for constructs that no program says yet."""
    names = Names(
        [v.name for v in model.variables] + ([v.name for v in model.guide.variables] if model.guide else [])
    )
    expressions = Expressions(model, names)
    distributions = Distributions(model, expressions)
    out = Writer(file_name)
    body = Writer(file_name)
    _tables(model, names, body)
    edges = Writer(file_name)
    _edges(model, names, expressions, edges)
    _nets(model, expressions, body)
    _log_joint(model, names, expressions, distributions, body)
    left_out: dict[str, str] = {}
    has_simulate = False
    for kind, function in (("simulate", simulate_function), ("model", model_function), ("guide", guide_function)):
        if kind == "guide" and model.guide is None:
            continue
        part = Writer(file_name)
        try:
            function(model, names, expressions, distributions, part)
        except PgmError as error:
            left_out[kind] = error.diagnostics[0].message
            body.blank()
            body.line(f"# {kind}: left out; {comment(error.diagnostics[0].message)}")
            continue
        has_simulate |= kind == "simulate"
        body.extend(part)
    _supports(model, body)
    example_function(model, names, expressions, has_simulate, body)
    _head(model, file_name, out, expressions)
    out.extend(body)
    _foot(expressions, edges, out)
    return Program(out.text(), model.name, out.spans, left_out)


def _head(model: Model, file_name: str, out: Writer, expressions: Expressions) -> None:
    doc = [
        f"{model.name}, lowered from {file_name} by pgmlang.",
        "",
        "log_joint(values, data, params, nets) is the sum of all log-probabilities and log-potentials (log Z of fields is",
        "not in it). `values` holds every random variable by name, observed or not, with any leading chain axes;",
        "labels are codes in the order of LABELS, bits 0 and 1, spins 0 for -1 and 1 for +1. Arrays have their plates'",
        "axes first, then their own. `python THIS_FILE` runs a small example.",
    ]
    if expressions.indices:
        doc += ["", "data also holds:"] + [f"  {k}: {v}" for k, v in sorted(expressions.indices.items())]
    for text in doc:
        out.line(f"# {comment(text)}".rstrip())
    out.blank()
    out.line("from __future__ import annotations")
    out.blank()
    for line in ("import math", "import torch", "import torch.distributions as dist",
                 "from torch.distributions import biject_to, constraints"):  # fmt: skip
        out.line(line)
    labels = [
        (v.name, py.tuple_of(*map(py.constant, found)))
        for v in model.variables
        if v.type.kind == "labels" and (found := model.labels_of(v.type)) is not None
    ]
    if labels:
        out.blank()
        out.assign("LABELS", py.dict_of(labels))


def _tables(model: Model, names: Names, out: Writer) -> None:
    """Tables that are written out, one row of probabilities a line."""
    for table in tables_of(model):
        distribution = table.distribution
        if distribution.rows is None:
            continue
        out.blank()
        parents = [p.name for p in distribution.parents]
        given = f" given {', '.join(parents)}" if parents else ""
        out.line(f"# p({comment(table.target)}{comment(given)}), normalised")
        sizes = [len(model.labels_of(p.type) or ()) for p in distribution.parents]
        rows = distribution.rows
        node = _nested(rows, sizes) if parents else py.list_of(*map(py.constant, rows[0]))
        value = py.call("torch.tensor", node)
        identifier = names[table.name]
        out.assign(identifier, value, distribution.span)
        at = py.constant(-1)
        total = py.method(py.name(identifier), "sum", at, keepdim=py.constant(True))
        out.assign(identifier, py.binary("div", py.name(identifier), total))


def _nested(rows: tuple[tuple[float, ...], ...], sizes: list[int]) -> ast.expr:
    items: list[ast.expr] = [py.list_of(*map(py.constant, row)) for row in rows]
    for size in reversed(sizes):
        items = [py.list_of(*items[i : i + size]) for i in range(0, len(items), size)]
    return items[0]


def _edges(model: Model, names: Names, expressions: Expressions, out: Writer) -> None:
    for plate in model.plates:
        if plate.structure is None or plate.structure.kind != "edges" or plate.structure.of is None:
            continue
        of = model.plate_by_name[plate.structure.of]
        ends = [v.name for v in model.variables if v.role == "index" and v.plates[-1] == plate.name]
        if of.structure is None or of.structure.kind != "grid" or len(ends) != 2:
            from pgmlang.lower.expressions import to_come

            raise to_come(f"edges of `{of.name}`, which is no grid,", plate.span)
        expressions.uses.add("grid_edges")
        out.blank()
        target = ast.Tuple([ast.Name(names[e], ast.Store()) for e in ends], ast.Store())
        value = py.call("grid_edges", *map(py.constant, of.structure.shape))
        out.statement(ast.Assign([target], value), plate.span, "neighbours")


def _nets(model: Model, expressions: Expressions, out: Writer) -> None:
    if not model.nets:
        return
    out.blank(2)
    out.line("def build_nets(data):")
    out.indent += 1
    out.line('"""The networks, with fresh weights."""')
    pairs: list[tuple[str, ast.expr]] = []
    for net in model.nets:
        if net.block not in ("mlp", "linear"):
            from pgmlang.lower.expressions import to_come

            raise to_come(f"the block `{net.block}`", net.span)
        expressions.uses |= {"Mlp", "real"}
        sizes = [
            [py.constant(1) if a == "real" else expressions.size(a) for a in axes]
            for axes in (net.inputs, net.outputs)
        ]
        act = {"tanh": "Tanh", "relu": "ReLU", "silu": "SiLU", "gelu": "GELU", "elu": "ELU", "softplus": "Softplus",
               "sigmoid": "Sigmoid", "leaky_relu": "LeakyReLU"}[str(dict(net.options).get("act", "tanh"))]  # fmt: skip
        hidden = py.list_of(*(py.constant(int(h)) for h in net.arguments))
        pairs.append(
            (
                net.name,
                py.call("Mlp", py.list_of(*sizes[0]), hidden, py.list_of(*sizes[1]), py.name(f"torch.nn.{act}")),
            )
        )
    out.statement(py.returns(py.call("torch.nn.ModuleDict", py.dict_of(pairs))), model.nets[0].span)
    out.indent -= 1


def unpack(model: Model, names: Names, source: str, out: Writer, only: set[str] | None = None) -> None:
    """Local names for what ``values``, ``data`` and ``params`` hold."""
    for variable in model.variables:
        if variable.role in ("derived", "index") or (only is not None and variable.name not in only):
            continue
        holder = {"input": "data", "param": "params"}.get(variable.role, source)
        out.assign(names[variable.name], py.entry(holder, variable.name), note=shape_note(model, variable.name))
    for table in tables_of(model):
        if table.is_learned and (only is None or table.name in only):
            out.assign(names[table.name], py.entry("params", table.name), table.distribution.span)


def shape_note(model: Model, name: str) -> str:
    variable = model.by_name[name]
    axes = [*model.batch_axes(variable.plates), *variable.axes]
    return f"[{', '.join(axes)}] {variable.type}" if axes else str(variable.type)


def _log_joint(
    model: Model, names: Names, expressions: Expressions, distributions: Distributions, out: Writer
) -> None:
    out.blank(2)
    out.line("def log_joint(values, data=None, params=None, nets=None):")
    out.indent += 1
    out.line('"""Sum of log-probabilities and log-potentials; shape: the leading chain axes of the values."""')
    unpack(model, names, "values", out)
    out.line("total = 0.0")
    stated: list[Conditional | Definition] = [*model.conditionals, *model.definitions]
    for item in ancestral_order(model, stated):
        if isinstance(item, Definition):
            definition(model, names, expressions, item, out)
            continue
        term = distributions.log_prob(item)
        given = [r for r in model.random_parents(item) if r != item.target]
        note = f"p({item.target}{' | ' + ', '.join(given) if given else ''})"
        out.assign("total", py.binary("add", py.name("total"), term), item.span, note)
    for potential in model.potentials:
        value = potential_value(model, expressions, potential)
        out.assign(
            "total", py.binary("add", py.name("total"), value), potential.span, potential.name or "log-potential"
        )
    out.line("return total")
    out.indent -= 1


def definition(model: Model, names: Names, expressions: Expressions, item: Definition, out: Writer) -> None:
    """``name = value`` of a deterministic variable, laid out along all its axes."""
    frame = expressions.array_axes(item.target)
    is_label = item.value.type.kind == "labels"
    value = expressions.emit(item.value, frame) if is_label else expressions.number(item.value, frame)
    out.assign(
        names[item.target], expressions.align_fully(value, frame), item.span, shape_note(model, item.target)
    )


def potential_value(model: Model, expressions: Expressions, potential: Potential) -> ast.expr:
    """The potential summed over its plates."""
    frame = model.batch_axes(potential.plates)
    value = expressions.number(potential.value, frame)
    if value.axes != frame:
        from pgmlang.lower.expressions import to_come

        raise to_come("a factor that does not vary over its plate", potential.span)
    if not frame:
        return value.node
    dims = py.tuple_of(*(py.constant(d) for d in range(-len(value.axes), 0)))
    return py.method(value.node, "sum", dims)


_CONSTRAINTS = {
    "real": "constraints.real", "positive": "constraints.positive", "unit": "constraints.unit_interval",
    "simplex": "constraints.simplex", "ordered": "constraints.ordered_vector", "cov": "constraints.positive_definite",
}  # fmt: skip


def _supports(model: Model, out: Writer) -> None:
    """Supports of the continuous random variables and params, for ``constrain``."""
    kept = [
        v for v in model.of_role("random", "param", "field")
        if v.type.kind in _CONSTRAINTS and not (v.type.kind in ("cov",) and len(v.axes) < 2)
    ]  # fmt: skip
    out.blank(2)
    out.assign("SUPPORTS", py.dict_of([(v.name, py.name(_CONSTRAINTS[v.type.kind])) for v in kept]))
    ranks = [(v.name, py.constant(len(model.batch_axes(v.plates)) + len(v.axes))) for v in kept]
    out.assign("RANKS", py.dict_of(ranks))


@cache
def _runtime() -> dict[str, tuple[str, set[str]]]:
    """Each runtime function's text and the others it uses."""
    source = (files("pgmlang.lower") / "runtime" / "support.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    lines = source.splitlines()
    pieces = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return {
        name: (
            "\n".join(lines[node.lineno - 1 : node.end_lineno]),
            {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in pieces and n.id != name},
        )
        for name, node in pieces.items()
    }


def _foot(expressions: Expressions, edges: Writer, out: Writer) -> None:
    """The runtime functions used, in one order, and the call of the example."""
    runtime = _runtime()
    wanted = {*expressions.uses, "constrain"}
    pending = list(wanted)
    while pending:
        for other in runtime[pending.pop()][1] - wanted:
            wanted.add(other)
            pending.append(other)
    for name in runtime:
        if name in wanted:
            out.blank(2)
            for line in runtime[name][0].splitlines():
                out.line(line)
    out.extend(edges)
    out.blank(2)
    out.line('if __name__ == "__main__":')
    out.line("    main()")


__all__: list[Any] = ["Program", "TableDist", "lower"]
