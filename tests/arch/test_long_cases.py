"""The list of long cases names cases that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import COLLECTED, LONG_CASES

TESTS = Path(__file__).resolve().parents[1]


def test_the_functions_are_there() -> None:
    for case in LONG_CASES:
        path, name = case.split("::")[:2]
        text = (TESTS / path).read_text(encoding="utf-8")
        assert re.search(rf"^def {re.escape(name.partition('[')[0])}\(", text, re.MULTILINE), case


def test_the_cases_are_there(request: pytest.FixtureRequest) -> None:
    """Of the files that this run has collected whole."""
    config = request.config
    if any("::" in a for a in config.args) or config.option.lf:
        pytest.skip("parts of files were asked for")
    collected = config.stash[COLLECTED]
    files = {case.partition("::")[0] for case in collected}
    assert not {case for case in LONG_CASES if case.partition("::")[0] in files} - collected
