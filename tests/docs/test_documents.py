"""What the documents say to type runs, and prints what they say."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from pgmlang.cli.main import COMMANDS, Commands, run
from pgmlang.diagnostics import CODES
from pgmlang.families import FAMILIES
from pgmlang.families.series import SERIES
from tests.docs.documents import (
    ROOT,
    Document,
    Step,
    agree,
    first_missing,
    is_line,
    numbers,
    read_document,
)

PAGES = [p for p in sorted(ROOT.glob("docs/**/*.md")) if p.relative_to(ROOT / "docs").parts[0] != "reference"]
DOCUMENTS = {
    d.name: d
    for d in map(
        read_document,
        [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES, *sorted(ROOT.glob("examples/*/README.md")),
         ROOT / "benchmarks" / "README.md"],
    )
}  # fmt: skip
SLOW = {
    "docs/pyro.md",
    *(
        f"examples/{name}/README.md"
        for name in (
            "denoise",
            "digits",
            "dippers",
            "energy",
            "hares",
            "iris",
            "logistic",
            "rats",
            "sprint",
            "topics",
            "trials",
        )
    ),
    *(d.name for d in DOCUMENTS.values() if d.is_slow),
}
ELSEWHERE = {
    ("examples/denoise/README.md", "1.2"): "the sd of the noise that was added",
    ("examples/schools/README.md", "1.01"): "the bound of R-hat",
    ("examples/schools/README.md", "4.4"): "the reference posterior",
    ("examples/schools/README.md", "3.3"): "the reference posterior",
    ("examples/schools/README.md", "3.6"): "the reference posterior",
    ("examples/schools/README.md", "3.2"): "the reference posterior",
    ("examples/topics/README.md", "0.7"): "the bound of k-hat",
    ("examples/trials/README.md", "-0.25"): "the effect that was simulated",
    ("examples/trials/README.md", "0.15"): "its spread",
}
"""Figures of the prose that no command gives."""
NOT_FIGURES = re.compile(r"\d+\.\d+ s\b|(?:Python|CC BY(?:-SA)?) \d+\.\d+")
"""Seconds are this machine's, versions are names."""


SHELL = ("cat", "cp", "for", "head", "ls", "mkdir", "tail", "wc", "rm")
"""Programs of every terminal that a page may use."""


def typed(step: Step) -> str:
    """What a command prints, messages included; it has to end well."""
    program, *words = shlex.split(step.text, comments=True)
    if program == "cd":
        os.chdir(words[0])
        return ""
    if program in SHELL:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        done = subprocess.run(
            step.text, shell=True, capture_output=True, text=True, check=True, timeout=120, env=environment
        )
        return done.stdout
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        if program == "pgmc":
            status = run(words)
        elif program == "python":
            runpy.run_path(words[0], run_name="__main__")
            status = 0
        elif program == "make":
            status = int(f"\n{words[0]}:" not in (ROOT / "Makefile").read_text().replace(".PHONY", ""))
        else:
            assert (program, words[0]) == ("pip", "install")
            status = int(not (ROOT / words[2]).is_file())
    told.seek(0)
    output = told.read()
    assert status == 0, f"line {step.line}: {step.text}\n{output}"
    return output


def write_file(step: Step) -> None:
    """Writes a listing that is a file of the reader's own; one of an example is there (and is compared below)."""
    name, _, text = step.text.partition("\n")
    if not list((ROOT / "examples").rglob(name)):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text + "\n", encoding="utf-8")


