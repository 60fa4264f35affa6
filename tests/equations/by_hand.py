"""Systems of differential equations whose solutions are known, as models and as functions of their latents and of the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import expm

Numbers = Mapping[str, Any]


class Case(NamedTuple):
    """A model whose ode-names are ``solutions``: each gives the values at the rows from the latents and the data's columns."""

    text: str
    data: dict[str, list[Any]]
    solutions: dict[str, Callable[[Numbers, Mapping[str, np.ndarray]], np.ndarray]]


PRECISE = "rtol = 1e-10, atol = 1e-12"
IMPLICIT = "rtol = 1e-9, atol = 1e-11, solver = stiff"
TIMES = [0.5, 2.0, 0.0, 3.5, 2.0, 1.0]
"""Neither sorted nor each its own; the earliest is the third."""
HEAD = "plate row {\n  input t : real\n"


def _bateman(v: Numbers, d: Mapping[str, np.ndarray]) -> np.ndarray:
    person = d["person"]
    rate, out = v["absorbed"], v["lost"][person]
    return d["dose"][person] * rate / (rate - out) * (np.exp(-out * d["t"]) - np.exp(-rate * d["t"]))


def _pools(v: Numbers, d: Mapping[str, np.ndarray]) -> np.ndarray:
    matrix = np.array([[-v["k"][0], v["back"]], [v["on"], -v["k"][1]]])
    return np.array([expm(matrix * t) @ v["c"] for t in d["t"] - d["t"].min()])


