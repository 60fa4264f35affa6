"""The model of further rows of a process: what is drawn over them is normal given the fit's rows, by a shift of its mean and a factor
that are values of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pgmlang.families import FAMILIES
from pgmlang.model import Conditional, Definition, Dist, Factor, Model, Variable
from pgmlang.model.expr import Apply, Expr, Ref
from pgmlang.model.processes import FACTOR, Process, RootProduct, root_variant
from pgmlang.model.types import POSITIVE, REAL, Type
from pgmlang.normal.rewrite import map_factor, rebuilt


@dataclass(frozen=True)
class FurtherRows:
    """A process of a model and the names of the values by which the model of further rows says it: ``shift``, along its rows, is
    what the fit's rows say of the mean of these; ``factor``, along both axes, a Cholesky factor of what they leave open; and
    ``df`` of Student's t."""

    process: Process | RootProduct
    shift: str
    factor: str
    df: str


def further_rows(processes: tuple[Process | RootProduct, ...]) -> tuple[FurtherRows, ...]:
    """The names, which no name of a text meets: they have a space."""
    out = []
    for number, process in enumerate(processes):
        name = f"{process.name or 'factor'} {number}"
        out.append(FurtherRows(process, f"shift of {name}", f"root of {name}", f"df of {name}"))
    return tuple(out)


def model_of_further_rows(model: Model, further: tuple[FurtherRows, ...]) -> Model:
    """The model with these processes as they are given the fit's rows; the values by which they are said are variables without a
    density of their own."""
    products = {id(f.process.node): f for f in further if isinstance(f.process, RootProduct)}
    drawn = {f.process.name: f for f in further if isinstance(f.process, Process)}
    known: dict[int, tuple[Expr, Expr]] = {}

    def rewritten(expr: Expr) -> Expr:
        if id(expr) not in known:
            # an object is remembered beside its result, so that no other takes its id
            known[id(expr)] = (
                expr,
                _product(products[id(expr)]) if id(expr) in products else rebuilt(expr, rewritten),
            )
        return known[id(expr)][1]

    def factor(item: Factor) -> Factor:
        if isinstance(item, Conditional) and item.target in drawn:
            return replace(item, distribution=_conditional(model, drawn[item.target], item))
        return map_factor(item, rewritten)

    values = [v for f in further for v in _variables(model, f)]
    definitions = tuple(Definition(d.target, rewritten(d.value), d.span) for d in model.definitions)
    flat = Dist(next(f.name for f in FAMILIES.values() if f.improper), ())
    return replace(
        model,
        variables=(*values, *model.variables),
        factors=(*(Conditional(v.name, flat, v.plates) for v in values), *map(factor, model.factors)),
        definitions=definitions,
    )


def _variables(model: Model, further: FurtherRows) -> tuple[Variable, ...]:
    process = further.process
    plates = plates_of(model, process)
    axes = process.axes
    others = process.others if isinstance(process, RootProduct) else ()
    out = [
        Variable(further.shift, "random", REAL, plates, (axes[0], *others)),
        Variable(further.factor, "random", REAL, plates, axes),
    ]
    if isinstance(process, Process) and process.df is not None:
        out.append(Variable(further.df, "random", POSITIVE, plates))
    return tuple(out)


def plates_of(model: Model, process: Process | RootProduct) -> tuple[str, ...]:
    """The plates that a process is repeated over."""
    return model.by_name[process.name].plates if process.name else ()


def _product(further: FurtherRows) -> Expr:
    """``root @ vector`` of all rows, at further ones: what the fit's rows give, and the product of the rest."""
    process = further.process
    assert isinstance(process, RootProduct)
    node = process.node
    rest = replace(node, left=_value(further.factor, process.axes), right=node.right)
    axes = (process.axes[0], *process.others)
    return Apply(REAL, axes, node.span, "add", (_value(further.shift, axes), rest))


def _value(name: str, axes: tuple[str, ...], kind: Type = REAL) -> Ref:
    return Ref(kind, axes, None, name)


def _conditional(model: Model, further: FurtherRows, item: Conditional) -> Dist:
    process, distribution = further.process, item.distribution
    assert isinstance(process, Process)
    assert isinstance(distribution, Dist)
    rows = process.axes[:1]
    shift = _value(further.shift, rows)
    axes = (*process.mean.axes, *(a for a in rows if a not in process.mean.axes))
    mean = Apply(REAL, axes, distribution.span, "add", (process.mean, shift))
    arguments: list[tuple[str, Expr | Dist]] = [("mean", mean), (FACTOR, _value(further.factor, process.axes))]
    if process.df is not None:
        arguments.insert(0, ("df", _value(further.df, (), POSITIVE)))
    variant = root_variant(distribution)
    assert variant is not None, "what is a process has a root"
    return replace(distribution, arguments=tuple(arguments), variant=variant)
