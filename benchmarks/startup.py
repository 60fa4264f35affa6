"""Wall time of whole processes: check, query, compile. Median of five."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def wall(arguments: list[str]) -> float:
    """Seconds of ``pgmc ARGUMENTS``, median of five runs."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "pgmlang.cli.main", *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    asia = str(EXAMPLES / "asia" / "asia.pgm")
    slowest = max((wall(["check", str(p)]), p.stem) for p in sorted(EXAMPLES.glob("*/*.pgm")))
    print(f"pgmc --help            {wall(['--help']):.3f} s")
    print(f"pgmc check (slowest)   {slowest[0]:.3f} s  ({slowest[1]})")
    print(f"pgmc query asia        {wall(['query', asia, 'P(lung | dysp = yes)']):.3f} s")
    slowest = max((wall(["compile", str(p)]), p.stem) for p in sorted(EXAMPLES.glob("*/*.pgm")))
    print(f"pgmc compile (slowest) {slowest[0]:.3f} s  ({slowest[1]})")
    alarm = Path(__file__).resolve().parents[2] / "shared" / "data" / "bn" / "bif" / "alarm.bif.gz"
    if alarm.exists():
        with tempfile.TemporaryDirectory() as folder:
            model = str(Path(folder) / "alarm.pgm")
            subprocess.run(
                [sys.executable, "-m", "pgmlang.cli.main", "convert", str(alarm), model],
                check=True,
                capture_output=True,
            )
            print(f"pgmc query alarm       {wall(['query', model, 'P(CVP | HREKG = HIGH)']):.3f} s")


if __name__ == "__main__":
    main()
