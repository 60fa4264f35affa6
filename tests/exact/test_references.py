"""Exact answers published with networks of the literature; skipped where the files are not at hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from pgmlang.exact import ExactEngine
from pgmlang.formats import open_text, read_bif, read_uai
from pgmlang.tables import DiscreteNetwork

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NETWORKS = ("alarm", "asia", "cancer", "child", "earthquake", "insurance", "sachs", "survey")
PROBLEMS = ("DBN_11", "Grids_12", "Pedigree_12", "Promedus_24", "Promedus_26", "Segmentation_11")

pytestmark = pytest.mark.skipif(not (DATA / "bn").is_dir(), reason="no reference data beside this checkout")


def load(name: str) -> DiscreteNetwork:
    return read_bif(open_text(DATA / "bn" / "bif" / f"{name}.bif.gz"))


@pytest.mark.parametrize("name", NETWORKS)
def test_queries(name: str) -> None:
    network = load(name)
    engine = ExactEngine(network)
    queries = json.loads((DATA / "bn" / "exact_queries.json").read_text())[name]["queries"]
    for query in queries:
        evidence = {
            network.index[v]: network.variables[network.index[v]].labels.index(label)
            for v, label in query["evidence"].items()
        }
        found = engine.marginals(evidence)
        # The reference kept rows of printed tables that sum to one within 1e-7.
        assert found.log_evidence[0] == pytest.approx(query["ln_p_evidence"], abs=2e-6)
        for v, wanted in query["marginals"].items():
            variable = network.variables[network.index[v]]
            right = [wanted[label] for label in variable.labels]
            assert np.allclose(found.tables[network.index[v]][0], right, atol=2e-7)


@pytest.mark.parametrize("name", PROBLEMS)
def test_uai_problems(name: str) -> None:
    folder = DATA / "uai" / "uai2014"
    network, evidence = read_uai(open_text(folder / f"{name}.uai"), open_text(folder / f"{name}.uai.evid"))
    exact = {}
    for line in (DATA / "uai" / "exact_values.tsv").read_text().splitlines()[1:]:
        problem, log_z, _, _, log_map, *_ = line.split("\t")
        exact[problem] = (log_z, log_map)
    engine = ExactEngine(network)
    found = engine.marginals(evidence)
    log_z, log_map = exact[f"{name}.uai"]
    assert found.log_evidence[0] == pytest.approx(float(log_z), abs=1e-8)
    assert engine.mpe(evidence)[1][0] == pytest.approx(float(log_map), abs=1e-8)
    text = (folder / f"{name}.uai.PR").read_text().split()
    assert found.log_evidence[0] / math.log(10) == pytest.approx(float(text[-1]), rel=1e-5)
    numbers = iter((folder / f"{name}.uai.MAR").read_text().split()[1:])
    assert int(next(numbers)) == len(network.variables)
    for v in range(len(network.variables)):
        right = [float(next(numbers)) for _ in range(int(next(numbers)))]
        assert np.allclose(found.tables[v][0], right, atol=1e-6)
