"""What a Model must satisfy, as rules, one row each: run after every pass in the tests.

The shape is that of a compiler's specification of its own intermediate form: a pass that breaks a rule is caught where it
did, not three stages later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pgmlang.families import FAMILIES
from pgmlang.model.branches import families_in
from pgmlang.model.expr import (
    Apply,
    Choose,
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
    children,
    inside_out,
    walk,
)
from pgmlang.model.guards import excluded_rows
from pgmlang.model.model import (
    Choice,
    Conditional,
    Definition,
    Dist,
    Distribution,
    Factor,
    Guide,
    Model,
    TableDist,
    Variable,
)
from pgmlang.signatures.functions import FUNCTIONS, OPERATORS, REDUCTIONS

ELEMENTWISE = {*FUNCTIONS, *OPERATORS.values(), "neg", "not", "elementwise_min", "elementwise_max"}
ALONG_AXIS = ("softmax", "cumsum")


@dataclass(frozen=True)
class Statement:
    """A factor or definition with the plates it stands in."""

    item: Factor | Definition
    plates: tuple[str, ...]
    says: str


@dataclass(frozen=True)
class Context:
    """A model with the names of its guide beside its own."""

    model: Model
    variables: dict[str, Variable]
    nets: dict[str, int]

    def is_axis(self, name: str) -> bool:
        return name in self.model.dim_by_name or name in self.model.plate_by_name

    def around(self, plates: tuple[str, ...]) -> set[str]:
        """The plates that a place is inside of."""
        return {p for plate in plates for p in self.model.enclosing(plate)}


@dataclass(frozen=True)
class Rule:
    """``breaches``: what in a model breaks the rule, in words."""

    name: str
    breaches: Callable[[Context], Iterator[str]]


def breaches(model: Model) -> tuple[str, ...]:
    """Every breach of every rule, each with the rule's name; empty for a sound model."""
    guide = model.guide.variables if model.guide else ()
    context = Context(
        model, {v.name: v for v in (*model.variables, *guide)}, {n.name: len(n.outputs) for n in model.nets}
    )
    return tuple(f"{rule.name}: {text}" for rule in RULES for text in rule.breaches(context))


def statements(model: Model) -> Iterator[Statement]:
    """Every factor and definition, the guide's too."""
    guide = model.guide or Guide((), (), ())
    owners = {v.name: v for v in (*model.variables, *guide.variables)}
    for item in (*model.factors, *guide.conditionals):
        says = item.target if isinstance(item, Conditional) else f"a potential in {item.plates}"
        yield Statement(item, item.plates, says)
    for definition in (*model.definitions, *guide.definitions):
        owner = owners.get(definition.target)
        yield Statement(definition, owner.plates if owner is not None else (), definition.target)


def _nodes(context: Context) -> Iterator[tuple[Statement, Expr]]:
    for statement in statements(context.model):
        for expr in context.model.expressions(statement.item):
            for node in inside_out(expr):
                yield statement, node


# ---- the rules


def _one_statement_a_name(context: Context) -> Iterator[str]:
    model = context.model
    names = [v.name for v in model.variables]
    yield from (f"`{n}` is declared twice" for n in sorted({n for n in names if names.count(n) > 1}))
    stated = [c.target for c in model.conditionals] + [d.target for d in model.definitions]
    yield from (f"`{n}` is stated twice" for n in sorted({n for n in stated if stated.count(n) > 1}))
    for name in stated:
        wanted = ("random",) if name in model.conditional_of else ("derived",)
        if name in model.by_name and model.by_name[name].role not in wanted:
            yield f"`{name}` is stated and is {model.by_name[name].role}"
    for variable in model.of_role("random", "derived"):
        if variable.name not in stated:
            yield f"`{variable.name}` is {variable.role} and nothing states it"


def _names_are_defined(context: Context) -> Iterator[str]:
    for statement, node in _nodes(context):
        if isinstance(node, Ref) and node.name not in context.variables:
            yield f"`{node.name}` in {statement.says} is no variable"
        if isinstance(node, NetCall) and node.net not in context.nets:
            yield f"`{node.net}` in {statement.says} is no network"
    for statement in statements(context.model):
        target = getattr(statement.item, "target", None)
        if target is not None and target not in context.variables:
            yield f"`{target}` is stated and not declared"


