"""Cures are typed: every command, option and choice that a message names exists, and those of `loo`, `compare` and `score` lead to
what they promise."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest

import pgmlang
from pgmlang.cli.main import COMMANDS, cli, run
from pgmlang.plan.registry import METHODS

PACKAGE = Path(pgmlang.__file__).parent
HOLE = "\x00"


def snippets() -> list[tuple[str, str]]:
    """What messages set in backticks and is a command line or an option, with its file; holes of f-strings are one character."""
    out: dict[tuple[str, str], None] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            text = ""
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(v.value) if isinstance(v, ast.Constant) else HOLE for v in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            for code in re.findall(r"`((?:pgmc [a-z]|--[a-z]|-O )[^`\n]*)`", text):
                out[str(path.relative_to(PACKAGE)), code] = None
    return list(out)


def options_of(verb: str) -> dict[str, click.Parameter]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None, f"there is no `pgmc {verb}`"
    return {name: p for p in command.params for name in (*p.opts, *p.secondary_opts)}


@pytest.fixture(scope="module")
def every_option() -> dict[str, list[click.Parameter]]:
    out: dict[str, list[click.Parameter]] = {}
    for verb in COMMANDS:
        for name, parameter in options_of(verb).items():
            out.setdefault(name, []).append(parameter)
    return out


def test_every_command_and_option_of_a_message_exists(every_option: dict[str, list[click.Parameter]]) -> None:
    wrong = []
    for file, code in snippets():
        words = shlex.split(code)
        known: dict[str, list[click.Parameter]] = every_option
        if words[0] == "pgmc":
            if HOLE in words[1]:
                continue
            if words[1] not in COMMANDS:
                wrong.append(f"{file}: no verb: {code}")
                continue
            known = {n: [p] for n, p in options_of(words[1]).items()}
        for word, following in zip(words, [*words[1:], ""], strict=True):
            if not word.startswith("-") or HOLE in word or word == "-":
                continue
            if word not in known:
                wrong.append(f"{file}: no option {word}: {code}")
                continue
            choices = [c for p in known[word] if isinstance(p.type, click.Choice) for c in p.type.choices]
            if choices and following and HOLE not in following and following not in choices:
                wrong.append(f"{file}: no choice {following}: {code}")
            if word == "--method" and re.fullmatch(r"[a-z]+", following) and following not in {*METHODS, "auto"}:
                wrong.append(f"{file}: no method {following}: {code}")
    assert not wrong, "\n".join(wrong)


REGRESSION = "a ~ Normal(0, 3)\nb ~ Normal(0, 3)\nplate row { input x ; y ~ Normal(a + b * x, 1) }\n"
LEVEL = "a ~ Normal(0, 3)\nplate row { y ~ Normal(a, 1) }\n"
CHAIN = """
p ~ Beta(2, 2)
plate t = chain {
  z ~ if first then Bernoulli(0.5) else Bernoulli(if prev(z) == 1 then 0.9 else 0.2)
  y ~ Bernoulli(if z then p else 0.2)
}
"""
WIDE = """dim i[14]
b ~ Normal(0, 1)
plate row { field v[i] : bit ; field h[i] : bit ; factor 0.2 * sum(v, over = i) * sum(h, over = i) / 14 ; y ~ Normal(b, 1) }
"""
LINE = "a ~ Normal(0, 1)\nplate t = chain { field c : bit ; factor if first then 0 else a * c * prev(c) }\n"


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=20).round(2)
    Path("d.csv").write_text(
        "x,y\n" + "".join(f"{a},{a + e:.2f}\n" for a, e in zip(x, rng.normal(size=20), strict=True))
    )
    Path("line.pgm").write_text(REGRESSION)
    Path("level.pgm").write_text(LEVEL)


def fitted(model: str, data: str, method: str, folder: str, *more: str) -> None:
    assert run(["fit", model, data, "--method", method, "--seed", "1", "-q", "-o", folder, *more]) == 0


def test_without_draws_folds_are_typed(rows: None, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("line", "level"):
        fitted(f"{name}.pgm", "d.csv", "map", f"{name}.fit")
    assert run(["loo", "line.fit", "d.csv"]) != 0
    (command,) = re.findall(r"`(pgmc compare [^`]*)`", capsys.readouterr().err)
    typed = command.replace("A.fit", "line.fit").replace("B.fit", "level.fit").replace("FILE", "d.csv")
    assert run(shlex.split(typed)[1:]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("line.fit")


def test_without_data_they_are_given(rows: None, capsys: pytest.CaptureFixture[str]) -> None:
    fitted("line.pgm", "d.csv", "hmc", "line.fit", "--draws", "50")
    fitted("level.pgm", "d.csv", "hmc", "level.fit", "--draws", "50")
    capsys.readouterr()
    assert run(["loo", "line.fit"]) != 0
    assert "--pointwise" in capsys.readouterr().err
    assert run(["loo", "line.fit", "d.csv"]) == 0
    capsys.readouterr()
    assert run(["compare", "line.fit", "level.fit"]) != 0
    assert "`--data FILE`" in capsys.readouterr().err
    assert run(["compare", "line.fit", "level.fit", "--data", "d.csv"]) == 0
    fitted("line.pgm", "d.csv", "hmc", "kept.fit", "--draws", "50", "--pointwise")
    capsys.readouterr()
    assert run(["loo", "kept.fit"]) == 0
    assert run(["summary", "kept.fit"]) == 0
    assert "elpd_loo" in capsys.readouterr().out
    assert run(["compare", "line.fit", "level.fit", "--data", "d.csv", "--folds", "30"]) != 0
    assert "from 2 to 20 folds" in capsys.readouterr().err


def forward(start: np.ndarray, move: np.ndarray, emit: np.ndarray, codes: list[int]) -> float:
    """ln p of a sequence of symbols of a hidden Markov model."""
    alpha = start * emit[:, codes[0]]
    for code in codes[1:]:
        alpha = (alpha @ move) * emit[:, code]
    return float(np.log(alpha.sum()))


def test_the_future_of_a_sequence_by_two_scores(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    symbols = [1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1]
    Path("m.pgm").write_text(CHAIN)
    Path("whole.csv").write_text("y\n" + "\n".join(map(str, symbols)) + "\n")
    Path("first.csv").write_text("y\n" + "\n".join(map(str, symbols[:8])) + "\n")
    fitted("m.pgm", "whole.csv", "gibbs", "draws.fit", "--draws", "50", "--warmup", "50")
    capsys.readouterr()
    assert run(["loo", "draws.fit", "whole.csv"]) != 0
    cure = capsys.readouterr().err
    for words in ("leave the future out", "--method em", "pgmc score"):
        assert words in re.sub(r"\s+", " ", cure), cure
    fitted("m.pgm", "first.csv", "map", "first.fit")
    totals = []
    for data in ("whole.csv", "first.csv"):
        capsys.readouterr()
        assert run(["score", "first.fit", data, "--json", "-q"]) == 0
        totals.append(json.loads(capsys.readouterr().out)["log_likelihood"])
    p = float(pgmlang.load("first.fit").params["p"])
    args = (np.array([0.5, 0.5]), np.array([[0.8, 0.2], [0.1, 0.9]]), np.array([[0.8, 0.2], [1 - p, p]]))
    right = forward(*args, symbols) - forward(*args, symbols[:8])
    assert totals[0] - totals[1] == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize(("text", "data"), [
    pytest.param(
        WIDE, ",".join(f"v[{k}]" for k in range(14)) + ",y\n" + (",".join("01" * 7) + ",0.5\n") * 4, marks=pytest.mark.slow
    ),
    (LINE, "c\n" + "1\n0\n1\n" * 3),
])  # fmt: skip
def test_where_loo_has_no_answer_score_has(
    text: str, data: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.pgm").write_text(text)
    Path("d.csv").write_text(data)
    fitted("m.pgm", "d.csv", "auto", "m.fit")
    capsys.readouterr()
    assert run(["loo", "m.fit", "d.csv"]) != 0
    assert "`pgmc score`" in capsys.readouterr().err
    assert run(["score", "m.fit", "d.csv"]) == 0
    assert "log-likelihood" in capsys.readouterr().out
