"""The first line ``pgm 1``: for which version of the language a text was written.

Versions are semantic (semver.org): a text for 1.2 is read, with the meaning it had, by every 1.x from 1.2 on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pgmlang.diagnostics import Diagnostic
from pgmlang.syntax import ast
from pgmlang.versions import LANGUAGE_VERSION


def version_problems(statements: Sequence[ast.Statement]) -> Iterator[Diagnostic]:
    """What is wrong with the version lines of a file: another version (PGM0110), or not the first line (PGM0111)."""
    for index, statement in enumerate(statements):
        if isinstance(statement, ast.Version):
            problem = misplaced_version(statement) if index else _unread(statement)
            if problem is not None:
                yield problem


def misplaced_version(statement: ast.Version) -> Diagnostic:
    """PGM0111 of a version line that is not the first."""
    message = "the version of the language stands once, before everything else"
    return Diagnostic("PGM0111", message, statement.span, help="make it the first line, or leave it out")


def _unread(statement: ast.Version) -> Diagnostic | None:
    number = statement.number
    if not re.fullmatch(r"\d+(\.\d+)?", number):
        message = f"`{number}` is no version of the language"
        return Diagnostic("PGM0110", message, statement.span, help=f"write `pgm {LANGUAGE_VERSION.split('.')[0]}`")
    asked, known = ([int(part) for part in version.split(".")] for version in (number, LANGUAGE_VERSION))
    if asked[0] == known[0] and asked[1:] <= known[1:]:
        return None
    message = f"this is written for version {number} of the language, and this pgmlang knows {LANGUAGE_VERSION}"
    if asked > known:
        cure = f"`pip install --upgrade pgmlang`, or write `pgm {LANGUAGE_VERSION}` where the model needs nothing newer"
    else:
        cure = f"write `pgm {known[0]}`, and see CHANGELOG.md for what changed since"
    return Diagnostic("PGM0110", message, statement.span, help=cure)
