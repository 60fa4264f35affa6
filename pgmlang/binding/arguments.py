"""Inputs of no declared type that are arguments of distributions: their cells lie in the argument's support."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgmlang.binding.problems import BindingProblems
from pgmlang.binding.values import cells_outside
from pgmlang.data import Column
from pgmlang.families import FAMILIES
from pgmlang.model import Model
from pgmlang.model.branches import families_in
from pgmlang.model.expr import Ref
from pgmlang.model.model import Conditional


def check_arguments(model: Model, columns_of: Callable[[str], list[Column]], problems: BindingProblems) -> None:
    """PGM0706 for the first cell of each input that the argument which it is, by itself, cannot be. ``columns_of``: the cells of a bound
    variable."""
    for name, (support, says) in _arguments(model).items():
        if name in problems.troubled:
            continue
        for column in columns_of(name):
            numbers = column.numbers()
            bad, words = cells_outside(support, numbers)
            if len(bad):
                message = f"`{numbers[bad[0]]:g}` is not {words}, and `{name}` is {says}"
                more = (f"{len(bad):,} cells are outside",) if len(bad) > 1 else ()
                problems.error("PGM0706", message, column.cell(int(bad[0])), "correct the cell", more, about=name)
                break


def _arguments(model: Model) -> dict[str, tuple[str, str]]:
    """Inputs of real numbers to the narrowest support that is asked of them, and by which argument."""
    asked: dict[str, tuple[str, str]] = {}
    for conditional in model.conditionals:
        for family, argument, reference, support in _references(conditional):
            variable = model.by_name[reference.name]
            is_narrower = variable.name not in asked or asked[variable.name][0] == "positive"
            if variable.role == "input" and variable.type.kind == "real" and support != "real" and is_narrower:
                asked[variable.name] = (support, f"`{argument}` of `{family}`")
    return asked


def _references(conditional: Conditional) -> Iterator[tuple[str, str, Ref, str]]:
    """Arguments that are a variable by itself: family, argument, variable, the kind that the family asks."""
    for drawn in families_in(conditional.distribution):
        parameters = {p.name: p.support for p in FAMILIES[drawn.family].variants[drawn.variant] if not p.event}
        for name, argument in drawn.arguments:
            if isinstance(argument, Ref) and not argument.lag and name in parameters:
                yield drawn.family, name, argument, parameters[name]
