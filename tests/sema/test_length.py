"""Long texts: what a statement costs does not hang on how many others there are, and a long sum is no nesting."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

import pgmlang
from pgmlang.diagnostics import CompileError, SourceFile
from pgmlang.lower import lower
from pgmlang.sema import compile_source
from pgmlang.syntax.format import format_source
from pgmlang.syntax.parser import parse


def calls(function: Callable[[], Any]) -> int:
    """How many calls of Python and C functions it makes: its work, however busy the machine is."""
    count = 0

    def seen(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def many(line: str, n: int) -> str:
    return "".join(line.format(i=i, before=i - 1) + "\n" for i in range(1, n + 1))


TEXTS: dict[str, Callable[[int], str]] = {
    "statements": lambda n: many("a{i} ~ Normal(0, 1)", n),
    "a path": lambda n: "a0 ~ Normal(0, 1)\n" + many("a{i} ~ Normal(a{before}, 1)", n),
    "values": lambda n: "a0 ~ Normal(0, 1)\n" + many("a{i} = a{before} + 1", n) + f"y ~ Normal(a{n}, 1)\n",
    "naive Bayes": lambda n: "plate row {\nc : {p, q} ~ Table()\n" + many("a{i} : {{x, y}} ~ Table(c)", n) + "}\n",
    "classes": lambda n: "plate row {\nc : bit ~ Table()\n" + many("a{i} ~ Normal(if c == 1 then 0 else 1, 1)", n) + "}\n",
    "params": lambda n: many("param a{i} : real", n) + "plate row { y ~ Normal(" + " + ".join(f"a{i + 1}" for i in range(n)) + ", 1) }\n",
    "plates": lambda n: many("plate p{i}[3] {{ a{i} ~ Normal(0, 1) }}", n),
    "fields": lambda n: "plate row {\n" + many("field s{i} : bit", n) + many("factor 0.5 * s{i} * s1", n) + "}\n",
    "definitions": lambda n: many("def f{i}(x) {{ return x + {i} }}", n) + many("a{i} ~ Normal(f{i}(0), 1)", n),
    "labels": lambda n: f"plate row {{ a : {{{', '.join(f'x{i}' for i in range(n))}}} ~ Table() }}\n",
    "a sum": lambda n: "y ~ Normal(" + " + ".join(f"{i}.5" for i in range(n)) + ", 1)\n",
}  # fmt: skip


@pytest.mark.parametrize("shape", TEXTS)
def test_check_is_linear(shape: str) -> None:
    compile_source(TEXTS[shape](20))
    one, two = (calls(lambda n=n: compile_source(TEXTS[shape](n))) for n in (200, 400))  # type: ignore[misc]
    assert two < 2.25 * one


@pytest.mark.parametrize("shape", ["a path", "naive Bayes", "classes", "params", "a sum"])
def test_programs_are_written_in_linear_work(shape: str) -> None:
    models = [compile_source(TEXTS[shape](n)) for n in (20, 100, 200)]
    lower(models[0])
    one, two = (calls(lambda m=m: lower(m)) for m in models[1:])  # type: ignore[misc]
    assert two < 2.4 * one


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ops", ["+-", "*/"])
def test_a_long_chain_has_the_value_that_brackets_from_the_left_give(ops: str, seed: int) -> None:
    rng = random.Random(seed)
    text = repr(rng.uniform(0.5, 1.5))
    for _ in range(rng.choice([31, 32, 33, 500, 2_000])):
        term = repr(rng.uniform(0.5, 1.5)) if ops == "+-" else repr(rng.uniform(0.9, 1.1))
        text += f" {rng.choice(ops)} {rng.choice([term, f'({term} - {rng.random()} * 0.01)'])}"
    value = eval(text)
    if ops == "+-":
        text, value = f"0.01 * ({text})", 0.01 * value
    answer = pgmlang.compile(f"c : bit ~ Bernoulli(logit = {text})\n").query("P(c = 1)")
    assert float(str(answer).split()[-1]) == pytest.approx(1 / (1 + math.exp(-value)), rel=1e-5)


@pytest.mark.parametrize("word", ["and", pytest.param("or", marks=pytest.mark.slow)])
def test_long_conditions(word: str) -> None:
    last = 0 if word == "and" else 1
    inputs = [1 - last] * 300
    condition = f" {word} ".join(f"x{i} == 1" for i in range(300))
    text = f"plate row {{\n{many('input x{before} : real', 300)} y ~ Normal(if {condition} then 5 else m, 0.1)\n}}\nm ~ Normal(0, 1)\n"
    model = pgmlang.compile(text)
    for flipped, mean in ((None, 5.0 if word == "and" else 0.0), (137, 0.0 if word == "and" else 5.0)):
        values = [last if i == flipped else x for i, x in enumerate(inputs)]
        fit = model.fit({**{f"x{i}": [float(v)] for i, v in enumerate(values)}, "y": [5.0]}, method="map", seed=1)
        # where the condition holds the row says nothing of m
        assert float(fit.params["m"]) == pytest.approx(0.0 if mean == 5.0 else 5 / 1.01, abs=1e-3)


def test_a_long_sum_is_printed_as_it_stands() -> None:
    terms = " + ".join(f"a{i} - 2 * b{i}" for i in range(400))
    text = f"t = {terms} - (a0 + a1)\n"
    once = format_source(SourceFile("long.pgm", text))
    assert "".join(once.split()) == "".join(text.split())
    assert format_source(SourceFile("long.pgm", once)) == once
    # equality goes down level by level
    short = text.replace(terms, " + ".join(f"a{i} - 2 * b{i}" for i in range(40)))
    assert parse(SourceFile("short.pgm", format_source(SourceFile("short.pgm", short)))) == parse(
        SourceFile("short.pgm", short)
    )


def test_what_is_too_long_or_too_deep_is_said() -> None:
    long = " + ".join(["1"] * 10_003)
    alternating = "x" + " + 1 * (2" * 150 + ")" * 150
    for text in (f"a ~ Normal({long}, 1)\n", f"x ~ Normal(0, 1)\na ~ Normal({alternating}, 1)\n"):
        with pytest.raises(CompileError) as caught:
            compile_source(text)
        assert {d.code for d in caught.value.diagnostics} == {"PGM0107"}
        assert all(d.help for d in caught.value.diagnostics)
