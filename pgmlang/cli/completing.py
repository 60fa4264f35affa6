"""What a shell is offered for an argument: models, tables and fits of the folder, names of a model, of methods, of columns."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, split_arg_string

TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".arrow", ".feather", ".gz")
MODEL_ENDINGS = (".pgm", ".bif", ".uai", ".json")


def _paths(incomplete: str, endings: tuple[str, ...], with_fits: bool) -> list[CompletionItem]:
    """Files with these endings, fits, and other folders to look into."""
    folder, _, begun = incomplete.rpartition("/")
    place = Path(folder or ("/" if incomplete.startswith("/") else "."))
    lead = f"{folder}/" if folder or incomplete.startswith("/") else ""
    items = []
    try:
        entries = sorted(place.iterdir())
    except OSError:
        return []
    for path in entries:
        if not path.name.startswith(begun) or (path.name.startswith(".") and not begun):
            continue
        is_fit = path.is_dir() and (path / "fit.json").is_file()
        if path.is_dir() and not is_fit:
            items.append(CompletionItem(f"{lead}{path.name}/"))
        elif (is_fit and with_fits) or (not is_fit and path.name.endswith(endings)):
            items.append(CompletionItem(f"{lead}{path.name}"))
    return items


def sources(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Fits, models and networks."""
    return _paths(incomplete, MODEL_ENDINGS, True)


def models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Models."""
    return _paths(incomplete, MODEL_ENDINGS, False)


def tables(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Tables of data."""
    return _paths(incomplete, TABLE_ENDINGS, False)


def methods(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Methods of fit."""
    from pgmlang.plan.registry import METHODS

    return _beginning(["auto", *METHODS], incomplete)


def plot_kinds(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Kinds of pictures."""
    from pgmlang.plots.registry import KINDS

    return _beginning(KINDS, incomplete)


def example_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from pgmlang.resources import example_names as names

    return _beginning(names(), incomplete)


def help_words(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Verbs, topics and all that has a page."""
    from pgmlang.cli.topics import topic_names
    from pgmlang.cli.verbs import COMMANDS

    return _beginning([*COMMANDS, *topic_names()], incomplete)


def variables(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the model, or of the fit's, that the line names; after a comma the next one."""
    before, comma, begun = incomplete.rpartition(",")
    return [CompletionItem(f"{before}{comma}{n}") for n in _names() if n.startswith(begun)]


def columns(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Columns of the first table that the line names."""
    path = next((w for w in _typed() if w.endswith((".csv", ".tsv", ".txt")) and Path(w).is_file()), None)
    if path is None:
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        header = file.readline().strip()
    separator = max(",;\t", key=header.count)
    return _beginning([name.strip('"') for name in header.split(separator)], incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(n) for n in names if n.startswith(incomplete)]


def _typed() -> list[str]:
    """The words of the line: click knows no arguments of one that ends in an option without its value."""
    return split_arg_string(os.environ.get("COMP_WORDS", ""))


def _names() -> list[str]:
    from pgmlang.diagnostics import PgmError
    from pgmlang.sema import analyse
    from pgmlang.syntax import load_source

    places = [Path(w) / "model.pgm" if Path(w).is_dir() else Path(w) for w in _typed()]
    path = next((p for p in places if p.suffix == ".pgm" and p.is_file()), None)
    if path is None:
        return []
    try:
        model = analyse(load_source(path)).model
    except PgmError:
        return []  # the command itself will say what is wrong
    return [v.name for v in model.variables] if model is not None else []


ARGUMENTS: dict[str, Any] = {
    "source": sources, "fits": sources, "model": models, "models": models, "data": tables, "kind": plot_kinds,
    "name": example_names, "words": help_words,
}  # fmt: skip
"""By the name of an argument."""
OPTIONS: dict[str, Any] = {
    "method": methods, "targets": variables, "variables": variables, "hide": variables, "observed": variables,
    "counts": columns, "weights": columns, "data": tables, "replicate": tables,
}  # fmt: skip
"""By the name of an option's parameter."""


def complete_all(command: click.Command) -> None:
    """Gives the arguments and options of a command what completes them."""
    for parameter in command.params:
        rows = ARGUMENTS if isinstance(parameter, click.Argument) else OPTIONS
        completing = rows.get(parameter.name or "")
        if completing is not None and type(parameter.type) is type(click.STRING):
            parameter._custom_shell_complete = completing
