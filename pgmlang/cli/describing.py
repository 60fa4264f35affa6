"""Commands that look at a table alone: describe and init."""

from __future__ import annotations

import shlex
from typing import Any

import click

from pgmlang.cli.console import print_json, print_result, say, write_text
from pgmlang.cli.options import json_option, quiet_option, reading_options


@click.command()
@click.argument("data")
@reading_options
@json_option
def describe(data: str, sep: str | None, as_json: bool, **given: Any) -> None:
    """What a table holds: the kind, labels or range and missing cells of every column, and remarks with the option that
    mends each.
    """
    from pgmlang.data import read_frame
    from pgmlang.profile import describe as described

    frame = read_frame(data, sep=sep, **given)
    frame.reading.check_columns(frame.columns, frame.name)
    description = described(frame)
    if as_json:
        print_json(description.to_dict())
    else:
        print_result(description)


@click.command()
@click.argument("data")
@click.option("-o", "--output", default="-", show_default=True, help="Where to write the model.")
@click.option(
    "--target", help="A column to predict: a regression of numbers, counts or scales, a classifier of labels."
)
@click.option("--classifier", type=click.Choice(["logistic", "naive-bayes"]), default="logistic", show_default=True,
              help="For a target of labels.")  # fmt: skip
@click.option("--name", help="The model's name (default: the file's).")
@click.option(
    "--as-is", is_flag=True, help="Read the cells as they stand, without the options that `describe` is sure of."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@reading_options
@quiet_option
def init(
    data: str, output: str, target: str | None, classifier: str, name: str | None, as_is: bool, force: bool,
    sep: str | None, quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Write a first model from a table: each column by its kind, or with --target a regression or classifier of it. What
    `describe` is sure of is taken into account, and said, with the command that fits the model so.
    """
    from pgmlang.api import init as first_model_of

    made = first_model_of(data, target, classifier=classifier, name=name, as_is=as_is, sep=sep, **given)
    write_text(output, made.text, force)
    for line in made.notes:
        say(f"read      {line}", quiet)
    for line in made.doubts:
        say(f"unsure    {line}", quiet)
    say(f"{'wrote ' + output + ': ' if output != '-' else ''}{made.says}", quiet)
    if made.method != "auto":
        say(
            "fitted by the most probable values (`--method map`): draws (`--method hmc`) would take minutes",
            quiet,
        )
    model = "MODEL.pgm" if output == "-" else output
    say(f"next: pgmc fit {shlex.quote(model)} {shlex.quote(data)} {made.flags}".rstrip(), quiet)
