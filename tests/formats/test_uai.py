"""UAI: models, evidence, results, refusals and round trips."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from pgmlang.diagnostics import PgmError
from pgmlang.formats import open_text, read_mar, read_pr, read_uai, read_uai_evidence, write_uai
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor
from tests.formats.networks import assert_same, random_network, text, told

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "uai"
PROBLEMS = sorted((FOLDER / "uai2014").glob("*.uai"))

MARKOV = "MARKOV\n3\n2 2 3\n2\n2 0 1\n2 1 2\n\n4\n 4.0 2.4\n 1.0 0.0\n\n6\n .3 5e-1 1. 2 3 4\n"
BAYES = "BAYES\n2\n2 3\n2\n1 0\n2 0 1\n\n2\n 0.25 0.75\n\n6\n 0.1 0.2 0.7\n 0.5 0.25 0.25\n"


def problems(content: str) -> list[str]:
    with pytest.raises(PgmError) as caught:
        read_uai(text(content))
    return told(caught.value)


def test_markov() -> None:
    network, evidence = read_uai(text(MARKOV))
    assert evidence == {}
    assert network.variables[2] == DiscreteVariable("x2", ("0", "1", "2"))
    assert [f.scope for f in network.factors] == [(0, 1), (1, 2)]
    assert not network.is_directed
    assert network.factors[0].values.tolist() == [[4.0, 2.4], [1.0, 0.0]]
    assert network.factors[1].values.tolist() == [[0.3, 0.5, 1.0], [2.0, 3.0, 4.0]]


def test_bayes() -> None:
    network, evidence = read_uai(text(BAYES), text("1 1 2"))
    assert network.is_directed
    assert network.parents(1) == (0,)
    assert evidence == {1: 2}
    assert network.factors[1].values.tolist() == [[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]


def test_comments_as_agrum_writes_them() -> None:
    network, _ = read_uai(text(BAYES.replace("2 0 1\n", "2 0 1   # größe -1\n")))
    assert_same(network, read_uai(text(BAYES))[0])
    assert problems(BAYES.replace("2 0 1\n", "2 0 1 # x\n").replace("0.7\n", "x # y\n")) == ["PGM0906 12:10"]


def test_a_constant_factor_and_a_size_of_one() -> None:
    network, _ = read_uai(text("MARKOV 2 1 2 2 0 2 1 0 1 0.5 2 3 4"))
    assert network.factors[0].values.shape == ()
    assert network.factors[1].values.shape == (2, 1)
    assert network.sizes == (1, 2)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", ["PGM0906 1:1"]),
        ("\n \n", ["PGM0906 1:1"]),
        ("\x00\x01", ["PGM0906 1:1"]),
        ("markov 1 2 0", ["PGM0906 1:1"]),
        ("MARKOW 1 2 0", ["PGM0906 1:1"]),
        ("MARKOV", ["PGM0906 1:7"]),
        ("MARKOV x", ["PGM0906 1:8"]),
        ("MARKOV 0 0", ["PGM0906 1:8"]),
        ("MARKOV -1", ["PGM0906 1:8"]),
        ("MARKOV 2.0", ["PGM0906 1:8"]),
        (f"MARKOV {'9' * 5000}", ["PGM0906 1:8"]),
        ("MARKOV 1000000000 2 2", ["PGM0906 1:8"]),
        ("MARKOV 1 0 0", ["PGM0906 1:10"]),
        ("MARKOV 1 2000000000 0", ["PGM0906 1:10"]),
        ("MARKOV 1 2 1000000", ["PGM0906 1:12"]),
        (MARKOV + "7", ["PGM0906 14:1"]),
        (MARKOV.replace("2 3 4", "2 3"), ["PGM0906 13:16"]),
        (MARKOV.replace("2 1 2\n", "2 1 3\n"), ["PGM0906 6:5"]),
        (MARKOV.replace("2 1 2\n", "2 1 1\n"), ["PGM0906 6:5"]),
        (MARKOV.replace("2 1 2\n", "4 1 2\n"), ["PGM0906 6:1"]),
        (MARKOV.replace("\n4\n", "\n5\n"), ["PGM0906 8:1"]),
        (MARKOV.replace("2.4", "-2.4"), ["PGM0906 9:6"]),
        (MARKOV.replace("2.4", "nan"), ["PGM0906 9:6"]),
        (MARKOV.replace("2.4", "NAN"), ["PGM0906 9:6"]),
        (MARKOV.replace("2.4", "Infinity"), ["PGM0906 9:6"]),
        (MARKOV.replace("2.4", "1e999"), ["PGM0906 9:6"]),
        (MARKOV.replace("2.4", "1_0"), ["PGM0906 9:6"]),
        (MARKOV.replace("2.4", "2,4"), ["PGM0906 9:6"]),
        (MARKOV.replace("2.4", "٣"), ["PGM0906 9:6"]),
        (MARKOV.replace("2.4", "2\u00a04"), ["PGM0906 9:7"]),
        (MARKOV.replace("MARKOV", "BAYES"), ["PGM0906 4:1"]),
        (BAYES.replace("1 0\n", "1 1\n"), ["PGM0906 6:5"]),
        (BAYES.replace("1 0\n", "0\n"), ["PGM0906 5:1"]),
        (BAYES.replace("1 0\n", "2 1 0\n"), ["PGM0501 5:1"]),
        (BAYES.replace("0.2 0.7", "0.2 0.8"), ["PGM0405 12:2"]),
        (BAYES.replace("0.75", "0.5").replace("0.7", "0.8"), ["PGM0405 9:2"]),
    ],
)
def test_refusals(content: str, wanted: list[str]) -> None:
    found = problems(content)
    if wanted == ["PGM0501 5:1"]:
        assert found in (["PGM0501 5:1"], ["PGM0501 6:1"])
    else:
        assert found == wanted


def test_a_table_is_never_larger_than_the_file() -> None:
    n = 62
    content = f"MARKOV\n{n}\n{' '.join(['2'] * n)}\n1\n{n} {' '.join(map(str, range(n)))}\n"
    assert problems(content + f"{2**n}\n1 1")[0].startswith("PGM0906")
    assert problems(content + f"{2**40}\n1 1")[0].startswith("PGM0906")
    ones = f"MARKOV\n70\n{' '.join(['1'] * 70)}\n1\n70 {' '.join(map(str, range(70)))}\n1\n1\n"
    assert problems(ones) == ["PGM0906 5:1"]


# ---- evidence


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("0", {}),
        ("0\n", {}),
        ("1 1 2", {1: 2}),
        ("2 0 1 1 2", {0: 1, 1: 2}),
        ("1\n2 0 1 1 2\n", {0: 1, 1: 2}),
        ("1\n0\n", {}),
        ("1\n1 1 0", {1: 0}),
        ("1\r\n 1 0\r\n", {1: 0}),
    ],
)
def test_evidence(content: str, wanted: dict[int, int]) -> None:
    assert read_uai_evidence(text(content), read_uai(text(BAYES))[0]) == wanted


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", "PGM0906 1:1"),
        ("x", "PGM0906 1:1"),
        ("1 1", "PGM0906 1:1"),
        ("0 1 0", "PGM0906 1:1"),
        ("2\n1 0 1\n1 0 0\n", "PGM0906 1:1"),
        ("1 1 3", "PGM0906 1:5"),
        ("1 2 0", "PGM0906 1:3"),
        ("1 1 -1", "PGM0906 1:5"),
        ("2 1 0 1 1", "PGM0906 1:7"),
        ("1 7 2 0.7 0.5", "PGM0906 1:7"),
    ],
)
def test_wrong_evidence(content: str, wanted: str) -> None:
    with pytest.raises(PgmError) as caught:
        read_uai_evidence(text(content), read_uai(text(BAYES))[0])
    assert told(caught.value) == [wanted]


# ---- results


def test_results() -> None:
    assert read_pr("PR\n-11.4554\n") == -11.4554
    assert read_pr("PR\n1\n-11.4554\n") == -11.4554
    for content in ("MAR\n2 2 .25 .75 1 1\n", "MAR\n1\n2 2 .25 .75 1 1\n"):
        assert [m.tolist() for m in read_mar(content)] == [[0.25, 0.75], [1.0]]
    assert [m.tolist() for m in read_mar("MAR 1 2 .5 .5")] == [[0.5, 0.5]]


@pytest.mark.parametrize(
    "content", ["", "PR", "PR x", "PR 1 2 3", "MAR", "MAR 2 2 .5 .5", "MAR 1 2 .5 -.5", "MAR 9999999"]
)
def test_wrong_results(content: str) -> None:
    for read in (read_pr, read_mar):
        with pytest.raises(PgmError):
            read(content)


# ---- round trips


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("directed", [True, False])
def test_round_trip_of_random_networks(seed: int, directed: bool) -> None:
    network = random_network(seed, directed)
    again, _ = read_uai(text(write_uai(network)))
    assert_same(network, again, names=False)
    assert write_uai(again) == write_uai(network)


def test_what_cannot_be_written() -> None:
    variable = DiscreteVariable("v", ("a", "b"))
    log = TableFactor((0,), np.array([0.0, 1000.0]), is_log=True)
    negative = TableFactor((0,), np.array([0.0, -1.0]))
    for factors in ((log,), (negative,)):
        with pytest.raises(PgmError) as caught:
            write_uai(DiscreteNetwork((variable,), factors))
        assert told(caught.value) == ["PGM0907"]
    with pytest.raises(PgmError):
        write_uai(DiscreteNetwork((), ()))


@pytest.mark.skipif(not PROBLEMS, reason="no reference data beside this checkout")
@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_competition_problems(path: Path) -> None:
    network, evidence = read_uai(open_text(path), open_text(f"{path}.evid"))
    again, _ = read_uai(text(write_uai(network)))
    assert_same(network, again)
    assert len(evidence) == int(open_text(f"{path}.evid").text.split()[0])
    marginals = read_mar(open_text(f"{path}.MAR").text)
    assert tuple(m.size for m in marginals) == network.sizes
    assert all(abs(m.sum() - 1) < 1e-4 for m in marginals)
    assert np.isfinite(read_pr(open_text(f"{path}.PR").text))


@pytest.mark.skipif(not PROBLEMS, reason="no reference data beside this checkout")
def test_a_bayes_file_of_factors_is_refused_with_its_cure() -> None:
    source = open_text(FOLDER / "merlin" / "pedigree1.uai")
    with pytest.raises(PgmError, match="say MARKOV") as caught:
        read_uai(source)
    assert told(caught.value) == ["PGM0405 341:2"]
    assert len(read_uai(text(source.text.replace("BAYES", "MARKOV")))[0].factors) == 334


def test_megabytes_are_read_quickly() -> None:
    rng = np.random.default_rng(0)
    variables = tuple(DiscreteVariable(f"x{i}", tuple(map(str, range(10)))) for i in range(100))
    factors = tuple(TableFactor((i, i + 1, i + 2), rng.random((10, 10, 10))) for i in range(98))
    content = write_uai(DiscreteNetwork(variables, factors * 3))
    assert len(content) > 5e6
    start = time.process_time()
    network, _ = read_uai(text(content))
    assert time.process_time() - start < 1.5
    assert network.factors[97].values.tobytes() == factors[97].values.tobytes()
