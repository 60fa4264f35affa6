"""Programs over lanes, made from programs over one chain."""

from __future__ import annotations

import ast
import inspect

from pgmlang.native.lane_forms import SUFFIX, LaneForm
from pgmlang.native.lane_functions import OF_LANES, known_functions
from pgmlang.native.program import with_arguments
from pgmlang.native.runtime import lane_groups

DENSITIES = ("log_density", "log_density_and_gradient")


def program_over_lanes(source: str) -> str:
    """A program of loops over one chain as one over groups of eight. Raises NoLanes where it does what no lanes do."""
    body: list[str] = []
    used: set[str] = set()
    arguments: list[str] = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef) or node.name not in DENSITIES:
            continue
        vectors = [a.arg for a in node.args.args if a.arg in ("x", "gradient")]
        arguments = [a.arg for a in node.args.args[len(vectors) :]]
        form = LaneForm(node, known_functions())
        body.append("@inlined\n" + ast.unparse(form.of_program(vectors)))
        used |= form.used
    for function in lane_groups.FUNCTIONS:
        tree = with_arguments(ast.parse(inspect.getsource(function)), arguments)
        body.append("@compiled_groups\n" + ast.unparse(tree))
    return "\n\n".join([_head(source, used), *body]) + "\n"


def _head(source: str, used: set[str]) -> str:
    imported = [n for n in ast.parse(source).body if isinstance(n, ast.ImportFrom) and "runtime" in str(n.module)]
    lines = [
        source.partition("\n")[0], "import math", "", *(["import numpy as np", ""] if "np." in source else []), *map(ast.unparse, imported),
        "from pgmlang.native.compiled import compiled_groups, inlined",
        "from pgmlang.native.runtime.arrays import empty",
        "from pgmlang.native.lane_functions import lane_functions",
        "from pgmlang.native.runtime.lane_mathematics import rounded_lanes",
        OF_LANES, "", *(f"{name}{SUFFIX} = lane_functions().{name}{SUFFIX}" for name in sorted(used)),
    ]  # fmt: skip
    return "\n".join(lines)