def _axes_exist(context: Context) -> Iterator[str]:
    for variable in context.variables.values():
        for axis in variable.axes:
            if not context.is_axis(axis):
                yield f"`{variable.name}` has the axis `{axis}`, which is no dim or plate"
        for plate in variable.plates:
            if plate not in context.model.plate_by_name:
                yield f"`{variable.name}` is in `{plate}`, which is no plate"
    for statement, node in _nodes(context):
        for axis in node.axes:
            if not context.is_axis(axis):
                yield f"an expression of {statement.says} has the axis `{axis}`, which is no dim or plate"


def _plates_are_closed(context: Context) -> Iterator[str]:
    """A place inside a plate is inside of the plates around it, and sees variables of those only, unless it says which
    element."""
    for variable in context.variables.values():
        if context.around(variable.plates) - set(variable.plates):
            yield f"`{variable.name}` is in {variable.plates} and not in the plates around them"
    for statement in statements(context.model):
        here = context.around(statement.plates) | _components(statement.item)
        for expr in context.model.expressions(statement.item):
            for ref, bound in _references_under(expr):
                named = context.variables.get(ref.name)
                if named is None:
                    continue
                taken = {a for a, _ in ref.index} | bound | set(ref.axes)
                outside = [p for p in named.plates if p not in here]
                determined = {q for p in taken if p in context.model.plate_by_name for q in context.around((p,))}
                for plate in outside:
                    if plate not in determined:
                        yield f"`{ref.name}` of plate `{plate}` in {statement.says}, which is outside of it"


def _components(item: Factor | Definition) -> set[str]:
    """The axes of a mixture's shares: its base has an element for each."""
    if not isinstance(item, Conditional):
        return set()
    shares = [dict(d.arguments).get(FAMILIES[d.family].shares) for d in families_in(item.distribution)]
    return {a for share in shares if share is not None and not isinstance(share, Dist) for a in share.axes}


def _references_under(expr: Expr) -> Iterator[tuple[Ref, set[str]]]:
    """Every reference, with the axes that sums around it are over."""
    seen: set[tuple[int, frozenset[str]]] = set()
    pending: list[tuple[Expr, frozenset[str]]] = [(expr, frozenset())]
    while pending:
        node, bound = pending.pop()
        if (id(node), bound) in seen:
            continue
        seen.add((id(node), bound))
        if isinstance(node, Ref):
            yield node, set(bound)
        inner = bound | {node.axis} if isinstance(node, Reduce | Contract) else bound
        inner = inner | {node.old} if isinstance(node, Rename) else inner
        pending.extend((child, inner) for child in children(node))


def _references_fit(context: Context) -> Iterator[str]:
    """Indices are of the variable's plates and axes; the axes left over are those the reference has."""
    for statement, node in _nodes(context):
        variable = context.variables.get(node.name) if isinstance(node, Ref) else None
        if variable is None or not isinstance(node, Ref):
            continue
        every = (*context.model.batch_axes(variable.plates), *variable.plates, *variable.axes)
        for axis, _ in node.index:
            if axis not in every:
                yield f"`{node.name}` in {statement.says} is picked along `{axis}`, which it has not"
        taken = {a for a, _ in node.index}
        # of an axis that is a plate around the place the element is this row's
        here = context.around(statement.plates)
        wanted = {a for a in variable.axes if a not in taken and a not in here}
        given = set(node.axes) - {a for _, e in node.index for a in e.axes} - set(variable.plates)
        if not wanted <= set(node.axes) or not given <= wanted:
            yield f"`{node.name}` in {statement.says} has the axes {node.axes}, its own are {variable.axes}"


