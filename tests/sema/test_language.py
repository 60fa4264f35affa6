"""Models of every family parse, resolve, type-check and print."""

from __future__ import annotations

import pytest

from pgmlang.model.show import show
from pgmlang.sema import compile_source
from tests.models import MODELS


@pytest.mark.parametrize("name", MODELS)
def test_model_is_accepted_and_prints(name: str) -> None:
    model = compile_source(MODELS[name])
    text = show(model)
    assert text == show(compile_source(MODELS[name])), "printing is deterministic"
    assert len(model.factors) >= 1


@pytest.mark.parametrize("name", MODELS)
def test_order_of_statements_does_not_matter(name: str) -> None:
    """Top-level statements reversed give the same factors (headers stay first)."""
    from pgmlang.diagnostics import SourceFile
    from pgmlang.syntax import ast, parse
    from pgmlang.syntax.format import format_program

    program = parse(SourceFile("<string>", MODELS[name]))
    head = [s for s in program.statements if isinstance(s, ast.ModelHeader)]
    rest = [s for s in program.statements if not isinstance(s, ast.ModelHeader)]
    turned = ast.SyntaxTree((*head, *reversed(rest)), span=program.span)
    a, b = compile_source(MODELS[name]), compile_source(format_program(turned))
    assert set(show(a).splitlines()) == set(show(b).splitlines())


def test_types_come_from_where_values_live() -> None:
    model = compile_source(MODELS["hmm"])
    assert model.by_name["z"].type.axis == "state"
    model = compile_source(MODELS["lda"])
    assert model.by_name["w"].type.axis == "word"
    assert model.by_name["z"].type.axis == "topic"


def test_settings_are_overridden() -> None:
    model = compile_source(MODELS["lda"], {"topics": 7})
    assert model.plate_by_name["topic"].size == 7


def test_parameters_of_definitions_belong_to_their_statement() -> None:
    model = compile_source(MODELS["dbn"])
    names = {v.name for v in model.of_role("param")}
    assert {"x1.W", "x1.bias", "v.W", "v.bias", "top.W", "top.visible", "top.hidden"} == names
    assert model.by_name["v.W"].axes == ("low", "pixel")


def test_functions_of_other_languages_are_answered_with_ours() -> None:
    """Each cure names a function or form that compiles."""
    from pgmlang.diagnostics import CompileError
    from pgmlang.signatures.functions import FUNCTIONS, REDUCTIONS
    from pgmlang.syntax.idioms import FOREIGN_FUNCTIONS

    for name, ours in FOREIGN_FUNCTIONS.items():
        assert name not in FUNCTIONS
        assert name not in REDUCTIONS
        with pytest.raises(CompileError) as caught:
            compile_source(f"a ~ Normal(0, 1)\nb = {name}(a)\nplate row {{ y ~ Normal(b, 1) }}\n")
        assert [d.help for d in caught.value.diagnostics] == [f"write `{ours}`"]


def test_several_names_of_one_statement_are_what_one_each_are() -> None:
    """Types, axes, tables and what a `def` learns for each; in guides too."""
    text = """
dim k = {{a, b}}
def line(x) {{
  param w, c : real
  return w * x + c
}}
{}
plate row {{
  input x : real
  {}
  {}
}}
guide row {{ {} }}
"""
    rows = [
        ["y ~ Normal(line(x), 1)", "z ~ Normal(line(x), 1)"],
        ["s : {no, yes} ~ Table(prior = 1)", "t : {no, yes} ~ Table(prior = 1)"],
    ]
    top, guide = (
        ["u[k] : positive ~ Gamma(2, 1)", "v : positive ~ Gamma(2, 1)"],
        ["y ~ Normal(x, 2)", "z ~ Normal(x, 2)"],
    )
    apart = text.format(*("\n".join(some) for some in (top, *rows, guide)))
    together = text.format(
        "u[k], v : positive ~ Gamma(2, 1)", "y, z ~ Normal(line(x), 1)", "s, t : {no, yes} ~ Table(prior = 1)", "y, z ~ Normal(x, 2)"
    )  # fmt: skip
    assert show(compile_source(together)) == show(compile_source(apart))


def test_a_variable_called_pi_takes_the_place_of_the_number() -> None:
    model = compile_source("pi ~ Beta(1, 1)\ny ~ Normal(2 * pi, 1)")
    assert model.random_parents(model.conditionals[1]) == ("pi",)
    other = compile_source("m ~ Normal(pi, 1)")
    assert other.random_parents(other.conditionals[0]) == ()
