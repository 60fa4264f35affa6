"""What a command's first argument may be: a model, a fit folder, a network file (BIF, UAI, Gaussian JSON)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgmlang.cli.console import print_diagnostics
from pgmlang.cli.options import fixed_of, settings_of
from pgmlang.diagnostics import CompileError, Diagnostic, PgmError

if TYPE_CHECKING:
    from pgmlang.api import Asked, CompiledModel, FittedModel
    from pgmlang.gaussian import GaussianNetwork
    from pgmlang.sema import Compilation
    from pgmlang.tables import DiscreteNetwork


def compiled(path: str, settings: tuple[str, ...] = (), quiet: bool = True) -> Compilation:
    """A checked compilation of a file; warnings are said unless ``quiet``. Raises CompileError."""
    from pgmlang.sema import analyse
    from pgmlang.syntax import load_source

    compilation = analyse(load_source(path), settings_of(settings))
    if compilation.model is None:
        raise CompileError(compilation.diagnostics)
    if not quiet:
        print_diagnostics(compilation.diagnostics)
    return compilation


def is_network_file(path: str) -> bool:
    """Whether a path names a BIF, UAI or Gaussian JSON file (by its ending)."""
    return path.removesuffix(".gz").lower().endswith((".bif", ".uai", ".json"))


def read_network(path: str) -> DiscreteNetwork | GaussianNetwork:
    """A network from a BIF or UAI file, or of numbers from a JSON file. Raises PgmError."""
    from pgmlang.formats import open_text, read_bif, read_gaussian_json, read_uai

    file = open_text(Path(path))
    if path.removesuffix(".gz").lower().endswith(".uai"):
        return read_uai(file)[0]
    if path.removesuffix(".gz").lower().endswith(".json"):
        return read_gaussian_json(file)
    return read_bif(file)


def asked_of(path: str, settings: tuple[str, ...] = (), fixed: tuple[str, ...] = ()) -> Asked:
    """What can be asked: a fit, a model that gives everything, or a network file. Says where a fit is not to be relied on.
    Raises PgmError."""
    from pgmlang.api import Asked, CompiledModel

    if is_network_file(path):
        refuse_settings(path, settings, fixed)
        from pgmlang.posterior import posterior_of_network

        return Asked(posterior_of_network(read_network(path)))
    if Path(path).is_file():
        try:
            return CompiledModel(compiled(path, settings)).given(fixed_of(fixed))
        except PgmError as error:
            raise _with_fit(error, path) from None
    refuse_settings(path, settings, fixed)
    fit = fit_of(path)
    if fit.record.status != "converged":
        message = f"the fit is {fit.record.status}: what it says may be far off"
        print_diagnostics(
            [Diagnostic("PGM0801", message, help=f"`pgmc diagnose {path}` says why, and what may help")]
        )
    return fit


def _with_fit(error: PgmError, path: str) -> PgmError:
    """Says how a model that does not give everything is fitted."""
    if {d.code for d in error.diagnostics} != {"PGM0610"}:
        return error
    cure = f"fit it first: `pgmc fit {path} data.csv`"
    return PgmError(replace(d, help=f"{d.help}; or {cure}" if d.help else cure) for d in error.diagnostics)


def refuse_settings(path: str, settings: tuple[str, ...], fixed: tuple[str, ...] = ()) -> None:
    """A fit or a network file has its settings and params. Raises PgmError PGM0612."""
    given = [*(f"--set {s}" for s in settings), *(f"--fix {f}" for f in fixed)]
    if given:
        message = f"`{path}` is no model file: `{given[0]}` cannot change it"
        raise PgmError(Diagnostic("PGM0612", message, help="give it to the fit, or ask the model file"))


def prior_of(path: str, settings: tuple[str, ...] = ()) -> CompiledModel | FittedModel:
    """What has a prior to draw from: the model of a file, or a fit, whose groups and labels are known. Raises PgmError."""
    from pgmlang.api import CompiledModel

    if Path(path).is_dir():
        refuse_settings(path, settings)
        return fit_of(path)
    return CompiledModel(compiled(path, settings))


def fit_of(path: str) -> FittedModel:
    """A fit folder; a model file is answered with how to fit it. Raises PgmError."""
    from pgmlang.api import load

    if path.endswith(".pgm") and Path(path).is_file():
        raise PgmError(
            Diagnostic(
                "PGM0903", f"`{path}` is a model, not a fit", help=f"fit it first: `pgmc fit {path} data.csv`"
            )
        )
    return load(path)
