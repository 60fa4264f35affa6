"""The convert command."""

from __future__ import annotations

from pathlib import Path

import click

from pgmlang.cli.console import ending_of, say, write_text
from pgmlang.cli.options import quiet_option, settings_option
from pgmlang.cli.sources import asked_of, is_network_file, read_network


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@settings_option
@quiet_option
def convert(source: str, target: str, force: bool, settings: tuple[str, ...], quiet: bool) -> None:
    """Convert SOURCE (.pgm, fit folder, .bif, .uai, also .gz) to TARGET (.pgm, .bif, .uai); tables stay exact."""
    from pgmlang.formats import network_to_pgm, write_bif, write_uai

    ending = ending_of(target, ("pgm", "bif", "uai"))
    network = (
        read_network(source) if is_network_file(source) else asked_of(source, settings).posterior.tables.network
    )
    if ending == "pgm":
        text = network_to_pgm(network, Path(source).name.split(".")[0], origin=Path(source).name)
    else:
        text = write_bif(network) if ending == "bif" else write_uai(network)
    write_text(target, text, force)
    say(
        f"wrote {target}: {len(network.variables):,} variables, {sum(f.values.size for f in network.factors):,} cells",
        quiet,
    )
