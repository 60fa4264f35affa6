"""Options of the command line in messages, as keywords of Python."""

from __future__ import annotations

import pytest

import pgmlang
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.python_spelling import _VALUES, METHOD_OPTIONS, in_python
from pgmlang.diagnostics.render import render
from pgmlang.signatures.arguments import ARGUMENTS, BINDING
from pgmlang.signatures.options import OPTIONS

CASES = [
    ("leave such rows out: `--missing drop`", "leave such rows out: `missing='drop'`"),
    ("say `--map y=score`, or `--hide y`", "say `mapping={'y': 'score'}`, or `hide=['y']`"),
    ("write `--observe mu=VALUE`", "write `observe={'mu': ...}`"),
    ("hold it: `--fix mu=0.5`", "hold it: `fixed={'mu': 0.5}`"),
    ("more `--draws` and `--warmup`", 'more `options["draws"]` and `options["warmup"]`'),
    ("`--chains 4 --draws 500`", "`options={'chains': 4, 'draws': 500}`"),
    ('`--weights ""` (`weights=None`), or `--counts COLUMN`', "`weights=None`, or `counts='COLUMN'`"),
    ("give `--dates x`, which reads them as days (in Python `dates=['x']`)", "give `dates=['x']`, which reads them as days"),
    ("`--na 'a b=?' --na n=-9`", "`na={'a b': ['?'], 'n': ['-9']}`"),
    ("`--thousands x=, --thousands y=, --decimal .`", "`thousands={'x': ',', 'y': ','}, decimal='.'`"),
    ("`--merge sex:M=male --merge sex:F=female`", "`merge={'sex': {'M': 'male', 'F': 'female'}}`"),
    ("`--bins age=[18,30.5]` or `--bins age=5`", "`bins={'age': [18, 30.5]}` or `bins={'age': 5}`"),
    ("`--strip --accounting 'small loss'`", "`strip=True, accounting=['small loss']`"),
    ("go on with `--resume`; `pgmc plan` says why; a `--` b", "go on with `--resume`; `pgmc plan` says why; a `--` b"),
    ("leave `--hide` out", "leave `hide` out"),
    ("an open quote `--na 'x`", "an open quote `--na 'x`"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "shown"), CASES)
def test_options_are_keywords(written: str, shown: str) -> None:
    assert in_python(written) == shown
    for keywords in (span for span in shown.split("`")[1::2] if "=" in span and "..." not in span):
        eval(f"dict({keywords})")  # it can be typed as it is


def test_the_keywords_are_those_of_the_functions() -> None:
    assert set(BINDING) <= set(_VALUES)
    # what these two may be, `fit` says itself
    assert set(_VALUES) - {"seed", "start"} <= set(ARGUMENTS)
    assert {name for name, row in OPTIONS.items() if row.says} | {"max_time"} == set(METHOD_OPTIONS) & set(OPTIONS)


def test_exceptions_show_keywords_and_the_command_line_options() -> None:
    problem = Diagnostic("PGM0710", "a cell is missing", place="d.csv:2:y", help="fill it in, or `--missing drop`")
    assert "`missing='drop'`" in str(PgmError(problem))
    assert "`--missing drop`" in render([problem])
    assert "`missing='drop'`" in render([problem.for_python()])


def test_what_is_advised_can_be_typed() -> None:
    model = pgmlang.compile("plate row { y ~ Normal(0, 1) }\n")
    with pytest.raises(PgmError) as caught:
        model.bind({"score": [1.0, 2.0]}, missing="often")
    assert "--" not in str(caught.value)
