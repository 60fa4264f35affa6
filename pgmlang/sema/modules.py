"""Imports: finds, parses and keeps the modules a model uses. Dotted names only; nothing outside its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pgmlang import resources
from pgmlang.diagnostics import Diagnostic, PgmError, SourceFile, Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.sema.language_version import version_problems
from pgmlang.sema.names import function_problems, inside_problems, twice
from pgmlang.syntax import ast, load_source, parse_collecting

Loader = Callable[[str], SourceFile | None]
MAX_DEPTH = 32


@dataclass(frozen=True)
class Module:
    """A module's definitions, reached as ``alias.NAME``, and those of its own imports."""

    path: str
    definitions: dict[str, ast.Def]
    imports: dict[str, Module]


@dataclass
class Modules:
    """All modules of one compilation. ``texts``: what was read, by import path, for keeping in a fit."""

    loader: Loader
    report: Callable[[Diagnostic], None]
    texts: dict[str, str] = field(default_factory=dict)
    _done: dict[str, Module | None] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def load(self, statement: ast.Import) -> Module | None:
        """The module an import names; problems are reported and give None."""
        path = statement.path
        if path in self._open:
            chain = " -> ".join([*self._open[self._open.index(path) :], path])
            self.report(
                Diagnostic(
                    "PGM0206",
                    f"import cycle: {chain}",
                    statement.span,
                    help="move what both need into a module that neither is imported by",
                )
            )
            return None
        if path in self._done:
            return self._done[path]
        if len(self._open) >= MAX_DEPTH:
            self.report(Diagnostic("PGM0206", f"imports nested more than {MAX_DEPTH} deep", statement.span))
            return None
        module = self._read(statement)
        self._done[path] = module
        return module

    def _read(self, statement: ast.Import) -> Module | None:
        path = statement.path
        try:
            file = self.loader(path)
        except PgmError as error:
            for diagnostic in error.diagnostics:
                self.report(diagnostic)
            return None
        if file is None:
            known = [f"std.{name}" for name in resources.stdlib_modules()]
            near = did_you_mean(path, known)
            where = "the standard library has " + ", ".join(known) if path.startswith("std.") else ""
            self.report(
                Diagnostic(
                    "PGM0205",
                    f"there is no module `{path}`",
                    statement.span,
                    notes=(where,) if where else (f"looked for `{path.replace('.', '/')}.pgm` beside the model",),
                    help=near or "a module is a `.pgm` file in the model's folder, or `std.NAME`",
                )
            )
            return None
        self.texts[path] = file.text
        program, errors = parse_collecting(file)
        for problem in errors:
            self.report(problem)
        definitions: dict[str, ast.Def] = {}
        imports: dict[str, Module] = {}
        spans: dict[str, Span] = {}
        self._open.append(path)
        for problem in version_problems(program.statements):
            self.report(problem)
        for inner in program.statements:
            match inner:
                case ast.Def():
                    span = inner.name_span or inner.span
                    for problem in (*function_problems(inner.name, span, spans), *inside_problems(inner)):
                        self.report(problem)
                    spans.setdefault(inner.name, span)
                    definitions.setdefault(inner.name, inner)
                case ast.Import():
                    name = alias(inner.path)
                    if name in spans:
                        self.report(twice(name, inner.span, spans[name]))
                    spans.setdefault(name, inner.span)
                    module = self.load(inner)
                    if module:
                        imports.setdefault(name, module)
                case ast.Version():
                    pass  # judged above
                case _:
                    self.report(
                        Diagnostic(
                            "PGM0111",
                            "a module holds `def`s and imports only",
                            inner.span,
                            help="put this statement into the model",
                        )
                    )
        self._open.pop()
        return Module(path, definitions, imports)


def alias(path: str) -> str:
    """The name an import is reached by: its last part."""
    return path.rsplit(".", 1)[-1]


def folder_loader(folder: Path | None) -> Loader:
    """Loads ``std.NAME`` from the standard library and the rest from files under ``folder``."""

    def load(path: str) -> SourceFile | None:
        if path.startswith("std."):
            text = resources.stdlib_text(path[4:])
            return None if text is None else SourceFile(f"<{path}>", text)
        if folder is None:
            return None
        root = folder.resolve()
        file = (folder / (path.replace(".", "/") + ".pgm")).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            return None
        return load_source(file)

    return load


def text_loader(texts: dict[str, str]) -> Loader:
    """Loads modules from texts kept in a fit."""
    return lambda path: SourceFile(f"<{path}>", texts[path]) if path in texts else None
