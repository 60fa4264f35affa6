"""The command that fits a model to data."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from pgmlang.cli.console import print_diagnostics, print_json, print_result, print_styled, say
from pgmlang.cli.options import (
    binding_of,
    binding_options,
    fix_option,
    fixed_of,
    json_option,
    method_options,
    method_options_of,
    quiet_option,
    seed_option,
    settings_option,
    tables_of,
)
from pgmlang.cli.progress import progress
from pgmlang.cli.sources import compiled
from pgmlang.diagnostics import Diagnostic, PgmError


@click.command()
@click.argument("model")
@click.argument("data", nargs=-1, required=True)
@click.option("-o", "--output", help="The fit's folder (default: MODEL.fit beside the model).")
@click.option("--force", is_flag=True, help="Replace an existing fit.")
@click.option("--method", default="auto", show_default=True, help="How to fit; `pgmc plan` says what auto takes.")
@click.option("--hard", is_flag=True, help="em with the most probable completion instead of the expected one.")
@click.option("--max-time", type=click.FloatRange(0), help="Stop after this many seconds, keeping what was done.")
@click.option("--stream", is_flag=True, help="Read the file in blocks: complete data larger than memory.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of a run that was stopped or killed.")
@click.option(
    "--checkpoint", type=click.FloatRange(0), default=30.0, show_default=True, help="Seconds between checkpoints."
)
@click.option("--start", metavar="FIT|FILE", help='Begin at the values of a fit, or of JSON: {"mu": 1.5}.')
@click.option(
    "--pointwise", is_flag=True, help="Keep the log-likelihood of every row at every draw, for LOO and WAIC."
)
@click.option(
    "--netcdf", metavar="FILE", help="Also write the fit and its data as ArviZ's groups, for other programs."
)
@method_options
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads of torch (default: one).")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@seed_option
@settings_option
@fix_option
@binding_options
@json_option
@quiet_option
def fit(
    model: str, data: tuple[str, ...], output: str | None, force: bool, method: str, seed: int | None, device: str,
    settings: tuple[str, ...], fixed: tuple[str, ...], as_json: bool, quiet: bool, hard: bool, stream: bool,
    max_time: float | None, threads: int | None, resume: bool, checkpoint: float, pointwise: bool, netcdf: str | None,
    start: str | None, **given: Any,
) -> int:  # fmt: skip
    """Fit a model to data and write MODEL.fit/: a folder with the source, parameters and how they came to be."""
    from pgmlang.api import FittedModel
    from pgmlang.binding import binding_report
    from pgmlang.binding.read import bind_data
    from pgmlang.density.device import check_device
    from pgmlang.infer.checkpoint import claim, remove
    from pgmlang.infer.given_starts import read_start
    from pgmlang.pipeline import fit_bound, fit_streamed
    from pgmlang.plan import brief
    from pgmlang.results.save import refuse_existing

    compilation = compiled(model, settings, quiet=quiet)
    checked = compilation.checked()
    folder = Path(output) if output else Path(model).with_suffix(".fit")
    refuse_existing(folder, force or resume)
    partial = folder.with_name(f"{folder.name}.partial")
    check_device(device)
    signal.signal(signal.SIGTERM, _terminate)
    options = method_options_of(given) | ({"hard": True} if hard else {})
    if max_time is not None:
        options["max_time"] = max_time
    use_threads(threads)
    tables = tables_of(data, *checked.table_names)
    quiet_messages = quiet or as_json
    is_streamed = stream or _is_large(tables)
    if is_streamed and (pointwise or netcdf):
        message = "a table that is read in blocks is counted, and has no draws"
        raise PgmError(Diagnostic("PGM0612", message, help="leave `--pointwise` and `--netcdf` out"))
    if is_streamed:
        if start is not None:
            message = "a table that is read in blocks is counted: nothing begins anywhere"
            raise PgmError(Diagnostic("PGM0612", message, help="leave `--start` out"))
        if resume:
            message = "a table that is read in blocks is counted in one pass: there is no checkpoint to resume"
            raise PgmError(Diagnostic("PGM0612", message, help="leave `--resume` out"))
        record = fit_streamed(
            compilation, tables, seed, method=method, fixed=fixed_of(fixed), method_options=options, device=device,
            **binding_of(given),
        )  # fmt: skip
        say(f"read in blocks: {record.provenance['rows']:,} rows", quiet_messages)
    else:
        claim(partial, force or resume)
        binding = bind_data(checked, tables, **binding_of(given))
        for line in binding_report(binding):
            say(line, quiet_messages)
        with _resumable(partial), progress(quiet_messages, max_time) as watch:
            record = fit_bound(
                compilation, binding, method, seed, device, fixed_of(fixed), options, watch.show,
                checkpoint=partial, resume=resume, every=checkpoint,
                announce=lambda plan: watch.say(f"plan      {brief(plan)}"),
                start=None if start is None else read_start(Path(start)),
            )  # fmt: skip
    fitted = FittedModel.of(record)
    fitted.save(folder, force or resume)
    if record.status != "stopped" and not is_streamed:
        remove(partial)
    # the fit is safe by now: neither may be had of it
    if pointwise:
        fitted = fitted.with_pointwise(binding)
        fitted.save(folder, True)
    if netcdf:
        fitted.write_netcdf(netcdf, binding, seed=record.provenance["seed"])
    if not quiet:
        print_diagnostics(record.warnings)
    _tell(fitted, folder, as_json, quiet)
    if record.status == "stopped":
        say(_to_go_on(partial), quiet_messages)
        return 130 if record.provenance["stopped_by"] == "interrupt" else 75
    return 0


def _to_go_on(partial: Path) -> str:
    return f"to go on: the same command with --resume (the state is kept in {partial})"


@contextmanager
def _resumable(partial: Path) -> Iterator[None]:
    """A run that is stopped before it has anything to show says how it goes on, where its state is kept."""
    try:
        yield
    except PgmError as error:
        if not partial.exists():
            raise
        told = [
            replace(d, help="; ".join(filter(None, (d.help, _to_go_on(partial))))) if d.code == "PGM0804" else d
            for d in error.diagnostics
        ]
        raise PgmError(told) from error


LARGE = 1 << 30
"""A table of more bytes is read in blocks."""


def _is_large(tables: Any) -> bool:
    return isinstance(tables, str) and Path(tables).is_file() and Path(tables).stat().st_size > LARGE


def _tell(fitted: Any, folder: Path, as_json: bool, quiet: bool) -> None:
    from pgmlang.results.headline import headline
    from pgmlang.results.summary_view import GLANCE, commands_for, summary_tables

    record = fitted.record
    if as_json:
        print_json(
            {
                "fit": str(folder),
                "model": record.model.name,
                "method": record.method,
                "status": record.status,
                "log_likelihood": fitted.log_likelihood,
                "objective": record.objective,
                "objective_value": record.trace[-1] if record.trace else None,
                "iterations": record.provenance.get("steps", len(record.trace)),
                "seed": record.provenance.get("seed"),
                "warnings": [{"code": w.code, "message": w.message} for w in record.warnings],
            }
        )
        return
    if quiet:
        return
    print_styled(headline(record), bold=True)
    for table in summary_tables(record, budget=GLANCE, more=commands_for(str(folder))):
        print_result(table, before="\n")
    click.echo()
    click.echo(f"wrote {folder}; next: {_next_command(fitted, folder)}")


def _next_command(fitted: Any, folder: Path) -> str:
    """A command that this fit carries out."""
    from pgmlang.posterior.first_question import first_question

    question = first_question(fitted.posterior)
    place = shlex.quote(str(folder))
    return f"pgmc summary {place}" if question is None else f'pgmc query {place} "{question}"'


def _terminate(*_: Any) -> None:
    from pgmlang.infer.run import Terminated

    raise Terminated


def use_threads(threads: int | None) -> None:
    """torch's threads: one unless told otherwise, since small operations wait at barriers when a core is busy (10 to 25
    times as long as they compute)."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads or 1))
    if "torch" in sys.modules or threads is not None:
        import torch

        torch.set_num_threads(threads or 1)
