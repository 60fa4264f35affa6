"""Every family and combination by the methods that say they take it: it runs, or is refused with a reason."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

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
SAMPLED = {"chains": 2, "warmup": 4, "draws": 4}
KINDS: dict[str, dict[str, dict[str, int]]] = {
    "param": {"map": {}},
    "prior": {"map": {}, "hmc": SAMPLED, "mh": SAMPLED, "langevin": SAMPLED, "gibbs": SAMPLED},
    "label": {"em": {}, "map": {}},
    "labels drawn": {"gibbs": SAMPLED, "hmc": SAMPLED},
    "latent": {"hmc": SAMPLED, "gibbs": SAMPLED, "map": {}, "exact": {}},
}
"""What the family's variable is beside, and the methods for that: a param to be estimated, a number to be drawn, params by a
label to be summed out or drawn; or it is itself latent."""
REFUSED_BY_CHECK = {"PGM0309", "PGM0315", "PGM0401", "PGM0410"}
REFUSED_BY_METHODS = {"PGM0602", "PGM0610"}


def call(name: str, m: str = "m") -> str:
    """A call of the first variant, whose parameters hang on a latent number."""
    family = FAMILIES[name]
    words = {"positive": f"exp(0.3 * {m})", "unit": f"sigmoid({m})", "real": m, "count": "6"}
    given = [words[p.support] for p in family.variants[0]]
    if family.limits == ("low", "high"):
        given = ["0", "5"] if family.discrete else [f"0 * {m}", *["1"] * (len(given) - 2), "5"]
    if family.limits == ("scale", ""):
        given = [given[0], f"0.2 * sigmoid({m})"]
    if name in ("ChiSquared", "FisherSnedecor"):  # below two degrees of freedom the density has a pole at zero
        given = [f"(2 + {g})" for g in given]
    if name == "Hypergeometric":
        given = ["6", "7", "9"]
    return f"{name}({', '.join(given)})"


def text(name: str, wrapping: str, kind: str) -> str:
    is_mixture = "Mixture" in wrapping
    m = {"label": "mu[z]", "labels drawn": "mu[z]", "latent": "0.3"}.get(kind, "m")
    if is_mixture:
        m = "shift" if kind == "latent" else f"({m} + shift)"
    base = WRAPPED[wrapping].format(call(name, m))
    lines = ["dim part[2]", "dim kind = {a, b}"]
    is_point = kind in ("param", "label")
    if is_mixture and is_point:
        lines += ["param share[part] : simplex", "param shift[part]"]
    elif is_mixture:
        lines += ["share[part] ~ Dirichlet(1)", "shift[part] ~ Normal(0, 1)"]
    match kind:
        case "param":
            lines += ["param m : real"]
        case "prior":
            lines += ["m ~ Normal(0, 1)"]
        case "label":
            lines += ["param mu[kind]"]
        case "labels drawn":
            lines += ["mu[kind] ~ Normal(0, 1)"]
        case _:
            return "\n".join([*lines, f"x ~ {base}", "plate row { y ~ Normal(x, 1) }", ""])
    label = "  z : kind ~ Categorical(1/2)\n" if m != "m" and "mu" in m else ""
    return "\n".join([*lines, f"plate row {{\n{label}  y ~ {base}\n}}", ""])


def rows(name: str) -> list[float]:
    family = FAMILIES[name]
    if family.support == "bit":
        return [1, 1]
    if family.discrete:
        return [1, 2, 3]
    return [0.3, 0.6, 0.75]


CASES = list(itertools.product(SCALAR, WRAPPED, KINDS))


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


def is_best(model: pgmlang.CompiledModel, fit: pgmlang.FittedModel, y: list[float]) -> bool:
    """Whether no value of the one param beside the estimate has a higher density."""
    data, layout = model.tensors({"y": y})
    values = {"y": data["y"].double()}
    module = model.program.load()

    def density(m: float) -> float:
        params = {"m": torch.tensor(m, dtype=torch.float64)}
        return float(module.log_joint(values, values, layout, params, {}))

    m = float(fit.params["m"])
    # constants of the program too are of the precision of the fit: an optimum at infinity is flat to the last digits
    torch.set_default_dtype(torch.float64)
    try:
        best = density(m)
        return math.isfinite(best) and all(density(m + s) <= best + 1e-5 for s in (-0.3, -0.05, 0.05, 0.3))
    finally:
        torch.set_default_dtype(torch.float32)


def run(name: str, wrapping: str, kind: str) -> None:
    """What `check` calls good a method takes, with finite answers, or each says why not; and `plan` says the same."""
    what = (name, wrapping, kind)
    model = compiled(text(name, wrapping, kind))
    if isinstance(model, PgmError):
        assert {d.code for d in model.diagnostics if d.is_error} <= REFUSED_BY_CHECK, (what, model)
        assert all(d.help or not d.is_error for d in model.diagnostics), (what, model)
        return
    y = [0.5, 1.0, 1.2] if kind == "latent" else rows(name)
    for method, options in KINDS[kind].items():
        fit = fitted(model, y, method, options)
        if isinstance(fit, PgmError):
            assert {d.code for d in fit.diagnostics} <= REFUSED_BY_METHODS, (what, method, str(fit))
            assert f"`{method}` does not fit" in str(fit), (what, method, str(fit))
            continue
        numbers = [*fit.params.values(), *fit.draws.values()]
        assert numbers, (what, method)
        assert all(np.isfinite(np.asarray(v, dtype=float)).all() for v in numbers), (what, method)
        drawn = np.asarray(fit.sample_columns(5, seed=1).columns["y"], dtype=float)
        assert np.isfinite(drawn).all(), (what, method)
        check_score(fit, y, (what, method))
        if kind == "param" and "Mixture" not in wrapping and fit.record.status == "converged":
            assert is_best(model, fit, y), (what, method, fit.params)
    check_plan(model, y, what)


def check_score(fit: pgmlang.FittedModel, y: list[float], what: object) -> None:
    """Finite, or refused because the rows share a label that the fit has no value of: they have no scores apart."""
    try:
        scores = np.asarray(fit.score({"y": y}))
    except PgmError as error:
        (problem,) = error.diagnostics
        assert (problem.code, bool(problem.help)) == ("PGM0602", True), (what, problem)
        assert "`x` is shared by the rows" in problem.message, (what, problem)
        latent = fit.record.model.by_name["x"]
        assert latent.type.is_discrete, (what, problem)
        assert not {"x"} & {*fit.params, *fit.draws}, (what, problem)
    else:
        assert np.isfinite(scores).all(), what


def check_plan(model: pgmlang.CompiledModel, y: list[float], what: object) -> None:
    """The plan names methods, or says of every one why it does not fit."""
    try:
        plan = model.plan({"y": y})
    except PgmError as error:
        (problem,) = error.diagnostics
        assert problem.code == "PGM0601", (what, problem)
        assert {note.split(":")[0] for note in problem.notes} == set(METHODS), (what, problem)
    else:
        assert plan.blocks, what


@pytest.mark.parametrize(("name", "wrapping", "kind"), CASES[::320])
def test_a_slice(name: str, wrapping: str, kind: str) -> None:
    run(name, wrapping, kind)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(("name", "wrapping", "kind"), CASES)
def test_every_family_in_every_combination(name: str, wrapping: str, kind: str) -> None:
    run(name, wrapping, kind)
