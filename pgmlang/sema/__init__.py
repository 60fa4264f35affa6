"""Meaning: syntax objects to a resolved, typed, axis-checked Model."""

from pgmlang.diagnostics import Diagnostic, SourceFile
from pgmlang.model import Model
from pgmlang.sema.build import Compilation, analyse
from pgmlang.sema.modules import Loader, folder_loader, text_loader
from pgmlang.sema.scope import Value


def compile_source(
    source: str | SourceFile, settings: dict[str, Value] | None = None, loader: Loader | None = None
) -> Model:
    """The Model of a text. Raises CompileError with every error of the text."""
    file = source if isinstance(source, SourceFile) else SourceFile("<string>", source)
    return analyse(file, settings, loader).checked()


def compile_collecting(
    file: SourceFile, settings: dict[str, Value] | None = None, loader: Loader | None = None
) -> tuple[Model | None, list[Diagnostic]]:
    """The Model (None if there are errors) and all errors and warnings."""
    compilation = analyse(file, settings, loader)
    return compilation.model, list(compilation.diagnostics)


__all__ = [
    "Compilation",
    "Loader",
    "analyse",
    "compile_collecting",
    "compile_source",
    "folder_loader",
    "text_loader",
]
