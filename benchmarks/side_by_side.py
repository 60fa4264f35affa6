"""The models of docs/coming-from on both sides: the blocks are taken out of the pages, run, and their figures printed.

The page's own commands are run by ``pgmc``; the peer's program is the listing with a caption, run where the peer is
installed (the extra ``bench``; JAGS and R by their programs). ``python side_by_side.py [PAGE...]``.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from jags import run_jags

from pgmlang.cli.main import run

PAGES = Path(__file__).resolve().parents[1] / "docs" / "coming-from"
FENCE = re.compile(r"^```(\{[\w-]+\} )?(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r":caption: (\S+)\n|# ([\w/]+\.pgm)\n")
MODULES = {
    "pymc": "pymc", "pgmpy": "pgmpy", "pyagrum": "pyagrum", "scikit-learn": "sklearn", "pyro": "pyro", "stan": "stan",
}  # fmt: skip
"""The module that says whether the peer of a page is installed."""
PROGRAMS = {"jags": "jags", "bnlearn": "Rscript"}
"""Peers that are programs."""


class Page(NamedTuple):
    """``files``: text by name; ``steps``: what the page types, a language and a command or block each; ``peer``: the
    file that the peer runs, the last of its own."""

    files: dict[str, str]
    steps: list[tuple[str, str]]
    peer: str


def read(page: Path) -> Page:
    files: dict[str, str] = {}
    steps: list[tuple[str, str]] = []
    for _, language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        name = FILE.match(block)
        if language == "console":
            commands = re.sub(r" \\\n +", " ", block)
            steps += [("pgmc", c) for c in re.findall(r"^\$ pgmc (?!examples )(.*)$", commands, re.MULTILINE)]
        elif name is not None:
            files[name[1] or name[2]] = block[name.end() if name[1] else 0 :]
        elif language == "python":
            steps.append(("python", block))
    return Page(files, steps, [f for f in files if not f.endswith(".pgm")][-1])


def ours(page: Page) -> str:
    """What the page's steps print on our side. Raises RuntimeError where one fails."""
    names: dict[str, object] = {}
    return "".join(answer(text) if kind == "pgmc" else values(text, names) for kind, text in page.steps).strip()


def answer(command: str) -> str:
    out, messages = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(messages):
        status = run(shlex.split(command))
    if status:
        raise RuntimeError(f"pgmc {command}: {messages.getvalue()}")
    return out.getvalue()


def values(block: str, names: dict[str, object]) -> str:
    """The values of a block's expressions, a line each."""
    lines = []
    for statement in ast.parse(block).body:
        code = ast.unparse(statement)
        if isinstance(statement, ast.Expr):
            lines.append(f"{eval(code, names)}\n")
        else:
            exec(code, names)
    return "".join(lines)


def theirs(name: str, page: Page) -> str:
    """What the peer prints. Raises ImportError where it is not installed, RuntimeError where its program fails."""
    if name == "jags":
        return schools_in_jags(page.files[page.peer])
    if name in MODULES and find_spec(MODULES[name]) is None:
        raise ImportError(f"no module `{MODULES[name]}`")
    program = sys.executable if name in MODULES else PROGRAMS[name]
    if shutil.which(program) is None:
        raise ImportError(f"no program `{program}`")
    done = subprocess.run([program, page.peer], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{page.peer}: {done.stderr}")
    return done.stdout.strip()


def schools_in_jags(model: str) -> str:
    table = pd.read_csv("schools/schools.csv")
    draws, _ = run_jags(
        model, {k: table[k].to_numpy() for k in ("y", "sd")}, ("mu", "tau"), warmup=1000, draws=4000
    )
    return "\n".join(f"{k} {v.mean():.2f} {v.std():.2f}" for k, v in draws.items())


def main() -> None:
    names = sys.argv[1:] or [*MODULES, *PROGRAMS]
    for name in names:
        page = read(PAGES / f"{name}.md")
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            shutil.copytree(PAGES.parents[1] / "examples", "examples")
            for file, text in page.files.items():
                Path(file).write_text(text, encoding="utf-8")
            for example in Path("examples").iterdir():
                if example.is_dir():
                    shutil.copytree(example, example.name)
            begin = time.perf_counter()
            print(f"-- pgmlang beside {name}\n{ours(page)}")
            print(f"-- pgmlang: {time.perf_counter() - begin:.1f} s in all")
            begin = time.perf_counter()
            try:
                print(f"-- {name}\n{theirs(name, page)}\n-- {name}: {time.perf_counter() - begin:.1f} s in all")
            except ImportError as error:
                print(f"-- {name}: not installed here: {error}")
            os.chdir(Path(__file__).parent)


if __name__ == "__main__":
    main()
