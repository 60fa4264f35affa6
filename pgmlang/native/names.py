"""Identifiers of a program of loops."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import Any

from pgmlang.native.scalars import Array, Loop, Scalar
from pgmlang.native.supports import VECTORS

SPECIAL = frozenset({
    "sigmoid", "softplus", "log_ndtr", "digamma", "trigamma", "log1mexp", "log1pmx", "stirling", "stirling_slope", "deviance",
    "deviance_by_t", "deviance_by_log", "log_of", "log1p_of", "times_log", "logaddexp", "log_sum_of", "exponentials", "log_mills", "log_mills_slope",
    "log_mean_exp", "log_mean_exp_slope",
})  # fmt: skip
"""Functions of ``runtime/special.py``."""
VECTOR_MAPS = frozenset(name for v in VECTORS.values() if v.rank == 1 for name in (v.name, v.adjoint_name))
"""Functions of ``runtime/vectors.py``."""
MATRICES = frozenset(
    adjoint
    for name in (
        "cholesky",
        "cholesky_factor",
        "inverse",
        "eliminated",
        "solve_lower",
        "solve_lower_columns",
        *(v.name for v in VECTORS.values() if v.rank == 2),
    )
    for adjoint in (name, f"{name}_adjoint")
)
"""Functions of ``runtime/matrices.py``."""
CHOLESKY_BLOCKS = frozenset({
    "large_cholesky", "large_cholesky_adjoint", "large_cholesky_factor", "large_cholesky_factor_adjoint",
})  # fmt: skip
"""Functions of ``runtime/cholesky_blocks.py``."""
TAILS = frozenset({"gamma_tails", "beta_tails", "hypergeometric_total"})
"""Functions of ``runtime/tails.py``."""
MILLS = frozenset({"mills_pair", "skew_normal_tail"})
"""Functions of ``runtime/mills.py``."""
SADDLE = frozenset({"saddle_integral"})
"""Functions of ``runtime/saddle.py``."""
SEQUENCES = frozenset({"transition_chances", "forward_pass", "forward_pass_adjoint"})
"""Functions of ``runtime/sequences.py``."""
EQUATIONS = frozenset({"rows_in_order", "size_of_error", "next_step", "longer", "STEP_WEIGHTS", "STEP_TIMES"})
"""Functions and tables of ``runtime/equations.py``."""
IMPLICIT = frozenset({
    "factorised", "solve_factorised", "solve_factorised_transposed", "root_mean_square", "IMPLICIT_WEIGHTS", "IMPLICIT_TIMES", "IMPLICIT_ERRORS",
})  # fmt: skip
"""The same of ``runtime/implicit_steps.py``."""
ARRAYS = frozenset({"empty", "zeros", "truths", "full", "flat", "shaped"})
"""Functions of ``runtime/arrays.py``."""
RESERVED = ARRAYS | SPECIAL | TAILS | MILLS | SADDLE | VECTOR_MAPS | MATRICES | CHOLESKY_BLOCKS | SEQUENCES | EQUATIONS | IMPLICIT | {
    "x", "gradient", "total", "math", "np", "range", "abs", "min", "max", "round", "float", "chain", "values", "gradients",
    "log_density", "log_density_and_gradient", "log_densities", "trajectories", "prepare", "inlined", "position", "momentum", "step", "variance", "steps", "is_first", "is_last", "point",
    "kinetic", "slope", "directions", "gains", "direction", "along", "found", "entry", "leap", "kick", "value", "is_finite",
    "part", "compiled", "compiled_sums", "compiled_paths", "draw", "unit_values", "add_unit_values",
    "weights", "place", "places", "out", "seeds", "stream", "STEP", "uniform", "drawn_state", "sweep", "lanes_at", "number_in", "with_number", "first", "lane", "lanes", "chains", "width",
    "held", "lane_functions", "compiled_groups", "one", "accepted", "rate", "chance", "walked", "log_volume", "acceptance", "OPTIMAL",
}  # fmt: skip


class Identifiers:
    """One identifier for each thing that is named: arrays and sizes by text, loops, scalars."""

    def __init__(self, hints: Mapping[int, str]) -> None:
        self.hints = hints
        self.known: dict[Any, str] = {}
        self.taken = set(RESERVED)

    def __getitem__(self, thing: Any) -> str:
        """The identifier of a Loop, an Array, a Scalar, of ``("size", axis)``, of ``("adjoint", array or scalar)`` and other parts of them, of a
        text."""
        if thing not in self.known:
            self.known[thing] = self._fresh(self._hint(thing))
        return self.known[thing]

    def _hint(self, thing: Any) -> str:
        match thing:
            case Loop(axis=axis):
                return axis
            case Array():
                return thing.name
            case Scalar() if id(thing) in self.hints:
                return self.hints[id(thing)]
            case Scalar(op="load", payload=Array() as array):
                return f"{array.name}_here" if thing.loops else array.name
            case Scalar(op=op):
                return {"add": "t", "sub": "t", "mul": "t", "div": "t", "neg": "t", "where": "t"}.get(op, op)
            case ("size", axis):
                return f"n_{axis}"
            case ("adjoint", of):
                return f"d_{self[of]}"
            case (str() as part, of):
                return f"{part}_of_{self[of]}"
            case str():
                return thing
        raise TypeError(type(thing))

    def _fresh(self, hint: str) -> str:
        word = re.sub(r"\W+", "_", hint)
        if word.endswith("_lanes"):  # functions over lanes
            word = f"{word}_"
        if not word.isidentifier() or keyword.iskeyword(word):
            word = f"v_{word}"
        name, number = word, 1
        while name in self.taken:
            number += 1
            name = f"{word}_{number}"
        self.taken.add(name)
        return name
