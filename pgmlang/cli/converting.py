"""The convert command."""

from __future__ import annotations

from pathlib import Path

import click

from pgmlang.cli.console import say, write_text
from pgmlang.cli.options import quiet_option, settings_option
from pgmlang.cli.sources import asked_of, is_network_file, read_network
from pgmlang.diagnostics import Diagnostic, PgmError


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@settings_option
@quiet_option
def convert(source: str, target: str, force: bool, settings: tuple[str, ...], quiet: bool) -> None:
    """Convert SOURCE (.pgm, fit folder, .bif, .uai, also .gz) to TARGET (.pgm, .bif, .uai); tables stay exact."""
    from pgmlang.formats import network_to_pgm, write_bif, write_uai

    ending = Path(target).suffix.lower()
    network = (
        read_network(source) if is_network_file(source) else asked_of(source, settings).posterior.tables.network
    )
    if ending == ".pgm":
        text = network_to_pgm(network, Path(source).name.split(".")[0], origin=Path(source).name)
    elif ending == ".bif":
        text = write_bif(network)
    elif ending == ".uai":
        text = write_uai(network)
    else:
        raise PgmError(
            Diagnostic(
                "PGM0907", f"`{target}`: unknown format `{ending or 'none'}`", help="end it in .pgm, .bif or .uai"
            )
        )
    write_text(target, text, force)
    say(
        f"wrote {target}: {len(network.variables):,} variables, {sum(f.values.size for f in network.factors):,} cells",
        quiet,
    )
