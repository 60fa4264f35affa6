"""Diagnostics for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pgmlang.diagnostics.diagnostic import Diagnostic
from pgmlang.diagnostics.excerpt import excerpt, printable
from pgmlang.diagnostics.source import Span

Paint = Callable[[str, str], str]

WIDTH = 100
_STYLES = {"error": "1;31", "warning": "1;33", "bold": "1", "dim": "2", "second": "34", "help": "32"}


def render(diagnostics: Iterable[Diagnostic], *, color: bool = False, width: int = WIDTH) -> str:
    """Text for people: each problem with its place, a mark under it, the cause and the cure; then the counts."""
    ordered = in_order(diagnostics)
    if not ordered:
        return ""
    paint = _paint if color else _plain
    blocks = ["\n".join(_rendered(d, paint, width)) for d in ordered]
    return "\n\n".join([*blocks, counts(ordered)]) + "\n"


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By file, errors first, then by place; exact repetitions are left out."""
    seen: dict[tuple[str, Diagnostic], None] = {}
    for diagnostic in diagnostics:
        seen.setdefault((_file_of(diagnostic), diagnostic))
    files = {name: i for i, name in enumerate(dict.fromkeys(name for name, _ in seen))}
    return sorted(
        (d for _, d in seen),
        key=lambda d: (files[_file_of(d)], not d.is_error, (d.span.start, d.span.end) if d.span else (-1, -1)),
    )


def counts(diagnostics: Iterable[Diagnostic]) -> str:
    """``2 errors, 1 warning``."""
    kinds = [d.severity.value for d in diagnostics]
    parts = [(kinds.count(kind), kind) for kind in ("error", "warning")]
    return ", ".join(f"{n} {kind}{'s' if n > 1 else ''}" for n, kind in parts if n)


def to_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """The same as plain records; lines and columns count from 1, in characters."""
    return [_record(d) for d in in_order(diagnostics)]


def _record(diagnostic: Diagnostic) -> dict[str, Any]:
    fix = diagnostic.fix
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        **_place(diagnostic.span),
        "place": diagnostic.place or None,
        "label": diagnostic.label or None,
        "notes": list(diagnostic.notes),
        "help": diagnostic.help or None,
        "secondary": [{**_place(label.span), "text": label.text} for label in diagnostic.secondary],
        "fix": None if fix is None else {**_place(fix.span), "text": fix.text},
    }


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return dict.fromkeys(("file", "line", "column", "end_line", "end_column"))
    line, column = span.file.position(span.start)
    end_line, end_column = span.file.position(span.end)
    return {"file": span.file.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column}


def _file_of(diagnostic: Diagnostic) -> str:
    return diagnostic.span.file.name if diagnostic.span else ""


def _plain(text: str, style: str) -> str:
    return text


def _paint(text: str, style: str) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if text else ""


def _rendered(diagnostic: Diagnostic, paint: Paint, width: int) -> list[str]:
    severity = diagnostic.severity.value
    where = str(diagnostic.span) if diagnostic.span else diagnostic.place
    lead = paint(f"{printable(where)}: ", "bold") if where else ""
    kind = paint(f"{severity}[{diagnostic.code}]", severity)
    lines = [f"{lead}{kind}: {paint(printable(diagnostic.message), 'bold')}"]
    lines += _places(diagnostic, paint, width)
    for note in diagnostic.notes:
        lines += _indented("cause", note, paint, "second")
    if diagnostic.help:
        lines += _indented("help", diagnostic.help, paint, "help")
    return lines


def _indented(head: str, text: str, paint: Paint, style: str) -> list[str]:
    first, *more = printable(text).split("\n")
    return [f"  {paint(f'{head}:', style)} {first}", *(f"  {' ' * len(head)}  {line}" for line in more)]


def _places(diagnostic: Diagnostic, paint: Paint, width: int) -> list[str]:
    """Excerpts of the primary place and the ones that explain it; a line shown already is not shown again."""
    if diagnostic.span is None:
        return []
    marks = [(diagnostic.span, "^", diagnostic.label, diagnostic.severity.value)]
    marks += [(label.span, "-", label.text, "second") for label in diagnostic.secondary]
    gutter = max(4, *(len(str(span.line)) for span, *_ in marks))
    lines: list[str] = []
    shown, file = "", diagnostic.span.file.name
    for span, glyph, label, style in marks:
        if span.file.name != file:
            lines.append(f"{' ' * gutter} in {printable(span.file.name)}")
            file = span.file.name
        cut = excerpt(span, max(20, width - gutter - 3))
        source = f"{span.line:>{gutter}} | {cut.text}".rstrip()
        if source != shown:
            lines.append(paint(source[: gutter + 2], "dim") + source[gutter + 2 :])
            shown = source
        bar = paint(f"{' ' * gutter} |", "dim")
        mark = f"{glyph * cut.length} {printable(label)}".rstrip()
        lines.append(f"{bar} {' ' * cut.mark}{paint(mark, style)}")
    return lines
