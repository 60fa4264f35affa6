"""Options that several commands share, and the parsing of their values."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import click

from pgmlang.cli.console import choose_quiet, print_diagnostics, say
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.sema.scope import Value
from pgmlang.signatures.arguments import BINDING, READING
from pgmlang.signatures.options import OPTIONS, OptionRow

F = TypeVar("F", bound=Callable[..., Any])


def together(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, shown in the order given."""

    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")
quiet_option = click.option("-q", "--quiet", is_flag=True, callback=choose_quiet, help="No messages but errors.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of random numbers; a drawn one is recorded."
)
settings_option = click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the model's header."
)
fix_option = click.option("--fix", "fixed", multiple=True, metavar="NAME=VALUE", help="Hold a param at a value.")


def _for_columns(name: str, metavar: str, says: str) -> Callable[[F], F]:
    """An option that is given once for each column, or kind of cell, that it is about."""
    return click.option(name, multiple=True, metavar=metavar, help=says)


reading_options = together(
    click.option("--encoding", metavar="NAME", help="Of a text table that is not in UTF-8: `cp1252`, `latin-1`, `utf-16`."),
    click.option("--sep", help="Separator of a text table (default: seen from its header)."),
    _for_columns("--decimal", "[COLUMN=]MARK", "Decimal mark of numbers: `.` (default) or `,`."),
    _for_columns("--thousands", "[COLUMN=]MARK", "Mark between groups of three digits: `,`, `.`, `'` or a blank."),
    _for_columns("--na", "[COLUMN=]TEXT", "A cell that means missing, besides an empty one."),
    click.option("--strip", is_flag=True, help="Labels without stray blanks, in one Unicode form (NFC)."),
    click.option("--fold-case", "fold_case", is_flag=True, help="Labels in lower case: `Male` is `male`."),
    _for_columns("--merge", "[COLUMN:]LABEL=LABEL", "A label read as another."),
    _for_columns("--unit", "COLUMN=TEXT", "A sign or unit around a column's numbers: `price=€`."),
    _for_columns("--accounting", "COLUMN", "Its numbers in parentheses are negative: `(100)` is -100."),
    _for_columns("--magnitudes", "COLUMN", "Its numbers may end in k, M or bn: `2.5k` is 2500."),
    _for_columns("--dates", "COLUMN[=FORMAT]", "Dates as days since 1970-01-01: `day=%d.%m.%Y`."),
    _for_columns("--bins", "COLUMN=HOW",
                 "Cut numbers into labels: `age=5`, `age=width:10`, `age=[18,30,65]`, `age=supervised:TARGET`."),
)  # fmt: skip
binding_options = together(
    reading_options,
    click.option("--missing", type=click.Choice(["latent", "drop", "error"]), default="latent", show_default=True,
                 help="What an empty cell means."),
    click.option("--map", "mapping", multiple=True, metavar="VAR=COLUMN", help="Bind a variable to a column."),
    click.option("--observe", multiple=True, metavar="VAR=VALUE", help="Observe a variable outside of plates."),
    click.option("--hide", multiple=True, metavar="VAR", help="Leave a column unread: its variable is latent."),
    click.option("--counts", metavar="COLUMN", help='A row stands for that many equal rows; a fit keeps it for new rows ("" for none).'),
    click.option("--weights", metavar="COLUMN", help="Weight of a row's log-likelihood; kept likewise."),
)  # fmt: skip


new_labels_option = click.option("--new-labels", "new_labels", type=click.Choice(["error", "prior", "drop"]),
                                 help="A label that the fit has not seen is refused, says nothing, or its row is left out.")  # fmt: skip


METHOD_FLAGS = {name: row for name, row in OPTIONS.items() if row.says}
"""Flags of ``fit`` that are options of methods; a method refuses those that are not its own. Others by ``-O``."""


def _flag_type(row: OptionRow) -> Any:
    if row.choices:
        return click.Choice(row.choices)
    most = None if math.isinf(row.most) else row.most
    if row.kind is int:
        return click.IntRange(int(row.least), most if most is None else int(most))
    return click.FloatRange(row.least, most, min_open=row.is_above)


def method_options(function: F) -> F:
    """``METHOD_FLAGS`` as options, and ``-O NAME=VALUE`` for any."""
    function = click.option(
        "-O",
        "--option",
        "own_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any option of the method; see plan.",
    )(function)
    for name, row in reversed(METHOD_FLAGS.items()):
        function = click.option(f"--{name.replace('_', '-')}", name, type=_flag_type(row), help=row.says)(function)
    return function