def _axes_add_up(context: Context) -> Iterator[str]:
    """A node's axes are those of its parts, less those that it sums over."""
    for statement, node in _nodes(context):
        inside = {a for c in children(node) for a in c.axes}
        match node:
            case Apply() | Choose():
                wanted = inside
            case Contract(axis=axis):
                wanted = inside - {axis}
            case Reduce(function=function, axis=axis):
                wanted = inside if function in ALONG_AXIS else inside - {axis}
            case Stack(axis=axis):
                wanted = inside | {axis}
                if axis in inside:
                    yield f"an entry of a vector along `{axis}` in {statement.says} has that axis itself"
                size = context.model.axis_size(axis) if context.is_axis(axis) else None
                if size != len(node.entries):
                    yield f"{len(node.entries)} entries along `{axis}` in {statement.says}, which has {size} elements"
            case Identity(rows=rows, columns=columns):
                wanted = {rows, columns}
                if rows == columns or context.model.root_axis(rows) != context.model.root_axis(columns):
                    yield f"an identity in {statement.says} is along `{rows}` and `{columns}`"
            case MatrixApply(function=function, rows=rows, columns=columns):
                wanted = inside - {rows, columns} if function in ("det", "logdet") else inside
                if not {rows, columns} <= inside:
                    yield f"`{function}` in {statement.says} is of a matrix along `{rows}` and `{columns}`, not {sorted(inside)}"
            case Rename(old=old, new=new):
                wanted = {new if a == old else a for a in inside}
            case _:
                continue
        if set(node.axes) != wanted:
            yield f"an expression of {statement.says} has the axes {node.axes}, its parts {sorted(wanted)}"
        if len(set(node.axes)) < len(node.axes):
            yield f"an expression of {statement.says} has an axis twice: {node.axes}"


def _lags_are_in_chains(context: Context) -> Iterator[str]:
    """What looks back is in a chain, and so is the place it looks from."""
    for statement, node in _nodes(context):
        if isinstance(node, First) and node.plate not in context.model.plate_by_name:
            yield f"`first` in {statement.says} is of `{node.plate}`, which is no plate"
        if not isinstance(node, Ref) or not node.lag or node.name not in context.variables:
            continue
        chains = {p for p in context.variables[node.name].plates if _is_chain(context.model, p)}
        if not chains:
            yield f"`{node.name}` is looked back at in {statement.says} and is in no chain"
        elif not chains & context.around(statement.plates):
            yield f"`{node.name}` is looked back at from {statement.says}, outside of its chain"
        if node.lag < 0:
            yield f"`{node.name}` is looked ahead at in {statement.says}"


def _is_chain(model: Model, plate: str) -> bool:
    structure = model.plate_by_name[plate].structure if plate in model.plate_by_name else None
    return structure is not None and structure.kind == "chain"


def _lags_are_guarded(context: Context) -> Iterator[str]:
    """What looks k rows back does so where the first k rows of a chain are excluded."""
    for statement in statements(context.model):
        known = {d.target: d.value for d in context.model.definitions}
        for expr, excluded in _guarded(statement.item, known):
            for ref, count in _lagged(expr, excluded, known):
                if ref.lag > count:
                    yield f"`{ref.name}` is looked back at over {ref.lag} rows in {statement.says}, {count} excluded"


def _guarded(item: Factor | Definition, known: dict[str, Expr]) -> Iterator[tuple[Expr, int]]:
    if not isinstance(item, Conditional):
        yield item.value, 0
        return
    pending: list[tuple[Distribution, int]] = [(item.distribution, 0)]
    while pending:
        distribution, excluded = pending.pop()
        match distribution:
            case Choice(condition=condition, then=then, otherwise=otherwise):
                yield condition, excluded
                for side, holds in ((then, True), (otherwise, False)):
                    pending.append((side, max(excluded, excluded_rows(condition, holds, known.get))))
            case Dist(arguments=arguments):
                for _, argument in arguments:
                    if isinstance(argument, Dist):
                        pending.append((argument, excluded))
                    else:
                        yield argument, excluded
            case TableDist(parents=parents):
                yield from ((p, excluded) for p in parents)


def _lagged(expr: Expr, excluded: int, known: dict[str, Expr]) -> Iterator[tuple[Ref, int]]:
    seen: set[tuple[int, int]] = set()
    pending = [(expr, excluded)]
    while pending:
        node, count = pending.pop()
        if (id(node), count) in seen:
            continue
        seen.add((id(node), count))
        if isinstance(node, Ref) and node.lag:
            yield node, count
        if isinstance(node, Choose):
            pending.append((node.condition, count))
            for side, holds in ((node.then, True), (node.otherwise, False)):
                pending.append((side, max(count, excluded_rows(node.condition, holds, known.get))))
        else:
            pending.extend((child, count) for child in children(node))


