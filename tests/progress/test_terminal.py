"""What a person sees: a terminal of 60 columns, drawn by an emulator of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect")
pyte = pytest.importorskip("pyte")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STEPS = """
import time
from pgmlang.progress.terminal import live_view
print("before")
with live_view() as watch:
    watch.say("plan      hmc for mu")
    for i in range(1, 41):
        time.sleep(0.03)
        watch.show(i, -100.0 / i, label="log-density", total=60, figures=lambda: {"R-hat": 1.002})
        END
print("after")
"""


class Terminal:
    """A process in a terminal, and what has been on the screen."""

    def __init__(self, command: list[str], folder: Path, columns: int = 60, **env: str) -> None:
        self.screen = pyte.Screen(columns, 30)
        self.stream = pyte.ByteStream(self.screen)
        plain = {
            k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
        }
        root = str(Path(__file__).resolve().parents[2])
        self.child = pexpect.spawn(
            command[0], command[1:], cwd=str(folder), dimensions=(30, columns), timeout=60,
            env=plain | {"TERM": "xterm-256color", "PYTHONPATH": root} | env,
        )  # fmt: skip
        self.screens: list[list[str]] = []
        self.raw = b""

    def watch(self, until: str = "", seconds: float = 60.0) -> list[str]:
        """The screen at the end, or once a text is on it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                data = self.child.read_nonblocking(1 << 16, timeout=0.05)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                self.child.close()
                return self.lines()
            self.raw += data
            self.stream.feed(data)
            self.screens.append(self.lines())
            if until and any(until in line for line in self.lines()):
                return self.lines()
        raise AssertionError(f"no end, and no `{until}`: {self.lines()}")

    def lines(self) -> list[str]:
        text = [line.rstrip() for line in self.screen.display]
        while text and not text[-1]:
            text.pop()
        return text


def test_the_view_stays_in_its_lines_and_leaves_one(tmp_path: Path) -> None:
    terminal = Terminal([sys.executable, "-c", STEPS.replace("END", "pass")], tmp_path)
    told = terminal.watch()
    assert told[:2] == ["before", "plan      hmc for mu"]
    assert told[2].startswith("40 iterations in ")
    assert "R-hat" not in told[2]
    assert any("R-hat 1.002" in line for screen in terminal.screens for line in screen)
    assert told[3:] == ["after"]
    seen = [s for s in terminal.screens if any("of 60" in line for line in s)]
    assert seen
    for screen in seen:
        # nothing scrolls: what stood above stands there, and the view is three lines below
        assert screen[:2] == ["before", "plan      hmc for mu"]
        assert len(screen) <= 5
    assert not terminal.screen.cursor.hidden
    # lines are written over, the screen is never cleared
    assert b"\x1b[2J" not in terminal.raw


@pytest.mark.parametrize("fault", ["raise KeyboardInterrupt", "raise ValueError", "raise SystemExit(3)"])
def test_whatever_ends_it_the_terminal_is_clean(fault: str, tmp_path: Path) -> None:
    terminal = Terminal([sys.executable, "-c", STEPS.replace("END", f"if i == 20: {fault}")], tmp_path)
    told = terminal.watch()
    assert not terminal.screen.cursor.hidden
    assert not any("of 60" in line for line in told)


def test_a_command_refused_in_colour_or_plain(tmp_path: Path) -> None:
    (tmp_path / "bad.pgm").write_text("a ~ Norml(0, 1)\n")
    command = [sys.executable, "-m", "pgmlang", "check", "bad.pgm"]

    def raw(*more: str, **env: str) -> bytes:
        terminal = Terminal([*command, *more], tmp_path, **env)
        terminal.watch()
        return terminal.raw

    assert b"\x1b[1;31m" in raw()
    assert b"\x1b[" not in raw("--color", "never")
    assert b"\x1b[" not in raw(NO_COLOR="1")
    assert b"\x1b[" not in raw(TERM="dumb")
    assert b"\x1b[1;31m" in raw("--color=always", NO_COLOR="1")


@pytest.mark.slow
def test_a_fit_is_stopped_and_keeps_what_was_done(tmp_path: Path) -> None:
    files = [str(EXAMPLES / "schools" / f"schools.{e}") for e in ("pgm", "csv")]
    command = [sys.executable, "-m", "pgmlang", "fit", *files, "--draws", "100000", "--seed", "1", "-o", "s.fit"]
    terminal = Terminal(command, tmp_path)
    terminal.watch("R-hat")
    terminal.child.kill(signal.SIGINT)
    told = terminal.watch()
    assert terminal.child.exitstatus == 130
    assert not any(" of 100,500" in line for line in told)
    assert not terminal.screen.cursor.hidden
    assert (tmp_path / "s.fit" / "fit.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("env", [{"CI": "true"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_plain_lines_elsewhere(env: dict[str, str], tmp_path: Path) -> None:
    files = [str(EXAMPLES / "kidiq" / f"kidiq.{e}") for e in ("pgm", "csv")]
    command = [sys.executable, "-m", "pgmlang", "fit", *files, "--method", "map", "--seed", "1", "-o", "k.fit"]
    terminal = Terminal(command, tmp_path, **env)
    assert any(line.startswith("iteration ") for line in terminal.watch())
    assert b"\x1b[?25l" not in terminal.raw
