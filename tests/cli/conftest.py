"""Running ``pgmc`` as a process, as users do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def pgmc(tmp_path: Path) -> Run:
    """Runs ``pgmc ARGS`` in an empty folder; checks that no traceback is ever shown."""

    def run(
        *arguments: object, stdin: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pgmlang.cli.main", *map(str, arguments)],
            cwd=tmp_path, input=stdin, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode != 70, f"internal error: {done.stderr}"
        return done

    return run
