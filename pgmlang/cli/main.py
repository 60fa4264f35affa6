"""``pgmc``: finds the command, turns every failure into a message and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from pgmlang import __version__, plugins
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean

COMMANDS = {
    "check": ("pgmlang.cli.language", "Check a model: all errors, with places and cures."),
    "fmt": ("pgmlang.cli.language", "Format a model's text."),
    "graph": ("pgmlang.cli.language", "Draw a model (svg, png, dot)."),
    "plan": ("pgmlang.cli.language", "Say which method would be taken, and why."),
    "compile": ("pgmlang.cli.language", "Write the Pyro/PyTorch program."),
    "explain": ("pgmlang.cli.language", "Explain an error code, with examples."),
    "describe": ("pgmlang.cli.describing", "What a table holds, and the option that mends what is odd in it."),
    "init": ("pgmlang.cli.describing", "Write a first model from a table's columns."),
    "fit": ("pgmlang.cli.fitting", "Fit a model to data; writes MODEL.fit/."),
    "query": ("pgmlang.cli.asking", "Ask: P(a | b = yes), MAP(...), E(...)."),
    "predict": ("pgmlang.cli.asking", "Posteriors for every row of a table."),
    "score": ("pgmlang.cli.asking", "Log-likelihood of new data."),
    "sample": ("pgmlang.cli.asking", "Draw rows from a model or fit."),
    "logz": ("pgmlang.cli.asking", "log Z, or the log probability of evidence."),
    "summary": ("pgmlang.cli.asking", "What a fit learned."),
    "diagnose": ("pgmlang.cli.judging", "Judge whether a fit can be trusted, with cures."),
    "compare": ("pgmlang.cli.judging", "Two fits of one model side by side, or fits of any models ranked."),
    "loo": ("pgmlang.cli.criticising", "How well a fit predicts data left out: PSIS-LOO and WAIC."),
    "convert": ("pgmlang.cli.converting", "Convert between .pgm, BIF and UAI."),
}
"""Name to module and one line of help; a command is imported when it runs."""

TO_COME = {
    "report": "an HTML page about a fit",
    "learn": "learns a structure from data",
    "lsp": "the language server",
    "serve": "a page with a query box",
    "resume": "continues a stopped fit",
}
"""Verbs of the language's plan that do not work yet: refused with PGM0605."""


class Commands(click.Group):
    """A group that imports a command on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *(e.name for e in plugins.entries(plugins.VERBS))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module = import_module(COMMANDS[cmd_name][0])
            command: click.Command = getattr(
                module, cmd_name.replace("compile", "compile_") if cmd_name == "compile" else cmd_name
            )
            return command
        added = plugins.plugin(plugins.VERBS, cmd_name, click.Command)
        if added is not None:
            return added
        if cmd_name in TO_COME:
            raise PgmError(
                Diagnostic(
                    "PGM0605",
                    f"`pgmc {cmd_name}` is still to come: {TO_COME[cmd_name]}",
                    help=f"today's commands: {', '.join(COMMANDS)}",
                )
            )
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = not args or args[0].startswith("-") or args[0] in COMMANDS or args[0] in TO_COME
        if not known and args[0] not in (names := self.list_commands(ctx)):
            near = did_you_mean(args[0], names)
            ctx.fail(f"there is no command `{args[0]}`. {near or 'See pgmc --help.'}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands without importing any."""
        added = [(e.name, f"Of {e.dist.name if e.dist else e.module}.") for e in plugins.entries(plugins.VERBS)]
        with formatter.section("Commands"):
            formatter.write_dl([*((name, text) for name, (_, text) in COMMANDS.items()), *added])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pgmc")
def cli() -> None:
    """Probabilistic graphical models, written as a paper draws them.

    \b
    pgmc check model.pgm
    pgmc fit model.pgm data.csv
    pgmc query model.fit "P(rain | wet = yes)"

    Results go to stdout, messages to stderr. Exit codes: 0 good, 64 usage, 65 model or data wrong, 66 no input,
    69 no method (or still to come), 70 internal, 73/74 cannot write, 75 stopped, 130 Ctrl-C.
    """


def run(arguments: list[str]) -> int:
    """Runs a command line and returns its exit status; nothing escapes as a traceback."""
    as_json = "--json" in arguments
    if any("\0" in argument for argument in arguments):
        click.echo("an argument holds the character NUL, which no path or name does", err=True)
        return 64
    try:
        result = cli.main(arguments, prog_name="pgmc", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except PgmError as error:
        _report(error, as_json)
        return error.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        error.show()
        return 64
    except click.ClickException as error:
        error.show()
        return 64
    except (KeyboardInterrupt, click.Abort):
        click.echo("stopped by Ctrl-C", err=True)
        return 130
    except BrokenPipeError:
        # the reader of our output is gone: nothing more to say, and nothing to flush into the closed pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # of the system's, where no command had more to say of it
        place = str(error.filename or "")[:80]
        _report(
            PgmError(
                Diagnostic(
                    "PGM0908",
                    f"{place or 'a file'}: {(error.strerror or str(error)).lower()}",
                    help="look at the path, its permissions and the space left",
                )
            ),
            as_json,
        )
        return 74
    except MemoryError:
        _report(
            PgmError(Diagnostic("PGM0611", "out of memory", help="use fewer rows at once, or a smaller model")),
            as_json,
        )
        return 69
    except RecursionError:
        _report(
            PgmError(Diagnostic("PGM0107", "the model is nested too deeply", help="split its expressions")),
            as_json,
        )
        return 65
    except Exception as error:
        if os.environ.get("PGMLANG_DEBUG"):
            raise
        from pgmlang.lower.failures import in_model

        led = in_model(error)
        if led is not None:
            _report(led, as_json)
            return led.exit_code
        message = f"internal error: {type(error).__name__}: {error}"
        diagnostic = Diagnostic(
            "PGM0899", message, help="this is a bug in pgmlang; run again with PGMLANG_DEBUG=1 to see where"
        )
        _report(PgmError(diagnostic), as_json)
        return 70


def _report(error: PgmError, as_json: bool) -> None:
    from pgmlang.cli.console import print_diagnostics, print_json

    print_diagnostics(error.diagnostics)
    if as_json:
        from pgmlang.diagnostics.render import to_json

        print_json({"diagnostics": to_json(list(error.diagnostics))})


def main() -> None:
    """Entry point of ``pgmc``."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
