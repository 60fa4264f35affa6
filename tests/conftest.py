"""Options and fixtures of the whole suite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # before torch is imported: two workers with all cores each are slower than one
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

LONG_CASES = frozenset((Path(__file__).parent / "long_cases.txt").read_text(encoding="utf-8").splitlines())
"""Cases of several seconds whose kin run every day: slow ones."""
COLLECTED = pytest.StashKey[frozenset[str]]()
"""The cases that there are, of the files that were asked for."""
NO_REFERENCES = "no reference data beside this checkout"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected outputs")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the `LONG_CASES`, before those are left out that are slow."""
    config.stash[COLLECTED] = frozenset(i.nodeid.removeprefix("tests/") for i in items)
    for item in items:
        if item.nodeid.removeprefix("tests/") in LONG_CASES:
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Reference tests that were skipped for want of data prove nothing: say so where it is read."""
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if NO_REFERENCES in str(r.longrepr)]
    if skipped:
        terminalreporter.section("reference data", yellow=True)
        terminalreporter.line(
            f"{len(skipped)} tests against published references were NOT run: {NO_REFERENCES} (../shared/data)"
        )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data beside a checkout; tests that need it skip where there is none, and the summary says how many."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(NO_REFERENCES)
    return folder


@pytest.fixture(autouse=True)
def _fresh_command_line() -> Iterator[None]:
    """A command that a test ran within the process (``--quiet``, ``--color``) leaves nothing to the next test."""
    yield
    from pgmlang.cli.console import begin_run

    begin_run()
