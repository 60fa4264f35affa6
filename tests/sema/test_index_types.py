"""What an index's values are: inferred of states that hang on themselves, and what is said where they are of another axis."""

from __future__ import annotations

import pytest

from pgmlang.diagnostics import SourceFile
from pgmlang.model.types import Type
from pgmlang.sema import compile_source
from pgmlang.sema.build import analyse

HEAD = "dim state[2]\ndim to like state\nmove[state, to] ~ Dirichlet(1)\nfast[state, state'] ~ Dirichlet(1)\n"
STATES = {
    "a number in the first row": "z ~ Categorical(if first then 0.5 else move[prev(z)])",
    "a primed axis": "z ~ Categorical(if first then 0.5 else fast[prev(z)])",
    "choices of others": "z ~ Categorical(if first then 0.5 else if x > 0 then move[prev(z)] else fast[prev(z)])",
    "by logits": "z ~ Categorical(logit = if first then 0 else log(move[prev(z)]))",
    "of a definition": "z ~ Categorical(p)\n  p[to] = if first then 0.5 else move[prev(z)]",
}


@pytest.mark.parametrize("name", STATES)
def test_states_of_a_chain(name: str) -> None:
    model = compile_source(HEAD + f"plate t = chain {{\n  input x : real\n  {STATES[name]}\n}}")
    assert model.by_name["z"].type == Type("labels", axis="state")
    assert len(model.conditionals) == 3


def told(text: str) -> list[tuple[str, str]]:
    return [(d.code, d.help) for d in analyse(SourceFile("<test>", text), {}).errors]


def test_a_type_that_nothing_tells() -> None:
    text = "dim a[2]\nmove[a, b] ~ Dirichlet(1)\ndim b[2]\nplate t = chain { z ~ Categorical(if first then 0.5 else move[prev(z)]) }"
    ((code, cure),) = told(text)
    assert (code, cure) == ("PGM0412", "declare it: `z : real`, or the type it has")
    assert not told(text.replace("move[a, b]", "move[a, c]").replace("dim b[2]", "dim c like a"))


def test_cures_of_another_type_work_when_typed() -> None:
    text = (
        "dim cluster[3]\ndim coef = {level, x}\nmu[cluster] ~ Normal(0, 1)\nb[coef] ~ Normal(0, 1)\nplate r {\n  input x : real\n"
        "  input level : cluster\n  z ~ Categorical([0.2, 0.3, 0.5])\n  y ~ Normal(mu[z] + b[level] + b[x] * x, 1)\n}"
    )
    assert [cure for _, cure in told(text)] == [
        "declare what its values are: `z : cluster ~ ...`",
        '`level` is a variable here; the label is written `"level"`',
    ]
    assert not told(text.replace("z ~", "z : cluster ~").replace("b[level]", 'b["level"]'))


def test_a_word_is_the_label_where_its_variable_has_numbers() -> None:
    text = "dim a = {x, y}\ndim c = {x, z}\nb[a, c] ~ Normal(0, 1)\nplate r {\n  input x : %s\n  v ~ Normal(b[x, z] * x + b[y, x], 1)\n}"
    for kind in ("real", "bit", "count"):
        assert not told(text % kind)
    assert (
        compile_source(text % "real").factors[1]
        == compile_source((text % "real").replace("[x, z]", '["x", z]').replace("[y, x]", '[y, "x"]')).factors[1]
    )
    assert told(text % "{u, w}")


def test_ordered_positive_numbers_by_their_cure() -> None:
    text = "m[k] : ordered positive ~ Normal([3, 10], 1)\ndim k[2]"
    ((code, cure),) = told(text)
    assert code == "PGM0401"
    assert cure.startswith("truncate it, `Truncated(Normal(...), lower = 0)`")
    assert not told(text.replace("Normal([3, 10], 1)", "Truncated(Normal([3, 10], 1), lower = 0)"))


def test_weights_of_a_mixture_lie_along_its_components() -> None:
    text = "dim k[2]\ndim other[2]\np ~ Beta(1, 1)\nm[k] ~ Normal(0, 1)\nplate c[2] { u ~ Normal(0, 1) }\nplate r { y ~ %s }"
    for components, axis in (
        ("Normal(m, 1)", "k"),
        ("Truncated(Normal(m, 1), lower = 0)", "k"),
        ("Poisson(exp(m))", "k"),
        ("Normal(u, 1)", "c"),
        ("Normal([0, 1], 1)", "y.p"),
    ):
        model = compile_source(text % f"Mixture([p, 1 - p], {components})")
        (_, share), _ = model.conditional_of["y"].distribution.arguments  # type: ignore[union-attr]
        assert share.axes == (axis,), components  # type: ignore[union-attr]


