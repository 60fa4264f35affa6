"""Programs over lanes, eight chains as one number, are the programs over one chain: to rounding, for any number of chains and threads."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest
import torch

from pgmlang.density.native import native_log_density
from pgmlang.density.target import target_of
from pgmlang.native import log_density
from pgmlang.native.lane_forms import NoLanes
from pgmlang.native.lane_programs import program_over_lanes
from pgmlang.native.log_density import NativeLogDensity
from pgmlang.native.program_files import load_program
from tests.infer.by_hand import problem_of
from tests.native.test_equal import MODELS, target_over
from tests.native.test_generated import model

EACH = """
import numpy as np
from pgmlang.native.compiled import compiled_groups
from pgmlang.native.lane_functions import lane_functions
from pgmlang.native.runtime.lanes import lanes_at, put_lanes
functions = lane_functions()
"""
SPREAD = np.concatenate([
    np.linspace(-30, 30, 4_001), np.geomspace(1e-300, 700, 2_000), -np.geomspace(1e-300, 700, 2_000), np.linspace(-1e-3, 1e-3, 999),
])  # fmt: skip


@pytest.fixture(scope="module")
def over_lanes() -> Callable[[str, np.ndarray], np.ndarray]:
    """A function over lanes at each number of an array."""
    names = ("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus")
    functions = "".join(
        f"\n{n} = functions.{n}_lanes\n\n@compiled_groups\ndef all_{n}(x, out):\n    for i in range(x.shape[0]):\n"
        f"        put_lanes(out, i, {n}(lanes_at(x, i)))\n"
        for n in names
    )
    module: ModuleType = load_program(EACH + functions)

    def values(name: str, x: np.ndarray) -> np.ndarray:
        filled = np.resize(x, -(-len(x) // 8) * 8)
        out = np.empty((len(filled) // 8, 8))
        getattr(module, f"all_{name}")(filled.reshape(-1, 8), out)
        return out.reshape(-1)[: len(x)]

    return values


EXACT: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "exp": (mpmath.exp, lambda x: x),
    "expm1": (mpmath.expm1, lambda x: x),
    "log": (mpmath.log, lambda x: np.abs(x[x != 0])),
    "log1p": (mpmath.log1p, lambda x: x[x > -1]),
    "tanh": (mpmath.tanh, lambda x: x),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: x),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), lambda x: x),
}


@pytest.mark.parametrize("name", EXACT)
def test_functions(name: str, over_lanes: Callable[[str, np.ndarray], np.ndarray]) -> None:
    exact, domain = EXACT[name]
    x = domain(SPREAD)
    with mpmath.workdps(40):
        expected = [exact(mpmath.mpf(float(one))) for one in x]
        got = over_lanes(name, x)
        units = [
            abs(mpmath.mpf(float(g)) - e) / math.ulp(float(e)) for g, e in zip(got, expected, strict=True)
            if abs(e) > 1e-300
        ]  # fmt: skip
    assert float(max(units)) < (2.0 if name in ("exp", "expm1", "log") else 3.0)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", [-math.inf, math.inf, math.nan, 710.0, -746.0, 0.0, -745.0], [0.0, math.inf, math.nan, math.inf, 0.0, 1.0, 5e-324]),
        ("expm1", [-math.inf, math.inf, math.nan, 0.0, 1e-320, 709.5], [-1.0, math.inf, math.nan, 0.0, 1e-320, math.expm1(709.5)]),
        ("log", [0.0, math.inf, math.nan, -1.0, 5e-324, 1.0], [-math.inf, math.inf, math.nan, math.nan, math.log(5e-324), 0.0]),
        ("log1p", [-1.0, math.inf, math.nan, -2.0, 1e-320, 0.0], [-math.inf, math.inf, math.nan, math.nan, 1e-320, 0.0]),
        ("tanh", [-math.inf, math.inf, math.nan, 0.0, 400.0], [-1.0, 1.0, math.nan, 0.0, 1.0]),
        ("sigmoid", [-math.inf, math.inf, math.nan, 0.0], [0.0, 1.0, math.nan, 0.5]),
        ("softplus", [-math.inf, math.inf, math.nan, 0.0], [0.0, math.inf, math.nan, math.log(2)]),
    ],
)  # fmt: skip
def test_edges(
    name: str, x: list[float], expected: list[float], over_lanes: Callable[[str, np.ndarray], np.ndarray]
) -> None:
    np.testing.assert_allclose(over_lanes(name, np.array(x)), expected, rtol=4e-16)


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_density, "FEWEST_IN_LANES", 1_000)


def assert_alike(native: NativeLogDensity, x: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes and single chains to 1e-12."""
    assert native.over_lanes is not None
    values, gradients = native.values_and_gradients(x)
    with monkeypatch.context() as patch:
        one_by_one(patch)
        expected, slopes = native.values_and_gradients(x)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize(
    "name", [n if n == "functions" else pytest.param(n, marks=pytest.mark.slow) for n in MODELS]
)
def test_lanes_are_single_chains(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = target_over(MODELS[name])
    native = native_log_density(target.joint, target.names)
    assert_alike(native, np.random.default_rng(1).normal(size=(11, target.dimension)) * 0.7, monkeypatch)


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 20))])
def test_random_models(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text, rows = model(seed)
    target = target_of(problem_of(text, rows))
    native = native_log_density(target.joint, target.names)
    assert_alike(native, np.random.default_rng(0).normal(size=(5, target.dimension)) * 0.5, monkeypatch)


def test_any_number_of_chains_and_threads() -> None:
    target = target_over(MODELS["groups"])
    x = np.random.default_rng(2).normal(size=(37, target.dimension))
    native = native_log_density(target.joint, target.names)
    values, gradients = native.values_and_gradients(x)
    for chains in (4, 7, 8, 9, 16, 36):
        for start in (0, 1):
            some = native.values_and_gradients(x[start : start + chains])
            np.testing.assert_array_equal(some[0], values[start : start + chains])
            np.testing.assert_array_equal(some[1], gradients[start : start + chains])
    for threads in (2, 3):
        native.threads, native.seconds = threads, 1e-2
        again = native.values_and_gradients(x)
        np.testing.assert_array_equal(again[0], values)
        np.testing.assert_array_equal(again[1], gradients)


def test_a_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    target = target_over(MODELS["a regression"])
    native = native_log_density(target.joint, target.names)
    text = program_over_lanes(native.program.source)
    wrong = re.sub(r"(d_\w+) = \1 - ", r"\1 = \1 + ", text, count=1)
    assert wrong != text
    faulty = replace(native)
    faulty.__dict__["over_lanes"] = load_program(wrong)
    with pytest.raises(AssertionError):
        assert_alike(faulty, np.random.default_rng(1).normal(size=(5, target.dimension)), monkeypatch)


def test_what_is_infinite_in_one_lane_stays_there() -> None:
    text = "g ~ Normal(0, 1)\nplate r {\n  input x : real\n  w ~ Exponential(if g > 5 then 0 * g else exp(g))\n}"
    target = target_over(text)
    native = native_log_density(target.joint, target.names)
    points = np.array([[0.3], [9.0], [math.nan], [-2.0], [0.1]])
    values, gradients = native.values_and_gradients(points)
    expected = target.value(torch.from_numpy(points)).numpy()
    np.testing.assert_allclose(values[[0, 3, 4]], expected[[0, 3, 4]], rtol=1e-12)
    assert values[1] == values[2] == -math.inf
    assert np.isfinite(gradients).all()


def test_what_has_no_lanes_is_single_chains() -> None:
    with pytest.raises(NoLanes, match="forward_pass"):
        program_over_lanes("# a chain\n\n\ndef log_density(x, e):\n    return forward_pass(x, e)\n")
    with pytest.raises(NoLanes, match="picked"):
        program_over_lanes("# an index\n\n\ndef log_density(x, e):\n    return e[int(x[0])]\n")
    with pytest.raises(NoLanes, match="method"):
        program_over_lanes("# another name\n\n\ndef log_density(x, e):\n    y = x.reshape(-1)\n    return y[0]\n")


def test_what_numba_cannot_type_over_lanes_runs_chain_by_chain() -> None:
    target = target_over(MODELS["a regression"])
    native = native_log_density(target.joint, target.names)
    assert native.over_lanes is not None
    x = np.random.default_rng(0).normal(size=(9, target.dimension))
    expected = native.values_and_gradients(x)

    class Untyped(ModuleType):
        @staticmethod
        def trajectories(*arguments: Any) -> None:
            from numba.core.errors import TypingError

            raise TypingError("no lanes of this")

    native.__dict__["over_lanes"] = Untyped("untyped")
    for a, b in zip(native.values_and_gradients(x), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert native.over_lanes is None
