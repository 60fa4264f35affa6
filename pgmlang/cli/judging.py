"""Commands that judge fits: diagnose and compare."""

from __future__ import annotations

from typing import Any

import click

from pgmlang.cli.console import print_json, print_result
from pgmlang.cli.criticising import print_ranks
from pgmlang.cli.options import binding_options, json_option
from pgmlang.cli.sources import fit_of
from pgmlang.results.compare import is_of_one_model


@click.command()
@click.argument("source")
@click.option("--all", "show_all", is_flag=True, help="The checks that passed, too.")
@json_option
def diagnose(source: str, show_all: bool, as_json: bool) -> int:
    """Judge whether a fit can be trusted: every check with its figure, and a cure where it fails.

    The exit code is 0, and 1 where a problem was found.
    """
    findings = fit_of(source).diagnose()
    if as_json:
        print_json([vars(f) for f in findings])
    else:
        print_result(findings.every if show_all else findings)
    return 1 if any(f.severity == "problem" for f in findings) else 0


@click.command()
@click.argument("fits", nargs=-1, required=True)
@click.option(
    "--data", "data", multiple=True, metavar="FILE", help="The data of the fits: rank them by what they predict."
)
@click.option(
    "--folds", type=click.IntRange(2), metavar="K", help="Refit without each K-th of the data, in place of LOO."
)
@click.option("--all", "show_all", is_flag=True, help="Every scalar, not the first twenty.")
@binding_options
@json_option
def compare(
    fits: tuple[str, ...], data: tuple[str, ...], folds: int | None, show_all: bool, as_json: bool, **given: Any
) -> None:
    """Two fits of one model side by side, the scalars furthest apart (in Monte Carlo errors) first.

    Fits of different models, more than two, or with --data: ranked by the expected log predictive density of data left
    out (PSIS-LOO), with the standard errors of the differences.
    """
    from pgmlang.results.compare import SHOWN
    from pgmlang.results.compare import compare as side_by_side

    loaded = {path: fit_of(path) for path in fits}
    if len(loaded) < 2 < 1 + len(fits):
        raise click.UsageError(f"`{fits[0]}` is given twice: a fit is compared with another one")
    if len(loaded) < 2:
        raise click.UsageError("two fits or more are compared")
    one, *others = loaded.values()
    if data or folds or len(others) > 1 or not all(is_of_one_model(one.record, o.record) for o in others):
        print_ranks(loaded, data, folds, as_json, given)
        return
    differences = side_by_side((one.record, others[0].record))
    if as_json:
        print_json([vars(d) for d in differences])
        return
    print_result(differences.table(None if show_all else SHOWN))