def test_vectors_and_their_elements_are_not_branches_of_one_choice() -> None:
    text = (
        "dim v[2]\nplate t = chain { y[v] ~ if first then %s else MultivariateNormal(prev(y), [[1, 0], [0, 1]]) }"
    )
    for first in ("Normal(0, 1)", "Flat()", "if 1 > 0 then Flat() else Normal(0, 1)"):
        ((code, cure),) = told(text % first)
        assert (code, cure.startswith("draw vectors in both")) == ("PGM0401", True)
    assert not told(text % "MultivariateNormal(0, [[1, 0], [0, 1]])")
    assert not told(
        text.replace(
            "~ if first then %s else MultivariateNormal(prev(y),",
            "~ MultivariateNormal(if first then 0 else prev(y),",
        )
    )


def test_components_that_are_written_out_one_by_one() -> None:
    text = "p ~ Beta(1, 1)\na, b ~ HalfNormal(1)\nplate r { y ~ %s }"
    for components in ("Exponential(a), LogNormal(0, b)", "[Exponential(a), LogNormal(0, b)]"):
        ((code, cure),) = told(text % f"Mixture([p, 1 - p], {components})")
        assert code == "PGM0305"
        assert (
            "`part : {part1, part2} ~ Categorical(...)` and `y ~ if part == part1 then Exponential(...) else LogNormal(...)`"
            in cure
        )
    typed = "part : {part1, part2} ~ Categorical([p, 1 - p]) ; y ~ if part == part1 then Exponential(a) else LogNormal(0, b)"
    assert not told(text.replace("y ~ %s", typed))
    ((code, cure),) = told(text % "Mixture([p, 1 - p], Normal(a, 1), Normal(b, 2))")
    assert (code, cure) == (
        "PGM0305",
        "write the arguments of all components as vectors, as in `Normal([a, b], ...)`",
    )
    assert not told(text % "Mixture([p, 1 - p], Normal([a, b], [1, 2]))")


def test_a_position_is_an_index() -> None:
    head = "dim year[10]\nphi[year] ~ Normal(0, 1)\n"
    model = compile_source(head + "plate s { plate t = chain { y ~ Normal(phi[position(t)], 1) } }")
    assert model.by_name["y"].plates == ("s", "t")
    assert told(head + "dim k = {l, m}\nplate r { x[k] ~ Normal(phi[position(k)], 1) }")[0][0] == "PGM0301"
    assert not told(head + "plate r { x ~ Normal(phi[position(r)], 1) }")
    assert told(head + "plate r { y ~ Normal(phi[size(year)], 1) }")[0][0] == "PGM0301"


def test_groups_that_rows_do_not_say() -> None:
    head = "plate g { a ~ Normal(0, 1) }\n"
    for value in ("a", "a[g]"):
        ((_, cure),) = told(head + f"plate row {{ y ~ Normal({value}, 1) }}")
        assert cure.startswith("write `plate row in g { ... }`"), cure
        assert not told(head + f"plate row in g {{ y ~ Normal({value}, 1) }}")
    for kind in (" : count", " : integer", " : {...}", ""):
        text = head + f"plate row {{\n  input group{kind}\n  y ~ Normal(a[group], 1)\n}}"
        assert told(text)[0][1] == "declare what its values are: `input group : g`"
    assert not told(text.replace("input group", "input group : g"))
    ((_, cure),) = told(
        "dim k[3]\nb[k] ~ Normal(0, 1)\nplate row {\n  input x[k] : real\n  y ~ Normal(x * b, 1)\n}"
    )
    assert cure.startswith("products are summed over `k` by `x @ b`")
    assert told("plate row { y[i] ~ Normal(0, 1) }")[0][1].startswith(
        "`y` is that of this row of `row`, without an index"
    )


@pytest.mark.parametrize(
    ("drawn", "half"),
    [("Normal(0, 5)", "HalfNormal"), ("Cauchy(0, 5)", "HalfCauchy"), ("StudentT(3, 0, 5)", "HalfStudentT")],
)
def test_numbers_around_zero_as_spreads(drawn: str, half: str) -> None:
    text = "s ~ %s\nplate row { y ~ Normal(0, s) }"
    assert told(text % drawn)[0][1] == f"draw it from the half of it that is positive: `s ~ {half}(...)`"
    assert not told(text % f"{half}({drawn.split('(')[1].replace('0, ', '')}")
    assert told(text % drawn.replace("0, ", "1, "))[0][1].startswith("write `exp(s)`")
