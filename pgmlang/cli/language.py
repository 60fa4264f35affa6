"""Commands about a model's text: check, fmt, graph, plan, compile, explain. None but plan and compile meet data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from pgmlang.cli.console import ending_of, print_diagnostics, print_json, say, write_text
from pgmlang.cli.options import (
    binding_of,
    binding_options,
    fix_option,
    fixed_of,
    json_option,
    method_options,
    method_options_of,
    quiet_option,
    refuse_options_without_data,
    settings_of,
    settings_option,
    tables_of,
)
from pgmlang.cli.sources import compiled
from pgmlang.cli.stages import STAGES, native_text
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.versions import LANGUAGE_VERSION


@click.command()
@click.argument("models", nargs=-1, required=True)
@settings_option
@json_option
@quiet_option
def check(models: tuple[str, ...], settings: tuple[str, ...], as_json: bool, quiet: bool) -> int:
    """Check models: names, types, axes, tables, graph. Every error of a file in one run."""
    from pgmlang.sema import analyse
    from pgmlang.syntax import load_source

    diagnostics: list[Diagnostic] = []
    for path in models:
        try:
            compilation = analyse(load_source(path), settings_of(settings))
        except PgmError as error:
            diagnostics.extend(error.diagnostics)
            continue
        diagnostics.extend(compilation.diagnostics)
        if compilation.model is not None and not as_json and not quiet:
            model = compilation.model
            parts = [
                f"{len(list(model.of_role('random', 'field')))} random variables",
                f"{len(model.factors)} factors",
            ]
            parts += [f"{len(model.plates)} plate{'s' if len(model.plates) > 1 else ''}"] if model.plates else []
            is_taken = all(d.code != "PGM0317" for d in compilation.diagnostics)
            verdict = "good" if is_taken else "understood, but no method takes it yet"
            click.echo(f"{path}: {verdict} ({', '.join(parts)})")
    print_diagnostics(diagnostics)
    if as_json:
        from pgmlang.diagnostics.render import to_json

        is_good = not any(d.is_error for d in diagnostics)
        print_json({"diagnostics": to_json(diagnostics), "ok": is_good, "language": LANGUAGE_VERSION})
    errors = [d for d in diagnostics if d.is_error]
    return PgmError(errors).exit_code if errors else 0


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 65 when a file is not formatted.")
@click.option("--stdout", is_flag=True, help="Print instead of writing the file.")
@quiet_option
def fmt(models: tuple[str, ...], only_check: bool, stdout: bool, quiet: bool) -> int:
    """Format models in place (`-` reads stdin and prints)."""
    from pgmlang.diagnostics import SourceFile
    from pgmlang.syntax import load_source
    from pgmlang.syntax.format import format_source

    unformatted = 0
    for path in models:
        file = SourceFile("<stdin>", sys.stdin.read()) if path == "-" else load_source(path)
        text = format_source(file)
        if path == "-" or stdout:
            click.echo(text, nl=False)
        elif text != file.text:
            unformatted += 1
            if only_check:
                say(f"{path}: not formatted", quiet)
            else:
                write_text(path, text)
                say(f"{path}: formatted", quiet)
    return 65 if only_check and unformatted else 0


@click.command()
@click.argument("model")
@click.argument("data", nargs=-1)
@click.option(
    "-o", "--output", help="Where to write; the ending says the format: .svg, .png, .dot (default: MODEL.svg)."
)
@click.option(
    "--format", "kind", type=click.Choice(["svg", "png", "dot"]), help="Format, when the ending does not say it."
)
@click.option("--observed", help="Names to shade, comma separated (default: what the data observes).")
@click.option("--evidence", default="", metavar="'A = x, do(B = y)'", help="Draw the probabilities given this.")
@click.option("--probabilities/--plain", default=None, help="Draw in the nodes what is known of the variables, or not "
              "(default: of fits and network files of up to 60 variables).")  # fmt: skip
@click.option("--distributions", is_flag=True, help="Draw in each node its statement: `~ Normal(mu, tau)`.")
@settings_option
@fix_option
@binding_options
@quiet_option
def graph(
    model: str, data: tuple[str, ...], output: str | None, kind: str | None, observed: str | None, evidence: str,
    probabilities: bool | None, distributions: bool, settings: tuple[str, ...], fixed: tuple[str, ...], quiet: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Draw a model, a BIF or UAI network, or a fit: plates as boxes, observed shaded, factors as squares.

    Fits and networks show in their nodes the probabilities of the labels, exactly computed, means and intervals of numbers.
    """
    from pgmlang.cli.scenes import Wanted, scene_of

    if not data:
        refuse_options_without_data()
    format_ = _picture_format(output, kind)
    names = tuple(name.strip() for name in observed.split(",")) if observed else ()
    scene, notes = scene_of(
        model, data, Wanted(names, evidence, probabilities, distributions, settings, fixed), given
    )
    output = output or str(
        Path(model).with_suffix(f".{format_}").name
        if model.endswith((".gz", "/"))
        else Path(model).with_suffix(f".{format_}")
    )
    if format_ == "png":
        from pgmlang.drawing import to_png

        to_png(scene, output)
    else:
        from pgmlang.drawing import to_dot, to_svg

        write_text(output, to_svg(scene, interactive=True) if format_ == "svg" else to_dot(scene))
    for note in notes:
        say(f"note: {note}", quiet)
    if output != "-":
        say(f"wrote {output}", quiet)


