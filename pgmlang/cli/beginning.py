"""Commands to begin with: examples, help and completion."""

from __future__ import annotations

import re
from pathlib import Path

import click

from pgmlang.cli.console import cannot_write, print_json, print_styled, say
from pgmlang.cli.options import json_option, quiet_option
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean

EVERY = "."
"""``--copy`` without a folder."""
SHOWN_ROWS = 4


@click.command()
@click.argument("name", required=False)
@click.option("--copy", is_flag=False, flag_value=EVERY, metavar="[FOLDER]",
              help="Copy the example, a folder of its name, into FOLDER (default: here); without NAME, all of them.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace files that are there.")
@json_option
@quiet_option
def examples(name: str | None, copy: str | None, force: bool, as_json: bool, quiet: bool) -> None:
    """List the examples: a model, data and commands each. With NAME: show it; with --copy: take its files."""
    from pgmlang.resources import example_names

    names = example_names()
    if name is not None and name not in names:
        cure = did_you_mean(name, names) or "`pgmc examples` lists them"
        raise PgmError(Diagnostic("PGM0612", f"there is no example `{name}`", help=cure))
    if copy is not None:
        for chosen in names if name is None else [name]:
            _copy(chosen, Path(copy), force)
        folder = Path(copy) / name if name else Path(copy)
        say(f"wrote {folder}; next: " + (f"pgmc examples {name}" if name else "pgmc examples NAME"), quiet)
    elif as_json:
        print_json([_record(n) for n in (names if name is None else [name])])
    elif name is None:
        width = max(map(len, names))
        for each in names:
            click.echo(f"{each:<{width}}  {_title(each)}")
        say("\nshow one: pgmc examples titanic; take its files: pgmc examples titanic --copy", quiet)
    else:
        _show(name)


def _text(name: str, file: str) -> str:
    from pgmlang.resources import example_files

    return example_files(name)[file].read_text(encoding="utf-8")


def _title(name: str) -> str:
    """The heading of an example's story."""
    return _text(name, "README.md").split("\n", 1)[0].removeprefix("# ")


def _commands(name: str) -> list[str]:
    """What its story types in ``console`` fences, to be typed in its folder."""
    return re.findall(r"^\$ (pgmc .*)$", re.sub(r" \\\n +", " ", _text(name, "README.md")), re.MULTILINE)


def _record(name: str) -> dict[str, object]:
    from pgmlang.resources import example_files

    return {"name": name, "title": _title(name), "files": list(example_files(name)), "commands": _commands(name)}


def _show(name: str) -> None:
    """The title, models, first rows of the data and the commands."""
    from pgmlang.resources import example_files

    print_styled(_title(name), bold=True)
    files = example_files(name)
    models = [f for f in files if f.endswith(".pgm")]
    for file in models if len(models) < 4 else []:
        _head(file)
        click.echo(_indented(_text(name, file)))
    if len(models) >= 4:
        _head("models")
        click.echo("\n".join(f"    {f:<16}  {_first_comment(_text(name, f))}" for f in models))
    for file in (f for f in files if f.endswith(".csv")):
        rows = _text(name, file).splitlines()
        _head(f"{file}: {len(rows) - 1:,} rows")
        click.echo("\n".join(f"    {_cut(row)}" for row in rows[: SHOWN_ROWS + 1]))
    _head("to type")
    lines = [f"pgmc examples {name} --copy", f"cd {name}", *_commands(name)]
    click.echo("\n".join(f"    {line}" for line in lines))


def _head(text: str) -> None:
    print_styled(f"\n{text}", fg="cyan")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.strip("\n").splitlines())


def _first_comment(text: str) -> str:
    return text.split("\n", 1)[0].removeprefix("#").strip()


def _cut(row: str, width: int = 76) -> str:
    return row if len(row) <= width else f"{row[: width - 1]}…"


def _copy(name: str, into: Path, force: bool) -> None:
    """Raises PgmError PGM0902 where one of the files is there already, PGM0901 where it cannot be written."""
    from pgmlang.resources import example_files

    files = example_files(name)
    folder = into / name
    there = next((folder / f for f in files if (folder / f).exists()), None)
    if there is not None and not force:
        raise PgmError(Diagnostic("PGM0902", f"`{there}` exists already", help="give `--force` to replace it"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content.read_bytes())
    except OSError as error:
        raise cannot_write(folder, error) from None


@click.command("help", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="[VERB | NAME | CODE | TOPIC]")
@click.pass_context
def help_(context: click.Context, words: tuple[str, ...]) -> None:
    """Help on a verb, a family, a function, a method, an option of methods, an error code or a topic."""
    from pgmlang.cli.flags import flag_page, flags_of
    from pgmlang.cli.main import cli
    from pgmlang.cli.topics import TOPICS, page, topic_names

    above = context.parent or context
    if not words:
        click.echo(cli.get_help(above))
        width = max(map(len, TOPICS))
        click.echo("\nTopics (pgmc help TOPIC):")
        click.echo("\n".join(f"  {name:<{width}}  {topic.says}" for name, topic in TOPICS.items()))
        return
    word = " ".join(words)
    command = cli.get_command(above, word)
    if command is not None:
        with click.Context(command, info_name=word, parent=above) as inner:
            click.echo(command.get_help(inner))
        return
    text = page(word)
    if text is None:
        commands = {name: cli.get_command(above, name) for name in cli.list_commands(above)}
        flags = flags_of({name: one for name, one in commands.items() if one is not None})
        text = flag_page(word, flags)
    if text is None:
        known = [*cli.list_commands(above), *topic_names(), *flags]
        cure = did_you_mean(word, known) or f"`pgmc help` lists verbs and topics: {', '.join(TOPICS)}"
        raise PgmError(Diagnostic("PGM0612", f"there is no help on `{word}`", help=cure))
    click.echo(text)


INSTALL = {
    "bash": "echo 'eval \"$(pgmc completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(pgmc completion zsh)\"' >> ~/.zshrc",
    "fish": "pgmc completion fish > ~/.config/fish/completions/pgmc.fish",
}
"""What makes each shell read it for good."""


@click.command()
@click.argument("shell", type=click.Choice(list(INSTALL)))
@quiet_option
def completion(shell: str, quiet: bool) -> None:
    """Print what makes a shell complete pgmc's verbs, options, methods, models, fits and names.

    \b
    bash: echo 'eval "$(pgmc completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(pgmc completion zsh)"' >> ~/.zshrc
    fish: pgmc completion fish > ~/.config/fish/completions/pgmc.fish
    """
    from click.shell_completion import get_completion_class

    from pgmlang.cli.main import COMPLETING, cli

    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(cli, {}, "pgmc", COMPLETING).source())
    say(f"# for good: {INSTALL[shell]}", quiet)
