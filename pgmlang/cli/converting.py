"""The convert command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgmlang.cli.console import ending_of, say, write_text
from pgmlang.cli.options import quiet_option, settings_option
from pgmlang.cli.sources import asked_of, is_network_file, read_network

if TYPE_CHECKING:
    from pgmlang.gaussian import GaussianNetwork
    from pgmlang.tables import DiscreteNetwork


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@settings_option
@quiet_option
def convert(source: str, target: str, force: bool, settings: tuple[str, ...], quiet: bool) -> None:
    """Convert SOURCE (.pgm, fit folder, .bif, .uai, .json, also .gz) to TARGET (.pgm, .bif, .uai, .json); numbers stay exact.

    \b
    .json holds Gaussian networks as pgmpy writes them; .pgm takes all.
    """
    from pgmlang.formats import gaussian_to_pgm, network_to_pgm, write_bif, write_gaussian_json, write_uai
    from pgmlang.formats.checks import cannot_say
    from pgmlang.gaussian import GaussianNetwork

    ending = ending_of(target, ("pgm", "bif", "uai", "json"))
    network = _network_of(source, settings)
    name = Path(source).name
    if isinstance(network, GaussianNetwork):
        if ending in ("bif", "uai"):
            message = f"`{network.numbers[0]}` is a number, and {ending.upper()} holds tables of labels"
            raise cannot_say(message, "write a `.pgm`" + ("" if network.discrete.variables else " or a `.json`"))
        text = (
            gaussian_to_pgm(network, name.split(".")[0], name) if ending == "pgm" else write_gaussian_json(network)
        )
        count, cells = _size_of(network)
    else:
        if ending == "json":
            raise cannot_say(
                "this JSON holds Gaussian networks, and every variable is discrete",
                "write `.pgm`, `.bif` or `.uai`",
            )
        if ending == "pgm":
            text = network_to_pgm(network, name.split(".")[0], origin=name)
        else:
            text = write_bif(network) if ending == "bif" else write_uai(network)
        count, cells = len(network.variables), sum(f.values.size for f in network.factors)
    write_text(target, text, force)
    what = "numbers" if isinstance(network, GaussianNetwork) else "cells"
    say(f"wrote {target}: {count:,} variables, {cells:,} {what}", quiet)


def _network_of(source: str, settings: tuple[str, ...]) -> DiscreteNetwork | GaussianNetwork:
    """The network of a file, or of a row of a model or a fit. Raises PgmError."""
    if is_network_file(source):
        return read_network(source)
    posterior = asked_of(source, settings).posterior
    if posterior.reasons_against_tables and not posterior.reasons_against_gaussian:
        return posterior.gaussian_answers.network
    return posterior.tables.network


def _size_of(network: GaussianNetwork) -> tuple[int, int]:
    """Variables, and the numbers that their tables and conditionals have."""
    of_conditionals = (x.size for c in network.conditionals for x in (c.intercept, c.coefficients, c.sd))
    cells = sum(f.values.size for f in network.discrete.factors) + sum(of_conditionals)
    return len(network.discrete.variables) + len(network.numbers), cells
