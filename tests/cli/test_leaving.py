"""The process ends with its status once all is said and tidied up, whatever would befall it while libraries are taken down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FRAIL = """
import atexit, os, sys, threading

class Frail:
    def __del__(self, abort=os.abort):
        abort()

frail = Frail()
sys.argv = ["pgmc", *sys.argv[1:]]
from pgmlang.cli import main as module
run = module.run

def busy(arguments):
    atexit.register(print, "tidied up")
    threading.Timer(0.3, print, ("done in a thread",)).start()
    return run(arguments)

if sys.argv.pop() == "guarded":
    module.run = busy
    module.main()
"""


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", FRAIL, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("argument", "status"), [("--version", 0), ("--nonsense", 64)])
def test_what_aborts_while_libraries_are_taken_down_does_not_change_the_status(argument: str, status: int) -> None:
    done = ended(argument, "guarded")
    assert done.returncode == status, done.stderr
    assert done.stdout.endswith("done in a thread\ntidied up\n")


def test_the_abort_is_one() -> None:
    assert ended("--version", "bare").returncode != 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_cannot_be_written_is_said() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pgmlang", "--version"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env={**os.environ, "PYTHONUNBUFFERED": ""},
        )  # fmt: skip
    assert done.returncode == 74
    assert "no space left" in done.stderr.lower()
