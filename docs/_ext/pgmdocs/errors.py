"""A page an error code, from the table of codes and the explanations that `pgmc explain` prints."""

from __future__ import annotations

from pgmlang.diagnostics import CODES, PgmError, SourceFile
from pgmlang.diagnostics.explanations import Explanation, codes, explain
from pgmlang.diagnostics.render import render
from pgmlang.sema import analyse

RANGES = {
    "01": "Syntax", "02": "Names and modules", "03": "Types, shapes, plates", "04": "Supports and tables", "05": "The graph",
    "06": "Methods and questions", "07": "Data", "08": "Numbers at run time", "09": "Files",
}  # fmt: skip
EXITS = {
    0: "good", 64: "the command line is wrong", 65: "the model or data are wrong", 66: "an input is not there",
    69: "no method answers this", 70: "an error of pgmlang itself", 73: "the output cannot be made",
    74: "reading or writing failed", 75: "stopped; it can go on",
}  # fmt: skip


def pages() -> dict[str, str]:
    return {"errors/index.md": index()} | {f"errors/{code}.md": page(explain(code)) for code in codes()}


def index() -> str:
    parts = [
        "# Errors and warnings\n\nEvery message has a code, for ever the same. `pgmc explain CODE` prints its page in the "
        "terminal. All errors of a file come in one run, each with its place, its cause and a cure.\n"
    ]
    for digits, title in RANGES.items():
        rows = [
            f"| [{code}]({code}.md) | {row.title} | {'warning' if row.is_warning else f'error, exit {row.exit}'} |"
            for code, row in CODES.items()
            if code[3:5] == digits
        ]
        parts.append(f"## {title}\n\n| code | what | |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    exits = "\n".join(f"| {status} | {text} |" for status, text in EXITS.items())
    parts.append(
        f"## Exit codes\n\n| status of `pgmc` | means |\n| --- | --- |\n{exits}\n| 130 | stopped by Ctrl-C |\n"
    )
    return "\n".join(parts)


def page(explained: Explanation) -> str:
    row = CODES[explained.code]
    status = (
        "A warning: nothing stops."
        if row.is_warning
        else f"An error: `pgmc` ends with status {row.exit} ({EXITS[row.exit]})."
    )
    language = "pgm" if explained.kind == "model" else "console"
    parts = [
        "---\norphan: true\n---",  # a menu of all codes on every page is of no use
        f"# {explained.code}: {row.title}",
        f"{status} [All errors](index.md).",
        explained.text,
        "## Wrong",
        f"```{language}\n{explained.bad.rstrip()}\n```",
    ]
    said = message_of(explained) if explained.kind == "model" else ""
    if said:
        parts += ["What `pgmc check` says:", f"```{{code-block}} text\n:class: message\n\n{said}\n```"]
    parts += ["## Right", f"```{language}\n{explained.good.rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def message_of(explained: Explanation) -> str:
    """The diagnostics of this code that the bad example gives, as the terminal shows them without colour."""
    try:
        diagnostics = analyse(SourceFile("model.pgm", explained.bad)).diagnostics
    except PgmError as error:
        diagnostics = error.diagnostics
    return render([d for d in diagnostics if d.code == explained.code])
