"""All benchmarks, one after another, each beside its peer in one run (``make bench``)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    for name in (
        "startup.py",
        "learning.py",
        "mixtures.py",
        "expectation_maximisation.py",
        "exact_networks.py",
        "gaussian_networks.py",
        "pgmpy_queries.py",
        "families.py",
        "samplers.py",
        "sweeps.py",
        "providers.py",
        "side_by_side.py",
        "topics.py",
        "gpu.py",
    ):
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, str(HERE / name)], check=False)


if __name__ == "__main__":
    main()
