"""Every model that must fail, with its whole message. ``pytest --update-golden`` rewrites the expectations."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmlang.diagnostics import CODES, SourceFile
from pgmlang.diagnostics.render import render
from pgmlang.sema import analyse

BAD = Path(__file__).parents[1] / "golden" / "bad"
CASES = sorted(BAD.glob("*.pgm"))


def rendered(path: Path) -> tuple[str, list[str]]:
    compilation = analyse(SourceFile(path.name, path.read_text(encoding="utf-8")))
    return render(list(compilation.diagnostics)), [d.code for d in compilation.diagnostics]


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_message(path: Path, request: pytest.FixtureRequest) -> None:
    text, codes = rendered(path)
    golden = path.with_suffix(".expected")
    if request.config.getoption("--update-golden"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    wanted = path.stem.split("_")[0]
    if wanted.startswith("PGM"):
        assert wanted in codes, f"{path.name} must be refused with {wanted}, got {codes}"
        assert set(codes) == {wanted}, "one mistake gives one kind of error"


def test_every_code_of_the_language_has_a_bad_program() -> None:
    """Codes that no text alone can trigger are listed with the reason."""
    elsewhere = {
        "PGM0108": "bytes, not text",
        "PGM0109": "needs a file of megabytes",
        "PGM0112": "the lexer leaves no invalid number",
        "PGM0206": "needs two files",
        "PGM0210": "needs --set",
        "PGM0316": "golden below",
        "PGM0409": "golden below",
        "PGM0504": "known at the binding",
    }
    covered = {p.stem.split("_")[0] for p in CASES}
    for code in CODES:
        if code < "PGM0600" and code not in elsewhere:
            assert code in covered, f"{code} has no bad program in tests/golden/bad"
