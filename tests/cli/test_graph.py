"""`pgmc graph` of models, fits and networks: what stands in the nodes, what is refused, and what is never imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pgmlang import compile
from pgmlang.diagnostics import PgmError
from pgmlang.formats import write_bif
from tests.cli.conftest import EXAMPLES, Run
from tests.query.test_network_figures import random_network

ASIA = EXAMPLES / "asia" / "asia.pgm"


def texts(path: Path) -> list[str]:
    return [e.text or "" for e in ElementTree.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")]


def test_a_fit_shows_its_probabilities(pgmc: Run, tmp_path: Path) -> None:
    titanic = EXAMPLES / "titanic"
    fitted = pgmc("fit", titanic / "titanic.pgm", titanic / "titanic.csv", "--counts", "count", "-o", "t.fit")
    assert fitted.returncode == 0
    assert pgmc("graph", "t.fit", "-o", "a.svg").returncode == 0
    words = texts(tmp_path / "a.svg")
    assert "person (2,201)" in words
    assert "14.8 %" in words  # 325 of 2201 travelled first class
    assert pgmc("graph", "t.fit", "-o", "b.svg", "--evidence", "sex = female, do(class = 3rd)").returncode == 0
    words = texts(tmp_path / "b.svg")
    assert words.count("100 %") == 2
    assert "given sex = female, do(class = 3rd)" in words
    assert pgmc("graph", "t.fit", "-o", "c.svg", "--plain").returncode == 0
    assert not any("%" in word for word in texts(tmp_path / "c.svg"))


def test_given_models_show_theirs_when_asked(pgmc: Run, tmp_path: Path) -> None:
    assert pgmc("graph", ASIA, "-o", "a.svg").returncode == 0
    assert not any("%" in word for word in texts(tmp_path / "a.svg"))
    assert pgmc("graph", ASIA, "-o", "a.svg", "--evidence", "smoke = yes").returncode == 0
    assert "10.0 %" in texts(tmp_path / "a.svg")  # P(lung | smoke)
    done = pgmc("graph", EXAMPLES / "titanic" / "titanic.pgm", "-o", "b.svg", "--probabilities")
    assert done.returncode == 69
    assert "PGM0610" in done.stderr


def test_network_files(pgmc: Run, tmp_path: Path) -> None:
    (tmp_path / "small.bif").write_text(write_bif(random_network(1)))
    assert pgmc("graph", "small.bif", "-o", "a.svg").returncode == 0
    assert sum("%" in word for word in texts(tmp_path / "a.svg")) == sum(random_network(1).sizes)
    (tmp_path / "large.bif").write_text(write_bif(random_network(2, 61)))
    done = pgmc("graph", "large.bif", "-o", "b.svg")
    assert "note: 61 variables are drawn without their probabilities" in done.stderr
    assert pgmc("graph", "large.bif", "-o", "b.svg", "--probabilities").returncode == 0
    assert sum("%" in word for word in texts(tmp_path / "b.svg")) == sum(random_network(2, 61).sizes)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--evidence", "smoke = maybe"], "PGM0607"),
        (["--evidence", "smoke == "], "PGM0606"),
        (["--evidence", "either = yes, tub = no, lung = no"], "PGM0609"),
        (["--evidence", "smoke = yes", "--plain"], "PGM0612"),
    ],
)
def test_what_is_refused(pgmc: Run, arguments: list[str], code: str) -> None:
    done = pgmc("graph", ASIA, "-o", "a.svg", *arguments)
    assert done.returncode != 0
    assert code in done.stderr


def test_statements_in_nodes(pgmc: Run, tmp_path: Path) -> None:
    assert pgmc("graph", EXAMPLES / "schools" / "schools.pgm", "-o", "a.svg", "--distributions").returncode == 0
    assert "~ Normal(mu + tau * effect, sd)" in texts(tmp_path / "a.svg")


def test_models_and_networks_are_drawn_without_torch(tmp_path: Path) -> None:
    (tmp_path / "small.bif").write_text(write_bif(random_network(1)))
    code = (
        "import sys; from pgmlang.cli.main import run; run(sys.argv[1:]);"
        "print(sorted(m for m in ('torch', 'pyro', 'matplotlib', 'networkx') if m in sys.modules))"
    )
    for source in (ASIA, tmp_path / "small.bif"):
        command = [sys.executable, "-c", code, "graph", str(source), "-q", "-o", str(tmp_path / "a.svg")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]", (source, done.stderr)


@pytest.mark.parametrize("name", ["x.jpg", "x.pdf", "x.svgz", "x", "a.b"])
def test_an_unknown_ending_is_refused(pgmc: Run, tmp_path: Path, name: str) -> None:
    done = pgmc("graph", ASIA, "-o", name)
    assert done.returncode == 69
    assert "PGM0907" in done.stderr
    assert "`.svg`, `.png` or `.dot`" in done.stderr
    assert not (tmp_path / name).exists()


def test_a_format_that_the_ending_contradicts(pgmc: Run, tmp_path: Path) -> None:
    assert "PGM0612" in pgmc("graph", ASIA, "-o", "a.png", "--format", "svg").stderr
    assert pgmc("graph", ASIA, "-o", "bare", "--format", "dot").returncode == 0
    assert (tmp_path / "bare").read_text().startswith("digraph")


@pytest.mark.parametrize(
    "arguments",
    [("plot", "no.fit"), ("predict", "no.fit", "d.csv"), ("score", "no.fit", "d.csv"), ("sample", "no.fit"), ("loo", "no.fit")],
)  # fmt: skip
def test_every_verb_refuses_an_ending_that_it_does_not_write(pgmc: Run, arguments: tuple[str, ...]) -> None:
    done = pgmc(*arguments, "-o", "x.json")
    assert done.returncode == 69
    assert "PGM0907" in done.stderr
    assert "unknown format `json`" in done.stderr


def test_evidence_that_no_network_takes_is_told_to_the_fit() -> None:
    """What the rows share is observed in a fit, which is a command that is taken."""
    model = compile("mu ~ Normal(0, 5)\nplate row {\n  u ~ Normal(0, 1)\n  y ~ Normal(mu + u, 1)\n}\n")
    fit = model.fit({"y": [0.1, 0.4, -0.3]}, method="map", seed=1)
    with pytest.raises(PgmError) as caught:
        fit.graph("mu = 1")
    assert "--observe mu=1" in str(caught.value.diagnostics[0].help)
    assert model.fit({"y": [0.1, 0.4]}, method="map", seed=1, observe={"mu": 1}).graph().scene.nodes
    with pytest.raises(PgmError) as caught:
        fit.graph("y = 1")
    assert '"E(u | y = 1)"' in str(caught.value.diagnostics[0].help)
    assert "u" in str(fit.query("E(u | y = 1)"))
