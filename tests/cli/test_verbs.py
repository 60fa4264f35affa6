"""Each verb's help ends with two examples, and they run; help has a page for every name of the registries."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from pgmlang.cli.main import COMMANDS, cli, run
from pgmlang.cli.topics import TOPICS, topic_names
from pgmlang.cli.verbs import GROUPS, OTHER_WORDS
from pgmlang.diagnostics.codes import CODES
from pgmlang.resources import example_files, example_names
from tests.cli.conftest import EXAMPLES, Run


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A folder where commands are typed, and those typed already."""
    return tmp_path_factory.mktemp("world"), set()


@pytest.mark.parametrize(
    "verb", [pytest.param(v, marks=pytest.mark.slow if row.is_slow else ()) for v, row in COMMANDS.items()]
)
def test_examples_run(
    verb: str, world: tuple[Path, set[str]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, typed = world
    monkeypatch.chdir(folder)
    told = help_of(verb)
    lines = [line for line in COMMANDS[verb].first if line not in typed] + list(COMMANDS[verb].examples)
    for line in lines:
        assert line in told
        program, *words = shlex.split(line)
        assert program == "pgmc"
        # what another verb's example wrote is not in the way
        force = ["--force"] if line in typed and words[0] in ("examples", "fit", "init", "compile") else []
        status = run([*words, *force] if "-o" in words or "--copy" in words or words[0] == "fit" else words)
        assert status == 0, f"{line}: {capfd.readouterr().err}"
        typed.add(line)
    assert told.rstrip().endswith(COMMANDS[verb].examples[-1])


def help_of(verb: str) -> str:
    with click.Context(cli, info_name="pgmc") as above:
        command = cli.get_command(above, verb)
        assert command is not None
        with click.Context(command, info_name=verb, parent=above) as context:
            return command.get_help(context)


def test_every_verb_is_quiet_and_coloured() -> None:
    for verb in COMMANDS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        names = [name for p in command.params for name in p.opts]
        assert {"--quiet", "--color"} <= set(names), verb
        assert len(names) == len(set(names)), verb


def test_the_top_help_names_every_verb_in_its_group(pgmc: Run) -> None:
    told = pgmc("--help").stdout
    for group, title in GROUPS.items():
        section = told.split(f"\n{title}:\n")[1].split("\n\n")[0]
        for verb, row in COMMANDS.items():
            assert bool(re.search(rf"^  {verb} ", section, re.MULTILINE)) == (row.group == group)


def test_every_name_has_a_page(capfd: pytest.CaptureFixture[str]) -> None:
    for name in [*topic_names(), *CODES, *COMMANDS]:
        assert run(["help", name]) == 0, name
        assert name.lower() in capfd.readouterr().out.lower() or name in TOPICS


@pytest.mark.parametrize("word", ["dates", "counts", "--hide", "evidence", "P", "E", "MAP", "do"])
def test_options_of_verbs_and_words_of_questions_have_a_page(word: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["help", word]) == 0
    assert word in capfd.readouterr().out


def test_names_near_by_are_asked_for(pgmc: Run, tmp_path: Path) -> None:
    assert "did you mean `Normal`" in pgmc("help", "Norml").stderr
    assert "did you mean `query`?" in pgmc("qery").stderr
    assert "'--seed'" in pgmc("fit", "--sed", "1", "a", "b").stderr
    for word, verb in OTHER_WORDS.items():
        assert verb in COMMANDS
        assert word not in COMMANDS
    assert "did you mean `fit`?" in pgmc("train").stderr
    (tmp_path / "m.pgm").write_text("a ~ Normal(0, 1)\n")
    assert "pgmc fit m.pgm DATA" in pgmc("m.pgm").stderr


def test_examples_are_shown_and_copied(pgmc: Run, tmp_path: Path) -> None:
    listed = pgmc("examples").stdout
    for name in example_names():
        assert name in listed
        shown = pgmc("examples", name).stdout
        assert all(re.search(r"^    \S", part, re.MULTILINE) for part in shown.split("\n\n")[1:]), name
    done = pgmc("examples", "titanic", "--copy", "new/folder")
    assert done.returncode == 0
    copied = {p.name for p in (tmp_path / "new" / "folder" / "titanic").iterdir()}
    assert copied == set(example_files("titanic")) == {"titanic.pgm", "titanic.csv", "README.md"}
    again = pgmc("examples", "titanic", "--copy", "new/folder")
    assert again.returncode != 0
    assert "--force" in again.stderr
    assert pgmc("examples", "titanic", "--copy", "new/folder", "--force").returncode == 0
    assert "did you mean `titanic`?" in pgmc("examples", "titnic").stderr


def test_every_folder_of_examples_has_a_story() -> None:
    for name in example_names():
        files = example_files(name)
        assert "README.md" in files
        assert any(f.endswith(".pgm") for f in files)
        assert (EXAMPLES / name).is_dir()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(shell: str, pgmc: Run) -> None:
    done = pgmc("completion", shell)
    assert "_PGMC_COMPLETE" in done.stdout
    assert "for good" in done.stderr
