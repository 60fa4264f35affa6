"""IPython and notebooks: ``%load_ext pgmlang`` gives the cell magic ``%%pgm``, and errors as the terminal shows them.

    %%pgm lda topics=20
    plate row { y ~ Normal(mu, 1) } ...

compiles the cell's text into the variable ``lda``, says so, and shows its graph. Without a name on the line it is the name
that the model's header gives, ``model lda``.
"""

from __future__ import annotations

import builtins
import keyword
import shlex
import sys
from typing import TYPE_CHECKING, Any

from pgmlang.cli.options import settings_of
from pgmlang.diagnostics import CompileError, Diagnostic, PgmError, SourceFile
from pgmlang.diagnostics.render import render
from pgmlang.diagnostics.suggest import did_you_mean

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pgmlang.api import CompiledModel

FLAGS = ("--check",)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%load_ext pgmlang`` calls: adds the magic, and shows errors of models and data without a traceback."""

    def pgm(line: str, cell: str) -> CompiledModel | None:
        """%%pgm [NAME] [SETTING=VALUE ...] [--check]: compiles the cell into the variable NAME (without one: the name in the
        model's header) and shows its graph; with --check it is checked alone."""
        try:
            return compiled_cell(shell, line, cell)
        except PgmError as error:
            print(
                render([d.for_python() for d in error.diagnostics], color=_in_color(shell)),
                file=sys.stderr,
                end="",
            )
            return None

    shell.register_magic_function(pgm, "cell", "pgm")  # type: ignore[arg-type]
    _show_errors(shell)


def _show_errors(shell: Any) -> None:
    """Errors of models and data without a traceback; a handler that was set before keeps all others."""
    others, before = tuple(shell.custom_exceptions), shell.CustomTB

    def shown(shell: Any, kind: type, error: BaseException, traceback: Any, tb_offset: Any = None) -> list[str]:
        if not isinstance(error, PgmError):
            lines: list[str] = before(kind, error, traceback, tb_offset=tb_offset)
            return lines
        print(render([d.for_python() for d in error.diagnostics], color=_in_color(shell)), file=sys.stderr, end="")
        return []

    shell.set_custom_exc((*others, PgmError), shown)


def _in_color(shell: Any) -> bool:
    return str(getattr(shell, "colors", "")).lower() not in ("nocolor", "")


def compiled_cell(shell: Any, line: str, cell: str) -> CompiledModel | None:
    """What the magic does. Raises CompileError for the errors of the text, PgmError PGM0612 for words of the line that are not
    understood."""
    from pgmlang.api import CompiledModel
    from pgmlang.sema import analyse

    words = _words(line)
    flags = [w for w in words if w.startswith("-")]
    settings = tuple(w for w in words if "=" in w and not w.startswith("-"))
    names = [w for w in words if w not in flags and w not in settings]
    _refuse(flags, names)
    compilation = analyse(SourceFile(f"{names[0] if names else 'cell'}.pgm", cell), settings_of(settings))
    if compilation.model is None:
        raise CompileError(compilation.diagnostics)
    model = CompiledModel(compilation)
    if model.warnings:
        print(render([d.for_python() for d in model.warnings], color=_in_color(shell)), file=sys.stderr, end="")
    if "--check" in flags:
        print(f"{names[0] if names else model.name}: good")
        return None
    name = names[0] if names else model.name
    _refuse_keyword(name)
    hides = f", and hides Python's own (`del {name}` brings it back)" if hasattr(builtins, name) else ""
    print(f"the model is in `{name}`{hides}")
    shell.user_ns[name] = model
    return model


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        message = f"the line of `%%pgm` has a quote that does not end: `{line.strip()}`"
        raise PgmError(Diagnostic("PGM0612", message, help="write `%%pgm NAME setting=value`")) from None


def _refuse_keyword(name: str) -> None:
    """No variable can have such a name."""
    if keyword.iskeyword(name):
        message = f"`{name}` is a word of Python: no variable can be named so"
        raise PgmError(Diagnostic("PGM0612", message, help=f"name another on the line: `%%pgm {name}_model`"))


def _refuse(flags: list[str], names: list[str]) -> None:
    for flag in flags:
        if flag not in FLAGS:
            cure = did_you_mean(flag, FLAGS) or f"there is {', '.join(FLAGS)}"
            raise PgmError(Diagnostic("PGM0612", f"`%%pgm` has no option `{flag}`", help=cure))
    wrong = next((n for n in names if not n.isidentifier()), names[1] if len(names) > 1 else None)
    if wrong is not None:
        cure = "write `%%pgm NAME setting=value`"
        raise PgmError(Diagnostic("PGM0612", f"`{wrong}` is not understood in the line of `%%pgm`", help=cure))