CASES: dict[str, Case] = {
    "decay": Case(
        f"k ~ LogNormal(0, 1)\nstarted ~ LogNormal(0, 1)\n{HEAD}"
        f"  x : positive = ode(-k * x, start = started, times = t, {PRECISE})\n  y ~ Normal(log(x), 1)\n}}\n",
        {"t": TIMES, "y": [0.1] * 6},
        {"x": lambda v, d: v["started"] * np.exp(-v["k"] * d["t"])},
    ),
    "logistic growth, there and back": Case(
        "r ~ LogNormal(0, 0.5)\nroom ~ LogNormal(1, 0.5)\n"
        "def grown(x, r, room) { return r * x * (1 - x / room) }\n"
        f"{HEAD}  x = ode(grown(x, r, room), start = 0.5, times = t, start_time = 1.25, {PRECISE})\n  y ~ Normal(x, 1)\n}}\n",
        {"t": TIMES, "y": [1.0] * 6},
        {"x": lambda v, d: v["room"] / (1 + (v["room"] / 0.5 - 1) * np.exp(-v["r"] * (d["t"] - 1.25)))},
    ),
    "an oscillator": Case(
        f"w ~ LogNormal(0, 0.3)\na ~ Normal(0, 1)\n{HEAD}  pull = -w^2 * x\n"
        f"  x = ode(v, start = a, times = t, {PRECISE})\n  v = ode(pull, 0.3, t, {PRECISE})\n  y ~ Normal(x + 0.5 * v, 1)\n}}\n",
        {"t": TIMES, "y": [0.5] * 6},
        {
            "x": lambda v, d: v["a"] * np.cos(v["w"] * d["t"]) + 0.3 / v["w"] * np.sin(v["w"] * d["t"]),
            "v": lambda v, d: -v["a"] * v["w"] * np.sin(v["w"] * d["t"]) + 0.3 * np.cos(v["w"] * d["t"]),
        },
    ),
    "absorption and elimination, a system a person": Case(
        "absorbed ~ LogNormal(0.7, 0.2)\nplate person {\n  input dose : positive\n  lost ~ LogNormal(-1, 0.2)\n  plate sample {\n"
        f"    input t : real\n    gut = ode(-absorbed * gut, start = dose, times = t, start_time = 0, {PRECISE})\n"
        f"    blood = ode(absorbed * gut - lost * blood, start = 0, times = t, start_time = 0, {PRECISE})\n"
        "    y ~ Normal(blood, 1)\n  }\n}\n",
        {"person": [0, 1, 0, 1, 1], "dose": [2.0, 3.0, 2.0, 3.0, 3.0], "t": [0.5, 8.0, 2.0, 0.0, 1.5], "y": [1.0] * 5},
        {
            "gut": lambda v, d: d["dose"][d["person"]] * np.exp(-v["absorbed"] * d["t"]),
            "blood": _bateman,
        },
    ),
    "pools along an axis": Case(
        "dim pool = {fast, slow}\nk[pool] ~ LogNormal(-1, 0.5)\non ~ Beta(2, 5)\nback ~ Beta(2, 5)\nc[pool] ~ LogNormal(1, 0.3)\n"
        "K[pool, pool'] = [[-k[fast], back], [on, -k[slow]]]\n"
        f"{HEAD}  u[pool] = ode(K @ u, start = c, times = t, {PRECISE})\n  y ~ Normal(u[fast] + 2 * u[slow], 1)\n}}\n",
        {"t": TIMES, "y": [1.0] * 6},
        {"u": _pools},
    ),
    "an oscillator by implicit steps": Case(
        f"w ~ LogNormal(0, 0.3)\na ~ Normal(0, 1)\n{HEAD}"
        f"  x = ode(v, start = a, times = t, start_time = 1.25, {IMPLICIT})\n"
        f"  v = ode(-w^2 * x, start = 0.3, times = t, start_time = 1.25, {IMPLICIT})\n  y ~ Normal(x + 0.5 * v, 1)\n}}\n",
        {"t": TIMES, "y": [0.5] * 6},
        {
            "x": lambda v, d: v["a"] * np.cos(v["w"] * (d["t"] - 1.25)) + 0.3 / v["w"] * np.sin(v["w"] * (d["t"] - 1.25)),
            "v": lambda v, d: 0.3 * np.cos(v["w"] * (d["t"] - 1.25)) - v["a"] * v["w"] * np.sin(v["w"] * (d["t"] - 1.25)),
        },
    ),
    "fast and slow": Case(
        f"fast ~ LogNormal(10, 0.5)\nslow ~ LogNormal(-1, 0.5)\n{HEAD}"
        f"  x = ode(-fast * (x - z), start = 3, times = t, {IMPLICIT})\n"
        f"  z = ode(-slow * z, start = 1, times = t, {IMPLICIT})\n  y ~ Normal(x, 1)\n}}\n",
        {"t": TIMES, "y": [1.0] * 6},
        {
            "x": lambda v, d: v["fast"] / (v["fast"] - v["slow"]) * np.exp(-v["slow"] * d["t"])
            + (3 - v["fast"] / (v["fast"] - v["slow"])) * np.exp(-v["fast"] * d["t"]),
            "z": lambda v, d: np.exp(-v["slow"] * d["t"]),
        },
    ),
    "a rate that hangs on the time": Case(
        f"a ~ Normal(0, 1)\nk ~ LogNormal(0, 0.3)\n{HEAD}  push = if t > 20 then 0 else a * cos(2 * t)\n"
        f"  x = ode(push - k * x, start = 0, times = t, {PRECISE})\n  y ~ Normal(x, 1)\n}}\n",
        {"t": TIMES, "y": [0.2] * 6},
        {
            "x": lambda v, d: v["a"] / (v["k"] ** 2 + 4)
            * (v["k"] * np.cos(2 * d["t"]) + 2 * np.sin(2 * d["t"]) - v["k"] * np.exp(-v["k"] * d["t"]))
        },
    ),
    "rows of a plate of a size": Case(
        "plate lab[2] {\n  k ~ LogNormal(0, 0.3)\n  plate row {\n    input t : real\n"
        f"    x = ode(-k * x + 0.1, start = 1, times = t, {PRECISE})\n    y ~ Normal(x, 1)\n  }}\n}}\n",
        {"lab": [0, 1, 0, 1, 0], "t": [0.0, 5.0, 3.0, 4.0, 1.0], "y": [0.1, 0.2, 0.3, 0.4, 0.5]},
        {
            "x": lambda v, d: 0.1 / v["k"][d["lab"]]
            + (1 - 0.1 / v["k"][d["lab"]]) * np.exp(-v["k"][d["lab"]] * (d["t"] - np.array([0.0, 4.0])[d["lab"]]))
        },
    ),
}  # fmt: skip
