"""All single-node posteriors of one evidence set, beside pgmpy's variable elimination in one run."""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from pathlib import Path

import numpy as np

from pgmlang.diagnostics import SourceFile
from pgmlang.exact import ExactEngine
from pgmlang.formats import read_bif


def main() -> None:
    parser = argparse.ArgumentParser()
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "bn" / "bif"
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    parser.add_argument("--networks", default="alarm,hailfinder")
    options = parser.parse_args()
    from pgmpy.inference import VariableElimination
    from pgmpy.readwrite import BIFReader

    for name in options.networks.split(","):
        text = gzip.decompress((options.folder / f"{name}.bif.gz").read_bytes()).decode()
        network = read_bif(SourceFile(name, text))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "n.bif"
            path.write_text(text)
            theirs = VariableElimination(BIFReader(str(path)).get_model())
        rng = np.random.default_rng(0)
        draw = ExactEngine(network).posterior_sample({}, 1, rng)[0][0]
        observed = rng.choice(len(network.variables), max(1, len(network.variables) // 10), replace=False)
        evidence = {int(v): int(draw[v]) for v in observed}
        start = time.perf_counter()
        ours = ExactEngine(network).marginals(evidence)
        own = time.perf_counter() - start
        named = {network.variables[v].name: network.variables[v].labels[c] for v, c in evidence.items()}
        start = time.perf_counter()
        worst = 0.0
        for i, variable in enumerate(network.variables):
            if i in evidence:
                continue
            factor = theirs.query([variable.name], evidence=named, show_progress=False)
            order = [factor.state_names[variable.name].index(x) for x in variable.labels]
            worst = max(worst, float(np.abs(factor.values[order] - ours.tables[i][0]).max()))
        peer = time.perf_counter() - start
        print(
            f"{name:12} pgmlang {own * 1e3:8.1f} ms   pgmpy {peer * 1e3:9.1f} ms   ratio {peer / own:.0f}x   difference {worst:.1e}"
        )


if __name__ == "__main__":
    main()
