"""The plot command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pgmlang.cli.console import cannot_write, ending_of, listed, print_json, say
from pgmlang.cli.options import (
    binding_of,
    binding_options,
    json_option,
    quiet_option,
    refuse_options_without_data,
    say_reading,
    seed_option,
    tables_of,
)
from pgmlang.cli.sources import fit_of
from pgmlang.diagnostics import Diagnostic, PgmError

ENDINGS = ("png", "svg", "pdf")


@click.command()
@click.argument("source")
@click.argument("kind", required=False)
@click.option("-o", "--output", help="Where to write: .png, .svg or .pdf (default: FIT-KIND.png).")
@click.option("--kinds", "only_kinds", is_flag=True, help="Say which kinds the fit has, and why not the others.")
@click.option("--variables", metavar="A,B", help="Names, or elements such as effect[0].")
@click.option("--data", "data", multiple=True, metavar="FILE", help="The data of the fit, for predictive checks.")
@click.option("--shape", metavar="ROWSxCOLUMNS", help="Of images (default: square).")
@click.option(
    "--dpi", type=click.IntRange(10, 1200), default=120, show_default=True, help="Dots an inch of a .png."
)
@binding_options
@seed_option
@json_option
@quiet_option
def plot(
    source: str, kind: str | None, output: str | None, only_kinds: bool, variables: str | None, data: tuple[str, ...],
    shape: str | None, dpi: int, seed: int | None, as_json: bool, quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Draw a picture of a fit. KIND: forest, trace, rank, density, pairs, energy, autocorr, ess (of draws), estimates,
    topics, filters, images, tables, objective, predictive (with --data). Without KIND: the one that suits the fit."""
    from pgmlang.plots import Request, usual_kind

    if output:
        ending_of(output, ENDINGS)
    fitted = fit_of(source)
    if only_kinds:
        _tell_kinds(fitted.plot_kinds(), as_json)
        return
    if not data:
        refuse_options_without_data()
    tables = tables_of(data, *fitted.model.table_names)
    bound = None if tables is None else fitted.bind(tables, **binding_of(given))
    if bound is not None:
        say_reading(bound, quiet or as_json, is_weighed=True)
    image = _shape(shape)
    name = kind or usual_kind(Request(fitted.record, binding=bound, shape=image))
    path = Path(output or f"{Path(source).name.removesuffix('.fit')}-{name}.png")
    import matplotlib

    matplotlib.use("Agg")
    figure = fitted.plot(name, bound, variables=variables, shape=image, seed=seed or 0)
    try:
        figure.savefig(path, dpi=dpi)
    except OSError as error:
        raise cannot_write(path, error) from None
    if as_json:
        print_json({"kind": name, "file": str(path)})
    others = [n for n, reason in fitted.plot_kinds().items() if not reason and n != name]
    told = "" if kind else f": {name}; it also has {', '.join(others)}" if others else f": {name}"
    say(f"wrote {path}{told}", quiet)


def _tell_kinds(kinds: dict[str, str], as_json: bool) -> None:
    from pgmlang.plots.registry import every_kind

    if as_json:
        print_json([{"kind": name, "against": reason or None} for name, reason in kinds.items()])
        return
    rows = every_kind()
    click.echo(listed((n, f"no: {reason}" if reason else rows[n].says) for n, reason in kinds.items()))


def _shape(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    rows, _, columns = text.lower().partition("x")
    if not (rows.strip().isdecimal() and columns.strip().isdecimal()):
        raise PgmError(Diagnostic("PGM0612", f"`--shape {text}` is not understood", help="write `--shape 8x8`"))
    return int(rows), int(columns)
