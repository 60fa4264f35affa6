"""``pgmc init``: a first model from a table's columns, to be edited by a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean

if TYPE_CHECKING:
    from pgmlang.data.frame import Frame

MAX_LABELS = 50
"""A column with more labels than this is not made a table."""

_WORD = re.compile(r"[^\W\d]\w*")
_TAKEN = {"if", "then", "else", "and", "or", "not", "true", "false", "first", "prev", "over", "inf", "pi"}


def first_model(frame: Frame, name: str, target: str | None = None) -> str:
    """The text of a model: a table a column, each given ``target`` (naive Bayes) or independent.

    Raises PgmError PGM0720 when there is no column ``target``.
    """
    if target is not None and target not in frame.columns:
        near = did_you_mean(target, frame.columns)
        raise PgmError(Diagnostic("PGM0720", f"there is no column `{target}`", place=frame.name, help=near))
    from pgmlang.data import sort_labels

    names: dict[str, str] = {}
    variables: list[tuple[str, tuple[str, ...]]] = []
    skipped: list[str] = []
    for column in frame.columns.values():
        labels, codes = column.labels_and_codes()
        missing = int((codes < 0).sum())
        if not 2 <= len(labels) <= MAX_LABELS and column.name != target:
            several = f"{len(labels):,} different values"
            what = "no value" if not labels else "one value only" if len(labels) == 1 else several
            skipped.append(f"# {column.name}: {what}; left out")
            continue
        names[column.name] = _identifier(column.name, set(names.values()))
        variables.append((column.name, tuple(sort_labels(labels))))
        if missing:
            skipped.append(f"# {column.name}: {missing:,} missing cells")
    head = f"# a first model of {frame.name}: {frame.num_rows:,} rows, {len(frame.columns)} columns"
    lines = [head, f"model {_identifier(name, set())}", ""]
    lines += [*skipped, ""] if skipped else []
    lines.append("plate row {")
    width = max((len(n) for n in names.values()), default=0)
    given = names.get(target, "") if target else ""
    for column_name, labels in sorted(variables, key=lambda item: item[0] != target):
        variable_name = names[column_name]
        parents = given if given and column_name != target else ""
        listed = ", ".join(_label(x) for x in labels)
        lines.append(
            f"  {variable_name.ljust(width)} : {{{listed}}} ~ Table({parents + ', ' if parents else ''}prior = 1)"
        )
    lines.append("}")
    renamed = [f"#   --map {new}={old!r}" for old, new in names.items() if new != re.sub(r"\W", "_", old)]
    if renamed:
        lines += ["# names that the columns could not keep; fit with", *renamed]
    return "\n".join(lines) + "\n"


def _identifier(name: str, taken: set[str]) -> str:
    """A name of the language for a column: other characters become underscores."""
    word = re.sub(r"\W", "_", name) or "column"
    if not _WORD.fullmatch(word):
        word = "_" + word
    if word in _TAKEN:
        word += "_"
    while word in taken:
        word += "_"
    return word


def _label(label: str) -> str:
    if _WORD.fullmatch(label) or re.fullmatch(r"\d+(\.\d+)?", label):
        return label
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
