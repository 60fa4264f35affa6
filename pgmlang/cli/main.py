"""``pgmc``: finds the command, turns every failure into a message and an exit code."""

from __future__ import annotations

import atexit
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from pgmlang import plugins
from pgmlang.cli.console import begin_run, choose_color, choose_quiet
from pgmlang.cli.verbs import COMMANDS, GROUPS, OTHER_WORDS, TO_COME, epilog
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.versions import LANGUAGE_VERSION, __version__

__all__ = ["COMMANDS", "Commands", "cli", "main", "run"]


class Commands(click.Group):
    """A group that imports a command on use, and gives each what all of them have."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *(e.name for e in plugins.entries(plugins.VERBS))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module = import_module(COMMANDS[cmd_name].module)
            command: click.Command = getattr(module, f"{cmd_name}_" if cmd_name in BUILT_IN else cmd_name)
            command.epilog = epilog(cmd_name)
            return _with_shared(command)
        added = plugins.plugin(plugins.VERBS, cmd_name, click.Command)
        if added is not None:
            return _with_shared(added)
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
            ctx.fail(f"there is no command `{args[0]}`: {_meant(args[0], names)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands by what they are for, without importing any."""
        width = max(map(len, self.list_commands(ctx)))
        for group, title in GROUPS.items():
            rows = [(name.ljust(width), row.says) for name, row in COMMANDS.items() if row.group == group]
            with formatter.section(title):
                formatter.write_dl(rows)
        added = [
            (e.name.ljust(width), f"Of {e.dist.name if e.dist else e.module}.")
            for e in plugins.entries(plugins.VERBS)
        ]
        if added:
            with formatter.section("Of other packages"):
                formatter.write_dl(added)


def _meant(word: str, names: list[str]) -> str:
    """What a word that is no verb was meant to be."""
    near = did_you_mean(word, names)
    if near:
        return near
    if word in OTHER_WORDS:
        return f"did you mean `{OTHER_WORDS[word]}`?"
    if word.endswith(".pgm") and Path(word).is_file():
        return f"to fit that model: pgmc fit {word} DATA; to see whether it is good: pgmc check {word}"
    if (Path(word) / "fit.json").is_file():
        return f"to see what is in that fit: pgmc summary {word}"
    if Path(word).is_file():
        return f"to write a first model of that table: pgmc init {word}"
    return "see pgmc --help"


def _with_shared(command: click.Command) -> click.Command:
    """The command with the options that every one has."""
    names = {name for p in command.params for name in p.opts}
    command.params += [option for option in SHARED if not names & set(option.opts)]
    if COMPLETING in os.environ:
        from pgmlang.cli.completing import complete_all

        complete_all(command)
    return command


COMPLETING = "_PGMC_COMPLETE"
"""What a shell sets that asks what a line may go on with."""
BUILT_IN = ("compile", "help")
"""Verbs that are words of Python: their functions end in an underscore."""

SHARED: tuple[click.Option, ...] = (
    click.Option(
        ["-q", "--quiet"], is_flag=True, expose_value=False, callback=choose_quiet, help="No messages but errors."
    ),
    click.Option(
        ["--color", "--colour"],
        type=click.Choice(["auto", "always", "never"]),
        expose_value=False,
        callback=choose_color,
        help="Colours; auto: on a terminal, unless NO_COLOR is set.",
    ),
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pgmc", message=f"%(prog)s %(version)s, language {LANGUAGE_VERSION}")
@click.option(
    "--color", "--colour", type=click.Choice(["auto", "always", "never"]), expose_value=False, callback=choose_color,
    help="Colours; auto: on a terminal, unless NO_COLOR is set.",
)  # fmt: skip
def cli() -> None:
    """Probabilistic graphical models, written as a paper draws them.

    \b
    pgmc examples titanic --copy
    pgmc fit titanic/titanic.pgm titanic/titanic.csv --counts count
    pgmc query titanic/titanic.fit "P(survived | class = 3rd)"

    Results go to stdout, messages to stderr. Exit codes: 0 good, 1 diagnose: a problem, 64 usage, 65 model or data wrong, 66 no input,
    69 no method (or still to come), 70 internal, 73/74 cannot write, 75 stopped, 130 Ctrl-C.
    """


def run(arguments: list[str]) -> int:
    """Runs a command line and returns its exit status; nothing escapes as a traceback."""
    as_json = "--json" in arguments
    begin_run()
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
    ending = Ending()
    # what is registered first is called last: after whatever the libraries tidy up
    atexit.register(ending.leave)
    ending.status = run(sys.argv[1:])
    sys.exit(ending.status)


class Ending:
    """Ends the process once all is said and tidied up, without taking the libraries down: a thread of Arrow that has not come
    to rest after a short run would abort the process there (one run in thirty on a busy machine), whatever its status."""

    status: int = 70
    """Of a run that did not come to its end."""

    def leave(self) -> NoReturn:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BrokenPipeError:
            pass  # the reader has what it wanted
        except OSError as error:
            os.write(2, f"the output cannot be written: {error.strerror}\n".encode())
            self.status = self.status or 74
        os._exit(self.status)


if __name__ == "__main__":
    main()
