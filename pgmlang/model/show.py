"""The canonical text of a Model: what was understood, in one fixed order. ``pgmc compile --stage model``."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Contract,
    Element,
    Expr,
    First,
    Identity,
    MatrixApply,
    NetCall,
    Reduce,
    Ref,
    Rename,
    Solution,
    Stack,
    State,
    Time,
)
from pgmlang.model.model import (
    Choice,
    Conditional,
    Density,
    Dim,
    Dist,
    Distribution,
    Guide,
    Model,
    Net,
    Plate,
    TableDist,
    Variable,
)

_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">",
    "ge": ">=", "and": "and", "or": "or",
}  # fmt: skip


def show(model: Model) -> str:
    """The whole Model, one line a thing."""
    return "\n".join(_lines(model)) + "\n"


def _lines(model: Model) -> Iterator[str]:
    yield f"model {model.name}"
    for name, value in model.settings:
        yield f"setting {name} = {value}"
    for dim in model.dims:
        yield _dim(dim)
    for plate in model.plates:
        yield _plate(plate)
    for net in model.nets:
        yield _net(net)
    for variable in model.variables:
        yield _variable(variable)
    for definition in model.definitions:
        yield f"define {definition.target} = {show_expr(definition.value)}"
    for factor in model.factors:
        if isinstance(factor, Conditional):
            yield f"p({factor.target}{_given(model, factor)}){_in(factor.plates)} = {show_distribution(factor.distribution)}"
        else:
            name = f" {factor.name}" if factor.name else ""
            yield f"potential{name}{_in(factor.plates)} = {show_expr(factor.value)}"
    if model.guide:
        yield from _guide(model.guide)


def _guide(guide: Guide) -> Iterator[str]:
    for variable in guide.variables:
        yield f"guide {_variable(variable)}"
    for definition in guide.definitions:
        yield f"guide define {definition.target} = {show_expr(definition.value)}"
    for conditional in guide.conditionals:
        yield f"guide q({conditional.target}){_in(conditional.plates)} = {show_distribution(conditional.distribution)}"


def _in(plates: tuple[str, ...]) -> str:
    return f" in {', '.join(plates)}" if plates else ""


def _given(model: Model, factor: Conditional) -> str:
    parents = model.random_parents(factor)
    return " | " + ", ".join(parents) if parents else ""


def _dim(dim: Dim) -> str:
    if dim.like:
        return f"dim {dim.name} like {dim.like}"
    if dim.labels is not None:
        return f"dim {dim.name} = {{{', '.join(map(quoted, dim.labels))}}}"
    return f"dim {dim.name}[{dim.size}]" if dim.size is not None else f"dim {dim.name}"


def _plate(plate: Plate) -> str:
    size = f"[{plate.size}]" if plate.size is not None else ""
    structure = ""
    if plate.structure:
        inside = plate.structure.of or ", ".join(map(str, plate.structure.shape))
        structure = f" = {plate.structure.kind}" + (f"({inside})" if inside else "")
    return f"plate {plate.name}{size}{_in(plate.parents)}{structure}"


def _net(net: Net) -> str:
    options = [
        *(f"{a:g}" if not isinstance(a, str) else a for a in net.arguments),
        *(f"{k} = {v}" for k, v in net.options),
    ]
    return (
        f"net {net.name} : {', '.join(net.inputs)} -> {', '.join(net.outputs)} = {net.block}({', '.join(options)})"
    )


def _variable(variable: Variable) -> str:
    axes = f"[{', '.join(variable.axes)}]" if variable.axes else ""
    return f"{variable.role} {variable.name}{axes} : {variable.type}{_in(variable.plates)}"


def quoted(label: str) -> str:
    """A label as the language writes it."""
    if label.isidentifier() or label.isdecimal():
        return label
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'


def show_distribution(distribution: Distribution) -> str:
    """A distribution with its arguments by name."""
    match distribution:
        case Dist(family=family, arguments=arguments):
            named = (
                f"{n} = {show_distribution(a) if isinstance(a, Dist) else show_expr(a)}" for n, a in arguments
            )
            return f"{family}({', '.join(named)})"
        case TableDist(parents=parents, rows=rows, prior=prior, by=by):
            parts = [show_expr(p) for p in parents]
            parts += [f"prior = {prior[0]}({prior[1]:g})"] if prior else []
            parts += [f"by = {b}" for b in by]
            given = (
                " given " + "; ".join(", ".join(f"{c:.12g}" for c in row) for row in rows)
                if rows is not None
                else ""
            )
            return f"Table({', '.join(parts)}){given}"
        case Choice(condition=condition, then=then, otherwise=otherwise):
            return f"if {show_expr(condition)} then {show_distribution(then)} else {show_distribution(otherwise)}"
        case Density(family=family, settings=settings, given=given):
            sizes = [f"{s:g}" for s in settings] + [f"given = {show_expr(g)}" for g in given]
            return f"{family}({', '.join(sizes)})"


def show_expr(expr: Expr) -> str:
    """An expression, fully bracketed."""
    match expr:
        case Const(value=value, axes=axes) if axes:
            return f"{value}[{', '.join(axes)}]"
        case Const(value=value):
            return (
                quoted(value)
                if isinstance(value, str)
                else f"{value:.12g}"
                if isinstance(value, float)
                else str(value)
            )
        case Ref(name=name, index=index, lag=lag):
            inner = f"prev({name}, {lag})" if lag else name
            return inner + (f"[{', '.join(f'{a} = {show_expr(e)}' for a, e in index)}]" if index else "")
        case Apply(function=function, arguments=(left, right)) if function in _INFIX:
            return f"({show_expr(left)} {_INFIX[function]} {show_expr(right)})"
        case Apply(function=function, arguments=arguments):
            return f"{function}({', '.join(map(show_expr, arguments))})"
        case Contract(left=left, right=right, axis=axis):
            return f"({show_expr(left)} @{axis} {show_expr(right)})"
        case Reduce(function=function, body=body, axis=axis):
            return f"{function}({show_expr(body)}, over = {axis})"
        case Choose(condition=condition, then=then, otherwise=otherwise):
            return f"(if {show_expr(condition)} then {show_expr(then)} else {show_expr(otherwise)})"
        case First(count=count):
            return f"first({count})"
        case Element(axis=axis, type=type_):
            return axis if type_.kind == "labels" else f"position({axis})"
        case Rename(body=body, old=old, new=new):
            return f"rename({show_expr(body)}, {old} -> {new})"
        case Stack(entries=entries, axis=axis):
            return f"[{', '.join(map(show_expr, entries))}][{axis}]"
        case Identity(rows=rows, columns=columns):
            return f"identity({rows}, {columns})"
        case MatrixApply(function=function, body=body, rows=rows, columns=columns):
            return f"{function}({show_expr(body)}, {rows}, {columns})"
        case State(name=name, index=index):
            return f"state({name})" + (
                f"[{', '.join(f'{a} = {show_expr(e)}' for a, e in index)}]" if index else ""
            )
        case Time():
            return "time"
        case Solution():
            return _solution(expr)
        case NetCall(net=net, arguments=arguments, output=output):
            return f"{net}({', '.join(map(show_expr, arguments))})" + (f".{output}" if output else "")


def _solution(expr: Solution) -> str:
    system = zip(expr.names, expr.rates, expr.starts, strict=True)
    equations = "; ".join(f"d {n} = {show_expr(rate)}, start {show_expr(start)}" for n, rate, start in system)
    steps = f"start_time = {show_expr(expr.start_time)}, rtol = {expr.rtol:g}, atol = {expr.atol:g}, max_steps = {expr.max_steps}, solver = {expr.solver}"
    return f"ode({expr.name} of {{{equations}}}, times = {show_expr(expr.times)}, {steps})"
