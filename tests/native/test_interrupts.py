"""Ctrl-C while loops are compiled and while they run; a run that was stopped goes on to the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BEGIN = """
import os, signal, sys, threading, time
import numpy as np, torch
torch.set_num_threads(1)
import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.native.log_density import NativeLogDensity
rng = np.random.default_rng(0)
n = int(sys.argv[1])
text = "a ~ Normal(0, 1)\\nb ~ Normal(0, 1)\\nplate r {\\n  input x : real\\n  y ~ Bernoulli(logit = a + b * x)\\n}"
rows = {"x": rng.normal(size=n), "y": rng.integers(0, 2, n)}
model = pgmlang.compile(text)
options = {"chains": 8, "warmup": 400, "draws": 20, "backend": "native"}
sent = []

def interrupt():
    sent.append(time.process_time())
    os.kill(os.getpid(), signal.SIGINT)

def after(seconds):
    threading.Timer(seconds, interrupt).start()
"""
IN_WARM_UP = """
whole = NativeLogDensity.trajectories
calls = []

def trajectories(*arguments):
    calls.append(0)
    if len(calls) == 20:
        after(0.3)
    return whole(*arguments)

NativeLogDensity.trajectories = trajectories
try:
    model.fit(rows, method="hmc", seed=1, options=options, checkpoint=sys.argv[2])
except (PgmError, KeyboardInterrupt) as stopped:
    print(time.process_time() - sent[0], type(stopped).__name__, str(stopped))
print(os.path.exists(sys.argv[2]))
"""
RESUMED = (
    IN_WARM_UP
    + """
NativeLogDensity.trajectories = whole
def drawn(**more):
    draws = model.fit(rows, method="hmc", seed=1, options=options, **more).draws
    return b"".join(np.ascontiguousarray(draws[n]).tobytes() for n in sorted(draws))
torch.set_num_threads(2)
print(drawn(checkpoint=sys.argv[2], resume=True) == drawn())
"""
)
IN_COMPILATION = """
from numba.core import event

class Compiling(event.Listener):
    def on_start(self, event):
        if not sent and event.data["dispatcher"].py_func.__name__ == "trajectories":
            after(0.2)

    def on_end(self, event):
        pass

event.register("numba:compile", Compiling())
try:
    model.fit(rows, method="hmc", seed=1, options=options)
except KeyboardInterrupt:
    print(time.process_time() - sent[0])
fit = model.fit(rows, method="hmc", seed=1, options={**options, "warmup": 20})
print(fit.draws["a"].shape)
"""


def lines(code: str, *arguments: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGIN + code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ | {"PGMLANG_CACHE": str(folder)}, timeout=200,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.slow
def test_an_interrupt_is_heard_in_the_warm_up(tmp_path: Path) -> None:
    """Within trajectories that take far longer than a third of a second; the checkpoint is there."""
    stopped, is_kept = lines(IN_WARM_UP, "200000", str(tmp_path / "kept"), folder=tmp_path)
    seconds, kind, message = stopped.split(maxsplit=2)
    assert kind == "PgmError"
    assert "stopped within the warm-up" in message
    # of the processor's time, however busy it is
    assert float(seconds) < 1 / 3
    assert is_kept == "True"


@pytest.mark.slow
def test_what_is_resumed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Stopped in the warm-up on one thread, resumed on two."""
    stopped, is_kept, is_same = lines(RESUMED, "2000", str(tmp_path / "kept"), folder=tmp_path)
    assert "stopped within the warm-up" in stopped
    assert (is_kept, is_same) == ("True", "True")


@pytest.mark.slow
def test_an_interrupt_is_heard_in_a_compilation(tmp_path: Path) -> None:
    seconds, shape = lines(IN_COMPILATION, "200", folder=tmp_path)
    assert float(seconds) < 0.5
    assert shape == "(8, 20)"


def test_few_chains_at_a_time_where_one_takes_long() -> None:
    """What one call of compiled code works out is no more than a tenth of a second's worth, whatever the number of chains."""
    from pgmlang.native.log_density import NativeLogDensity

    density = NativeLogDensity(None, (), (), threads=1)  # type: ignore[arg-type]
    density.__dict__["arguments"] = ()
    density.seconds = 0.03
    parts: list[slice] = []
    density._each(8, parts.append, 1)
    assert [(p.start, p.stop) for p in parts] == [(0, 3), (3, 6), (6, 8)]
