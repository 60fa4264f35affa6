"""Commands that ask: query, predict, score, sample, logz, summary."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from pgmlang.cli.console import check_csv_name, print_diagnostics, print_json, print_result, print_styled, say
from pgmlang.cli.options import (
    binding_of,
    binding_options,
    fix_option,
    fixed_of,
    json_option,
    new_labels_option,
    quiet_option,
    refuse_options_without_data,
    say_reading,
    seed_option,
    settings_option,
    tables_of,
)
from pgmlang.cli.sources import asked_of, fit_of, prior_of
from pgmlang.diagnostics import PgmError


@click.command()
@click.argument("source")
@click.argument("questions", nargs=-1, required=True)
@settings_option
@fix_option
@seed_option
@json_option
def query(
    source: str,
    questions: tuple[str, ...],
    settings: tuple[str, ...],
    fixed: tuple[str, ...],
    seed: int | None,
    as_json: bool,
) -> int:
    """Answer questions about a fit, a model that gives everything, a .bif, a .uai or a .json.

    \b
    pgmc query asia.fit "P(lung | smoke = yes, xray = yes)"
    pgmc query asia.fit "P(lung, bronc | dysp = yes)"  "P(lung | do(smoke = no))"
    pgmc query asia.fit "MAP(lung, tub | xray = yes)"  "MAP(* | xray = yes)"
    pgmc query line.fit "E(y | x = 120)"  "P(z | count = 30)"  "P(y > 3 | do(z = p))"
    pgmc query asia.fit 'P("x.1" | b = "0-5 cm")'  "P(lung | xray ~ {no: 0.3, yes: 0.9})"
    \b
    A question that cannot be answered spoils none beside it; the exit code is its own.
    """
    from pgmlang.diagnostics.render import to_json
    from pgmlang.query import Answer

    asked = asked_of(source, settings, fixed)
    given: list[Answer | PgmError] = []
    for question in questions:
        try:
            given.append(asked.query(question, seed=seed or 0))
        except PgmError as error:
            given.append(error)
    failures = [one for one in given if isinstance(one, PgmError)]
    if len(given) == 1 and failures:
        raise failures[0]
    if as_json:
        documents = [
            {"query": question, "diagnostics": to_json(list(one.diagnostics))}
            if isinstance(one, PgmError)
            else one.to_dict()
            for question, one in zip(questions, given, strict=True)
        ]
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        shown = [one for one in given if not isinstance(one, PgmError)]
        for i, answer in enumerate(shown):
            if len(given) > 1:
                print_styled(("" if i == 0 else "\n") + answer.query, bold=True)
            print_result(answer)
    print_diagnostics([d for one in failures for d in one.diagnostics])
    return failures[0].exit_code if failures else 0


@click.command()
@click.argument("source")
@click.argument("data", nargs=-1, required=True)
@click.option("-o", "--output", default="-", show_default=True, help="Where to write the CSV.")
@click.option("--targets", help="Variables to predict, comma separated (default: all that are not fully given).")
@binding_options
@new_labels_option
@settings_option
@fix_option
@seed_option
@json_option
@quiet_option
def predict(
    source: str, data: tuple[str, ...], output: str, targets: str | None, settings: tuple[str, ...],
    fixed: tuple[str, ...], seed: int | None, as_json: bool, quiet: bool, new_labels: str | None, **given: Any,
) -> None:  # fmt: skip
    """For every row: the most probable label and the probability of each, and the row's log evidence.

    On a terminal numbers have six digits; files and pipes hold them whole, those with a Monte Carlo error to its digits; --json all.
    """
    check_csv_name(output)
    asked = asked_of(source, settings, fixed)
    tables = tables_of(data, *asked.model.table_names)
    names = [t.strip() for t in targets.split(",")] if targets else None
    bound = asked.bind_to_predict(tables, **binding_of(given), **_new_labels(new_labels))
    say_reading(bound, quiet or as_json)
    result = asked.predict_columns(bound, targets=names, seed=seed or 0)
    if not quiet:
        print_diagnostics(result.warnings)
    _write_columns(result.columns, output, as_json, quiet)


def _new_labels(said: str | None) -> dict[str, str]:
    return {} if said is None else {"new_labels": said}


@click.command()
@click.argument("source")
@click.argument("data", nargs=-1, required=True)
@click.option("-o", "--output", help="Also write every row's log-likelihood to a CSV.")
@binding_options
@new_labels_option
@settings_option
@fix_option
@seed_option
@json_option
@quiet_option
def score(
    source: str, data: tuple[str, ...], output: str | None, settings: tuple[str, ...], fixed: tuple[str, ...],
    seed: int | None, as_json: bool, quiet: bool, new_labels: str | None, **given: Any,
) -> None:  # fmt: skip
    """Log-likelihood of new data, missing cells and latents summed out or integrated, by the estimator it names."""
    from pgmlang.posterior import of_new_labels

    check_csv_name(output)
    asked = asked_of(source, settings, fixed)
    tables = tables_of(data, *asked.model.table_names)
    bound = asked.bind(tables, **binding_of(given), **_new_labels(new_labels))
    say_reading(bound, quiet or as_json, is_weighed=True)
    if not quiet:
        print_diagnostics(of_new_labels(asked.posterior, bound))
    scores = asked.score_rows(bound, seed or 0)
    if output:
        named = {scores.plate: list(scores.elements)} if scores.elements else {}
        simulated = {} if scores.mcse is None else {"log_likelihood.mcse": scores.mcse}
        _write_columns({**named, "log_likelihood": scores.values, **simulated}, output, False, quiet)
    if not quiet:
        print_diagnostics(scores.warnings)
    if as_json:
        print_json({"log_likelihood": scores.total, "mcse": scores.total_mcse, "mean_log_likelihood": scores.mean,
                    "rows": round(scores.number), "method": scores.estimator, "unit": scores.plate,
                    "effective_sample_size": scores.ess,
                    "warnings": [{"code": w.code, "message": w.message} for w in scores.warnings]})  # fmt: skip
    else:
        click.echo(repr(scores))


@click.command()
@click.argument("source")
@click.option(
    "-n", "--num-draws", type=click.IntRange(1, 100_000_000), default=10, show_default=True, help="How many rows."
)
@click.option("--evidence", default="", metavar="'A = x, B = y'", help="Draw given this.")
@click.option("--prior", is_flag=True, help="By the model alone: its priors, whatever a fit has learned.")
@click.option(
    "--replicate", multiple=True, metavar="DATA", help="Whole data sets, -n of them, with these inputs and groups."
)
@click.option("-o", "--output", default="-", show_default=True, help="Where to write the CSV.")
@binding_options
@seed_option
@settings_option
@fix_option
@json_option
@quiet_option
def sample(
    source: str, num_draws: int, evidence: str, output: str, seed: int | None, settings: tuple[str, ...],
    fixed: tuple[str, ...], as_json: bool, quiet: bool, prior: bool, replicate: tuple[str, ...], **given: Any,
) -> None:  # fmt: skip
    """Draw fresh rows from a fit, a model that gives everything, or a network file, given evidence."""
    import secrets

    check_csv_name(output)
    if seed is None:
        seed = secrets.randbits(31)
        say(f"seed {seed}", quiet)
    if not replicate:
        refuse_options_without_data()
    if evidence and (prior or replicate):
        raise click.UsageError("`--evidence` is of fresh rows, not of `--prior` or `--replicate`")
    if prior:
        drawn = prior_of(source, settings)
        rows = None
        if replicate:
            rows = drawn.bind(tables_of(replicate, *drawn.model.table_names), **binding_of(given))
            say_reading(rows, quiet, is_weighed=True)
        result = drawn.prior_draws(num_draws, rows, seed=seed, fixed=fixed_of(fixed)).to_columns()
    elif replicate:
        asked = asked_of(source, settings, fixed)
        bound = asked.bind(tables_of(replicate, *asked.model.table_names), **binding_of(given))
        say_reading(bound, quiet, is_weighed=True)
        result = asked.replicate(bound, num_draws, seed=seed).to_columns()
    else:
        result = asked_of(source, settings, fixed).sample_columns(num_draws, seed=seed, evidence=evidence)
    if not quiet:
        print_diagnostics(result.warnings)
    _write_columns(result.columns, output, as_json, quiet)


@click.command()
@click.argument("source")
@click.option(
    "--evidence", default="", metavar="'A = x' | FILE", help="Evidence: text, or a .evid file of a .uai."
)
@settings_option
@fix_option
@json_option
def logz(source: str, evidence: str, settings: tuple[str, ...], fixed: tuple[str, ...], as_json: bool) -> None:
    """log Z of a network (the log probability of the evidence, where it is directed)."""
    asked = asked_of(source, settings, fixed)
    if evidence and Path(evidence).is_file():
        from pgmlang.formats import open_text, read_uai_evidence

        answers = asked.posterior.tables
        hard = read_uai_evidence(open_text(Path(evidence)), answers.network)
        value = float(answers.engine.log_z(hard, {})[0])
        if value == float("-inf"):
            raise PgmError(answers.impossible(hard, {}))
    else:
        value = asked.log_z(evidence)
    if as_json:
        print_json({"log_z": value, "error": 0.0, "method": "exact"})
    else:
        click.echo(f"log_z   {value:.10g}\nlog10_z {value / 2.302585092994046:.10g}\nmethod  exact")


@click.command()
@click.argument("source")
@click.argument("names", nargs=-1)
@click.option("--all", "show_all", is_flag=True, help="Everything, nothing folded.")
@click.option("--netcdf", metavar="FILE", help="Write the draws as ArviZ's groups, for other programs.")
@json_option
def summary(source: str, names: tuple[str, ...], show_all: bool, netcdf: str | None, as_json: bool) -> None:
    """What a fit learned: its method, data, log-likelihood and parameters; of NAMES alone (variables, those whole, or
    elements as they are printed).

    \b
    pgmc summary titanic.fit
    pgmc summary titanic.fit survived
    pgmc summary schools.fit "effect[Choate]"
    """
    from pgmlang.results.headline import titled_headline
    from pgmlang.results.summary_view import SCREEN, commands_for, summary_tables

    fit = fit_of(source)
    record = fit.record
    if netcdf:
        fit.write_netcdf(netcdf)
    by_both = (fit.loo(), fit.waic()) if record.pointwise is not None else None
    absent = record.provenance.get("no_standard_errors")
    predictive = {} if by_both is None else {"loo": by_both[0].to_dict(), "waic": by_both[1].to_dict()}
    if as_json:
        print_json(
            {
                "model": record.model.name,
                "method": record.method,
                "status": record.status,
                "log_likelihood": fit.log_likelihood,
                "objective": record.objective,
                "objective_value": record.trace[-1] if record.trace else None,
                "seed": record.provenance.get("seed"),
                "warnings": [{"code": w.code, "message": w.message} for w in record.warnings],
                **predictive,
                **({"no_standard_errors": absent} if absent else {}),
                "variables": fit.summary(*names).rows,
            }
        )
        return
    tables = summary_tables(record, names, None if show_all else SCREEN, commands_for(source))
    print_styled(titled_headline(record), bold=True)
    for warning in record.warnings:
        print_styled(f"warning[{warning.code}]: {warning.message}", fg="yellow")
    for table in tables:
        print_result(table, before="\n")
    if by_both is not None:
        from pgmlang.cli.criticising import elpd_lines

        click.echo("\n".join(elpd_lines(*by_both)))


def _write_columns(columns: dict[str, Any], output: str, as_json: bool, quiet: bool) -> None:
    if as_json:
        from pgmlang.query.rows import Columns

        print_json(Columns(columns).to_dict())
        return
    from pgmlang.data import write_csv
    from pgmlang.results.precision import rounded_columns, shortened_columns

    is_read = output == "-" and sys.stdout.isatty()
    shown = shortened_columns(columns) if is_read else rounded_columns(columns)
    write_csv(sys.stdout.buffer if output == "-" else output, shown)
    if output != "-":
        say(f"wrote {output}", quiet)
