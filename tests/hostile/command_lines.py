"""Command lines that strangers may type: every verb with every option of it at hostile values.

``python -m tests.hostile.command_lines [VERB...]`` tries them all.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from pgmlang.cli.main import COMMANDS, cli
from tests.hostile.running import KNOWN_EXITS, End, pgmc

MODEL = """param slope : real
tau ~ Gamma(2, 1)
plate group { u ~ Normal(0, 1) }
plate row in group {
  input x : real
  a : {no, yes} ~ Table(prior = 1)
  y ~ Normal(u + slope * x, tau)
}
"""
TABLES = "plate row {\n  a : {no, yes} ~ Table(prior = 1)\n  b : {...} ~ Table(a)\n}\n"
GIVEN = "a : {no, yes} ~ Table() { 0.25, 0.75 }\nb : {no, yes} ~ Table(a) { no : 0.5, 0.5 ; yes : 0.25, 0.75 }\n"
ROWS = "group,x,a,y,n,w\np,1,no,0.5,1,1\nq,2,yes,1.5,2,0.5\np,3,yes,2.5,1,2\n"
PAIRS = "a,b,n,w\nno,u,1,1\nyes,v,2,0.5\nyes,u,1,1\n"

VALUES = (
    "", " ", "-1", "0", "1", "1e400", "nan", "inf", "-inf", "99999999999999999999", "0.5", "1e-300", "true", "None", "a", "y",
    "zzz", "a=", "=b", "a=no", "a=zzz", "y=1", "tau=-1", "tau=0", "tau=nan", "slope=2", "slope=abc", "n", "w", "x", "é", "\u202e", "\x00",
    "a" * 5000, "..", "/", "/dev/null", "missing.csv", "no/such/folder/x", "auto", "exact", "em", "ml", "hmc", "gibbs(u)", "hmc(",
    "P(a)", "P(a | b = u)", "P(", "E(y)", "P(zzz = 1)", "P(a = no | a = no)", "P(a | a ~ [0.5, 0.5])", "MAP(a, b)", "PGM0101", "PGM9999",
    ",", ";", "\t", ",,", "cuda", "cuda:99", "float64", "svg",
)  # fmt: skip


def world(folder: Path) -> dict[str, str]:
    """The files of a stranger's folder, by a word for each."""
    texts = {"model.pgm": MODEL, "tables.pgm": TABLES, "given.pgm": GIVEN, "rows.csv": ROWS, "pairs.csv": PAIRS,
             "empty.csv": "", "empty.pgm": "", "head.csv": "a,b\n", "junk.pgm": "\x01\ufffd((", "bad.json": "{"}  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "bytes.csv").write_bytes(bytes(range(256)) * 8)
    (folder / "bytes.arrow").write_bytes(b"ARROW1\0\0" + bytes(range(256)))
    (folder / "folder").mkdir()
    assert (
        pgmc(
            [
                "fit",
                str(folder / "tables.pgm"),
                str(folder / "pairs.csv"),
                "-o",
                str(folder / "good.fit"),
                "--seed",
                "1",
            ]
        ).code
        == 0
    )
    (folder / "bad.fit").mkdir()
    (folder / "bad.fit" / "fit.json").write_text("{", encoding="utf-8")
    return {p.name: str(p) for p in folder.iterdir()}


def sound(verb: str, files: dict[str, str]) -> list[str]:
    """A command line of a verb that is right."""
    fit, model, tables, pairs = (files[n] for n in ("good.fit", "model.pgm", "tables.pgm", "pairs.csv"))
    out = str(Path(fit).parent / "out")
    return {
        "check": [tables], "fmt": ["--stdout", tables], "graph": [tables, "-o", f"{out}.svg"], "plan": [tables, pairs],
        "compile": [model], "explain": ["PGM0101"], "describe": [pairs], "init": [pairs],
        "fit": [tables, pairs, "-o", f"{out}.fit", "--force", "--seed", "1"], "query": [fit, "P(a)"], "predict": [fit, pairs, "--targets", "a", "--hide", "a"],
        "score": [fit, pairs], "sample": [fit, "-n", "2", "--seed", "1"], "logz": [files["given.pgm"]], "summary": [fit],
        "diagnose": [fit], "compare": [fit, fit], "loo": [fit, pairs], "convert": [files["given.pgm"], f"{out}.bif", "--force"],
        "examples": ["sprinkler"], "help": ["fit"], "completion": ["bash"], "cache": ["list"],
        "plot": [fit, "-o", f"{out}.png"],
    }[verb]  # fmt: skip


def options_of(verb: str) -> list[click.Option]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return [p for p in command.params if isinstance(p, click.Option)]


def command_lines(verb: str, files: dict[str, str]) -> Iterator[list[str]]:
    """Every option of a verb at every value, and every argument of the right line exchanged for every file and word."""
    right = sound(verb, files)
    yield [verb, *right]
    yield [verb]
    for option in options_of(verb):
        name = max(option.opts, key=len)
        if name == "--help":
            continue
        if option.is_flag:
            yield [verb, *right, name]
            yield [verb, *right, name, name]
            continue
        for value in (
            *(v for v in VALUES if name != "--copy" or v not in ("..", "/")),
            *(files.values() if "path" in str(option.help) or name in ("--map", "--output") else ()),
        ):
            yield [verb, *right, f"{name}={value}"]
    for place, word in enumerate(right):
        if not word.startswith("-"):
            for value in (*files.values(), *VALUES):
                yield [verb, *right[:place], value, *right[place + 1 :]]


def ended_well(arguments: list[str], end: End) -> str:
    """Empty, or what is wrong with an end."""
    allowed = KNOWN_EXITS | ({1} if arguments[0] in ("diagnose", "compare") else set())
    if end.code not in allowed:
        return f"ended with {end.code}"
    if "Traceback" in end.stderr:
        return "shows a trace"
    if end.code not in (0, 1, 64) and "PGM" not in end.stderr:
        return f"ended with {end.code} and no code"
    return ""


def main(verbs: list[str]) -> None:
    import os

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = world(folder)
        os.chdir(folder)
        seen: set[str] = set()
        count = 0
        for verb in verbs or COMMANDS:
            for arguments in command_lines(verb, files):
                count += 1
                end = pgmc(arguments)
                fault = ended_well(arguments, end)
                key = f"{verb} {end.stderr.strip().splitlines()[-1][:90] if end.stderr.strip() else ''}"
                if fault and key not in seen:
                    seen.add(key)
                    print([a[:80] for a in arguments], fault, end.stderr[-1500:], flush=True)
        print(count, "command lines")


if __name__ == "__main__":
    main(sys.argv[1:])
