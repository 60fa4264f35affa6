"""Labels, positions and picked elements worked out by torch, by tables, by compiled loops and by numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import pgmlang
from pgmlang.density.simulation import deterministic_values
from pgmlang.density.target import Target, target_of
from pgmlang.diagnostics import CompileError, PgmError
from pgmlang.model.show import show_expr
from pgmlang.normal import normal_form, without_definitions
from pgmlang.normal.verify import breaches
from pgmlang.tables.evaluate import Evaluator
from tests.infer.by_hand import problem_of
from tests.native.test_equal import assert_equal

Values = Mapping[str, np.ndarray]
ROWS: dict[str, list[Any]] = {
    "person": ["k02", "k01", "k03", "k01", "k02", "k02", "k03"],
    "x": [0.3, -1.2, 0.8, 1.9, -0.4, 0.6, 1.1],
    "y": [1.0, 0.2, -0.7, 0.9, 1.3, -0.2, 0.4],
    "a": ["fish", "bird", "other", "bird", "fish", "fish", "bird"],
    "day": [2, 1, 1, 0, 0, 1, 3],
}
MEMBER = np.array([1, 0, 2, 0, 1, 1, 2])
FOOD = "dim food = {fish, bird, other}\ndim to like food\n"
PERSONS = "plate person {{\n  beta ~ Normal(0, 1)\n{0}  plate row {{\n    input x : real\n    y ~ Normal({1}, 1)\n  }}\n}}\n{2}"


class Case(NamedTuple):
    """``by_hand``: the deterministic names that the text has, from its random values and ``x``."""

    text: str
    by_hand: Callable[[Values], dict[str, Any]]


CASES = {
    "a corner of an axis": Case(
        FOOD + "b[food] ~ Normal(0, 2)\nu[food] = if food == fish then 0 else b\nv[food] = if food != fish then b else 1\n"
        "plate row { a : food ~ Categorical(logit = u) }\n",
        lambda v: {"u": [0, *v["b"][1:]], "v": [1, *v["b"][1:]]},
    ),
    "two axes of the same labels": Case(
        FOOD + "w[food, to] ~ Normal(0, 1)\nu[food, to] = if to == food then 0 else w\nd[food] = w[food, food]\n"
        "t[food, to] = w[to, food]\nplate row {\n  input a : food\n  y ~ Normal(sum(u[a]) + d[a] + t[a, bird], 1)\n}\n",
        lambda v: {"u": v["w"] * (1 - np.eye(3)), "d": np.diag(v["w"]), "t": v["w"].T},
    ),
    "elements beside learnt ones": Case(
        FOOD + "w[food, to] ~ Normal(0, 1)\nm = w[fish, other] + w[2, 0]\nplate row {\n  input a : food\n"
        "  e = w[a, bird] - w[0, a]\n  y ~ Normal(e + m, 1)\n}\n",
        lambda v: {"m": v["w"][0, 2] + v["w"][2, 0], "e": v["w"][v["a"], 1] - v["w"][0, v["a"]]},
    ),
    "positions of labels": Case(
        FOOD + "b[food] ~ Normal(0, 1)\nplate row {\n  input a : food\n  e = b[a] * position(a)\n"
        "  y ~ Normal(e + (if position(a) <= 1 then 1 else 0), 1)\n}\n",
        lambda v: {"e": v["b"][v["a"]] * v["a"]},
    ),
    "positions along axes": Case(
        FOOD + "dim k[4]\nb[food] ~ Normal(0, 1)\nc[k] ~ Normal(0, 1)\nu[food] = b * (position(food) + 1) / size(food)\n"
        "s = sum(c * position(k) ^ 2, over = k) + size(k)\nplate row { y ~ Normal(sum(u) + s, 1) }\n",
        lambda v: {"u": v["b"] * np.array([1, 2, 3]) / 3, "s": (v["c"] * np.arange(4) ** 2).sum() + 4},
    ),
    "elements of a plate that the data name": Case(
        PERSONS.format("  r = beta - beta[k01]\n  h = beta[person]\n", "r * x + (if person == k02 then h else 0)",
                       "d = beta[k03] - beta[1]\nn = size(person) + size(row)\n"),
        lambda v: {"r": v["beta"] - v["beta"][0], "h": v["beta"], "d": v["beta"][2] - v["beta"][1], "n": 10},
    ),
    "positions of rows and elements": Case(
        PERSONS.format("  q = position(person) * beta\n", "g", "").replace(
            "    y", "    g = q + 0.1 * position(row) + position(person) * x\n    y"),
        lambda v: {"q": np.arange(3) * v["beta"], "g": (np.arange(3) * v["beta"])[MEMBER] + 0.1 * np.arange(7) + MEMBER * v["x"]},
    ),
    "times of a chain": Case(
        "beta ~ Normal(0, 1)\nplate person {\n  plate day = chain {\n    input x : real\n    g = beta * position(day) + x\n"
        "    h = if first then g else g - prev(g)\n    y ~ Normal(h, 1)\n  }\n}\n",
        lambda v: {"g": v["beta"] * times(v) + v["x"], "h": v["beta"] * (times(v) > 0) + v["x"] - before(v)},
    ),
    "an axis whose elements are those of a plate": Case(
        "w[person] ~ Normal(0, 1)\nu[person] = if person == k02 then 0 else w\nplate person {\n  beta ~ Normal(w[person], 1)\n"
        "  o = w[person] + w[k03]\n  plate row { y ~ Normal(beta + u[person], 1) }\n}\n",
        lambda v: {"u": v["w"] * [1, 0, 1], "o": v["w"] + v["w"][2]},
    ),
    "elements of a plate of a known size": Case(
        "plate c[3] {\n  beta ~ Normal(0, 1)\n  r = beta - beta[0] + position(c)\n}\nplate row { y ~ Normal(r[2] + beta[1], 1) }\n",
        lambda v: {"r": v["beta"] - v["beta"][0] + np.arange(3)},
    ),
}  # fmt: skip


def times(v: Values) -> np.ndarray:
    """The position of each bound row in its sequence: rows are told by their ``x``."""
    by_x = dict(zip(ROWS["x"], [2, 1, 0, 0, 0, 1, 1], strict=True))
    return np.array([by_x[x] for x in v["x"].round(6)])


def before(v: Values) -> np.ndarray:
    """The ``x`` of the row before in the sequence, 0 on the first."""
    by_x = {0.3: 0.6, -1.2: 1.9, 0.6: -0.4, 1.1: 0.8}
    return np.array([by_x.get(x, 0.0) for x in v["x"].round(6)])


def target_over(text: str) -> Target:
    used = {n: v for n, v in ROWS.items() if n in set(text.replace("(", " ").replace(")", " ").split())}
    return target_of(problem_of(text, used))


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_numpy(name: str) -> None:
    case = CASES[name]
    target = target_over(case.text)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(2, target.dimension)))
    values, _ = target.values(x)
    joint, model = target.joint, target.joint.model
    shown = deterministic_values(joint, values)
    columns = {k: v.numpy() for k, v in {**joint.data, **joint.observed}.items()}
    for chain in range(2):
        held = {**{k: v[chain].numpy() for k, v in values.items()}, **columns}
        oracle = Evaluator(model, held, joint.binding.layout)
        for n, expected in case.by_hand(held).items():
            variable = model.by_name[n]
            by_torch = shown[n][chain if shown[n].shape[0] == 2 else 0].numpy()
            np.testing.assert_allclose(
                np.broadcast_to(by_torch, np.shape(expected)), expected, atol=1e-12, err_msg=n
            )
            by_tables = oracle.evaluate(model.definition_of[n].value, variable.plates).to(
                model.array_axes(variable)
            )
            np.testing.assert_allclose(
                np.broadcast_to(by_tables, np.shape(expected)), expected, atol=1e-12, err_msg=n
            )


@pytest.mark.parametrize("name", CASES)
def test_loops_are_equal_to_torch_and_the_normal_form_to_the_model(name: str) -> None:
    target = target_over(CASES[name].text)
    assert_equal(target)
    model = target.joint.model
    for form in (model, without_definitions(model), normal_form(model)):
        assert breaches(form) == ()


PERSON = "plate person {\n  beta ~ Normal(0, 1)\n  plate row { y ~ Normal(beta, 1) }\n}\n"
DATA = {"person": ROWS["person"], "y": ROWS["y"]}


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("k04", "`k04` is no element of `person` in the data"),
        ("7", "none at position 7"),
        ('"k1"', "did you mean `k01`"),
    ],
)
def test_elements_that_the_data_have_not_are_told_with_their_place(index: str, message: str) -> None:
    with pytest.raises(PgmError, match="PGM0209") as error:
        pgmlang.compile(f"{PERSON}d = beta[{index}]\n").bind(DATA)
    (told,) = error.value.diagnostics
    assert told.span is not None
    assert (told.span.line, told.span.column) == (5, 10)
    assert message in f"{told.message}; {told.help}"


def test_a_number_is_a_label_where_all_labels_are_numbers() -> None:
    data = {**DATA, "person": [{"k01": "10", "k02": "2", "k03": "30"}[p] for p in DATA["person"]]}
    model = pgmlang.compile(f"{PERSON}d = beta[2] + beta[10]\n")
    bound = model.bind(data).model
    assert "beta[person = 2]" in show_expr(bound.definition_of["d"].value)
    with pytest.raises(PgmError, match="`0` is no element of `person`"):
        pgmlang.compile(f"{PERSON}d = beta[0]\n").bind(data)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("y ~ Normal(food, 1)", "PGM0307", "index an axis by it"),
        ("y = food + 1", "PGM0307", "labels are not numbers"),
        ("b[food] ~ Normal(0, 1)\ny = b[3]", "PGM0209", "no axis of `b` has the element 3"),
        ("b[food] = if food == 1 then 1 else 2", "PGM0209", "compare the position: `position(food) == 1`"),
        ("b[food] = if food == fsh then 1 else 2", "PGM0209", "did you mean `fish`"),
        ("b[food] = if food == k then 1 else 2", "PGM0307", "never equals"),
        ("y = position(7)", "PGM0201", "`position` takes a dim or plate"),
        ("y = size(fod)", "PGM0201", "did you mean `food`"),
        ("y = size(food, k)", "PGM0305", "takes 1 argument"),
        ("y = position(food, over = k)", "PGM0306", "no argument `over`"),
        ("plate t = chain { y ~ Normal(if t == a then 1 else 0, 1) }", "PGM0307", "`position(t)`"),
    ],
)  # fmt: skip
def test_what_is_no_element_is_refused(text: str, code: str, message: str) -> None:
    with pytest.raises(CompileError) as error:
        pgmlang.compile(f"{FOOD}dim k[4]\n{text}\n")
    told = [d for d in error.value.diagnostics if d.code == code]
    assert told, error.value.diagnostics
    assert any(message in f"{d.message}; {d.help}" for d in told), told
    assert all(d.span is not None for d in told)


def test_a_word_that_is_a_label_and_an_axis_stays_the_label() -> None:
    """What was good before axes were values means the same."""
    text = "dim rain\nplate day {\n  w : {sun, rain} ~ Table()\n  d = if w == rain then 1 else 0\n}\n"
    model = pgmlang.compile(text).model
    assert show_expr(model.definition_of["d"].value) == "(if (w == rain) then 1 else 0)"
    assert "Element" not in repr(model.definition_of["d"].value)


def test_the_position_of_a_label_that_is_picked_along_its_own_axis() -> None:
    """What is summed over to find the position is another axis than the one that the label is picked along."""
    text = (
        "dim a = {x, y, z}\nplate row {\n  input next[a] : a\n  input w[a, a']\n"
        "  u[a] = sum(w * position(next[a']), over = a')\n  obs[a] ~ Normal(u, 1)\n}"
    )
    row = {**{f"next[{k}]": [v] for k, v in zip("xyz", "yzx", strict=True)}, **{f"obs[{k}]": [3.0] for k in "xyz"}}
    row |= {f"w[{k}, {m}]": [1.0] for k in "xyz" for m in "xyz"}
    fit = pgmlang.compile(text).fit(row, method="exact")
    assert float(np.sum(fit.score(row))) == pytest.approx(-1.5 * np.log(2 * np.pi), abs=1e-12)
