"""Commands that hold fits against data: loo, and the ranks of compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from pgmlang.cli.console import check_csv_name, print_json, print_result, say
from pgmlang.cli.options import binding_of, binding_options, json_option, say_reading, tables_of
from pgmlang.cli.sources import fit_of

if TYPE_CHECKING:
    from pgmlang.api import FittedModel
    from pgmlang.results.elpd import Elpd


@click.command()
@click.argument("source")
@click.argument("data", nargs=-1)
@click.option("-o", "--output", help="Also write every element's elpd and k-hat to a CSV.")
@binding_options
@json_option
def loo(source: str, data: tuple[str, ...], output: str | None, as_json: bool, **given: Any) -> None:
    """Expected log predictive density of data left out, by PSIS-LOO and by WAIC, without a refit.

    DATA are those of the fit; a fit made with --pointwise needs none.
    """
    check_csv_name(output)
    fit = fit_of(source)
    options = binding_of(given)
    tables = tables_of(data, *fit.model.table_names)
    data_bound = None if tables is None else fit.bind(tables, **options)
    if data_bound is not None:
        say_reading(data_bound, as_json)
    by_loo, by_waic = fit.loo(data_bound), fit.waic(data_bound)
    if output:
        from pgmlang.data import write_csv

        columns = {"elpd_loo": by_loo.pointwise, "elpd_waic": by_waic.pointwise}
        write_csv(output, columns if by_loo.pareto_k is None else {**columns, "pareto_k": by_loo.pareto_k})
    if as_json:
        print_json({"loo": by_loo.to_dict(), "waic": by_waic.to_dict()})
        return
    click.echo("\n".join(elpd_lines(by_loo, by_waic)))


def elpd_lines(by_loo: Elpd, by_waic: Elpd) -> list[str]:
    """What a person reads of both."""
    lines = [
        f"elpd_loo  {by_loo.elpd:.2f} (se {by_loo.se:.2f}), p_loo {by_loo.p:.2f}: log-likelihood {by_loo.given}"
    ]
    if by_loo.k_hats:
        lines.append(f"          {by_loo.k_hats}")
    if not by_loo.is_reliable:
        lines.append(
            "          not to be relied on: `pgmc compare A.fit B.fit --data FILE --folds 10` fits again instead"
        )
    poor = f"; {by_waic.large_variances}" if by_waic.large_variances else ""
    lines.append(f"elpd_waic {by_waic.elpd:.2f} (se {by_waic.se:.2f}), p_waic {by_waic.p:.2f}{poor}")
    return lines


def print_ranks(
    fits: Mapping[str, FittedModel], data: tuple[str, ...], folds: int | None, as_json: bool, given: dict[str, Any]
) -> None:
    """Fits by their elpd, the best first."""
    from pgmlang.api import ranked_bound
    from pgmlang.binding.report import weight_lines

    names = [f.model.table_names for f in fits.values()]
    tables = tables_of(data, *(frozenset().union(*some) for some in zip(*names, strict=True)))
    bindings = {} if tables is None else {n: f.bind(tables, **binding_of(given)) for n, f in fits.items()}
    for line in dict.fromkeys(line for b in bindings.values() for line in weight_lines(b)):
        say(line, as_json)
    ranks = ranked_bound(fits, bindings, folds or 0)
    if as_json:
        print_json([r.to_dict() for r in ranks])
        return
    print_result(ranks)
