"""Definitions that call one another deeply are told from those that call themselves."""

from __future__ import annotations

import pytest

from pgmlang.diagnostics import CompileError
from pgmlang.sema import compile_source


def test_a_deep_chain_of_definitions_is_no_recursion() -> None:
    chain = "".join(f"def f{i + 1}(x) {{ return f{i}(x) + 1 }}\n" for i in range(40))
    with pytest.raises(CompileError) as caught:
        compile_source(f"def f0(x) {{ return x }}\n{chain}a ~ Normal(0, 1)\nb ~ Normal(f40(a), 1)\n")
    assert {d.code for d in caught.value.diagnostics} == {"PGM0107"}


def test_a_definition_that_calls_itself_is_one() -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(
            "def f(x) { return g(x) }\ndef g(x) { return f(x) }\na ~ Normal(0, 1)\nb ~ Normal(f(a), 1)\n"
        )
    assert "PGM0213" in {d.code for d in caught.value.diagnostics}
