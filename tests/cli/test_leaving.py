"""The process ends with its status once all is said, whatever threads of libraries still do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BUSY = """
import atexit, sys, threading, time
threading.Thread(target=time.sleep, args=(300,)).start()
atexit.register(print, "tidied up")
sys.argv = ["pgmc", *sys.argv[1:]]
from pgmlang.cli.main import main
main()
"""


@pytest.mark.parametrize(("argument", "status"), [("--version", 0), ("--nonsense", 64)])
def test_a_busy_thread_is_not_waited_for(argument: str, status: int) -> None:
    done = subprocess.run([sys.executable, "-c", BUSY, argument], capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert done.stdout.endswith("tidied up\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_cannot_be_written_is_said() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pgmlang", "--version"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env={**os.environ, "PYTHONUNBUFFERED": ""},
        )  # fmt: skip
    assert done.returncode == 74
    assert "no space left" in done.stderr.lower()
