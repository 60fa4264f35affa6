"""What ``pgmc help`` says of an option of verbs: made of the verbs, each with the others that have it."""

from __future__ import annotations

from collections.abc import Mapping

import click

Flags = Mapping[str, list[tuple[str, click.Option]]]
"""By name without dashes: the verbs that have an option, and what each has."""


def flags_of(commands: Mapping[str, click.Command]) -> Flags:
    """The options of commands by verb that have a long name."""
    out: dict[str, list[tuple[str, click.Option]]] = {}
    for verb, command in commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                for spelling in (*parameter.opts, *parameter.secondary_opts):
                    if spelling.startswith("--"):
                        out.setdefault(spelling.removeprefix("--"), []).append((verb, parameter))
    return out


def flag_page(word: str, flags: Flags) -> str | None:
    """What an option means (``--counts``, ``counts``), a paragraph for each meaning; None where no verb has it."""
    by_text: dict[tuple[str, str], list[str]] = {}
    for verb, option in flags.get(word.removeprefix("--"), ()):
        with click.Context(click.Command(verb)) as context:
            shown = option.get_help_record(context)
        if shown is not None:
            by_text.setdefault(shown, []).append(verb)
    return "\n\n".join(f"{name}: {says}\nof {', '.join(verbs)}" for (name, says), verbs in by_text.items()) or None
