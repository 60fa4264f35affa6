"""Labels summed out by loops: mixtures, labels of groups, hidden chains, missing cells. Values and gradients are torch's; small ones are
enumerated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.native import native_log_density
from pgmlang.density.target import target_of
from pgmlang.native.formulas import NotScalar
from pgmlang.native.program_files import load_program
from tests.infer.by_hand import problem_of
from tests.native.test_equal import assert_equal
from tests.native.test_generated_labels import assert_label_chances

RNG = np.random.default_rng(5)
N = 14
GROUPS = [0, 0, 1, 2, 2, 2, 3, 1, 0, 3, 2, 2, 2, 1]
COLUMNS: dict[str, Any] = {
    "y": RNG.normal(size=N), "w": RNG.gamma(2.0, 1.0, N), "k": RNG.poisson(3.0, N), "b": RNG.integers(0, 2, N), "x": RNG.normal(size=N),
    "c": [f"c{i}" for i in GROUPS], "d": [f"d{i % 3}" for i in range(N)], "v.one": RNG.normal(size=N), "v.two": RNG.normal(size=N),
    "a": [("l", "m", "n")[i % 3] for i in range(N)],
    "bs": [(0, 1, None)[int(i)] for i in RNG.integers(0, 3, N)],
    "zs": [("one", "two", "three", None)[int(i)] for i in RNG.integers(0, 4, N)],
}  # fmt: skip
HEAD = (
    "dim j = {one, two, three}\ndim i = {left, right}\ndim f = {one, two}\ng ~ Normal(0, 1)\nh ~ Normal(0, 1)\nm[j] ~ Normal(0, 2)\n"
    "n[i, j] ~ Normal(0, 1)\nshare[j] ~ Dirichlet(2)\nhalf[i] ~ Dirichlet(3)\n"
)
MOVE = (
    HEAD
    + "dim to like state\nshares[state] ~ Dirichlet(1)\nplate state[3] {\n  move[to] ~ Dirichlet(2)\n  level ~ Normal(0, 2)\n}\n"
)
STEPS = "  z ~ Categorical(if first then shares else move[prev(z)])\n"
MODELS: dict[str, tuple[str, str]] = {
    # name: (text, columns)
    "a mixture": (HEAD + "plate r {\n  z ~ Categorical(share)\n  y ~ Normal(m[z], exp(g))\n}", "y"),
    "several factors": (
        HEAD + "plate r {\n  z ~ Categorical(share)\n  y ~ Normal(m[z], exp(g))\n  k ~ Poisson(exp(m[z] / 4))\n  w ~ Gamma(exp(h), exp(m[z] / 3))\n}",
        "y k w",
    ),
    "a mixture by logits of data": (
        HEAD + "plate r {\n  input x : real\n  z : j ~ Categorical(logit = m * x)\n  y ~ StudentT(4, m[z] + g * x, exp(h))\n}",
        "x y",
    ),
    "bits": (HEAD + "plate r {\n  o : bit ~ Bernoulli(sigmoid(g))\n  y ~ Normal(h * o, if o == 1 then exp(g) else 2)\n}", "y"),
    "a choice by label": (
        HEAD + "plate r {\n  z ~ Categorical(share)\n  y ~ if z == one then Normal(g, 1) else if z == two then Cauchy(h, 1) else Laplace(m[z], 2)\n}",
        "y",
    ),
    "vectors of data": (HEAD + "u[j, f] ~ Normal(0, 1)\nplate r {\n  z ~ Categorical(share)\n  v[f] ~ Normal(u[z], exp(g))\n}", "v.one v.two"),
    "two labels": (
        HEAD + "plate r {\n  z ~ Categorical(share)\n  o : bit ~ Bernoulli(logit = m[z])\n  y ~ Normal(m[z] + g * o, exp(h))\n}", "y",
    ),
    "two apart": (
        HEAD + "plate r {\n  z ~ Categorical(share)\n  o ~ Categorical(half)\n  y ~ Normal(n[o, z], exp(g))\n}", "y",
    ),
    "a chain of labels in a row": (
        HEAD + "plate r {\n  z ~ Categorical(share)\n  o : bit ~ Bernoulli(logit = m[z])\n  p : bit ~ Bernoulli(logit = g + h * o)\n  q : bit ~ Bernoulli(logit = h + g * p)\n"
        "  y ~ Normal(g * p + h * q, 1)\n  k ~ Poisson(exp(o + g / 3))\n}",
        "y k",
    ),
    "labels of groups": (HEAD + "plate c {\n  z ~ Categorical(share)\n  plate r {\n    y ~ Normal(m[z], exp(g))\n  }\n}", "c y"),
    "labels of groups and rows": (
        HEAD + "plate c {\n  z ~ Categorical(share)\n  e ~ Normal(0, 1)\n  plate r {\n    o : bit ~ Bernoulli(logit = m[z])\n    y ~ Normal(g * o + e, exp(h))\n  }\n}",
        "c y",
    ),
    "a label of everything": (HEAD + "z ~ Categorical(share)\nplate r { y ~ Normal(m[z], exp(g)) }", "y"),
    "labels at three levels": (
        HEAD + "z ~ Categorical(share)\nplate c {\n  o : bit ~ Bernoulli(logit = m[z])\n  plate r {\n    p : bit ~ Bernoulli(logit = g + h * o)\n"
        "    y ~ Normal(m[z] + g * p, exp(h))\n  }\n}",
        "c y",
    ),
    "a name that hangs on a label of the group": (
        HEAD + "plate c {\n  z ~ Categorical(share)\n  e = exp(m[z] / 3) + g\n  plate r { y ~ Normal(e, 1) }\n}", "c y",
    ),
    "labels seen in part": (
        HEAD + "plate r {\n  zs : j ~ Categorical(share)\n  y ~ Normal(m[zs], exp(g))\n}", "zs y",
    ),
    "a table": (
        HEAD + "plate r {\n  o : {lo, hi} ~ Table() { 0.3, 0.7 }\n  zs : j ~ Table(o) {\n    lo : 0.2, 0.3, 0.5\n    hi : 0.6, 0.3, 0.1\n  }\n"
        "  y ~ Normal(if o == lo then g else h, 1)\n}",
        "zs y",
    ),
    "a hidden chain": (MOVE + "plate t = chain {\n" + STEPS + "  y ~ Normal(level[z], exp(g))\n}", "y"),
    "chains of groups": (MOVE + "plate c {\n  plate t = chain {\n" + STEPS.replace("  z", "    z") + "    y ~ Normal(level[z], exp(g))\n  }\n}", "c y"),
    "a chain with its own past": (
        MOVE + "plate c {\n  e ~ Normal(0, 1)\n  plate t = chain {\n" + STEPS.replace("  z", "    z")
        + "    y ~ if first then Normal(level[z], 1) else Normal(level[z] + e + g * prev(y), exp(h))\n  }\n}",
        "c y",
    ),
    "a chain of bits": (
        HEAD + "plate t = chain {\n  o : bit ~ Bernoulli(if first then 0.3 else sigmoid(g + h * prev(o)))\n  y ~ Normal(h * o, 1)\n}", "y",
    ),
    "chains seen in part": (
        HEAD + "plate c {\n  plate t = chain {\n    bs : bit ~ Bernoulli(if first then 0.3 else sigmoid(g + h * prev(bs)))\n    y ~ Normal(h * bs, 1)\n  }\n}", "c bs y",
    ),
    "rows within steps": (
        HEAD + "plate c = chain {\n  o : bit ~ Bernoulli(if first then 0.3 else sigmoid(g + h * prev(o)))\n  plate r { y ~ Normal(h * o, exp(g)) }\n}", "c y",
    ),
    "moves by data": (
        HEAD + "plate t = chain {\n  input x : real\n  o : bit ~ Bernoulli(logit = if first then g else g * x + h * prev(o))\n  y ~ Normal(h * o, 1)\n}", "x y",
    ),
    "moves of groups": (
        HEAD + "plate c {\n  e ~ Normal(0, 1)\n  plate t = chain {\n    o : bit ~ Bernoulli(logit = if first then g else e + h * prev(o))\n    y ~ Normal(h * o, exp(g))\n  }\n}", "c y",
    ),
    "data that see two steps": (
        HEAD + "plate t = chain {\n  o : bit ~ Bernoulli(logit = if first then g else h * prev(o))\n  y ~ Normal(if first then g * o else g * o + h * prev(o), 1)\n}", "y",
    ),
    "two chains that meet": (
        HEAD + "plate t = chain {\n  o : bit ~ Bernoulli(logit = if first then g else h * prev(o))\n  p : bit ~ Bernoulli(logit = if first then h else g * prev(p) + o)\n"
        "  y ~ Normal(g * o + h * p, 1)\n}",
        "y",
    ),
    "chains below a label of the group": (
        HEAD + "plate c {\n  z ~ Categorical(share)\n  plate t = chain {\n    o : bit ~ Bernoulli(logit = if first then g else m[z] * prev(o))\n    y ~ Normal(h * o, exp(g))\n  }\n}", "c y",
    ),
    "chains below a label that says what is seen": (
        HEAD + "plate c {\n  z ~ Categorical(share)\n  plate t = chain {\n    o : bit ~ Bernoulli(logit = if first then g else h * prev(o))\n    y ~ Normal(m[z] * o, exp(g))\n  }\n}", "c y",
    ),
    "labels below a chain": (
        MOVE + "plate t = chain {\n" + STEPS + "  o : bit ~ Bernoulli(logit = level[z])\n  y ~ Normal(level[z] + g * o, 1)\n}", "y",
    ),
}  # fmt: skip


def problem(text: str, columns: str, **binding: Any) -> Any:
    return problem_of(text, {n: COLUMNS[n] for n in columns.split()}, **binding)


FAST = ("chains below a label of the group",)


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in MODELS])
def test_models(name: str) -> None:
    assert_equal(target_of(problem(*MODELS[name])))


def test_posterior_chances() -> None:
    assert_label_chances(target_of(problem(*MODELS["chains below a label of the group"])))


def test_enumerated() -> None:
    """The sum over all labels of groups and rows together, by hand."""
    text, columns = MODELS["labels of groups and rows"]
    target = target_of(problem(text, columns))
    assert target.sums is not None
    native = native_log_density(target.joint, target.names, target.sums.names)
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(1, target.dimension)) * 0.5)
    values, log_det = target.values(x)
    found = native.values(x.numpy())[0] - float(log_det)
    assert found == pytest.approx(_by_hand({k: v[0].numpy() for k, v in values.items()}), rel=1e-12)


def _by_hand(v: dict[str, np.ndarray]) -> float:
    def normal(x: Any, mean: Any, sd: Any) -> Any:
        return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)

    total = sum(float(normal(v[n], 0.0, 1.0).sum()) for n in ("g", "h", "n", "e")) + float(
        normal(v["m"], 0.0, 2.0).sum()
    )
    total += (
        math.lgamma(6)
        + float(np.log(v["share"]).sum())
        + math.lgamma(6)
        - 2 * math.lgamma(3)
        + 2 * float(np.log(v["half"]).sum())
    )
    for group in range(4):
        ys = COLUMNS["y"][[g == group for g in GROUPS]]
        of_label = []
        for z in range(3):
            chance = 1 / (1 + math.exp(-v["m"][z]))
            log = math.log(v["share"][z])
            for y in ys:
                log += math.log(
                    sum(
                        (chance if o else 1 - chance)
                        * math.exp(normal(y, v["g"] * o + v["e"][group], math.exp(v["h"])))
                        for o in (0, 1)
                    )
                )
            of_label.append(log)
        total += float(np.logaddexp.reduce(of_label))
    return total


def test_a_planted_fault_is_seen() -> None:
    """The comparison would tell of responsibilities that are off by a little."""
    target = target_of(problem(*MODELS["a mixture"]))
    assert target.sums is not None
    native = native_log_density(target.joint, target.names, target.sums.names)
    x = np.full((1, target.dimension), 0.3)
    right = native.values_and_gradients(x)[1]
    source = native.program.source
    wrong = source.replace("scale_of_logsumexp = 1.0 /", "scale_of_logsumexp = 1.0000001 /")
    assert wrong != source
    native.__dict__["module"] = load_program(wrong)
    assert np.abs(native.values_and_gradients(x)[1] / right - 1).max() > 1e-9


def test_labels_worked_out_of_summed_ones_are_not_looked_at_from_other_rows() -> None:
    text = (
        "dim j = {one, two}\nm[j] ~ Normal(0, 1)\nplate t = chain {\n  z : j ~ Table() { 0.7, 0.3 }\n  input a : j\n  input x : real\n"
        "  e = if x > 0 then z else a\n  y ~ Normal(if first then m[e] else m[prev(e)] + m[e], 1)\n}\n"
    )
    rows = {"a": ["one", "two", "two"], "x": [1.0, -1.0, 0.5], "y": [0.1, 0.2, 0.3]}
    target = target_of(problem_of(text, rows))
    with pytest.raises(NotScalar, match="`e` at other elements"):
        native_log_density(target.joint, target.names, ("z",))


@pytest.mark.slow
def test_many_labels_of_a_row() -> None:
    """More arrays than a call of Python has arguments."""
    bits = "".join(
        f"  o{i} : bit ~ Bernoulli({'0.3' if i == 0 else f'if o{i - 1} == 1 then 0.8 else 0.2'})\n"
        for i in range(30)
    )
    target = target_of(
        problem(f"g ~ Normal(0, 1)\nplate r {{\n{bits}  k ~ Poisson(1 + o29)\n  y ~ Normal(g, 1)\n}}", "k y")
    )
    assert_equal(target)


def test_backend_of_a_fit() -> None:
    """`hmc` over what is left when labels are summed out."""
    text, columns = MODELS["a mixture"]
    options = {"chains": 2, "warmup": 20, "draws": 10, "backend": "native"}
    data = {n: COLUMNS[n] for n in columns.split()}
    fit = pgmlang.compile(text).fit(data, method="hmc", seed=1, options=options)
    assert fit.draws["m"].shape == (2, 10, 3)