def evaluate(step: Step, names: dict[str, Any]) -> None:
    """Runs a block of Python; an expression with a comment after it has that value."""
    lines = step.text.split("\n")
    for statement in ast.parse(step.text).body:
        code = ast.unparse(statement)
        if not isinstance(statement, ast.Expr):
            exec(code, names)
            continue
        value = str(eval(code, names))
        _, has_comment, comment = lines[statement.end_lineno - 1].partition("  # ")
        assert not has_comment or is_line(comment, value, step.within), (
            f"line {step.line}: {code} is {value}, not {comment}"
        )


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n, d in DOCUMENTS.items() if d.steps]
)
def test_what_it_says_to_type(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, outputs, names = DOCUMENTS[name], [], {}
    if document.folder is None:
        shutil.copytree(ROOT / "examples", tmp_path / "examples")
    else:
        shutil.copytree(document.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for step in document.steps:
        if step.language == "python":
            evaluate(step, names)
        elif step.language == "file":
            write_file(step)
        elif "[--" not in step.text:
            outputs.append(typed(step))
            advice = re.search(r"next: (pgmc .*)", outputs[-1])
            if advice and not any(s.text.startswith(advice[1]) for s in document.steps):
                typed(Step(step.line, step.language, advice[1]))
            missing = first_missing(step.shown, outputs[-1], step.within)
            assert missing is None, f"line {step.line}: {step.text}\nprints no\n{missing}\nbut\n{outputs[-1]}"
    if document.folder is not None:
        check_prose(document, outputs)


def check_prose(document: Document, outputs: list[str]) -> None:
    """Each figure with a fraction is one that a command prints, a value of the Python shown, or somebody else's."""
    printed = [n for o in outputs for n in numbers(o)]
    printed += [n for s in document.steps if s.language == "python" for n in numbers(s.text)]
    within = max(s.within for s in document.steps)
    for line, text in document.prose.items():
        for figure in numbers(NOT_FIGURES.sub("", text)):
            if "." in figure and (document.name, figure) not in ELSEWHERE:
                assert any(agree(figure, n, within) for n in printed), f"line {line}: nothing says {figure}"


def flags_of(command: click.Command) -> set[str]:
    return {flag for p in command.params for flag in (*p.opts, *p.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_flags_and_verbs_are_there(name: str) -> None:
    """Whatever looks like pgmc's: `--flag`, `pgmc verb`, `pgmc verb --flag`, in code of prose and in synopses."""
    group = Commands("pgmc")
    by_verb = {verb: flags_of(group.get_command(click.Context(group), verb)) for verb in COMMANDS}
    anywhere = set().union(*by_verb.values()) | {"--version", "--update-golden"}
    document = DOCUMENTS[name]
    spans = re.findall(r"`([^`]+)`", "\n".join(document.prose.values()))
    for span in [*spans, *(s.text for s in document.steps if s.language == "console")]:
        flags = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", span))
        verb = re.match(r"pgmc ([a-z]\w*)", span)
        if span.startswith("pip"):
            continue
        assert verb is None or verb[1] in by_verb, span
        known = by_verb[verb[1]] if verb else anywhere
        assert flags <= known, (span, flags - known)


def test_models_that_are_shown_are_those_of_the_examples() -> None:
    shown = [pair for d in DOCUMENTS.values() for pair in d.listings if pair[0].endswith(".pgm")]
    assert shown
    for name, text in shown:
        files = list((ROOT / "examples").rglob(name))
        model = re.sub(r"\A# [\w/]+\.pgm\n", "", text)
        assert not files or any(" ".join(model.split()) in " ".join(f.read_text().split()) for f in files), name


def test_a_wrong_figure_is_seen() -> None:
    output = "P(a)\na    p\nyes  0.42976\nno   0.57024\n"
    assert first_missing(["yes  0.42976"], output, 0) == "yes  0.42976"  # something stands before it
    assert first_missing(["...", "yes  0.42976", "no   0.5702"], output, 0) is None
    assert first_missing(["...", "yes  0.4291"], output, 0) == "yes  0.4291"
    assert first_missing(["...", "yes  0.4291"], output, 0.05) is None
    assert first_missing(["...", "no 0.57024", "..."], output, 0) is None
    with pytest.raises(AssertionError, match="is 2, not 3"):
        evaluate(Step(1, "python", "x = 1\nx + 1  # 3"), {})
    with pytest.raises(AssertionError, match=r"nothing says 0\.43"):
        check_prose(Document(ROOT / "a", [Step(1, "console", "pgmc")], {1: "it is 0.43"}), ["0.41"])


def section(name: str, title: str) -> str:
    text = (ROOT / name).read_text()
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_distribution_is_listed() -> None:
    listed = set(re.findall(r"\b([A-Z]\w+)\(", section("docs/language.md", "Distributions").replace("`D`", "")))
    assert listed == set(FAMILIES) | set(SERIES) | {"Table"}


def test_every_command_of_json_is_there() -> None:
    verbs = {
        v
        for row in re.findall(r"^\| (`.*?) \|", section("docs/fits.md", "`--json`"), re.M)
        for v in re.findall(r"`(\w+)`", row)
    }
    group = Commands("pgmc")
    assert verbs == {v for v in COMMANDS if "--json" in flags_of(group.get_command(click.Context(group), v))}


def test_exit_codes_are_those_of_the_table_of_codes() -> None:
    told = set(map(int, re.findall(r"\b(\d+) [A-Za-z]", section("docs/fits.md", "Exit codes"))))
    assert {code.exit for code in CODES.values()} <= told
