"""Every family and combination by the methods that say they take it: it runs, or is refused with a reason."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.families import FAMILIES
from pgmlang.plan.registry import METHODS

SCALAR = sorted(n for n, f in FAMILIES.items() if f.is_scalar and not f.improper)
WRAPPED = {
    "{}": "{}",
    "Truncated": "Truncated({}, lower = 0.25, upper = 4)",
    "Censored": "Censored({}, lower = 0.25, upper = 4)",
    "ZeroInflated": "ZeroInflated(0.3, {})",
    "Mixture": "Mixture(share, {})",
    "ZeroInflated(Truncated)": "ZeroInflated(0.3, Truncated({}, lower = 0.25))",
    "Truncated(Mixture)": "Truncated(Mixture(share, {}), lower = 0.25)",
    "Censored(ZeroInflated(Truncated))": "Censored(ZeroInflated(0.2, Truncated({}, upper = 5)), upper = 4)",
}
FAST = ("map", "hmc", "score", "em", "gibbs")


def call(name: str, m: str = "m") -> str:
    """A call of the first variant, whose parameters hang on a latent number."""
    family = FAMILIES[name]
    words = {"positive": f"exp(0.3 * {m})", "unit": f"sigmoid({m})", "real": m, "count": "6"}
    given = [words[p.support] for p in family.variants[0]]
    if family.limits == ("low", "high"):
        given = ["0", "5"]
    return f"{name}({', '.join(given)})"


def text(name: str, wrapping: str) -> str:
    base = WRAPPED[wrapping].format(call(name, "(m + shift)" if "Mixture" in wrapping else "m"))
    return (
        "dim part[2]\nparam share[part] : simplex\nparam shift[part]\nm ~ Normal(0, 1)\n"
        f"plate row {{ y ~ {base} }}\n"
    )


def rows(name: str) -> list[float]:
    family = FAMILIES[name]
    if family.support == "bit":
        return [1, 1]
    if family.discrete:
        return [1, 2, 3]
    return [0.3, 0.6, 0.75]


CASES = list(itertools.product(SCALAR, WRAPPED))


def compiled(written: str) -> pgmlang.CompiledModel | PgmError:
    """The model, or the error that it is refused with."""
    try:
        return pgmlang.compile(written)
    except PgmError as error:
        return error


def fitted(
    model: pgmlang.CompiledModel, y: list[float], method: str, options: dict[str, int]
) -> pgmlang.FittedModel | PgmError:
    """The fit, or the error that it is refused with."""
    try:
        return model.fit({"y": y}, method=method, seed=1, options=options)
    except PgmError as error:
        return error


def run(name: str, wrapping: str, methods: tuple[str, ...]) -> None:
    model = compiled(text(name, wrapping))
    if isinstance(model, PgmError):
        assert all(d.help or not d.is_error for d in model.diagnostics), model
        return
    for method in methods:
        options = {"chains": 2, "warmup": 5, "draws": 5} if method in ("hmc", "gibbs") else {}
        found = fitted(model, rows(name), method, options)
        if isinstance(found, PgmError):
            assert found.diagnostics[0].code != "PGM0601", (name, wrapping, method, str(found))
            continue
        drawn = np.asarray(found.sample(5, seed=1).columns["y"], dtype=float)
        assert np.isfinite(drawn).all(), (name, wrapping, method)


@pytest.mark.parametrize(("name", "wrapping"), CASES[::17])
def test_a_slice_by_optimisation(name: str, wrapping: str) -> None:
    run(name, wrapping, ("map",))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "wrapping"), CASES)
def test_every_family_in_every_combination(name: str, wrapping: str) -> None:
    run(name, wrapping, tuple(m for m in FAST if m in METHODS))
