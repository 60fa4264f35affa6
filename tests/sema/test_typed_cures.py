"""Wherever a type or support is refused, what the message says to type is taken: each cure typed at its place, in a text of every
family and of expressions of every kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from pgmlang.diagnostics import Diagnostic, SourceFile
from pgmlang.families import FAMILIES
from pgmlang.model.types import NUMERIC_KINDS, VECTOR_KINDS
from pgmlang.sema import analyse

SCALARS = [f for f in FAMILIES.values() if f.is_scalar and not f.takes and not f.event and not f.improper]
VALUE = {"real": "0", "positive": "1.5", "unit": "0.4", "count": "3", "bit": "1", "nonnegative": "1.5"}
BOUNDED = {"Uniform": "-1, 2", "Triangular": "-1, 0, 2", "DiscreteUniform": "1, 6", "LogUniform": "0.5, 2"}
HEAD = """dim k[3]
g ~ Normal(0, 1)
p ~ HalfNormal(1)
u ~ Beta(1, 1)
b ~ Bernoulli(0.5)
c ~ Poisson(3)
w[k] ~ Dirichlet(1)
r[k] ~ Normal(0, 1)
"""
EXPRESSIONS = [
    "g", "p", "u", "b", "c", "g + 1", "p - 1", "u - 2", "-p", "c - 1", "exp(g)", "sigmoid(g)", "2 * u", "u + 1", "c / 2", "b - 0.5",
    "-1", "2.5", "0.5", "3", "g > 0", "if g > 0 then 1 else -1", "if g > 0 then 1 else 2", "log(p)", "c * c", "b * c", "1 - u", "1 - p",
    "round(g)", "floor(p)", "sign(g)", "position(k)", "w", "r", "softmax(r)", "cumsum(r)", "w * 2", "sum(w)", "mean(r)", "sd(r)",
    "any(r > 0)", "r[0]",
]  # fmt: skip
Cures = Callable[[str, Diagnostic], Iterator[str]]


def cured(head: str, lines: list[str], cures: Cures) -> int:
    """Types the first cure of every refused line, then the second, ...; how many lines are refused. Every other line is taken as it
    is, every cure is taken."""
    refused: dict[int, list[str]] = {}
    first = head.count("\n") + 1
    for told in analyse(SourceFile("m", head + "\n".join(lines) + "\n")).errors:
        assert told.span is not None
        number = told.span.line - first
        refused[number] = list(cures(lines[number], told))
        assert refused[number], f"{lines[number]}: {told.message} ({told.help or 'no cure'})"
    for turn in range(max(map(len, refused.values()), default=0)):
        typed = [
            refused[i][min(turn, len(refused[i]) - 1)] if i in refused else line for i, line in enumerate(lines)
        ]
        left = analyse(SourceFile("m", head + "\n".join(typed) + "\n")).errors
        assert not left, [(typed[d.span.line - first], d.message) for d in left if d.span is not None]
    return len(refused)


def declared_otherwise(line: str, told: Diagnostic) -> Iterator[str]:
    """``declare it `positive`, or leave the type out``."""
    if matched := re.search(r"declare it `([^`]+)`", told.help):
        yield re.sub(r" : [\w ]+ (?=[=~])", f" : {matched[1]} ", line)
    if "leave the type out" in told.help:
        yield re.sub(r" : [\w ]+ (?=[=~])", " ", line)


@pytest.mark.parametrize("kind", [*NUMERIC_KINDS, *VECTOR_KINDS])
def test_declared_values(kind: str) -> None:
    lines = [f"v{i} : {kind} = {e}" for i, e in enumerate(EXPRESSIONS)]
    assert cured(HEAD, lines, declared_otherwise) or kind == "real"


def drawn_otherwise(line: str, told: Diagnostic) -> Iterator[str]:
    yield from declared_otherwise(line, told)
    left, drawn = line.split(" ~ ")
    if matched := re.search(r"`Truncated\(\w+\(\.\.\.\), (.*?)\)`", told.help):
        yield f"{left} ~ Truncated({drawn}, {matched[1]})"
    for others, texts in (("Beta or Uniform(0, 1)", ("Beta(1, 1)", "Uniform(0, 1)")),
                          ("Gamma, LogNormal or HalfNormal", ("Gamma(1, 1)", "LogNormal(0, 1)", "HalfNormal(1)"))):  # fmt: skip
        if others in told.help:
            yield from (f"{left} ~ {text}" for text in texts)
    if "lower bound of zero" in told.help:
        yield f"{left} ~ {drawn.replace('(-1', '(0')}"


@pytest.mark.parametrize("kind", NUMERIC_KINDS)
def test_declared_draws(kind: str) -> None:
    lines = []
    for i, f in enumerate(SCALARS):
        given = ", ".join(f"{p.name} = {VALUE.get(p.support, '1')}" for p in f.variants[0] if p.event == 0)
        lines.append(f"x{i} : {kind} ~ {f.name}({BOUNDED.get(f.name, given)})")
    assert cured("", lines, drawn_otherwise) or kind == "real"


SOURCES = {
    "param": ("param {} : real", "{}"), "latent": ("{} ~ Normal(0, 1)", "{}"), "value": ("{} = g - 1", "{}"),
    "expression": ("{} ~ Normal(0, 1)", "{} - 1"), "positive": ("{} = p + 1", "{}"), "unit": ("{} ~ Beta(1, 1)", "{}"),
    "element": ("{}[k] ~ Normal(0, 1)", "{}[0]"),
}  # fmt: skip


def given_otherwise(line: str, told: Diagnostic) -> Iterator[str]:
    """The statement of the argument and the draw stand in one line, so that both can be typed anew."""
    stated, drawn = line.split(" ; ")
    name, argument = re.findall(r"(\w+) = ([^,()]*\d*_a[^,()]*)", drawn)[0]
    if matched := re.search(r"declare it: `(param \w+ : \w+)`", told.help):
        yield f"{matched[1]} ; {drawn}"
    if matched := re.search(r"`\w+ ~ (Half\w+)\(\.\.\.\)`", told.help):
        yield f"{stated.split(' ~ ')[0]} ~ {matched[1]}(1) ; {drawn}"
    for function in ("exp", "sigmoid", "round"):
        if f"`{function}(" in told.help:
            yield f"{stated} ; {drawn.replace(f'= {argument}', f'= {function}({argument})')}"
    if "`logit = " in told.help:
        yield f"{stated} ; {drawn.replace(f'{name} = {argument}', f'logit = {argument}')}"


@pytest.mark.parametrize("source", SOURCES)
def test_arguments(source: str) -> None:
    stated, said = SOURCES[source]
    lines = []
    for f in SCALARS:
        for variant in f.variants:
            for p in variant:
                if p.event or f.name in BOUNDED:
                    continue
                name = f"n{len(lines)}_a"
                given = ", ".join(
                    f"{q.name} = {said.format(name) if q is p else VALUE.get(q.support, '1')}"
                    for q in variant
                    if not q.event
                )
                lines.append(f"{stated.format(name)} ; y{len(lines)} ~ {f.name}({given})")
    assert cured(HEAD, lines, given_otherwise) > 5


def test_a_cure_that_does_not_help_is_seen() -> None:
    with pytest.raises(AssertionError):
        cured(HEAD, ["v : unit = p"], lambda line, told: iter([line]))
