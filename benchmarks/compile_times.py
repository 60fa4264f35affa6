"""Compilation of every example's loops, in processor seconds, by method.

    python benchmarks/compile_times.py [NAMES ...]

A process a fit, one thread, its folder of compiled programs empty; few draws, loops asked for. For each: seconds in the compiler, of these those in
the runtime's functions (which programs share, so that the next program finds them compiled), in the fit's own program and in numba's own, and how many
functions there were; then the same fit in a second process, which finds them all.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
RNG = np.random.default_rng(0)
STEPS = {"seq": ["a"] * 60 + ["b"] * 60, "y": RNG.normal(size=120)}
SLOPES = """
dim k = {level, slope}
dim j like k
mu[k] ~ Normal(0, 2)
tau[k] ~ HalfNormal(1)
R[k, j] ~ LKJ(2)
s ~ HalfNormal(1)
plate g {
  z[k] ~ MultivariateNormal(0, R)
  b[k] = mu + tau * z
  plate r {
    input x : real
    y ~ Normal(b[level] + b[slope] * x, s)
  }
}
"""
GROUPS = {"g": [f"g{i % 20}" for i in range(200)], "x": RNG.normal(size=200), "y": RNG.normal(size=200)}
ROWS = {
    "user": [f"u{i % 20}" for i in range(200)], "item": [f"i{i % 15}" for i in range(200)], "colour": ["red", "blue"] * 100,
    "y": RNG.normal(size=200), "r": RNG.normal(size=200), "x_height": RNG.normal(size=200), "x_weight": RNG.normal(size=200),
    "X_area": RNG.normal(size=200), "X_rooms": RNG.normal(size=200),
}  # fmt: skip
FITS: dict[str, tuple[str, Any, str]] = {
    "schools": ("schools/schools.pgm", "schools/schools.csv", "hmc"), "kidiq": ("kidiq/kidiq.pgm", "kidiq/kidiq.csv", "hmc"),
    "logistic": ("logistic/logistic.pgm", "logistic/tumours.csv", "hmc"), "nile": ("nile/level.pgm", "nile/nile.csv", "hmc"),
    "ordered": ("iris/ordered.pgm", "iris/iris.csv", "hmc"),
    "mixture": ("iris/mixture.pgm", "iris/iris.csv", "hmc"), "hmm": ("language/hmm.pgm", STEPS, "hmc"), "slopes": (SLOPES, GROUPS, "hmc"),
    "ratings": ("language/crossed.pgm", ROWS, "hmc"), "gmm": ("language/gmm.pgm", ROWS, "hmc"), "houses": ("language/regression.pgm", ROWS, "hmc"),
    "logistic, map": ("logistic/logistic.pgm", "logistic/tumours.csv", "map"),
    "mixture, em": ("iris/mixture.pgm", "iris/iris.csv", "em"), "quakes, em": ("quakes/quakes.pgm", "quakes/quakes.csv", "em"),
    "hmm, em": ("language/hmm.pgm", STEPS, "em"), "mixture, gibbs": ("iris/mixture.pgm", "iris/iris.csv", "gibbs"),
    "denoise, gibbs": ("denoise/denoise.pgm", "denoise/noisy.csv", "gibbs"), "topics, gibbs": ("topics/topics.pgm", "topics/modules.csv", "gibbs"),
}  # fmt: skip
"""A model's file or text, its data, the method."""
OPTIONS: dict[str, dict[str, Any]] = {
    "hmc": {"backend": "native", "warmup": 20, "draws": 20, "chains": 4}, "em": {"backend": "native", "restarts": 1, "max_iterations": 5},
    "map": {"backend": "native", "max_iterations": 5},
    "gibbs": {"backend": "native", "warmup": 2, "draws": 2, "chains": 1},
}  # fmt: skip


def measured(name: str) -> dict[str, float]:
    """What a fit compiles, in this process."""
    from numba.core import event

    import pgmlang
    from pgmlang.diagnostics import PgmError

    own = {"runtime": 0.0, "program": 0.0, "numba": 0.0, "functions": 0.0}
    running: list[list[float]] = []

    class Clock(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            running.append([time.process_time(), 0.0])

        def on_end(self, event: Any) -> None:
            begin, inside = running.pop()
            took = time.process_time() - begin
            if running:
                running[-1][1] += took
            module = str(event.data["dispatcher"].py_func.__module__)
            kind = (
                "runtime"
                if module.startswith("pgmlang.")
                else "program"
                if module.startswith("pgmlang")
                else "numba"
            )
            own[kind] += took - inside
            own["functions"] += kind != "numba"

    event.register("numba:compile", Clock())
    model, data, method = FITS[name]
    text = (EXAMPLES / model).read_text(encoding="utf-8") if model.endswith(".pgm") else model
    rows = str(EXAMPLES / data) if isinstance(data, str) else data
    extra: dict[str, Any] = {"counts": "n"} if "topics" in name else {}
    try:
        pgmlang.compile(text).fit(rows, method=method, seed=1, options=OPTIONS[method], **extra)
    except PgmError as error:
        print(f"{name}: {error.diagnostics[0].message}", file=sys.stderr)
    return own


def in_a_process(name: str, folder: str) -> dict[str, float]:
    """As `measured`, in a process with its own folder of programs."""
    command = [sys.executable, __file__, "--child", name]
    out = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PGMLANG_CACHE": folder})
    if out.returncode or not out.stdout.strip():
        raise SystemExit(out.stderr)
    sys.stderr.write("".join(line + "\n" for line in out.stderr.splitlines() if line.startswith(name)))
    return dict(json.loads(out.stdout.splitlines()[-1]))


def main() -> None:
    """Prints the table."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measured(sys.argv[2])))
        return
    print(f"{'fit':16}{'all s':>8}{'runtime':>9}{'program':>9}{'numba':>7}{'functions':>11}{'again s':>9}")
    for name in sys.argv[1:] or FITS:
        with tempfile.TemporaryDirectory() as folder:
            first, again = (in_a_process(name, folder) for _ in range(2))
        total, second = (sum(v for k, v in r.items() if k != "functions") for r in (first, again))
        print(f"{name:16}{total:8.2f}{first['runtime']:9.2f}{first['program']:9.2f}{first['numba']:7.2f}{first['functions']:11.0f}{second:9.2f}",
              flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
