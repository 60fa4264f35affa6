"""Families between limits whose limits come out swapped: no value is possible, no draw and no moment is a number, and where
the limits are in order nothing changes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.families import FAMILIES
from pgmlang.lower.family_classes import distribution_class
from pgmlang.query.rows import impossible_rows

LIMITED = [name for name, family in FAMILIES.items() if family.limits is not None and all(family.limits)]


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def limited(name: str, lower: torch.Tensor, upper: torch.Tensor) -> object:
    base = [distribution_class("Normal")(torch.tensor(0.0), torch.tensor(1.0))] if FAMILIES[name].takes else []
    between = [0.5 * (lower + upper)] if name == "Triangular" else []
    return distribution_class(name)(*base, lower, *between, upper)


@pytest.mark.parametrize("name", LIMITED)
def test_nothing_lies_between_swapped_limits(name: str) -> None:
    least = 0.25 if FAMILIES[name].support == "positive" else -1.0
    lower, upper = (torch.tensor(x, requires_grad=True) for x in ([3.0, least], [1.0, 1.0]))
    both, good = limited(name, lower, upper), limited(name, lower[1:], upper[1:])
    for x in (-5.0, 0.5, 1.0, 2.0, 3.0, 9.0):
        for what in ("log_prob", "log_cdf", "log_survival"):
            bad, alike = getattr(both, what)(torch.tensor(x))
            assert float(bad) == -math.inf, (what, x)
            assert float(alike) == pytest.approx(float(getattr(good, what)(torch.tensor(x))[0])), (what, x)
    drawn = both.sample((50,))  # type: ignore[attr-defined]
    assert bool(drawn[:, 0].isnan().all())
    assert bool(((drawn[:, 1] >= least) & (drawn[:, 1] <= 1)).all())
    (slope,) = torch.autograd.grad(both.log_prob(torch.tensor(0.5))[1], [upper])  # type: ignore[attr-defined]
    assert bool(slope.isfinite().all())


STATEMENTS = {
    "Uniform": "Uniform({}, 1)",
    "Truncated": "Truncated(Normal(0, 1), {}, 1)",
    "Censored": "Censored(Normal(0, 1), {}, 1)",
    "Truncated beside a choice": "if t > 0 then Truncated(Normal(0, 1), {}, 1) else Normal(0, 1)",
    "ZeroInflated": "ZeroInflated(0.5, Uniform({}, 1))",
}


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("is_drawn", [False, True])
def test_refused_where_limits_come_out_swapped(name: str, is_drawn: bool) -> None:
    """By closed forms where the limit is an input, by draws where it is a variable."""
    limit = "a" if is_drawn else "t"
    above = "a ~ Normal(t, 0.001)\n" if is_drawn else ""
    text = f"plate row {{\n  input t : real\n  {above}  y ~ {STATEMENTS[name].format(limit)}\n}}"
    model = pgmlang.compile(text)
    with pytest.raises(PgmError, match="nothing lies between") as refused:
        model.given().predict({"t": [2.0, 0.1]}, targets=["y"])
    assert refused.value.diagnostics[0].code == "PGM0410"
    means = model.given().predict({"t": [-0.5, 0.1]}, targets=["y"])["y"]
    assert all(-0.5 <= m <= 1 for m in means)


TEXT_OF_NUMBERS = "lo ~ Normal(0, 1)\nhi ~ Normal(5, 1)\nx ~ Uniform(lo, hi)"
TEXT_OF_LABELS = (
    "input hi : real\nz : {a, b} ~ Table() { 0.3, 0.7 }\nx ~ if z == a then Uniform(0, hi) else Uniform(2, hi)"
)
LOST = {
    "E(x)": (TEXT_OF_NUMBERS, stats.norm.cdf(-5 / math.sqrt(2))),
    "P(x > 2 | hi = 0)": (TEXT_OF_NUMBERS, 0.5),
    "E(x | lo = 1, hi = 0)": (TEXT_OF_NUMBERS, 1.0),
    "E(x | hi = 1)": (TEXT_OF_LABELS, 0.7),
    "E(x | hi = -1)": (TEXT_OF_LABELS, 1.0),
}


@pytest.mark.parametrize("query", LOST)
def test_the_refusal_says_how_probable_it_is_that_nothing_lies_between(query: str) -> None:
    """Of numbers above by nodes that lie beside the edge of what is possible: about as probable."""
    text, chance = LOST[query]
    with pytest.raises(PgmError, match="`x` has no values") as refused:
        pgmlang.compile("plate row {\n  " + text.replace("\n", "\n  ") + "\n}").given().query(query)
    (problem,) = refused.value.diagnostics
    assert problem.code == "PGM0410"
    told = re.search(r"with probability about ([\d.e-]+)", problem.message)
    assert (told is None) == (chance == 1)
    assert float(told.group(1) if told else 1) == pytest.approx(chance, rel=0.1)


def test_a_branch_that_is_not_taken_may_have_swapped_limits() -> None:
    model = pgmlang.compile(
        "plate row {\n  input t : real\n  y ~ if t < 1 then Uniform(t, 1) else Normal(t, 1)\n}"
    )
    assert model.given().predict({"t": [0.0, 5.0]})["y"].tolist() == pytest.approx([0.5, 5.0])


ADVICE = {
    "densities": ("plate row { y ~ Uniform(0, 1) }", "what each distribution can be"),
    "given tables": ("plate row { y : {a, b} ~ Table() { 1, 0 } }", "zeros in the tables"),
    "learned tables": ("plate row { y : {a, b} ~ Table() }", "prior = 1"),
}


@pytest.mark.parametrize("name", ADVICE)
def test_the_advice_on_impossible_rows_is_about_what_the_model_has(name: str) -> None:
    text, advice = ADVICE[name]
    (warning,) = impossible_rows(np.array([0.0, -math.inf]), pgmlang.compile(text).model)
    assert warning.code == "PGM0806"
    assert advice in warning.help
