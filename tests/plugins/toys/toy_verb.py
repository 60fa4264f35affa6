"""A verb: how many factors a model has."""

from __future__ import annotations

import click

from pgmlang import compile


@click.command()
@click.argument("model")
def count(model: str) -> int:
    """Count a model's factors."""
    click.echo(f"{len(compile(model).model.factors)} factors")
    return 0
