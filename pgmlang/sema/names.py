"""Which names may be defined: words of the language may not, and nothing twice, in a ``def`` and in a module neither."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from pgmlang.diagnostics import Diagnostic, Label, Span
from pgmlang.families import FAMILIES, LEARNED, SERIES
from pgmlang.syntax import ast

RESERVED = {"first", "prev", "over", "inf"}
"""Names that mean something in every expression. (A dim may be called `unit`, which then hides the type, a variable `pi`, which hides the number.)"""
NUMBER_OF_NETS = "real"
"""What stands for a number where a network's axes are named: no axis may be called so."""


def reserved(name: str, span: Span) -> Diagnostic:
    return Diagnostic("PGM0208", f"`{name}` is a word of the language", span, help="choose another name")


def primed(name: str, span: Span) -> Diagnostic:
    base = name.rstrip("'")
    message = f"`{name}`: a prime makes a second axis of `{base}`, and nothing else has one"
    return Diagnostic("PGM0208", message, span, help="choose another name")


_TWO_ROLES = {
    frozenset({"input", "random"}): "a column of the data that has a distribution needs no `input`: leave that line out",
    frozenset({"derived", "random"}): "a name is worked out (`=`) or drawn (`~`): draw what it is worked out of, as in `y ~ Normal(mean, sd)`",
}  # fmt: skip
"""What to write where one name has two roles that are often said together elsewhere."""


def twice(name: str, span: Span, first: Span, roles: Collection[str] = ()) -> Diagnostic:
    """``roles``: those of variables that are both called so."""
    return Diagnostic(
        "PGM0202", f"`{name}` is defined twice", span, secondary=(Label(first, "first defined here"),),
        help=_TWO_ROLES.get(frozenset(roles), "every name is defined once; rename one of them"),
    )  # fmt: skip


def is_distribution(name: str) -> bool:
    """Whether a call of this name is a distribution: no network and no ``def`` may be called so. (One that is called like
    a function takes its place.)"""
    return name in FAMILIES or name in SERIES or name in LEARNED or name == "Table"


def inside_problems(definition: ast.Def) -> Iterator[Diagnostic]:
    """Names of a ``def`` that stand for two things in it: formals, their axes (which arguments bring along, each as often as
    it stands), parameters and values."""
    formals = [(f.name, f.name_span or f.span) for f in definition.parameters]
    axes = {a.name: (a.name, a.span) for f in definition.parameters for a in f.axes}
    stated = [
        (t.name, t.name_span or t.span)
        for s in definition.body
        for t in (s.items if isinstance(s, ast.Variables) else s.targets if isinstance(s, ast.Assign) else ())
    ]
    # a formal without axes may itself be an axis, and stand behind others
    formal_axes = [a for n, a in axes.items() if n not in {f for f, _ in formals}]
    yield from _problems((*formals, *formal_axes, *stated), {})
    for formal in definition.parameters:
        if formal.axes and formal.name in axes:
            yield twice(formal.name, axes[formal.name][1], formal.name_span or formal.span)


def function_problems(name: str, span: Span, taken: Mapping[str, Span]) -> Iterator[Diagnostic]:
    """Why a ``def`` of a module cannot be called so."""
    if is_distribution(name):
        yield reserved(name, span)
    yield from _problems([(name, span)], taken)


def _problems(names: Iterable[tuple[str, Span]], taken: Mapping[str, Span]) -> Iterator[Diagnostic]:
    spans = dict(taken)
    for name, span in names:
        if name in RESERVED:
            yield reserved(name, span)
        elif "'" in name:
            yield primed(name, span)
        elif name in spans:
            yield twice(name, span, spans[name])
        spans.setdefault(name, span)
