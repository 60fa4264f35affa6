"""JAGS by its program (``apt install jags``): a model's text and data in, draws out."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

CHAINS = 4


def run_jags(
    model: str,
    data: dict[str, Any],
    monitored: tuple[str, ...],
    warmup: int,
    draws: int,
    modules: tuple[str, ...] = (),
) -> tuple[dict[str, np.ndarray], float]:
    """Draws ``[chain, draw, element]`` by name, and the seconds of the whole run. Raises ImportError where it does not run."""
    if shutil.which("jags") is None:
        raise ImportError("no program `jags`")
    script = [f"load {m}" for m in modules]
    script += [
        "model in model.bug",
        "data in data.R",
        f"compile, nchains({CHAINS})",
        "initialize",
        f"update {warmup}",
    ]
    script += [f"monitor {v}" for v in monitored] + [f"update {draws}", "coda *"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "model.bug").write_text(model)
        (place / "data.R").write_text("".join(f"`{k}` <- {r_value(np.asarray(v))}\n" for k, v in data.items()))
        (place / "run.txt").write_text("\n".join(script) + "\n")
        start = time.perf_counter()
        done = subprocess.run(["jags", "run.txt"], cwd=place, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise ImportError(done.stdout[-300:] + done.stderr[-300:])
        labels = [line.split()[0] for line in (place / "CODAindex.txt").read_text().splitlines()]
        chains = [np.loadtxt(place / f"CODAchain{c}.txt")[:, 1] for c in range(1, CHAINS + 1)]
    each = np.stack([c.reshape(len(labels), draws) for c in chains])
    out: dict[str, list[np.ndarray]] = {}
    for i, label in enumerate(labels):
        out.setdefault(label.split("[")[0], []).append(each[:, i])
    return {k: np.stack(v, -1) for k, v in out.items()}, seconds


def r_value(value: np.ndarray) -> str:
    """A vector or an array as R writes it, what is no number as missing."""
    flat = ", ".join("NA" if np.isnan(x) else f"{x:.12g}" for x in value.astype(float).flatten(order="F"))
    return (
        f"c({flat})" if value.ndim < 2 else f"structure(c({flat}), .Dim = c({', '.join(map(str, value.shape))}))"
    )