def method_options_of(given: dict[str, Any]) -> dict[str, Any]:
    """The method's options among the parsed ones, which they are taken out of. Raises PgmError PGM0612."""
    options = {name: value for name, value in ((n, given.pop(n)) for n in METHOD_FLAGS) if value is not None}
    for name, text in pairs(given.pop("own_options"), "-O").items():
        name = name.replace("-", "_")
        if name in options:
            raise PgmError(Diagnostic("PGM0612", f"`{name}` is given twice", help="give it once"))
        options[name] = _value(text)
    return options


def pairs(items: tuple[str, ...], option: str) -> dict[str, str]:
    """``NAME=VALUE`` options as a dict. Raises PgmError PGM0612."""
    out: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise PgmError(
                Diagnostic("PGM0612", f"`{option} {item}` is not understood", help=f"write `{option} NAME=VALUE`")
            )
        if name.strip() in out:
            raise PgmError(Diagnostic("PGM0612", f"`{option} {name.strip()}` is given twice", help="give it once"))
        out[name.strip()] = value.strip()
    return out


def settings_of(items: tuple[str, ...]) -> dict[str, Value]:
    """Values of ``--set``: numbers and truth values where they look so, else text."""
    return {name: _value(text) for name, text in pairs(items, "--set").items()}


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    return int(text) if number.is_integer() and "." not in text and "e" not in text.lower() else number


def fixed_of(items: tuple[str, ...]) -> dict[str, float]:
    """Values of ``--fix``. Raises PgmError PGM0612 for what is no number."""
    out: dict[str, float] = {}
    for name, text in pairs(items, "--fix").items():
        try:
            out[name] = float(text)
        except ValueError:
            raise PgmError(Diagnostic("PGM0612", f"`--fix {name}={text}`: `{text}` is not a number")) from None
    return out


def mapping_of(items: tuple[str, ...]) -> dict[str, str]:
    """``--map VAR=COLUMN`` options; one that names a file reads such lines (``VAR,COLUMN`` or ``VAR=COLUMN``) from it."""
    from pgmlang.syntax import load_source

    out: dict[str, str] = {}
    for item in items:
        if "=" in item:
            out.update(pairs((item,), "--map"))
            continue
        path = Path(item)
        if not path.is_file():
            raise PgmError(
                Diagnostic(
                    "PGM0612", f"`--map {item}` is neither VAR=COLUMN nor a file", help="write `--map y=score`"
                )
            )
        for line in load_source(path).text.splitlines():
            name, mark, column = line.partition("=" if "=" in line else ",")
            if mark:
                out[name.strip()] = column.strip()
    return out


def tables_of(arguments: tuple[str, ...], plates: Collection[str], variables: Collection[str] = ()) -> Any:
    """Data arguments: one path, or ``plate=path`` for several tables; beside either ``variable=path`` for tables of ``variables``, by
    their names, the one path then without any."""
    if not arguments:
        return None
    named: dict[str, str] = {}
    plain: list[str] = []
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if equals and name in {*plates, *variables} and not Path(argument).exists():
            named[name] = path
        else:
            plain.append(argument)
    if plain and (set(named) & set(plates) or len(plain) > 1):
        raise PgmError(
            Diagnostic(
                "PGM0714",
                "with several tables, say which is whose",
                help="write `token=words.csv doc=docs.csv`; the model's plates: " + ", ".join(sorted(plates)),
            )
        )
    return {**({"": plain[0]} if plain else {}), **named} if named else plain[0]


def refuse_options_without_data() -> None:
    """Raises UsageError for an option that says how data are read, where a command was given none."""
    context = click.get_current_context()
    for option in context.command.params:
        is_said = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
        if option.name in BINDING and is_said:
            raise click.UsageError(f"`{option.opts[0]}` says how data are read, and none are given")


def binding_of(given: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments for ``bind_data`` from the parsed options."""
    weighed = {name: given[name] for name in ("counts", "weights") if given[name] is not None}
    return {
        "sep": given["sep"],
        **{name: given[name] for name in READING},
        "missing": given["missing"],
        "mapping": mapping_of(given["mapping"]),
        "observe": pairs(given["observe"], "--observe"),
        "hide": given["hide"],
        **weighed,
    }


def say_reading(binding: Any, quiet: bool, *, is_weighed: bool = False) -> None:
    """What the options of reading, or those that a fit keeps, did to the cells, and by which column of a fit rows count.
    ``is_weighed``: the answer hangs on how often rows count, so that a column which these data lack is warned of."""
    from pgmlang.binding.report import reading_lines, weight_lines, weight_warnings

    for line in (*reading_lines(binding), *weight_lines(binding)):
        say(line, quiet)
    if is_weighed and not quiet:
        print_diagnostics(weight_warnings(binding))
