"""Learning alarm's tables: complete data by counting, 20% missing cells by EM, beside pyAgrum in one run.

python benchmarks/learning.py [--data FOLDER] [--rows 100000] [--em-rows 10000]
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import pgmlang
from pgmlang.data import write_csv
from pgmlang.diagnostics import SourceFile
from pgmlang.formats import network_to_pgm, read_bif


def learned_text(network: object) -> str:
    """The network's structure as a model whose tables are to be learned."""
    lines = ["model alarm", "plate row {"]
    for i, variable in enumerate(network.variables):  # type: ignore[attr-defined]
        parents = ", ".join(network.variables[p].name for p in network.parents(i))  # type: ignore[attr-defined]
        labels = ", ".join(f'"{x}"' for x in variable.labels)
        lines.append(f"  {variable.name} : {{{labels}}} ~ Table({parents})")
    return "\n".join([*lines, "}"]) + "\n"


def best_of(runs: int, work: object) -> tuple[float, object]:
    """Shortest wall time of several runs, and the last result."""
    times, result = [], None
    for _ in range(runs):
        start = time.perf_counter()
        result = work()  # type: ignore[operator]
        times.append(time.perf_counter() - start)
    return min(times), result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data" / "bn" / "bif"
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--em-rows", type=int, default=10_000)
    parser.add_argument("--iterations", type=int, default=10)
    options = parser.parse_args()
    text = gzip.decompress((options.data / "alarm.bif.gz").read_bytes()).decode()
    network = read_bif(SourceFile("alarm.bif", text))
    given = pgmlang.compile(network_to_pgm(network, "alarm"))
    free = pgmlang.compile(learned_text(network))
    with tempfile.TemporaryDirectory() as folder:
        complete, holes, bif = Path(folder) / "alarm.csv", Path(folder) / "holes.csv", Path(folder) / "alarm.bif"
        bif.write_text(text)
        columns = given.sample_columns(options.rows, seed=1).columns
        write_csv(str(complete), columns)
        _complete(free, complete, bif, columns)
        rng = np.random.default_rng(2)
        part = {k: np.array(v, dtype=object)[: options.em_rows] for k, v in columns.items()}
        for cells in part.values():
            cells[rng.random(len(cells)) < 0.2] = ""
        write_csv(str(holes), {k: list(v) for k, v in part.items()})
        _em(free, holes, bif, part, options.iterations)


def _complete(model: pgmlang.CompiledModel, path: Path, bif: Path, columns: Mapping[str, object]) -> None:
    ours, fit = best_of(3, lambda: model.fit(str(path)))
    print(f"tables of alarm, {len(next(iter(columns.values()))):,} rows, from CSV")  # type: ignore[arg-type]
    print(f"  pgmlang  {ours * 1e3:8.1f} ms   log-likelihood {fit.log_likelihood:.3f}")  # type: ignore[attr-defined]
    try:
        import pyagrum
    except ImportError:
        return
    template = pyagrum.loadBN(str(bif))

    def learn() -> object:
        learner = pyagrum.BNLearner(str(path), template)
        return learner.learnParameters(template.dag())

    theirs, bn = best_of(3, learn)
    table = fit.params["CVP.table"]  # type: ignore[attr-defined]
    gap = np.abs(np.sort(table.ravel()) - np.sort(bn.cpt("CVP").toarray().ravel())).max()  # type: ignore[attr-defined]
    print(
        f"  pyAgrum  {theirs * 1e3:8.1f} ms   ratio {theirs / ours:.2f}x   largest gap in P(CVP | ...) {gap:.1e}"
    )


def _em(model: pgmlang.CompiledModel, path: Path, bif: Path, part: dict[str, np.ndarray], iterations: int) -> None:
    rows = len(next(iter(part.values())))
    start = time.perf_counter()
    fit = model.fit(str(path), method="em", options={"max_iterations": iterations, "tolerance": 0.0})
    ours = (time.perf_counter() - start) / max(1, len(fit.record.trace))
    print(f"EM on alarm, {rows:,} rows, 20% of cells missing")
    print(f"  pgmlang  {ours / rows * 1e3:8.4f} ms a row and iteration (reading included)   "
          f"log-likelihood {fit.log_likelihood:.3f} after {len(fit.record.trace)}")  # fmt: skip
    try:
        import pyagrum
    except ImportError:
        return
    template = pyagrum.loadBN(str(bif))
    fewer = min(rows, 1000)  # pyAgrum needs minutes for all rows; its time a row does not depend on their number
    with tempfile.TemporaryDirectory() as folder:
        short, marked, learned = (Path(folder) / n for n in ("short.csv", "marked.csv", "learned.bif"))
        cut = {k: list(v[:fewer]) for k, v in part.items()}
        write_csv(str(short), cut)
        write_csv(str(marked), {k: [x or "?" for x in v] for k, v in cut.items()})
        learner = pyagrum.BNLearner(str(marked), template, ["?"])
        learner.useSmoothingPrior(1e-3)  # without it, it stops at the first configuration that no row shows
        learner.useEM(1e-4)
        start = time.perf_counter()
        bn = learner.learnParameters(template.dag())
        seconds = time.perf_counter() - start
        done = max(1, learner.EMnbrIterations())
        pyagrum.saveBN(bn, str(learned))
        their_fit = pgmlang.compile(
            network_to_pgm(read_bif(SourceFile("learned.bif", learned.read_text())), "alarm")
        )
        their_value = float(np.sum(their_fit.given().score(str(short))))
        own = model.fit(str(short), method="em", options={"max_iterations": 100})
    theirs = seconds / done / fewer
    print(
        f"  pyAgrum  {theirs * 1e3:8.4f} ms a row and iteration ({fewer:,} rows, {done} iterations)   "
        f"ratio {theirs * rows / ours:.0f}x"
    )
    print(f"  log-likelihood of those {fewer:,} rows: pgmlang {own.log_likelihood:.2f}, pyAgrum {their_value:.2f}")


if __name__ == "__main__":
    main()
