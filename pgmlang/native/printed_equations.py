"""Systems of differential equations as functions of a program: their rates, where states lie in arrays, and the solver (``runtime/equations.py``)
over these."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from pgmlang.lower import pyast as py
from pgmlang.lower.writer import Writer
from pgmlang.native.equations import FIRST, TIME, WORTH
from pgmlang.native.expanded import Renamed
from pgmlang.native.factor_terms import FactorTerm
from pgmlang.native.names import Identifiers
from pgmlang.native.nested_loops import NestedLoops
from pgmlang.native.printed_solutions import SystemNames, count_of_state, offsets_of, width_of
from pgmlang.native.printer import Printer
from pgmlang.native.scalars import Array, Loop, ScalarGraph, rewritten, walk
from pgmlang.native.stages import SolutionStage
from pgmlang.native.templates import moved_on, row_major

OWN = ("rates", "rates_adjoint", "state_slope", "begin", "put", "take", "give")
"""Functions that the solver calls and each system has its own of."""


def write_system(
    out: Writer, names: Identifiers, graph: ScalarGraph, stage: SolutionStage, guarded: frozenset[int]
) -> None:
    """Writes the functions of a system; those of derivatives where it has any."""
    of = SystemNames(names, stage)
    is_active = stage.array.is_active
    _rates(out, of, graph, guarded, with_gradient=False)
    if is_active:
        _rates(out, of, graph, guarded, with_gradient=True)
    if stage.solver == "stiff":
        still = SystemNames(names, _with_still_drivers(graph, stage))
        _rates(out, still, graph, guarded, with_gradient=True, name="state_slope")
    copies = [("begin", "starts", stage.starts), ("put", "states", stage.arrays)]
    copies += [("take", "d_states", stage.arrays), ("give", "d_starts", stage.starts)] if is_active else []
    for function, group, arrays in copies:
        _copy(out, of, function, group, arrays)
    from pgmlang.native.runtime import equations, implicit_steps

    steps = implicit_steps if stage.solver == "stiff" else equations
    functions = (*steps.STEP, *equations.SOLVER)
    functions += (*steps.STEP_ADJOINT, *equations.SOLVER_ADJOINT) if is_active else ()
    own = {name: of[name] for name in (*OWN, *(f.__name__ for f in functions))}
    for function in functions:
        tree = _solver_function(function.__module__, function)
        written = _Written(of.arguments).visit(Renamed(own).visit(tree))
        written.name = own[written.name]
        out.blank(2)
        out.text(f"@part\n{ast.unparse(ast.fix_missing_locations(written))}")


def _with_still_drivers(graph: ScalarGraph, stage: SolutionStage) -> SolutionStage:
    """The system with slopes by its state alone."""
    still = {array: replace(array, is_active=False) for array in stage.drivers}
    loads = {
        id(scalar): graph.load(still[scalar.payload], scalar.args)
        for scalar in walk(*stage.rates)
        if scalar.op == "load" and scalar.payload in still
    }
    rates = tuple(rewritten(graph, rate, loads) for rate in stage.rates)
    return replace(stage, rates=rates, drivers=tuple(still.values()))


@cache
def _source(module: str, function: Callable[..., Any]) -> str:
    return inspect.getsource(function)


def _solver_function(module: str, function: Callable[..., Any]) -> ast.FunctionDef:
    tree = ast.parse(_source(module, function)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return tree


class _Written(ast.NodeTransformer):
    """Last arguments as the names that they stand for."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self.names = names

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        last = self.names.get(node.args[-1].arg)
        if last is not None:
            node.args = [*node.args[:-1], *(ast.arg(n) for n in last)]
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if node.args and isinstance(node.args[-1], ast.Starred):
            whole = node.args[-1].value
            assert isinstance(whole, ast.Name)
            node.args = [*node.args[:-1], *(ast.Name(n, ast.Load()) for n in self.names[whole.id])]
        return node


