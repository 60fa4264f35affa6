"""Every code has a page, and the examples on it do what it says."""

from __future__ import annotations

import pytest

from pgmlang.diagnostics import CODES, PgmError, SourceFile
from pgmlang.diagnostics.explanations import codes, explain
from pgmlang.families import FAMILIES, LEARNED
from pgmlang.sema import compile_collecting
from pgmlang.signatures.functions import ACTIVATIONS, BLOCKS, FUNCTIONS, REDUCTIONS
from pgmlang.signatures.matrices import MATRIX_FUNCTIONS
from pgmlang.syntax.format import format_source

MODEL_CODES = [c for c in codes() if explain(c).kind == "model"]
ELSEWHERE = {"PGM0108", "PGM0109", "PGM0206", "PGM0210", "PGM0504"}
"""Codes of the language that one text alone cannot show: they need a file, a module, a setting or data."""


@pytest.mark.parametrize("code", codes())
def test_every_code_has_a_page(code: str) -> None:
    page = explain(code)
    assert page.title == CODES[code].title
    assert 60 < len(page.text) < (1400 if code == "PGM0203" else 800)
    assert page.bad.strip()
    assert page.good.strip()
    assert page.bad != page.good
    widest = 120 if code != "PGM0107" else 250  # brackets nested too deeply take their room
    assert all(len(line) <= widest for line in f"{page.text}\n{page.bad}{page.good}".splitlines())
    if page.kind == "console":
        assert page.bad.startswith("$ ")
        assert f"[{code}]" in page.bad
        assert page.good.startswith(("$ ", ">>> "))


def test_codes_of_the_language_have_models() -> None:
    language = {c for c in codes() if c < "PGM0600"}
    assert set(MODEL_CODES) == language - ELSEWHERE


@pytest.mark.parametrize("code", MODEL_CODES)
def test_bad_examples_are_refused_with_their_code(code: str) -> None:
    _, found = compile_collecting(SourceFile("bad.pgm", explain(code).bad))
    assert {d.code for d in found} == {code}, [str(d) for d in found]
    assert all(d.span for d in found)


@pytest.mark.parametrize("code", MODEL_CODES)
def test_good_examples_are_good(code: str) -> None:
    model, found = compile_collecting(SourceFile("good.pgm", explain(code).good))
    assert not found, [str(d) for d in found]
    assert model is not None


@pytest.mark.parametrize("code", MODEL_CODES)
def test_good_examples_are_formatted(code: str) -> None:
    text = explain(code).good
    assert format_source(SourceFile("good.pgm", text)) == text


def test_pages_that_list_what_there_is_list_it_all() -> None:
    assert all(name in explain("PGM0203").text for name in [*FAMILIES, *LEARNED])
    assert all(name in explain("PGM0204").text for name in [*FUNCTIONS, *REDUCTIONS, *MATRIX_FUNCTIONS])
    assert all(name in explain("PGM0211").text for name in [*BLOCKS, *ACTIVATIONS])


def test_codes_may_be_written_short() -> None:
    assert explain("304") == explain("pgm0304") == explain("PGM0304")


def test_unknown_codes_are_answered_with_near_ones() -> None:
    with pytest.raises(PgmError) as caught:
        explain("PGM0340")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "PGM0612"
    assert "PGM03" in diagnostic.help
