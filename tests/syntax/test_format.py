"""The formatter: what it prints parses to the same program, again and again, and no comment is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgmlang.diagnostics import CompileError, SourceFile
from pgmlang.syntax import parse
from pgmlang.syntax.format import WIDTH, format_program, format_source
from pgmlang.syntax.parser import comments_of

from .programs import random_program, with_comments

ROOT = Path(__file__).resolve().parents[2]
MODELS = sorted([*ROOT.glob("stdlib/**/*.pgm"), *ROOT.glob("examples/**/*.pgm")])
SEEDS = [range(200), *(pytest.param(range(i, i + 700), marks=pytest.mark.slow) for i in range(200, 3000, 700))]


def formatted(text: str) -> str:
    return format_source(SourceFile("<test>", text))


def check_program(seed: int) -> None:
    program = random_program(seed)
    text = format_program(program)
    assert parse(SourceFile("<test>", text)) == program, text
    assert formatted(text) == text
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)


def check_comments(seed: int) -> None:
    text = with_comments(format_program(random_program(seed)), seed)
    file = SourceFile("<test>", text)
    once = SourceFile("<test>", format_source(file))
    assert parse(once) == parse(file)
    assert sorted(s.text.rstrip() for s in comments_of(once)) == sorted(s.text.rstrip() for s in comments_of(file))
    assert format_source(once) == once.text


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"from {seeds.start}")
def test_random_programs_survive(seeds: range) -> None:
    for seed in seeds:
        check_program(seed)


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"from {seeds.start}")
def test_comments_survive(seeds: range) -> None:
    for seed in seeds:
        check_comments(seed)


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_shipped_models_survive(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    once = formatted(text)
    assert formatted(once) == once
    assert parse(SourceFile("<test>", once)) == parse(SourceFile("<test>", text))


EXACT = {
    "spaces": ("x   ~Normal( 0,1 )", "x ~ Normal(0, 1)\n"),
    "nothing": ("", ""),
    "only a comment": ("   # why", "# why\n"),
    "semicolons": ("a = 1; b = 2 ;; c = 3", "a = 1\nb = 2\nc = 3\n"),
    "block on a line": ("plate a{x~Flat();y~Flat()}", "plate a { x ~ Flat() ; y ~ Flat() }\n"),
    "block on lines": ("plate a { x ~ Flat()\n}", "plate a {\n  x ~ Flat()\n}\n"),
    "empty block": ("plate a {\n\n}", "plate a {}\n"),
    "comment in an empty block": ("plate a {\n# c\n\n}", "plate a {\n  # c\n}\n"),
    "empty lines": ("a = 1\n\n\n\nb = 2\nc = 3\n\n", "a = 1\n\nb = 2\nc = 3\n"),
    "no empty line at an edge": ("plate a {\n\n x = 1\n\n}", "plate a {\n  x = 1\n}\n"),
    "comments keep their place": (
        "# top\n\nplate a {# head\n x=1# x\n\n  # own\n y=2\n # last\n}# end\n# after",
        "# top\n\nplate a {  # head\n  x = 1  # x\n\n  # own\n  y = 2\n  # last\n}  # end\n# after\n",
    ),
    "comments of arguments": (
        "x ~ Normal(\n  # the mean\n mu, # mean\n sd # sd\n)",
        "x ~ Normal(\n    # the mean\n    mu,  # mean\n    sd  # sd\n    )\n",
    ),
    "comments of labels": (
        "dim d = {a, # first\n b # second\n}",
        "dim d = {a,  # first\n    b  # second\n    }\n",
    ),
    "comments of rows": (
        "x : {a, b} ~ Table(y) { # head\n# own\nu:1,0# u\n v : 0.25, 0.75\n# end\n}",
        "x : {a, b} ~ Table(y) {  # head\n  # own\n  u :    1,    0  # u\n  v : 0.25, 0.75\n  # end\n}\n",
    ),
    "a comment where brackets were": ("x = (a # c\n + b)", "x = a +  # c\n    b\n"),
    "table in columns": (
        'w : {a, b} ~ Table(r, s) {\nno,no:1,0\nno,"y es":.5,.5\nyes,no:1/3,2/3\n}',
        "w : {a, b} ~ Table(r, s) {\n  no,  no     :   1,   0\n"
        '  no,  "y es" :  .5,  .5\n  yes, no     : 1/3, 2/3\n}\n',
    ),
    "table on a line": ("x : bit ~ Table(){.5,.5}", "x : bit ~ Table() { .5, .5 }\n"),
    "table on a line with keys": ("x ~ Table(y) {a:1,0;b:0,1}", "x ~ Table(y) { a : 1, 0 ; b : 0, 1 }\n"),
    "shared type": ("param a:real,b:real", "param a, b : real\n"),
    "different types": ("param a,b:real,c:bit", "param a : real, b : real, c : bit\n"),
    "digits": ("x = 0.10 + 1E5 + .50", "x = 0.10 + 1E5 + .50\n"),
    "brackets that do nothing": ("x = ((a) * (b)) + (c ^ (2))", "x = a * b + c ^ 2\n"),
    "brackets that do": ("x = (a + b) * -(c - (d - e))", "x = (a + b) * -(c - (d - e))\n"),
    "powers": ("x = (-a) ^ -b ^ (c ^ d) + (a ^ b) ^ c", "x = (-a) ^ -b ^ c ^ d + (a ^ b) ^ c\n"),
    "logic": ("x = not (a and b) or (not c) == d", "x = not (a and b) or (not c) == d\n"),
    "if inside": ("x = (if a then b else c) + 1", "x = (if a then b else c) + 1\n"),
    "labels": ('dim d = {"a", "3", "-3", "if", "x y", plate}', 'dim d = {a, 3, -3, "if", "x y", plate}\n'),
    "everything of a plate": (
        "plate p ( i,j ) [ n ] in a,b=edges( s ) { }",
        "plate p(i, j)[n] in a, b = edges(s) {}\n",
    ),
    "chain": ("plate p = chain() {}", "plate p = chain {}\n"),
}


@pytest.mark.parametrize(("text", "expected"), EXACT.values(), ids=EXACT)
def test_style(text: str, expected: str) -> None:
    assert formatted(text) == expected
    assert formatted(expected) == expected
    assert parse(SourceFile("<test>", expected)) == parse(SourceFile("<test>", text))


def test_long_lines_break_after_commas() -> None:
    text = f"x ~ Normal({', '.join(f'some_argument_{i}' for i in range(20))})\n"
    lines = formatted(text).splitlines()
    assert len(lines) == 4
    assert all(len(line) <= WIDTH for line in lines)
    assert all(line.startswith("    some") for line in lines[1:])


def test_long_sums_break_after_operators() -> None:
    lines = formatted("x = " + " + ".join(f"term_{i}" for i in range(60)) + "\n").splitlines()
    assert all(len(line) <= WIDTH for line in lines)
    assert all(line.endswith(" +") for line in lines[:-1])


def test_a_block_too_long_for_its_line_is_broken() -> None:
    text = "plate a { " + " ; ".join(f"variable_{i} ~ Normal(0, 1)" for i in range(6)) + " }\n"
    assert formatted(text).splitlines()[0] == "plate a {"


def test_a_table_too_long_for_its_line_is_broken() -> None:
    rows = " ; ".join(f"label_{i} : 0.5, 0.5" for i in range(9))
    lines = formatted(f"x : bit ~ Table(y) {{ {rows} }}\n").splitlines()
    assert lines[0] == "x : bit ~ Table(y) {"
    assert lines[1] == "  label_0 : 0.5, 0.5"


def test_errors_are_raised() -> None:
    with pytest.raises(CompileError) as caught:
        formatted("x ~ \ny = (1")
    assert {d.code for d in caught.value.diagnostics} >= {"PGM0103"}
