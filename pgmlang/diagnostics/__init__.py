"""Errors and warnings as values: where, what, why and the cure. No wording of a stage lives here."""

from pgmlang.diagnostics.codes import CODES, Code, exit_code
from pgmlang.diagnostics.diagnostic import (
    CompileError,
    Diagnostic,
    Edit,
    Label,
    PgmError,
    PgmWarning,
    Severity,
)
from pgmlang.diagnostics.source import SourceFile, Span
from pgmlang.diagnostics.suggest import near_names

__all__ = [
    "CODES",
    "Code",
    "CompileError",
    "Diagnostic",
    "Edit",
    "Label",
    "PgmError",
    "PgmWarning",
    "Severity",
    "SourceFile",
    "Span",
    "exit_code",
    "near_names",
]