def _rates(
    out: Writer, of: SystemNames, graph: ScalarGraph, guarded: frozenset[int], *, with_gradient: bool, name: str = ""
) -> None:  # fmt: skip
    """``rates(x, x_begin, k, k_begin, system, ...)`` puts slopes into k; ``rates_adjoint(x, gradient, x_begin, worth, system, ...)`` adds what those are
    worth to the gradient by the state and to the adjoints of what the rates read."""
    stage, names = of.stage, of.names
    begin, number, worth = names["x_begin"], names["system"], Array("computed", (WORTH,), ("",))
    values = ["x", "gradient", begin, names[worth]] if with_gradient else ["x", begin, "values", names[FIRST]]
    out.blank(2)
    out.line("@part")
    arguments = of.arguments["d_drivers" if with_gradient else "drivers"]
    function = name or ("rates_adjoint" if with_gradient else "rates")
    out.head(f"def {of[function]}({', '.join([*values, number, *arguments])}):")
    out.indent += 1
    listed = ", ".join(a.name for a in stage.arrays)
    out.doc(
        f"What the slopes of {listed} are worth to the state." if with_gradient else f"The slopes of {listed}."
    )
    for axis in reversed(stage.systems):
        local, size = names[Loop(axis)], names["size", axis]
        out.line(f"{local} = {number} % {size}" if axis != stage.systems[0] else f"{local} = {number}")
        if axis != stage.systems[0]:
            out.line(f"{number} = {number} // {size}")
    if with_gradient:
        out.line(f"{names[FIRST]} = 0")
        out.line("total = 0.0")
    terms, nested = [], NestedLoops(graph)
    for array, rate, place in zip(stage.arrays, stage.rates, stage.numbers, strict=True):
        loops = tuple(map(Loop, stage.own_axes(array)))
        value = graph.make("mul", graph.load(worth, [place]), rate) if with_gradient else rate
        terms.append(
            nested.term(
                FactorTerm(f"rate of {array.name}", loops, value, stage.span, None if with_gradient else place)
            )
        )
    starts = {
        f"state {n}": place
        for n, place in zip((*(a.name for a in stage.arrays), TIME), offsets_of(of, py.name(begin)), strict=True)
    }
    if not with_gradient:
        out.line(f"for place in range({names[FIRST]}, {names[FIRST]} + {py.text(count_of_state(of))}):")
        out.indent += 1
        out.line("values[place] = 0.0")
        out.indent -= 1
    Printer(out, names, with_gradient=with_gradient, starts=starts, guarded=guarded).body((), terms)
    out.indent -= 1


def _copy(out: Writer, of: SystemNames, function: str, group: str, arrays: Sequence[Array]) -> None:
    """``function(numbers, place, ...)``: between the numbers of a state and where they lie in arrays; adjoints are added up."""
    names, is_adjoint = of.names, group.startswith("d_")
    numbers, place, item = (names[word] for word in ("numbers", "place_of_state", "item"))
    out.blank(2)
    out.line("@part")
    out.head(f"def {of[function]}({', '.join([numbers, place, *of.arguments[group]])}):")
    out.indent += 1
    out.doc({"begin": "The state at a start.", "put": "The state of a row, put into the arrays of all.",
             "take": "What a row's state is worth, added.", "give": "What the start is worth, added to that of all."}[function])  # fmt: skip
    for array, whole, offset in zip(arrays, of.stage.arrays, offsets_of(of, py.constant(0)), strict=False):
        if is_adjoint and not array.is_active:
            continue
        width = width_of(of, whole)
        is_one = isinstance(width, ast.Constant)
        held = of.flat(("adjoint", array)) if is_adjoint else of.flat(array)
        number = py.name(place) if is_one else row_major([py.name(place), py.name(item)], [width, width])
        assert number is not None
        state = offset if is_one else moved_on(offset, py.name(item))
        sides = [py.item(py.name(numbers), state), py.item(py.name(held), number)]
        left, right = sides if function in ("begin", "take") else reversed(sides)
        if not is_one:
            out.line(f"for {item} in range({py.text(width)}):")
            out.indent += 1
        out.line(f"{py.text(left)} {'+=' if is_adjoint else '='} {py.text(right)}")
        out.indent -= not is_one
    out.indent -= 1
