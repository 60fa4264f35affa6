"""The runtime's functions over lanes, made from their texts as they stand, and programs over lanes, made from programs."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from importlib.resources import files
from types import ModuleType

from pgmlang.native.lane_forms import OWN_MATHEMATICS, SUFFIX, LaneForm, NoLanes, by_lane

TEXTS = ("special", "tails", "vectors")
"""Files of the runtime whose functions have forms over lanes: element by element, or along the first axis of vectors."""
OF_NUMBERS = {
    "lgamma": 1, "erf": 1, "erfc": 1, "sin": 1, "cos": 1, "tan": 1, "atan": 1, "atan2": 2, "isfinite": 1,
}  # fmt: skip
"""Functions of `math` that are run in each lane, and how many arguments they take."""
HEAD = """import math

import numpy as np

from pgmlang.native.compiled import compiled_lanes
from pgmlang.native.runtime.lane_mathematics import *
from pgmlang.native.runtime.lanes import choose_lanes, eight_lanes, lanes_at, larger_lanes, number_in, put_lanes, size_lanes, smaller_lanes, with_number
"""


@cache
def _functions() -> dict[str, ast.FunctionDef]:
    """The functions of the runtime, as they are written."""
    here = files("pgmlang.native.runtime")
    trees = [ast.parse((here / f"{name}.py").read_text("utf-8")) for name in TEXTS]
    return {f.name: f for tree in trees for f in tree.body if isinstance(f, ast.FunctionDef)}


@cache
def known_functions() -> frozenset[str]:
    """The names of those that a program may call over lanes."""
    return frozenset(_functions())


@cache
def text_of_functions() -> str:
    """All of them over lanes."""
    out = [HEAD, *(f"from pgmlang.native.runtime.{name} import *" for name in TEXTS)]
    out += [f"from pgmlang.native.runtime.{name} import {', '.join(_constants(name))}" for name in TEXTS if _constants(name)]
    out += [f"{name}{SUFFIX} = {name}" for name in sorted(OWN_MATHEMATICS)]
    of_mathematics = [
        by_lane(name, f"math.{name}({{}})", ["a", "b"][:number]) for name, number in sorted(OF_NUMBERS.items())
    ]
    made = [*of_mathematics, by_lane("power", "math.pow({})", ["a", "b"])]
    for name, function in _functions().items():
        try:
            made.append(LaneForm(function, known_functions()).of_helper())
        except NoLanes:
            made.append(_in_each_lane(name, function))
    return "\n\n".join([*out, *("@compiled_lanes\n" + ast.unparse(f) for f in made)]) + "\n"


def _in_each_lane(name: str, function: ast.FunctionDef) -> ast.FunctionDef:
    last = [n for n in ast.walk(function) if isinstance(n, ast.Return)][-1].value
    values = len(last.elts) if isinstance(last, ast.Tuple) else 1
    return by_lane(name, f"{name}({{}})", [a.arg for a in function.args.args], values)


def _constants(name: str) -> list[str]:
    tree = ast.parse((files("pgmlang.native.runtime") / f"{name}.py").read_text("utf-8"))
    assigned = [n for n in tree.body if isinstance(n, ast.Assign)]
    return [n.id for a in assigned for n in ast.walk(a.targets[0]) if isinstance(n, ast.Name)]


def lane_functions() -> ModuleType:
    """The module of `text_of_functions`."""
    from pgmlang.native.program_files import load_program

    return load_program(text_of_functions())


def program_over_lanes(source: str) -> str:
    """A program of loops over one chain as one over groups of eight. Raises NoLanes where it does what no lanes do."""
    from pgmlang.native.runtime import lane_groups

    tree = ast.parse(source)
    body: list[str] = []
    used: set[str] = set()
    arguments: list[str] = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        if node.name == "prepare":
            body.append("@compiled\n" + ast.unparse(_bare(node)))
        elif node.name in ("log_density", "log_density_and_gradient"):
            vectors = [a.arg for a in node.args.args if a.arg in ("x", "gradient")]
            arguments = [a.arg for a in node.args.args[len(vectors) :]]
            form = LaneForm(node, known_functions())
            body.append("@inlined\n" + ast.unparse(form.of_program(vectors)))
            used |= form.used
    if not body or not arguments and not used and len(body) < 2:
        raise NoLanes("a program without a density")
    from pgmlang.native.program import with_arguments

    for function in lane_groups.FUNCTIONS:
        tree = with_arguments(ast.parse(inspect.getsource(function)), arguments)
        body.append("@compiled_groups\n" + ast.unparse(tree))
    return "\n\n".join([_head(tree, used, source), *body]) + "\n"


def _head(tree: ast.Module, used: set[str], source: str) -> str:
    says = [line for line in source.split("\n\nimport")[0].splitlines() if line.startswith("#")][:1]
    imported = [line for line in _imports(source) if "compiled" not in line]
    return "\n".join([
        *says, "import math", "", "import numpy as np", "", *imported,
        "from pgmlang.native.compiled import compiled, compiled_groups, inlined",
        "from pgmlang.native.lane_functions import lane_functions",
        "from pgmlang.native.runtime.lane_mathematics import rounded_lanes",
        "from pgmlang.native.runtime.lanes import choose_lanes, eight_lanes, lanes_at, larger_lanes, number_in, put_lanes, size_lanes, smaller_lanes, with_number",
        "", *(f"{name}{SUFFIX} = lane_functions().{name}{SUFFIX}" for name in sorted(used)),
    ])  # fmt: skip


def _imports(source: str) -> list[str]:
    return [ast.unparse(n) for n in ast.parse(source).body if isinstance(n, ast.ImportFrom)]


def _bare(node: ast.FunctionDef) -> ast.FunctionDef:
    node.decorator_list = []
    return node
