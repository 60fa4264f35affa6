"""A page a verb of ``pgmc``, from its click command: what ``pgmc VERB --help`` says."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import click

from pgmlang.cli.main import Commands, cli
from pgmlang.cli.verbs import COMMANDS, GROUPS


def command(verb: str) -> click.Command:
    found = Commands("pgmc").get_command(click.Context(cli, info_name="pgmc"), verb)
    assert found is not None
    return found


def pages() -> dict[str, str]:
    return {"commands/index.md": index()} | {f"commands/{verb}.md": page(verb) for verb in COMMANDS}


def index() -> str:
    tables = []
    for group, title in GROUPS.items():
        rows = [f"| [`pgmc {v}`]({v}.md) | {escaped(c.says)} |" for v, c in COMMANDS.items() if c.group == group]
        tables.append(f"## {title}\n\n| | |\n| --- | --- |\n" + "\n".join(rows))
    tree = "\n".join(COMMANDS)
    return (
        "# Commands\n\nEvery verb of `pgmc`; `pgmc VERB --help` says the same in the terminal. Results go to stdout, messages "
        + "to stderr.\n\n"
        + "\n\n".join(tables)
        + "\n\nWhat a verb prints with `--json` and its exit status are in "
        f"[fits](../../fits.md) and [errors](../errors/index.md).\n\n```{{toctree}}\n:hidden:\n:titlesonly:\n\n{tree}\n```\n"
    )


def page(verb: str) -> str:
    one = command(verb)
    context = click.Context(one, info_name=f"pgmc {verb}", parent=None)
    parts = [
        f"# pgmc {verb}",
        prose(one.help or COMMANDS[verb].says),
        f"```sh\n{one.get_usage(context).removeprefix('Usage: ')}\n```",
    ]
    rows = [option_row(p, context) for p in one.params if isinstance(p, click.Option) and not p.hidden]
    if rows:
        parts.append("## Options\n\n" + "\n\n".join(rows))
    row = COMMANDS[verb]
    if row.first:
        parts.append("## Examples\n\nOnce, to have the files:\n\n" + listing(row.first))
        parts.append("And then:\n\n" + listing(row.examples))
    else:
        parts.append("## Examples\n\n" + listing(row.examples))
    return "\n\n".join(parts) + "\n"


def listing(lines: Iterable[str]) -> str:
    return "```sh\n" + "\n".join(lines) + "\n```"


def option_row(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None
    flags, text = record
    kind = {"INTEGER RANGE": "N", "INTEGER": "N", "FLOAT RANGE": "NUMBER", "FLOAT": "NUMBER"}
    for clicks, ours in kind.items():
        flags = flags.replace(clicks, ours)
    return f"`{flags}`\n: {escaped(text)}"


def escaped(text: str) -> str:
    return (
        text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_").replace("[", "\\[")
    )


def prose(text: str) -> str:
    """Click's text: paragraphs; those that begin with a backspace stand as they are written."""
    blocks = []
    for block in inspect.cleandoc(text).replace("\r", "").split("\n\n"):
        lines = block.strip("\n").split("\n")
        if lines[0].strip() == "\b":
            blocks.append("```sh\n" + inspect.cleandoc("\n".join(lines[1:])) + "\n```")
        else:
            blocks.append(escaped(" ".join(line.strip() for line in lines)))
    return "\n\n".join(blocks)
