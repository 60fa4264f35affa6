"""Cut points of ordinal distributions: they part one label more than they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgmlang.diagnostics import Diagnostic
from pgmlang.families import FAMILIES
from pgmlang.model.branches import families_in
from pgmlang.model.model import Dist, Model


def cutpoint_problems(model: Model, size: Callable[[str], int | None]) -> Iterator[Diagnostic]:
    """PGM0410 for ordinal variables that have more labels than their cut points part, or fewer. ``size``: of an axis by its root, None while nobody
    knows; so are labels of open sets."""
    for conditional in model.conditionals:
        variable = model.by_name[conditional.target]
        labels = model.labels_of(variable.type)
        axis = variable.type.axis
        number = len(labels) if labels is not None else size(model.root_axis(axis)) if axis is not None else None
        for drawn in families_in(conditional.distribution):
            cuts = _cutpoints(model, drawn, variable.axes, size)
            if number is None or cuts is None or cuts + 1 == number:
                continue
            message = (
                f"{cuts} cut points of `{drawn.family}` part {cuts + 1} labels, and `{variable.name}` has {number}"
            )
            what = (
                "the labels that the data lack are written out, as in `{1, 2, 3, 4}`, or "
                if number < cuts + 1
                else ""
            )
            yield Diagnostic(
                "PGM0410",
                message,
                drawn.span,
                help=f"{what}there are {number - 1} cut points: `dim cut[{number - 1}]`",
            )


def _cutpoints(model: Model, drawn: Dist, own: tuple[str, ...], size: Callable[[str], int | None]) -> int | None:
    """How many an ordinal distribution has."""
    family = FAMILIES[drawn.family]
    names = [p.name for p in family.variants[drawn.variant] if p.event == 1] if family.ordinal else []
    for name, argument in drawn.arguments:
        if name in names and not isinstance(argument, Dist):
            return next((size(model.root_axis(a)) for a in argument.axes if a not in own), None)
    return None
