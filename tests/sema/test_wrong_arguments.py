"""Arguments by the names and scales of other libraries: the cure is the call as it is written here, and it compiles."""

from __future__ import annotations

import pytest

from pgmlang.diagnostics import SourceFile
from pgmlang.families import ARGUMENT_CONVERSIONS, ARGUMENT_SPELLINGS, FAMILIES
from pgmlang.sema import analyse, compile_source

WRITTEN = {
    "BetaBinomial(3, alpha = 2, beta = 1 + 2)": "write `BetaBinomial(3, a = 2, b = 1 + 2)`",
    "ExponentiallyModifiedGaussian(0, 1, theta = 1 + 2)": "write `ExponentiallyModifiedGaussian(0, 1, rate = 1 / (1 + 2))`",
    "Gamma(alpha = 2, beta = 3)": "write `Gamma(shape = 2, rate = 3)`",
    "Gamma(shape = 2, alpha = 3)": "it takes Gamma(shape, rate) or Gamma(shape, scale) or Gamma(shape, mean)",
    "Gamma(mean = 2, colour = 3)": "it takes Gamma(mean, sd) or Gamma(shape, mean)",
    "Beta(alpha = 2, beta = 3)": "write `Beta(a = 2, b = 3)`",
    "InverseGamma(alpha = 2, beta = 3)": "write `InverseGamma(shape = 2, scale = 3)`",
    "Exponential(theta = 2)": "write `Exponential(rate = 1 / 2)`",
    "Normal(0, variance = 4)": "write `Normal(0, sd = sqrt(4))`",
    "Normal(mu = 0, tau = 4)": "write `Normal(loc = 0, sd = 1 / sqrt(4))`",
    "Normal(mu = 0, sigma = 4)": "write `Normal(loc = 0, sd = 4)`",
    "Normal(0, scale = 4)": "did you mean `sd`?",
    "NegativeBinomial(mu = 3, phi = 2)": "write `NegativeBinomial(mean = 3, shape = 2)`",
    "Normal(0, 1, colour = 3)": "it takes Normal(loc, sd)",
}


@pytest.mark.parametrize("call", WRITTEN)
def test_the_call_is_written_out(call: str) -> None:
    (error,) = analyse(SourceFile("<test>", f"plate row {{ y ~ {call} }}")).errors
    assert error.code == "PGM0306"
    assert error.help == WRITTEN[call]
    if error.help.startswith("write"):
        assert compile_source(f"plate row {{ y ~ {error.help.split('`')[1]} }}")


def test_conversions_are_of_arguments_that_there_are() -> None:
    known = {p.name for f in FAMILIES.values() for v in f.variants for p in v}
    assert set(ARGUMENT_SPELLINGS.values()) <= known
    assert {argument for here in ARGUMENT_CONVERSIONS.values() for argument in here} <= known


@pytest.mark.parametrize(
    "p", ["[0.5, 0.5]", "if first then [0.5, 0.5] else if prev(x) == a then [0.7, 0.3] else [0.3, 0.7]"]
)
def test_probabilities_written_out(p: str) -> None:
    text = f"dim k = {{a, b}}\nplate t = chain {{\n  x : k ~ Categorical({p})\n}}"
    assert not analyse(SourceFile("<test>", text)).errors


def test_one_number_for_a_vector_on_an_axis_is_no_crash() -> None:
    """A quotient of constants, of which no axis is known."""
    text = "dim i[3]\nplate row { k[i] : {a, b} ~ Categorical(1/2) }"
    assert [d.code for d in analyse(SourceFile("<test>", text)).errors] == ["PGM0309"]
