"""Networks as `.pgm` text: it compiles, and the tables come back to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.formats import network_to_pgm, open_text, pgm_names, read_bif
from pgmlang.model import TableDist
from pgmlang.sema import compile_source
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor
from tests.formats.networks import random_network, text, told

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "bn" / "bif"
SMALL = ("alarm", "asia", "cancer", "child", "earthquake", "insurance", "sachs", "survey")


def check(network: DiscreteNetwork) -> None:
    """The model has the network's variables, labels, parents and numbers."""
    model = compile_source(text(network_to_pgm(network)))
    names = pgm_names([v.name for v in network.variables])
    assert [v.name for v in model.variables] == names
    for factor in network.factors:
        child = factor.scope[-1]
        variable = model.variables[child]
        assert model.labels_of(variable.type) == network.variables[child].labels
        table = model.conditional_of[names[child]].distribution
        assert isinstance(table, TableDist)
        assert [p.name for p in table.parents] == [names[i] for i in factor.scope[:-1]]
        assert np.array(table.rows).tobytes() == factor.values.tobytes()


def test_text() -> None:
    a = DiscreteVariable("plate", ("yes", "no"))
    b = DiscreteVariable("HR", ("1_1", "007"))
    c = DiscreteVariable("C", ("true", 'a"b\\'))
    rows = np.array([[[0.1, 0.9], [0.25, 0.75]], [[0.3333333, 0.6666666], [5e-324, 1.0]]])
    factors = (
        TableFactor((0,), np.array([0.05, 0.95]), 0),
        TableFactor((0, 2, 1), rows, 1),
        TableFactor((0,), np.array([[0.5, 0.5]]).reshape(2), 2),
    )
    factors = (*factors[:2], TableFactor((2,), np.array([0.5, 0.5]), 2))
    found = network_to_pgm(DiscreteNetwork((a, b, c), factors, "unknown"), origin="some.bif")
    assert found == (
        "# from some.bif\n"
        "model network\n"
        "\n"
        "plate row {\n"
        '  # plate_ was "plate"\n'
        "  plate_ : {yes, no} ~ Table() { 0.05, 0.95 }\n"
        '  HR     : {"1_1", 007} ~ Table(plate_, C) {\n'
        "    yes, true     : 0.1, 0.9\n"
        '    yes, "a\\"b\\\\" : 0.25, 0.75\n'
        "    no,  true     : 0.3333333, 0.6666666\n"
        '    no,  "a\\"b\\\\" : 5e-324, 1.0\n'
        "  }\n"
        '  C      : {true, "a\\"b\\\\"} ~ Table() { 0.5, 0.5 }\n'
        "}\n"
    )


def test_names_are_made_fit_and_stay_apart() -> None:
    names = ["a b", "a_b", "a-b", "1st", "Normal", "exp", "Größe", "日", "row", "plate", "x", "first", "pi", ""]
    variables = tuple(DiscreteVariable(n, ("y", "n")) for n in names)
    factors = tuple(TableFactor((i,), np.array([0.5, 0.5]), i) for i in range(len(names)))
    network = DiscreteNetwork(variables, factors, "x")
    found = pgm_names([v.name for v in network.variables])
    assert len(set(found)) == len(names)
    assert found[1] == "a_b", "a name that can stay stays"
    assert found[3:7] == ["_1st", "Normal_", "exp_", "Gro_e"]
    assert found[8] == "row"
    check(network)


@pytest.mark.parametrize("seed", range(40))
def test_round_trip_of_random_networks(seed: int) -> None:
    check(random_network(seed))


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no reference data beside this checkout")
@pytest.mark.parametrize("name", SMALL)
def test_published_networks(name: str) -> None:
    check(read_bif(open_text(FOLDER / f"{name}.bif.gz")))


def test_long_label_sets_are_broken_after_commas() -> None:
    variable = DiscreteVariable("v", tuple(f"label_number_{i}" for i in range(40)))
    network = DiscreteNetwork((variable,), (TableFactor((0,), np.full(40, 1 / 40), 0),))
    assert max(map(len, network_to_pgm(network).splitlines()[:6])) <= 115
    check(network)


def test_undirected_is_refused() -> None:
    with pytest.raises(PgmError) as caught:
        network_to_pgm(random_network(1, directed=False))
    assert told(caught.value) == ["PGM0907"]
