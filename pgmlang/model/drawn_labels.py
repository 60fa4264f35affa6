"""How many labels a distribution draws, by its vector: a probability for each, or cut points that part one more than they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgmlang.diagnostics import Diagnostic
from pgmlang.families import FAMILIES
from pgmlang.model.branches import families_in
from pgmlang.model.model import Dist, Model


def label_problems(model: Model, size: Callable[[str], int | None]) -> Iterator[Diagnostic]:
    """PGM0410 for variables with labels of their own that are more than their distribution draws, or fewer. ``size``: of an axis by its root, None
    while nobody knows; so are labels of open sets."""
    for conditional in model.conditionals:
        variable = model.by_name[conditional.target]
        labels, axis = model.labels_of(variable.type), variable.type.axis
        number = len(labels) if labels is not None else size(model.root_axis(axis)) if axis is not None else None
        for drawn in families_in(conditional.distribution):
            entries = _entries(model, drawn, variable.axes, size)
            if number is None or entries is None:
                continue
            is_ordinal = bool(FAMILIES[drawn.family].ordinal)
            if number == entries + is_ordinal:
                continue
            said = (
                f"{entries} cut points of `{drawn.family}` part {entries + 1}"
                if is_ordinal
                else f"`{drawn.family}` draws {entries}"
            )
            message = f"{said} labels, and `{variable.name}` has {number}"
            cure = (
                f"there are {number - 1} cut points: `dim cut[{number - 1}]`"
                if is_ordinal
                else f"give it {number} entries, one for each label"
            )
            if number < entries + is_ordinal:
                cure = f"labels that the data lack are written out, as in `{{1, 2, 3, 4}}`, or {cure}"
            yield Diagnostic("PGM0410", message, drawn.span, help=cure)


def _entries(model: Model, drawn: Dist, own: tuple[str, ...], size: Callable[[str], int | None]) -> int | None:
    """The size of the vector that a distribution of labels is by."""
    family = FAMILIES[drawn.family]
    is_of_labels = family.ordinal or family.has_labels_of_its_vector
    names = [p.name for p in family.variants[drawn.variant] if p.event == 1] if is_of_labels else []
    for name, argument in drawn.arguments:
        if name in names and not isinstance(argument, Dist):
            return next((size(model.root_axis(a)) for a in argument.axes if a not in own), None)
    return None
