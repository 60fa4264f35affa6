"""The runtime's functions over lanes, made from their texts as they stand."""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files
from types import ModuleType

from pgmlang.native.lane_forms import IN_ALL, LANES, OF_NUMBERS, OWN_MATHEMATICS, SUFFIX, LaneForm, NoLanes

MATRICES = "matrices"
TEXTS = ("special", "tails", "mills", "saddle", "vectors", MATRICES)
"""Files of the runtime whose functions have forms over lanes: element by element, along the first axis of vectors, or on arrays laid end to end."""
OF_LANES = (
    "from pgmlang.native.runtime.lanes import both_lanes, choose_lanes, eight_lanes, either_lanes, lanes_at, larger_lanes, not_lanes, number_in, put_lanes, size_lanes, "
    "smaller_lanes, with_number"
)
HEAD = f"""import math

import numpy as np

from pgmlang.native.compiled import compiled_lanes
from pgmlang.native.runtime.arrays import empty
from pgmlang.native.runtime.lane_mathematics import *
{OF_LANES}
"""


@cache
def _functions() -> dict[str, ast.FunctionDef]:
    """The functions of the runtime, as they are written."""
    return {name: function for text in TEXTS for name, function in _functions_of(text).items()}


@cache
def _functions_of(name: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((files("pgmlang.native.runtime") / f"{name}.py").read_text("utf-8"))
    return {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}


@cache
def known_functions() -> frozenset[str]:
    """The names of those that a program may call over lanes."""
    return frozenset(_functions()) - frozenset(_functions_of(MATRICES)) | frozenset(_of_matrices())


@cache
def _of_matrices() -> dict[str, ast.FunctionDef]:
    """The functions of matrices that go the same way whatever the numbers are (those that exchange rows do not), over lanes."""
    others = frozenset(_functions()) - frozenset(_functions_of(MATRICES))
    known = frozenset(_functions())
    while True:
        out: dict[str, ast.FunctionDef] = {}
        for name, function in _functions_of(MATRICES).items():
            try:
                form = LaneForm(function, known)
                out[name] = form.of_helper(has_places=True)
            except NoLanes:
                continue
        if others | frozenset(out) == known:
            return out
        # what calls one that has none has none
        known = others | frozenset(out)


@cache
def text_of_functions() -> str:
    """All of them over lanes."""
    out = [HEAD, *(f"from pgmlang.native.runtime.{name} import *" for name in TEXTS)]
    out += [
        f"from pgmlang.native.runtime.{name} import {', '.join(_constants(name))}"
        for name in TEXTS
        if _constants(name)
    ]
    out += [f"{name}{SUFFIX} = {name}" for name in sorted(OWN_MATHEMATICS)]
    of_mathematics = [
        by_lane(name, f"math.{name}({{}})", ["a", "b"][:number]) for name, number in sorted(OF_NUMBERS.items())
    ]
    made = [*of_mathematics, by_lane("power", "math.pow({})", ["a", "b"])]
    made += [*_of_matrices().values(), _in_all()]
    for name, function in _functions().items():
        if name in _functions_of(MATRICES):
            continue
        try:
            if name in _functions_of("tails") | _functions_of("mills") | _functions_of("saddle"):
                raise NoLanes("series that end by what varies")
            made.append(LaneForm(function, known_functions()).of_helper())
        except NoLanes:
            made.append(_in_each_lane(name, function))
    return "\n\n".join([*out, *("@compiled_lanes\n" + ast.unparse(f) for f in made)]) + "\n"


def _in_all() -> ast.FunctionDef:
    """Of an array of numbers each in all lanes."""
    text = (
        f"def {IN_ALL}{SUFFIX}(numbers):\n    out = empty((numbers.shape[0], {LANES}))\n    for i in range(numbers.shape[0]):\n"
        "        put_lanes(out, i, eight_lanes(numbers[i]))\n    return out\n"
    )
    tree = ast.parse(text)
    assert isinstance(tree.body[0], ast.FunctionDef)
    return tree.body[0]


def _in_each_lane(name: str, function: ast.FunctionDef) -> ast.FunctionDef:
    last = [n for n in ast.walk(function) if isinstance(n, ast.Return)][-1].value
    values = len(last.elts) if isinstance(last, ast.Tuple) else 1
    return by_lane(name, f"{name}({{}})", [a.arg for a in function.args.args], values)


def by_lane(name: str, said: str, parameters: list[str], values: int = 1) -> ast.FunctionDef:
    """A function of numbers run in each lane: ``said``: how it is called; ``values``: how many it gives."""
    one = ", ".join(f"number_in({p}, lane)" for p in parameters)
    if values == 1:
        text = f"    out = eight_lanes(0.0)\n    for lane in range({LANES}):\n        out = with_number(out, lane, {said.format(one)})\n    return out\n"
    else:
        outs = [f"out_{i}" for i in range(values)]
        text = (
            "".join(f"    {o} = eight_lanes(0.0)\n" for o in outs)
            + f"    for lane in range({LANES}):\n        each = {said.format(one)}\n"
        )
        text += "".join(f"        {o} = with_number({o}, lane, each[{i}])\n" for i, o in enumerate(outs))
        text += f"    return {', '.join(outs)}\n"
    tree = ast.parse(f"def {name}{SUFFIX}({', '.join(parameters)}):\n{text}")
    assert isinstance(tree.body[0], ast.FunctionDef)
    return tree.body[0]


def _constants(name: str) -> list[str]:
    tree = ast.parse((files("pgmlang.native.runtime") / f"{name}.py").read_text("utf-8"))
    assigned = [n for n in tree.body if isinstance(n, ast.Assign)]
    return [n.id for a in assigned for n in ast.walk(a.targets[0]) if isinstance(n, ast.Name)]


def lane_functions() -> ModuleType:
    """The module of `text_of_functions`."""
    from pgmlang.native.program_files import load_program

    return load_program(text_of_functions())