def _picture_format(output: str | None, kind: str | None) -> str:
    """What ``--format`` says, else the ending; SVG on stdout and where no name is given. Raises PgmError: PGM0907 for an
    unknown ending, PGM0612 where the two contradict each other."""
    from pgmlang.drawing.drawing import FORMATS

    if not output or output == "-":
        return kind or "svg"
    if kind is None:
        return ending_of(output, FORMATS)
    ending = ending_of(output, (*FORMATS, ""))
    if ending not in ("", kind):
        message = f"`{output}` is the name of another format than `--format {kind}`"
        raise PgmError(Diagnostic("PGM0612", message, help="leave `--format` out: the ending says it"))
    return kind


@click.command()
@click.argument("model")
@click.argument("data", nargs=-1)
@click.option("--method", default="auto", show_default=True, help="The method to plan for.")
@click.option("--hard", is_flag=True, help="em with the most probable completion instead of the expected one.")
@method_options
@settings_option
@fix_option
@binding_options
@json_option
def plan(
    model: str, data: tuple[str, ...], method: str, settings: tuple[str, ...], fixed: tuple[str, ...], as_json: bool,
    hard: bool, **given: Any,
) -> None:  # fmt: skip
    """Say what `fit` will run: which kernel for which variables, with which options, and why; with data, for that data."""
    from pgmlang.plan import make_plan, plan_json, show

    if not data:
        refuse_options_without_data()
    checked = compiled(model, settings, quiet=as_json).checked()
    binding = None
    if data:
        from pgmlang.binding import binding_report
        from pgmlang.binding.read import bind_data

        binding = bind_data(checked, tables_of(data, *checked.table_names), **binding_of(given))
        if not as_json:
            for line in binding_report(binding):
                click.echo(line)
    options = method_options_of(given) | ({"hard": True} if hard else {})
    made = make_plan(checked, binding, method, options, fixed_of(fixed))
    if as_json:
        print_json(plan_json(made))
    else:
        click.echo(show(made))


@click.command("compile")
@click.argument("model")
@click.argument("data", nargs=-1)
@click.option("-o", "--output", default="-", show_default=True, help="Where to write the program.")
@click.option("--stage", type=click.Choice(tuple(STAGES)), default="torch", show_default=True,
              help="What to print: the syntax, the Model as understood, its normal form, the layout that a program asks "
              "of its data (with DATA the layout that these have), the plan without data, the whole emitted program, "
              "its Pyro functions, or the program of compiled loops (with DATA of what these leave latent).")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an existing file.")
@settings_option
@binding_options
@quiet_option
def compile_(
    model: str, data: tuple[str, ...], output: str, stage: str, force: bool, settings: tuple[str, ...], quiet: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Write the readable Pyro/PyTorch program of a model; it runs by itself. With DATA, `--stage layout` prints the
    sizes, labels, outer elements, sequences, edges and cells of the model bound to them."""
    if not data:
        refuse_options_without_data()
    elif stage not in ("layout", "native"):
        raise click.UsageError(
            "data are read for `--stage layout` and `--stage native` alone: a program and its other stages are of any data"
        )
    compilation = compiled(model, settings, quiet=quiet)
    if data:
        from pgmlang.binding.layout_report import layout_report
        from pgmlang.binding.read import bind_data

        tables = tables_of(data, *compilation.checked().table_names)
        bound = bind_data(compilation.checked(), tables, **binding_of(given))
        if stage == "native":
            text = native_text(bound.model, bound.latent, Path(model).name)
        else:
            text = "\n".join(layout_report(bound)) + "\n"
    else:
        text = STAGES[stage](compilation, Path(model).name)
    write_text(output, text, force)
    if output != "-":
        say(f"wrote {output}", quiet)


@click.command()
@click.argument("code", required=False)
@json_option
def explain(code: str | None, as_json: bool) -> None:
    """Explain an error code, with a bad and a good example; without one, list them all."""
    from pgmlang.diagnostics.codes import CODES
    from pgmlang.diagnostics.explanations import explain as explanation_of

    if code is None:
        if as_json:
            print_json(
                [
                    {"code": c, "title": row.title, "exit": row.exit, "warning": row.is_warning}
                    for c, row in CODES.items()
                ]
            )
            return
        for name, row in CODES.items():
            click.echo(f"{name}  {'warning: ' if row.is_warning else ''}{row.title}")
        return
    if as_json:
        page = explanation_of(code)
        print_json({"code": page.code, "title": page.title, "text": page.text, "bad": page.bad, "good": page.good})
        return
    click.echo(explanation_text(code))


def explanation_text(code: str) -> str:
    """The page of a code for people. Raises PgmError PGM0612 for an unknown one."""
    from pgmlang.diagnostics.codes import code_row
    from pgmlang.diagnostics.explanations import explain as explanation_of

    page = explanation_of(code)
    verb = "This is warned of" if code_row(page.code).is_warning else "This is refused"
    return (
        f"{page.code}: {page.title}\n\n{page.text.strip()}\n\n{verb}:\n\n{_indent(page.bad)}\n\n"
        f"This is good:\n\n{_indent(page.good)}"
    )


def _indent(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.strip("\n").splitlines())
