"""``example`` and ``main``: small arrays of the right shapes, so that an emitted program runs by itself."""

from __future__ import annotations

import ast

from pgmlang.families import FAMILIES
from pgmlang.layout import close_layout
from pgmlang.lower import pyast as py
from pgmlang.lower.expressions import ExpressionEmitter
from pgmlang.lower.layout_calls import NamedElement, Parent, Position, Previous
from pgmlang.lower.writer import Writer
from pgmlang.model import Choice, Dist, Distribution, Model
from pgmlang.model.model import Role
from pgmlang.tables.learned import tables_of

SIZE = 4
"""Elements of plates and dims that only data would size."""


def example_function(model: Model, expressions: ExpressionEmitter, has_simulate: bool, out: Writer) -> None:
    """Emits ``example()`` (data, layout, params, nets, values) and ``main()``."""
    out.blank(2)
    out.line("def example():")
    out.indent += 1
    out.doc(
        "Small data, parameters and values of the right shapes; plates that data would size have four elements."
    )
    _layout(model, expressions, out)
    out.assign("data", py.dict_of([(v.name, _array(model, expressions, v.name)) for v in model.of_role("input")]))
    out.assign(
        "params", py.dict_of([(v.name, _array(model, expressions, v.name)) for v in model.of_role("param")])
    )
    if model.guide:
        for variable in model.guide.variables:
            if variable.role == "param":
                shape = py.tuple_of(
                    *(expressions.size(a) for a in (*model.batch_axes(variable.plates), *variable.axes))
                )
                out.statement(
                    ast.Assign([_store("params", variable.name)], py.call("torch.full", shape, py.constant(0.5)))
                )
    for table in tables_of(model):
        if table.is_learned:
            kinds = [model.by_name[p.name].type for p in table.distribution.parents] + [
                model.by_name[table.target].type
            ]
            numbers = [len(model.labels_of(k) or ()) or SIZE for k in kinds]
            shape = py.tuple_of(*(expressions.size(b) for b in table.distribution.by), *map(py.constant, numbers))
            out.statement(
                ast.Assign(
                    [_store("params", table.name)], py.call("torch.full", shape, py.constant(1 / numbers[-1]))
                )
            )
    out.assign("nets", py.call("build_nets", py.name("layout")) if model.nets else py.constant(None))
    drawn: Role = "field" if has_simulate else "random"
    pairs = [(v.name, _array(model, expressions, v.name)) for v in model.of_role("field", drawn)]
    improper = [
        (c.target, _array(model, expressions, c.target))
        for c in model.conditionals
        if has_simulate and _is_improper(c.distribution)
    ]
    out.assign("values", py.dict_of(pairs + improper))
    if has_simulate:
        given = {"given": py.name("values")}
        drawing = py.call("simulate", *map(py.name, ("data", "layout", "params", "nets")), **given)
        out.assign("values", ast.Dict([None, None], [py.name("values"), drawing]))
    out.line("return data, layout, params, nets, values")
    out.indent -= 1
    out.blank(2)
    out.line("def main():")
    out.indent += 1
    out.doc("Prints the example and its log-joint.")
    out.line("torch.manual_seed(0)")
    out.line("data, layout, params, nets, values = example()")
    out.line("for name, value in values.items():")
    out.line("    print(name, tuple(value.shape), value.flatten()[:6].tolist())")
    out.line('print("log_joint", float(log_joint(values, data, layout, params, nets).detach()))')
    out.indent -= 1


def _layout(model: Model, expressions: ExpressionEmitter, out: Writer) -> None:
    """``layout``: sizes, and an answer to each question that the program asks: one sequence of all rows, rows dealt out
    to outer elements in turn."""
    fields: dict[str, list[tuple[ast.expr, ast.expr]]] = {}
    axes = [a for a in (*model.dim_by_name, *model.plate_by_name) if model.axis_size(a) is None]
    known = close_layout(model).sizes
    if axes:
        # edges of a grid are as many as it has
        fields["sizes"] = [(py.constant(a), py.constant(known.get(a, SIZE))) for a in axes]

    def rows_of(axis: str) -> ast.expr:
        return py.call("torch.arange", size_of(axis))

    def size_of(axis: str) -> ast.expr:
        return py.constant(known.get(axis, SIZE))

    for asked in sorted(expressions.layout.asked, key=repr):
        match asked:
            case Parent(outer, inner) if model.is_chain(inner):
                key = py.tuple_of(py.constant(outer), py.constant(inner))
                fields.setdefault("parents", []).append((key, py.binary("mul", rows_of(inner), py.constant(0))))
            case Parent(outer, inner):
                dealt = ast.BinOp(rows_of(inner), ast.Mod(), size_of(outer))
                key = py.tuple_of(py.constant(outer), py.constant(inner))
                fields.setdefault("parents", []).append((key, dealt))
            case Position(plate):
                fields.setdefault("positions", []).append((py.constant(plate), rows_of(plate)))
            case NamedElement(axis, label):
                key = py.tuple_of(py.constant(axis), py.constant(label))
                fields.setdefault("elements", []).append(
                    (key, py.constant(label if isinstance(label, int) else 0))
                )
            case Previous(chain, lag):
                before = py.method(py.binary("sub", rows_of(chain), py.constant(lag)), "clamp", py.constant(0))
                key = py.tuple_of(py.constant(chain), py.constant(lag))
                fields.setdefault("before", []).append((key, before))
    given = {name: ast.Dict([k for k, _ in pairs], [v for _, v in pairs]) for name, pairs in fields.items()}
    out.assign("layout", py.call("TensorLayout", **given))


def _is_improper(distribution: Distribution) -> bool:
    if isinstance(distribution, Choice):
        return _is_improper(distribution.then) or _is_improper(distribution.otherwise)
    return isinstance(distribution, Dist) and FAMILIES[distribution.family].improper


def _store(holder: str, key: str) -> ast.expr:
    return ast.Subscript(ast.Name(holder, ast.Load()), ast.Constant(key), ast.Store())


def _array(model: Model, expressions: ExpressionEmitter, name: str) -> ast.expr:
    """An array of a variable's shape, of values in its support."""
    variable = model.by_name[name]
    shape = py.tuple_of(*(expressions.size(a) for a in expressions.array_axes(name)))
    kind = variable.type.kind
    if kind in ("bit", "spin", "labels"):
        count = len(model.labels_of(variable.type) or ()) or SIZE
        return py.call("torch.randint", py.constant(0), py.constant(count), shape)
    if kind in ("count", "integer"):
        return py.call("torch.randint", py.constant(0), py.constant(3), shape)
    if kind == "positive":
        return py.method(py.call("torch.rand", shape), "add", py.constant(0.5))
    if kind == "unit":
        return py.call("torch.rand", shape)
    if kind == "simplex":
        return py.call("torch.softmax", py.call("torch.randn", shape), py.constant(-1))
    if kind in ("zerosum", "unitvector"):
        values = py.call("torch.randn", shape)
        if kind == "zerosum":
            return py.binary("sub", values, py.method(values, "mean", py.constant(-1), keepdim=py.constant(True)))
        return py.call("torch.nn.functional.normalize", values, dim=py.constant(-1))
    if kind == "ordered positive":
        return py.method(
            py.method(py.call("torch.rand", shape), "add", py.constant(0.5)), "cumsum", py.constant(-1)
        )
    if kind == "ordered":
        return py.method(py.call("torch.randn", shape), "cumsum", py.constant(-1))
    return py.call("torch.randn", shape)
