"""Differential equations: ``x = ode(rate, start, times)`` with all names that are solved together with x."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model.expr import Expr, Reduce, Ref, Solution, State, references, walk
from pgmlang.model.types import REAL, UNKNOWN
from pgmlang.sema.expression_scope import ExpressionScope, listed_axes, renamed, unknown
from pgmlang.sema.limits import MAX_SIZE
from pgmlang.sema.named_values import with_name
from pgmlang.sema.rates import equation_of, state_type
from pgmlang.sema.scope import Along, ExpressionContext, Rates, Symbol
from pgmlang.signatures.equations import MOST_STEPS, NEEDED, ODE, PARAMETERS, SIGNATURE, SOLVERS, TOLERANCES
from pgmlang.syntax import ast

Given = dict[str, ast.Expr]
"""What a call gives, by the names of its parameters."""


def solution(builder: ExpressionScope, node: ast.Call, context: ExpressionContext) -> Expr:
    """The value of a name that differential equations give."""
    symbol = builder.symbol(context.target, context) if context.target is not None else None
    if symbol is None or equation_of(symbol) is not node or builder.aliases or context.in_guide:
        builder.error("PGM0319", "`ode` stands alone on the right of a name of the model", node.span,
                      f"give it a line of its own: `x = {SIGNATURE}`")  # fmt: skip
        return unknown(node.span)
    given = _arguments(builder, node)
    if given is None:
        return unknown(node.span)
    plate = _plate(builder, node, symbol)
    times = None if plate is None else _times(builder, given["times"], symbol, context)
    tolerances, solver = _tolerances(builder, given), _solver(builder, given)
    if plate is None or times is None or tolerances is None or solver is None:
        return unknown(node.span)
    outside = replace(context, plates=tuple(p for p in context.plates if p != plate), excluded_first=0)
    start_time = _start_time(builder, given, times, plate, outside, node)
    solved = _system(builder, symbol, given, Rates(plate, times.name), outside)
    if solved is None or start_time is None:
        return unknown(node.span)
    names, rates, starts = solved
    axes = state_type(builder, symbol)[1]
    return Solution(
        REAL, axes, node.span, symbol.name, names, rates, starts, times, start_time, plate, *tolerances, solver
    )


# ---- arguments


def _arguments(builder: ExpressionScope, node: ast.Call) -> Given | None:
    given: Given = dict(zip(PARAMETERS, node.arguments, strict=False))
    for keyword in node.keywords:
        if keyword.name not in PARAMETERS or keyword.name in given:
            what = "is given twice" if keyword.name in given else f"is no argument of `{ODE}`"
            near = (
                did_you_mean(keyword.name, PARAMETERS)
                or f"write `{SIGNATURE}`; it also takes `start_time`, `rtol`, `atol`, `max_steps` and `solver`"
            )
            builder.error("PGM0306", f"`{keyword.name}` {what}", keyword.span, near)
            return None
        given[keyword.name] = keyword.value
    missing = [n for n in NEEDED if n not in given]
    if missing or len(node.arguments) > len(PARAMETERS):
        what = f"`{missing[0]}` is missing" if missing else f"{len(node.arguments)} arguments are too many"
        builder.error("PGM0305", f"{what} in `{ODE}`", node.span, help=f"write `{SIGNATURE}`")
        return None
    return given


def _plate(builder: ExpressionScope, node: ast.Call, symbol: Symbol) -> str | None:
    """The plate whose rows are the times: the innermost around the name."""
    if not symbol.plates:
        builder.error("PGM0319", f"`{ODE}` gives values at the times of a plate's rows, and there is no plate here", node.span,
                      f"write it in the plate of the times: `plate row {{ input t : real; {symbol.name} = {SIGNATURE} }}`")  # fmt: skip
        return None
    plate = builder.scope.plates[symbol.plates[-1]]
    if len(plate.parents) > 1:
        listed = " and ".join(f"`{p}`" for p in plate.parents)
        builder.error("PGM0319", f"the rows of `{plate.name}` belong to {listed}: which of them have a solution each is not said",
                      node.span, f"put the times in a plate inside of one of them: `plate {plate.parents[0]} {{ plate {plate.name} {{ ... }} }}`")  # fmt: skip
        return None
    if plate.structure is not None and plate.structure.kind in ("grid", "edges"):
        builder.error("PGM0319", f"the elements of `{plate.name}` are no times: it is a plate of {plate.structure.kind}", node.span,
                      "put the times in a plate of their own: `plate time { input t : real; ... }`")  # fmt: skip
        return None
    return plate.name


def _times(builder: ExpressionScope, node: ast.Expr, symbol: Symbol, context: ExpressionContext) -> Ref | None:
    """The input, or value worked out of inputs, that says when each row is."""
    named = builder.symbol(node.name, context) if isinstance(node, ast.Name) else None
    cure = "declare the times in the same plate, `input t : real`, and write `times = t`"
    if named is None or named.plates != symbol.plates:
        if named is not None or not isinstance(node, ast.Name) or builder.build(node, context).type is not UNKNOWN:
            if not isinstance(node, ast.Name):
                cure = "give it a name in the same plate, as in `time = t / 7`, and write `times = time`"
            builder.error(
                "PGM0319", f"`times` is the name of an input of the same plate as `{symbol.name}`", node.span, cure
            )
        return None
    value = builder.build(node, context)
    if value.type is UNKNOWN:
        return None
    if not isinstance(value, Ref) or value.axes or not value.type.is_numeric:
        builder.error(
            "PGM0319",
            f"`times` is one number a row, `{named.name}` is {value.type}{_along(value)}",
            node.span,
            cure,
        )
        return None
    unknown_name = _not_given(builder, value)
    if unknown_name is not None:
        builder.error(
            "PGM0319", f"the times of `{ODE}` must be known, and `{unknown_name}` is not an input", node.span, cure
        )
        return None
    return value


def _along(value: Expr) -> str:
    return f" along {listed_axes(value.axes)}" if value.axes else ""


def _not_given(builder: ExpressionScope, value: Expr) -> str | None:
    """A name behind a value that is no input, nor worked out of inputs."""
    pending, seen = [value], set[str]()
    while pending:
        for ref in references(pending.pop()):
            symbol = builder.scope.variables.get(ref.name) or builder.scope.owned_parameters.get(ref.name)
            if symbol is None or ref.name in seen:
                continue
            seen.add(ref.name)
            if symbol.role not in ("input", "index", "derived"):
                return ref.name
            if symbol.role == "derived":
                builder.infer(symbol)
                if isinstance(symbol.stated, Solution):
                    return ref.name
                pending += [symbol.stated] if isinstance(symbol.stated, Expr) else []
    return None


def _tolerances(builder: ExpressionScope, given: Given) -> tuple[float, float, int] | None:
    """``rtol``, ``atol`` and ``max_steps``."""
    out: list[float] = []
    for name, default in TOLERANCES.items():
        node = given.get(name)
        value = default if node is None else node.value if isinstance(node, ast.Number) else 0.0
        if not 0.0 < value < 1.0:
            assert node is not None
            builder.error(
                "PGM0319", f"`{name}` is a number between 0 and 1", node.span, f"write `{name} = {default:g}`"
            )
            return None
        out.append(value)
    node = given.get("max_steps")
    steps = MOST_STEPS if node is None else node.value if isinstance(node, ast.Number) else 0.0
    if not (1 <= steps <= MAX_SIZE and float(steps).is_integer()):
        assert node is not None
        builder.error(
            "PGM0319",
            f"`max_steps` is a whole number from 1 to {MAX_SIZE:,}",
            node.span,
            f"write `max_steps = {MOST_STEPS}`",
        )
        return None
    return out[0], out[1], int(steps)


def _solver(builder: ExpressionScope, given: Given) -> str | None:
    """Which steps are taken: a word."""
    node = given.get("solver")
    word = SOLVERS[0] if node is None else node.name if isinstance(node, ast.Name) else ""
    if word in SOLVERS:
        return word
    assert node is not None
    listed = " or ".join(f"`solver = {s}`" for s in SOLVERS)
    builder.error(
        "PGM0319", "there is no such solver", node.span, did_you_mean(word, SOLVERS) or f"write {listed}"
    )
    return None


def _start_time(
    builder: ExpressionScope, given: Given, times: Ref, plate: str, outside: ExpressionContext, node: ast.Call
) -> Expr | None:
    """When the state is ``start``: a number of each solution; where none is given the earliest of its times, a value with a name
    of its own, so that new rows do not change it."""
    written = given.get("start_time")
    if written is None:
        earliest = Reduce(times.type, (), node.span, "min", times, plate, True)
        return with_name(builder, earliest, f"{times.name}.min", outside.plates)
    value = builder.build(written, replace(outside, along=Along()))
    if value.type is UNKNOWN:
        return None
    if value.axes or not value.type.is_numeric:
        builder.error("PGM0319", f"`start_time` is one number, this is {value.type}{_along(value)}", written.span,
                      "write a number, or an input of the plates around the times")  # fmt: skip
        return None
    unknown_name = _not_given(builder, value)
    if unknown_name is not None:
        builder.error("PGM0319", f"`start_time` must be known, and `{unknown_name}` is not an input", written.span,
                      "write a number, or an input of the plates around the times")  # fmt: skip
        return None
    return value


# ---- the system


def _system(
    builder: ExpressionScope, symbol: Symbol, given: Given, rates: Rates, outside: ExpressionContext
) -> tuple[tuple[str, ...], tuple[Expr, ...], tuple[Expr, ...]] | None:
    """The names that are solved together, those that hang on one another's rates whichever way, in the order in which they are
    written, with their rates and starts; None after an error."""
    variables = builder.scope.variables
    calls = {n: node for n, s in variables.items() if s.plates == symbol.plates and (node := equation_of(s))}
    solved: dict[str, tuple[Expr, Expr] | None] = {}
    beside: dict[str, set[str]] = {n: set() for n in calls}
    for member, node in calls.items():
        its = given if member == symbol.name else _arguments(builder, node)
        equation = None if its is None else _equation(builder, variables[member], its, rates, outside)
        solved[member] = equation
        for name in set() if equation is None else {e.name for e in walk(equation[0]) if isinstance(e, State)}:
            beside[name].add(member)
            beside[member].add(name)
    together, pending = {symbol.name}, [symbol.name]
    while pending:
        new = beside[pending.pop()] - together
        together |= new
        pending += new
    names = tuple(n for n in calls if n in together)
    equations = [e for n in names if (e := solved[n]) is not None]
    others = [calls[n] for n in names if n != symbol.name]
    if len(equations) < len(names) or not all(_is_of_same_system(builder, symbol, given, o) for o in others):
        return None
    return names, tuple(rate for rate, _ in equations), tuple(start for _, start in equations)


def _is_of_same_system(builder: ExpressionScope, symbol: Symbol, given: Given, node: ast.Call) -> bool:
    """Whether another name of the system has the same times and tolerances; reports one that has not."""
    its = _arguments(builder, node) or {}
    for name in PARAMETERS[2:]:
        if its.get(name) != given.get(name):
            builder.error("PGM0319", f"`{symbol.name}` is solved together with a name that has another `{name}`",
                          (its.get(name) or node).span, f"write the same `{name}` for both")  # fmt: skip
            return False
    return True


def _equation(
    builder: ExpressionScope, member: Symbol, given: Given, rates: Rates, outside: ExpressionContext
) -> tuple[Expr, Expr] | None:
    """The rate and the start of a name."""
    _, axes = state_type(builder, member)
    place = replace(outside, along=Along(axes, len(axes)), owner=member.name, target=member.name)
    values = (
        builder.build(given["rate"], replace(place, rates=rates)),
        builder.build(given["start"], replace(place, rates=replace(rates, is_start=True))),
    )
    out = []
    for name, value in zip(("rate", "start"), values, strict=True):
        if value.type is UNKNOWN:
            return None
        builder.need_number(value)
        if not value.type.is_numeric:
            return None
        value = _onto(builder, value, axes)
        extra = [a for a in value.axes if a not in axes]
        if extra:
            builder.error("PGM0302", f"axis `{extra[0]}` of the {name} is not on the left: `{member.name}{_bracketed(axes)}`",
                          value.span, f"write `{member.name}{_bracketed((*axes, *extra))} = {ODE}(...)`")  # fmt: skip
            return None
        out.append(value)
    return out[0], out[1]


def _bracketed(axes: tuple[str, ...]) -> str:
    return f"[{', '.join(axes)}]" if axes else ""


def _onto(builder: ExpressionScope, value: Expr, axes: tuple[str, ...]) -> Expr:
    """A copy onto an axis `like` the one the value has, where the left-hand side has one alone."""
    for old in [a for a in value.axes if a not in axes]:
        new = [a for a in axes if a not in value.axes and builder.scope.root(a) == builder.scope.root(old)]
        if len(new) == 1:
            value = renamed(value, old, new[0])
    return value