def _elements_are_here(context: Context) -> Iterator[str]:
    """The present element of an axis varies along it; that of a plate is of one around the place."""
    for statement, node in _nodes(context):
        if not isinstance(node, Element):
            continue
        if not context.is_axis(node.axis) or node.axes not in ((), (node.axis,)):
            yield f"the element of `{node.axis}` in {statement.says} has the axes {node.axes}"
        elif not node.axes and node.axis not in context.model.plate_by_name:
            yield f"`{node.axis}` in {statement.says} is no plate, and its element has no axis"


def _functions_are_known(context: Context) -> Iterator[str]:
    for statement, node in _nodes(context):
        if isinstance(node, Apply) and node.function not in ELEMENTWISE:
            yield f"`{node.function}` in {statement.says} is no function"
        if isinstance(node, Reduce) and node.function not in (*REDUCTIONS, *ALONG_AXIS):
            yield f"`{node.function}` in {statement.says} is no reduction"


def _conditions_are_truths(context: Context) -> Iterator[str]:
    for statement, node in _nodes(context):
        if isinstance(node, Choose) and node.condition.type.kind not in ("truth", "bit", "unknown"):
            yield f"a condition in {statement.says} is {node.condition.type}"
        if isinstance(node, Apply) and "unknown" in (node.type.kind, *(a.type.kind for a in node.arguments)):
            yield f"a value in {statement.says} has no type"


def _solutions_are_whole(context: Context) -> Iterator[str]:
    """Differential equations are the whole value of a name; states and the time stand inside of their rates alone."""
    for statement in statements(context.model):
        for expr in context.model.expressions(statement.item):
            is_solution = isinstance(expr, Solution) and isinstance(statement.item, Definition)
            inside = {id(e) for rate in expr.rates for e in walk(rate)} if isinstance(expr, Solution) else set()
            for node in walk(expr):
                if isinstance(node, Solution) and not (is_solution and node is expr):
                    yield f"differential equations stand inside of {statement.says}"
                if isinstance(node, State | Time) and id(node) not in inside:
                    yield f"a state in {statement.says} stands in no rate"
                if isinstance(node, State) and isinstance(expr, Solution) and node.name not in expr.names:
                    yield f"`{node.name}` in {statement.says} is no state of its system"


def _arguments_fit_families(context: Context) -> Iterator[str]:
    for statement in statements(context.model):
        if not isinstance(statement.item, Conditional):
            continue
        for dist in families_in(statement.item.distribution):
            row = FAMILIES.get(dist.family)
            if row is None:
                yield f"{statement.says} is drawn from `{dist.family}`, which is no family"
                continue
            names = {n for n, _ in dist.arguments}
            parameters = row.variants[dist.variant] if dist.variant < len(row.variants) else ()
            needed = {p.name for p in parameters if p.default is None} | set(row.takes)
            if not needed <= names or not names <= needed | {p.name for p in parameters}:
                yield f"{dist.family} of {statement.says} has the arguments {sorted(names)}, its row {sorted(needed)}"
            if len(dist.event) != row.event and row.support != "inner":
                yield f"{dist.family} of {statement.says} spans {len(dist.event)} axes, its row {row.event}"


RULES: tuple[Rule, ...] = (
    Rule("one statement a name", _one_statement_a_name),
    Rule("names are defined", _names_are_defined),
    Rule("axes exist", _axes_exist),
    Rule("plates are closed", _plates_are_closed),
    Rule("references fit", _references_fit),
    Rule("axes add up", _axes_add_up),
    Rule("lags are in chains", _lags_are_in_chains),
    Rule("lags are guarded", _lags_are_guarded),
    Rule("elements are here", _elements_are_here),
    Rule("functions are known", _functions_are_known),
    Rule("conditions are truths", _conditions_are_truths),
    Rule("solutions are whole", _solutions_are_whole),
    Rule("arguments fit families", _arguments_fit_families),
)
