"""Whatever strangers send ends with a documented status and a coded message; the long runs are ``slow``."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmlang.cli.main import COMMANDS
from tests.hostile.command_lines import command_lines, ended_well, world
from tests.hostile.models import tried
from tests.hostile.running import pgmc


@pytest.mark.parametrize(
    "seeds",
    [range(40), pytest.param(range(40, 4_000), marks=[pytest.mark.slow, pytest.mark.timeout(3_600)])],
    ids=["few", "many"],
)
def test_models(seeds: range, tmp_path: Path) -> None:
    for seed in seeds:
        tried(seed, tmp_path, with_fit=False)


@pytest.mark.parametrize(
    "seeds",
    [range(1_000, 1_030), pytest.param(range(1_030, 4_000), marks=[pytest.mark.slow, pytest.mark.timeout(3_600)])],
    ids=["few", "many"],
)
def test_fits(seeds: range, tmp_path: Path) -> None:
    for seed in seeds:
        tried(seed, tmp_path, with_fit=True)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    return world(tmp_path)


@pytest.mark.parametrize("verb", list(COMMANDS))
def test_some_command_lines(verb: str, files: dict[str, str]) -> None:
    """Some of them, from another place for each verb."""
    for arguments in list(command_lines(verb, files))[len(verb) :: 29 if verb == "fit" else 17]:
        end = pgmc(arguments)
        assert not (fault := ended_well(arguments, end)), (arguments, fault, end.stderr[-3000:])


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("verb", list(COMMANDS))
def test_every_command_line(verb: str, files: dict[str, str]) -> None:
    for arguments in command_lines(verb, files):
        end = pgmc(arguments)
        assert not (fault := ended_well(arguments, end)), (arguments, fault, end.stderr[-3000:])
